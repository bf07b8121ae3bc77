#pragma once

#include "schemas/json.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

/// What an output looks like in numbers, column by column: kept with it, so that later ones can be compared.
namespace cadre::actors {

/// Of a column. A missing one, null and an empty text are no value.
struct column_statistics {
  std::int64_t values = 0;   ///< Rows with a value.
  std::int64_t numbers = 0;  ///< Rows with a number; the rest is about these.
  double mean = 0, deviation = 0;
  double least = 0, greatest = 0;
  double quarter = 0, median = 0, three_quarters = 0;
};

/// Of an output.
struct output_statistics {
  std::int64_t rows = 0;
  std::map<std::string, column_statistics, std::less<>> columns;
};

/// `{COLUMN: {"values","numbers",...}}`; the numbers of a column without any are left out.
nlohmann::json to_json(const output_statistics& s);

/// From rows and the document that `to_json` made; what is no statistic in it is left out.
output_statistics statistics_of(std::int64_t rows, const nlohmann::json& columns);

/// Gathers them in one pass. Memory is bounded: at most 64 columns, those named first and then as they come by, with
/// names of at most 64 bytes; of a column's numbers at most 1,024 are kept for the quartiles, which are exact for so
/// many and those of an evenly drawn sample for more. The same rows in the same order give the same. Pure; not thread
/// safe.
class statistics_collector {
 public:
  static constexpr std::size_t columns_max = 64;
  static constexpr std::size_t name_bytes_max = 64;
  static constexpr std::size_t numbers_kept_max = 1'024;

  /// `named`: columns that are counted in any case, also where no row has them.
  explicit statistics_collector(const std::vector<std::string>& named = {});

  /// `row` is an object.
  void add(const nlohmann::json& row);
  /// A row that can't be read: it has no values.
  void add_unreadable() { ++rows_; }

  [[nodiscard]] output_statistics finish() const;

 private:
  struct column {
    std::int64_t values = 0, numbers = 0;
    double mean = 0, squares = 0;  ///< Welford's, which do not lose what is small beside what is large.
    double least = 0, greatest = 0;
    std::vector<double> kept;
  };
  void add_number(column& c, double number);

  std::int64_t rows_ = 0;
  std::map<std::string, column, std::less<>> columns_;
  std::uint64_t random_ = 1;
};

}  // namespace cadre::actors
