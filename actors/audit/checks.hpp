#pragma once

#include "actors/audit/row_sample.hpp"
#include "actors/audit/row_statistics.hpp"
#include "config/company.hpp"
#include "schemas/commands.hpp"
#include "schemas/error.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
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

/// The rows, and the sum of a column where the check names one, of the output and of another dataset.
struct total_pair {
  std::int64_t rows = 0, other_rows = 0;
  double sum = 0, other_sum = 0;
};

/// What is known beside the rows themselves.
struct check_context {
  std::int64_t canonical_rows = 0;  ///< Rows of the dataset that are canonical now, of the same worker.
  /// Runs the statement of a `sql` check. A failure becomes a finding: what can't be checked has not passed.
  std::function<result<sql_offenders>(const config::check_spec&)> run_sql;
  /// Looks for the rows of a `references` check; the same of a failure.
  std::function<result<sql_offenders>(const config::check_spec&)> find_missing;
  std::function<result<total_pair>(const config::check_spec&)> add_up;
  std::vector<output_statistics> history;  ///< Of promoted outputs of the worker and dataset, newest first.
};

/// What came of the checks of one output.
struct audit_report {
  std::vector<audit_finding> findings;  ///< None: it passed.
  std::vector<std::string> notes;       ///< What is no finding, for people: what was sampled, what had no history.
  std::int64_t rows_checked = 0;        ///< The fewest rows that a check of rows, or the command, looked at.
  output_statistics statistics;         ///< Of all rows.
};

/// The name a check goes by in findings: its own, or its type and columns, such as `unique(host,name)`.
std::string check_name(const config::check_spec& spec);

/// One declared check at work.
class row_check {
 public:
  virtual ~row_check() = default;
  struct row;
  virtual void add(const row& r) = 0;
  /// Appends to the findings and notes. `statistics` are there already.
  virtual void finish(const check_context& context, audit_report& report) = 0;
};

/// Runs the checks of one dataset over its rows, which come one by one. Deterministic: the same rows in the same order
/// give the same findings, in the order of the config. Memory: `unique` keeps the values of its columns, the others
/// keep at most 5 sample rows, and the statistics are bounded. Not thread safe, does no I/O.
class check_runner {
 public:
  /// Prepares the checks whose `dataset` is empty or this one. Error: bad_config if a JSON Schema does not compile; the
  /// message names the check. `sample` is the auditor's, of the output with that id and so many rows.
  static result<check_runner> make(const std::vector<config::check_spec>& checks, const std::string& dataset,
                                   const config::sample_spec& sample = {}, std::string_view output = {},
                                   std::int64_t rows_total = 0);

  check_runner(check_runner&&) noexcept;
  check_runner& operator=(check_runner&&) noexcept;
  ~check_runner();

  /// Takes the next row; whether it is one of the auditor's sample, which its command looks at. One that is not a JSON
  /// object is a finding of its own, named `row`, and goes no further.
  bool add_row(std::string_view key, std::string_view row_json);

  /// Rows taken so far.
  [[nodiscard]] std::int64_t rows() const noexcept { return rows_; }

  /// Rows of them that are in the auditor's sample.
  [[nodiscard]] std::int64_t rows_given() const noexcept { return sample_.taken(); }

  /// What is wrong with the output; nothing if it passed. To be called once, after the last row.
  audit_report finish(const check_context& context);

 private:
  check_runner();

  struct entry {
    std::string name;
    bool of_rows = false;
    std::optional<row_sample> own;  ///< In place of the auditor's.
    std::unique_ptr<row_check> check;
  };
  [[nodiscard]] std::string looked_at(const row_sample& sample) const;

  std::vector<entry> checks_;
  row_sample sample_;
  statistics_collector statistics_;
  audit_finding unreadable_;
  std::int64_t rows_ = 0;
};

}  // namespace cadre::actors
