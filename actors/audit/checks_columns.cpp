#include "actors/audit/checks_rows.hpp"

#include <cmath>
#include <limits>
#include <unordered_set>

namespace cadre::actors {
namespace {

using nlohmann::json;

/// The column's value; null if the row lacks it.
const json& column_of(const json& row, const std::string& column) {
  static const json missing;
  const auto found = row.find(column);
  return found == row.end() ? missing : *found;
}

/// Appends the value so that equal values, and only those, look the same; 1 and 1.0 are equal, as in Postgres.
void append_comparable(const json& value, std::string& out) {
  constexpr double exact_max = 9007199254740992.0;  // 2^53
  if (value.is_number_float()) {
    const double number = value.get<double>();
    if (std::trunc(number) == number && std::abs(number) <= exact_max) {
      out += std::to_string(static_cast<std::int64_t>(number));
      return;
    }
  }
  if (!value.is_structured()) {
    out += value.dump();
    return;
  }
  out += value.is_array() ? '[' : '{';
  for (const auto& item : value.items()) {
    if (value.is_object()) out += json(item.key()).dump() + ':';
    append_comparable(item.value(), out);
    out += ',';
  }
  out += ']';
}

class unique_check : public row_check {
 public:
  explicit unique_check(const config::check_spec& spec) : columns_{spec.columns}, offenders_{check_name(spec)} {}

  void add(const row& r) override {
    std::string values;
    for (const std::string& column : columns_) {
      append_comparable(column_of(r.value, column), values);
      values += ',';
    }
    if (!seen_.insert(std::move(values)).second) offenders_.add(r);
  }

  void finish(const check_context&, audit_report& report) override {
    offenders_.report(row_count(offenders_.count(), "duplicate"), report.findings);
  }

 private:
  std::vector<std::string> columns_;
  std::unordered_set<std::string> seen_;
  offender_list offenders_;
};

class not_null_check : public row_check {
 public:
  explicit not_null_check(const config::check_spec& spec)
      : columns_{spec.columns}, missing_(spec.columns.size()), offenders_{check_name(spec)} {}

  void add(const row& r) override {
    bool complete = true;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const json& value = column_of(r.value, columns_[i]);
      if (!value.is_null() && !(value.is_string() && value.get_ref<const std::string&>().empty())) continue;
      ++missing_[i];
      complete = false;
    }
    if (!complete) offenders_.add(r);
  }

  void finish(const check_context&, audit_report& report) override {
    std::string which;
    for (std::size_t i = 0; i < columns_.size(); ++i)
      if (missing_[i] > 0) which += (which.empty() ? "" : ", ") + columns_[i] + ' ' + std::to_string(missing_[i]);
    offenders_.report(row_count(offenders_.count()) + " without a value (" + which + ')', report.findings);
  }

 private:
  std::vector<std::string> columns_;
  std::vector<std::int64_t> missing_;
  offender_list offenders_;
};

class range_check : public row_check {
 public:
  explicit range_check(const config::check_spec& spec)
      : column_{spec.columns.empty() ? "" : spec.columns.front()},
        min_{spec.min},
        max_{spec.max},
        offenders_{check_name(spec)} {}

  void add(const row& r) override {
    const json& value = column_of(r.value, column_);
    if (!value.is_number()) {
      ++not_numbers_;
      offenders_.add(r);
      return;
    }
    const auto number = value.get<double>();
    if ((!min_ || number >= *min_) && (!max_ || number <= *max_)) return;
    ++outside_;
    lowest_ = std::min(lowest_, number);
    highest_ = std::max(highest_, number);
    offenders_.add(r);
  }

  void finish(const check_context&, audit_report& report) override {
    std::string message;
    if (outside_ > 0)
      message = row_count(outside_) + " outside " + (min_ ? number_text(*min_) : "") + ".." +
                (max_ ? number_text(*max_) : "") + " (from " + number_text(lowest_) + " to " + number_text(highest_) +
                ')';
    if (not_numbers_ > 0) message += (outside_ > 0 ? ", " : "") + row_count(not_numbers_) + " without a number";
    offenders_.report(std::move(message), report.findings);
  }

 private:
  std::string column_;
  std::optional<double> min_, max_;
  std::int64_t outside_ = 0;
  std::int64_t not_numbers_ = 0;
  double lowest_ = std::numeric_limits<double>::infinity();
  double highest_ = -std::numeric_limits<double>::infinity();
  offender_list offenders_;
};

class max_drop_check : public row_check {
 public:
  explicit max_drop_check(const config::check_spec& spec) : name_{check_name(spec)}, allowed_{spec.max_drop_fraction} {}

  void add(const row&) override { ++rows_; }

  void finish(const check_context& context, audit_report& report) override {
    const std::int64_t before = context.canonical_rows;
    if (before <= rows_) return;
    const double drop = static_cast<double>(before - rows_) / static_cast<double>(before);
    // The slack is for fractions that doubles can't hold: 30 of 100 rows fewer is within 0.3.
    if (drop <= allowed_ + 1e-12) return;
    audit_finding finding;
    finding.check = name_;
    finding.count = before - rows_;
    finding.message = name_ + ": " + row_count(rows_) + " after " + std::to_string(before) + ", a drop of " +
                      percent(drop) + " where " + percent(allowed_) + " is allowed";
    report.findings.push_back(std::move(finding));
  }

 private:
  std::string name_;
  double allowed_;
  std::int64_t rows_ = 0;
};

}  // namespace

std::unique_ptr<row_check> make_unique_check(const config::check_spec& spec) {
  return std::make_unique<unique_check>(spec);
}

std::unique_ptr<row_check> make_not_null_check(const config::check_spec& spec) {
  return std::make_unique<not_null_check>(spec);
}

std::unique_ptr<row_check> make_range_check(const config::check_spec& spec) {
  return std::make_unique<range_check>(spec);
}

std::unique_ptr<row_check> make_max_drop_check(const config::check_spec& spec) {
  return std::make_unique<max_drop_check>(spec);
}

}  // namespace cadre::actors
