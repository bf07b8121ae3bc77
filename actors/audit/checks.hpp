#pragma once

#include "config/company.hpp"
#include "schemas/commands.hpp"
#include "schemas/error.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// The declared checks of an auditor (`checks:`), run over the rows of one output.
namespace cadre::actors {

/// What a read-only SELECT of a `sql` check found.
struct sql_offenders {
  std::int64_t count = 0;
  std::vector<json_text> sample_rows;  ///< Only the first 5 are used.
};

/// What is known beside the rows themselves.
struct check_context {
  std::int64_t canonical_rows = 0;  ///< Rows of the dataset that are canonical now, of the same worker.
  /// Runs the statement of a `sql` check. A failure becomes a finding: what can't be checked has not passed.
  std::function<result<sql_offenders>(const config::check_spec&)> run_sql;
};

/// The name a check goes by in findings: its own, or its type and columns, such as `unique(host,name)`.
std::string check_name(const config::check_spec& spec);

/// One declared check at work.
class row_check {
 public:
  virtual ~row_check() = default;
  struct row;
  virtual void add(const row& r) = 0;
  /// Appends a finding if there is one.
  virtual void finish(const check_context& context, std::vector<audit_finding>& findings) = 0;
};

/// Runs the checks of one dataset over its rows, which come one by one. Deterministic: the same rows in the same order
/// give the same findings, in the order of the config. Memory: `unique` keeps the values of its columns, the others
/// keep at most 5 sample rows. Not thread safe, does no I/O.
class check_runner {
 public:
  /// Prepares the checks whose `dataset` is empty or this one. Error: bad_config if a JSON Schema does not compile; the
  /// message names the check.
  static result<check_runner> make(const std::vector<config::check_spec>& checks, const std::string& dataset);

  check_runner(check_runner&&) noexcept;
  check_runner& operator=(check_runner&&) noexcept;
  ~check_runner();

  /// Takes the next row. One that is not a JSON object is a finding of its own, named `row`, and goes no further.
  void add_row(std::string_view key, std::string_view row_json);

  /// Rows taken so far.
  [[nodiscard]] std::int64_t rows() const noexcept { return rows_; }

  /// What is wrong with the output; nothing if it passed. To be called once, after the last row.
  std::vector<audit_finding> finish(const check_context& context);

 private:
  check_runner();

  std::vector<std::unique_ptr<row_check>> checks_;
  audit_finding unreadable_;
  std::int64_t rows_ = 0;
};

}  // namespace cadre::actors
