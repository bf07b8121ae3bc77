#include "actors/audit/checks.hpp"

#include "actors/audit/checks_rows.hpp"
#include "actors/runner/json_line.hpp"
#include "actors/runner/text.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

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
    case kind::references:
      return "references";
    case kind::total:
      return "total";
    case kind::drift:
      return "drift";
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
    case kind::references:
      return make_references_check(spec);
    case kind::total:
      return make_total_check(spec);
    case kind::drift:
      return make_drift_check(spec);
  }
  return fail(errc::bad_config, "unknown check type");
}

}  // namespace

std::string percent(double fraction) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %%", fraction * 100);
  return text;
}

std::string number_text(double number) {
  char text[32];
  for (int digits = 6; digits <= 17; ++digits) {
    std::snprintf(text, sizeof text, "%.*g", digits, number);
    if (std::strtod(text, nullptr) == number) break;
  }
  return text;
}

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

result<check_runner> check_runner::make(const std::vector<config::check_spec>& checks, const std::string& dataset,
                                        const config::sample_spec& sample, std::string_view output,
                                        std::int64_t rows_total) {
  check_runner runner;
  runner.sample_ = row_sample{sample, output, rows_total};
  std::vector<std::string> compared;
  for (const config::check_spec& spec : checks) {
    if (!spec.dataset.empty() && spec.dataset != dataset) continue;
    auto check = make_check(spec);
    if (!check) return tl::unexpected{check.error()};
    entry made;
    made.name = check_name(spec);
    made.of_rows = spec.is_of_rows();
    if (!spec.sample.all()) made.own.emplace(spec.sample, output, rows_total);
    made.check = *std::move(check);
    runner.checks_.push_back(std::move(made));
    if (spec.type == config::check_spec::kind::drift)
      compared.insert(compared.end(), spec.columns.begin(), spec.columns.end());
  }
  runner.statistics_ = statistics_collector{compared};
  return runner;
}

bool check_runner::add_row(std::string_view key, std::string_view row_json) {
  ++rows_;
  const bool sampled = sample_.take();
  const auto value = parse_json(row_json);
  const bool readable = value && value->is_object();
  if (!readable) {
    ++unreadable_.count;
    if (unreadable_.message.empty()) unreadable_.message = value ? "is not an object" : value.error().message;
    if (unreadable_.sample_rows.size() < sample_rows_max)
      unreadable_.sample_rows.push_back({nlohmann::json(quote_bytes(row_json)).dump()});
    statistics_.add_unreadable();
  } else {
    statistics_.add(*value);
  }
  for (auto& [name, of_rows, own, check] : checks_) {
    const bool look = own ? own->take() : sampled || !of_rows;
    if (look && readable) check->add({key, row_json, *value});
  }
  return sampled;
}

std::string check_runner::looked_at(const row_sample& sample) const {
  return "looked at " + std::to_string(sample.taken()) + " of " + row_count(rows_);
}

audit_report check_runner::finish(const check_context& context) {
  audit_report report;
  report.rows_checked = std::min(rows_, sample_.taken());
  report.statistics = statistics_.finish();
  if (unreadable_.count > 0) {
    unreadable_.message = "row: " + row_count(unreadable_.count, "unreadable") + "; the first " + unreadable_.message;
    report.findings.push_back(std::move(unreadable_));
  }
  if (!sample_.all()) report.notes.push_back("sample: " + looked_at(sample_));
  for (const auto& [name, of_rows, own, check] : checks_) {
    const auto before = report.findings.size();
    check->finish(context, report);
    const auto& sample = own ? *own : sample_;
    if (!of_rows || sample.all()) continue;
    // A sample is said of with what it found, and with what it did not find.
    report.rows_checked = std::min(report.rows_checked, sample.taken());
    for (auto i = before; i < report.findings.size(); ++i) report.findings[i].message += " (" + looked_at(sample) + ')';
    if (own) report.notes.push_back(name + ": " + looked_at(sample));
  }
  return report;
}

}  // namespace cadre::actors
