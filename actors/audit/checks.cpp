#include "actors/audit/checks.hpp"

#include "actors/audit/checks_rows.hpp"
#include "actors/runner/json_line.hpp"
#include "actors/runner/text.hpp"

namespace cadre::actors {
namespace {

std::string_view type_name(config::check_spec::kind type) {
  using kind = config::check_spec::kind;
  switch (type) {
    case kind::schema:
      return "schema";
    case kind::unique:
      return "unique";
    case kind::not_null:
      return "not_null";
    case kind::range:
      return "range";
    case kind::max_drop:
      return "max_drop";
    case kind::sql:
      return "sql";
  }
  return "?";
}

result<std::unique_ptr<row_check>> make_check(const config::check_spec& spec) {
  using kind = config::check_spec::kind;
  switch (spec.type) {
    case kind::schema:
      return make_schema_check(spec);
    case kind::unique:
      return make_unique_check(spec);
    case kind::not_null:
      return make_not_null_check(spec);
    case kind::range:
      return make_range_check(spec);
    case kind::max_drop:
      return make_max_drop_check(spec);
    case kind::sql:
      return make_sql_check(spec);
  }
  return fail(errc::bad_config, "unknown check type");
}

}  // namespace

std::string check_name(const config::check_spec& spec) {
  if (!spec.name.empty()) return spec.name;
  std::string name{type_name(spec.type)};
  if (spec.columns.empty()) return name;
  char before = '(';
  for (const std::string& column : spec.columns) {
    name += before + column;
    before = ',';
  }
  return name + ')';
}

void offender_list::add(const row_check::row& r) {
  ++finding_.count;
  if (finding_.sample_rows.size() < sample_rows_max) finding_.sample_rows.push_back(sample_row(r.key, r.text));
}

void offender_list::report(std::string message, std::vector<audit_finding>& findings) {
  if (finding_.count == 0) return;
  finding_.message = finding_.check + ": " + std::move(message);
  findings.push_back(std::move(finding_));
}

std::string row_count(std::int64_t count, std::string_view adjective) {
  std::string out = std::to_string(count) + ' ';
  if (!adjective.empty()) (out += adjective) += ' ';
  return out + (count == 1 ? "row" : "rows");
}

check_runner::check_runner() {
  unreadable_.check = "row";
}
check_runner::check_runner(check_runner&&) noexcept = default;
check_runner& check_runner::operator=(check_runner&&) noexcept = default;
check_runner::~check_runner() = default;

result<check_runner> check_runner::make(const std::vector<config::check_spec>& checks, const std::string& dataset) {
  check_runner runner;
  for (const config::check_spec& spec : checks) {
    if (!spec.dataset.empty() && spec.dataset != dataset) continue;
    auto check = make_check(spec);
    if (!check) return tl::unexpected{check.error()};
    runner.checks_.push_back(*std::move(check));
  }
  return runner;
}

void check_runner::add_row(std::string_view key, std::string_view row_json) {
  ++rows_;
  const auto value = parse_json(row_json);
  if (!value || !value->is_object()) {
    ++unreadable_.count;
    if (unreadable_.message.empty()) unreadable_.message = value ? "is not an object" : value.error().message;
    if (unreadable_.sample_rows.size() < sample_rows_max)
      unreadable_.sample_rows.push_back({nlohmann::json(quote_bytes(row_json)).dump()});
    return;
  }
  for (const auto& check : checks_) check->add({key, row_json, *value});
}

std::vector<audit_finding> check_runner::finish(const check_context& context) {
  std::vector<audit_finding> findings;
  if (unreadable_.count > 0) {
    unreadable_.message = "row: " + row_count(unreadable_.count, "unreadable") + "; the first " + unreadable_.message;
    findings.push_back(std::move(unreadable_));
  }
  for (const auto& check : checks_) check->finish(context, findings);
  return findings;
}

}  // namespace cadre::actors
