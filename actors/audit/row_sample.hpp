#pragma once

#include "config/company.hpp"

#include <cstdint>
#include <string_view>

/// Which rows of an output a check looks at.
namespace cadre::actors {

/// Chooses exactly as many rows as wanted, each as likely as any other, while they come by one by one. The same output,
/// number of rows and seed give the same choice, on every machine: who looks again sees the same. Pure.
class row_sample {
 public:
  /// All rows.
  row_sample() = default;
  /// `rows_total` as the output was sealed; rows beyond it are not taken.
  row_sample(const config::sample_spec& spec, std::string_view output, std::int64_t rows_total);

  /// Whether the next row is one to look at. To be asked once a row.
  bool take();

  [[nodiscard]] bool all() const noexcept { return all_; }
  [[nodiscard]] std::int64_t taken() const noexcept { return taken_; }

 private:
  bool all_ = true;
  std::int64_t left_ = 0;    ///< Rows still to come.
  std::int64_t wanted_ = 0;  ///< Of those.
  std::int64_t taken_ = 0;
  std::uint64_t state_ = 0;
};

}  // namespace cadre::actors
