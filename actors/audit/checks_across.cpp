#include "actors/audit/checks_rows.hpp"
#include "actors/runner/json_line.hpp"

#include <cmath>
#include <utility>

// Checks that ask the database: about the output as a whole, and about what is canonical beside it.
namespace cadre::actors {

void report_offenders(const std::string& name, const result<sql_offenders>& found, std::string_view adjective,
                      audit_report& report) {
  if (found && found->count == 0) return;
  audit_finding finding;
  finding.check = name;
  if (!found) {
    finding.message = name + ": could not be checked: " + found.error().message;
  } else {
    finding.count = found->count;
    finding.message = name + ": " + row_count(found->count, adjective);
    for (const json_text& sample : found->sample_rows) {
      if (finding.sample_rows.size() == sample_rows_max) break;
      finding.sample_rows.push_back(sample_row({}, sample.text));
    }
  }
  report.findings.push_back(std::move(finding));
}

namespace {

result<sql_offenders> ask(const std::function<result<sql_offenders>(const config::check_spec&)>& database,
                          const config::check_spec& spec) {
  if (!database) return fail(errc::internal, "no database to ask");
  return database(spec);
}

class sql_check : public row_check {
 public:
  explicit sql_check(const config::check_spec& spec) : spec_{spec} {}

  void add(const row&) override {}

  void finish(const check_context& context, audit_report& report) override {
    report_offenders(check_name(spec_), ask(context.run_sql, spec_), "offending", report);
  }

 private:
  config::check_spec spec_;
};

class references_check : public row_check {
 public:
  explicit references_check(const config::check_spec& spec) : spec_{spec} {}

  void add(const row&) override {}

  void finish(const check_context& context, audit_report& report) override {
    const auto before = report.findings.size();
    report_offenders(check_name(spec_), ask(context.find_missing, spec_), {}, report);
    if (report.findings.size() > before && report.findings.back().count > 0)
      report.findings.back().message += " with a " + spec_.columns.front() + " that no canonical row of " +
                                        spec_.other_dataset + " has as its " + spec_.other_column;
  }

 private:
  config::check_spec spec_;
};

class total_check : public row_check {
 public:
  explicit total_check(const config::check_spec& spec) : spec_{spec} {}

  void add(const row&) override {}

  void finish(const check_context& context, audit_report& report) override {
    const auto found =
        context.add_up ? context.add_up(spec_) : result<total_pair>{fail(errc::internal, "no database to ask")};
    const auto name = check_name(spec_);
    audit_finding finding;
    finding.check = name;
    if (!found) {
      finding.message = name + ": could not be checked: " + found.error().message;
      report.findings.push_back(std::move(finding));
      return;
    }
    const bool sums = !spec_.columns.empty();
    const double here = sums ? found->sum : static_cast<double>(found->rows);
    const double there = sums ? found->other_sum : static_cast<double>(found->other_rows);
    // The slack is for sums that doubles can't hold. NaN is no agreement.
    if (std::abs(here - there) <= (spec_.tolerance + 1e-12) * std::abs(there)) return;
    finding.message = name + ": " + (sums ? "the sum of " + spec_.columns.front() + " is " : "there are ") +
                      number_text(here) + (sums ? "" : " rows") + " where the canonical rows of " +
                      spec_.other_dataset + (sums ? " have " : " are ") + number_text(there) + " (" +
                      percent(spec_.tolerance) + " apart are allowed)";
    report.findings.push_back(std::move(finding));
  }

 private:
  config::check_spec spec_;
};

}  // namespace

std::unique_ptr<row_check> make_sql_check(const config::check_spec& spec) {
  return std::make_unique<sql_check>(spec);
}

std::unique_ptr<row_check> make_references_check(const config::check_spec& spec) {
  return std::make_unique<references_check>(spec);
}

std::unique_ptr<row_check> make_total_check(const config::check_spec& spec) {
  return std::make_unique<total_check>(spec);
}

}  // namespace cadre::actors
