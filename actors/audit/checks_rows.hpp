#pragma once

#include "actors/audit/checks.hpp"
#include "schemas/json.hpp"

namespace cadre::actors {

struct row_check::row {
  std::string_view key;
  std::string_view text;
  const nlohmann::json& value;  ///< An object.
};

/// Counts offending rows and keeps the first 5 as samples.
class offender_list {
 public:
  explicit offender_list(std::string name) { finding_.check = std::move(name); }
  void add(const row_check::row& r);
  [[nodiscard]] std::int64_t count() const noexcept { return finding_.count; }
  /// Appends the finding if there was an offender. The message is put behind `NAME: `.
  void report(std::string message, std::vector<audit_finding>& findings);

 private:
  audit_finding finding_;
};

/// `1 row`, `3 rows`.
std::string row_count(std::int64_t count, std::string_view adjective = {});
/// `12.5 %`.
std::string percent(double fraction);
/// Shortest text that reads back as the same number: 100, not 100.0.
std::string number_text(double number);
/// What the database found, as a finding, where it found something: offending rows, or that it could not look.
void report_offenders(const std::string& name, const result<sql_offenders>& found, std::string_view adjective,
                      audit_report& report);

/// Each makes one check; the schema check fails with bad_config if its schema does not compile.
std::unique_ptr<row_check> make_unique_check(const config::check_spec& spec);
std::unique_ptr<row_check> make_not_null_check(const config::check_spec& spec);
std::unique_ptr<row_check> make_range_check(const config::check_spec& spec);
std::unique_ptr<row_check> make_max_drop_check(const config::check_spec& spec);
std::unique_ptr<row_check> make_sql_check(const config::check_spec& spec);
std::unique_ptr<row_check> make_references_check(const config::check_spec& spec);
std::unique_ptr<row_check> make_total_check(const config::check_spec& spec);
std::unique_ptr<row_check> make_drift_check(const config::check_spec& spec);
result<std::unique_ptr<row_check>> make_schema_check(const config::check_spec& spec);

}  // namespace cadre::actors
