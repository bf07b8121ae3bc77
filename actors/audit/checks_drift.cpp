#include "actors/audit/checks_rows.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <set>

namespace cadre::actors {
namespace {

/// Quartiles of fewer numbers say little.
constexpr std::int64_t numbers_min = 8;
/// Of a column that hardly varies, a spread of less than this share of its median counts as this much.
constexpr double spread_share_min = 0.01;
/// Named in the message; the rest is counted.
constexpr std::size_t named_max = 5;
constexpr double infinity = std::numeric_limits<double>::infinity();
/// From quartiles and from the median distance to standard deviations, as it is for normal distributions.
constexpr double deviations_in_quartiles = 1.349, deviations_of_mad = 1.4826;

double median_of(std::vector<double> values) {
  if (values.empty()) return 0.0;
  std::sort(values.begin(), values.end());
  const auto half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

double null_share(const output_statistics& s, const std::string& column) {
  if (s.rows == 0) return 0.0;
  const auto found = s.columns.find(column);
  const auto values = found == s.columns.end() ? 0 : found->second.values;
  return 1.0 - static_cast<double>(values) / static_cast<double>(s.rows);
}

/// Compares with medians of what was before, which one odd output among several does not move.
class drift_check : public row_check {
 public:
  explicit drift_check(const config::check_spec& spec)
      : name_{check_name(spec)}, columns_{spec.columns}, wanted_{spec.drift} {}

  void add(const row&) override {}

  void finish(const check_context& context, audit_report& report) override {
    const auto many = std::min(context.history.size(), static_cast<std::size_t>(wanted_.history));
    history_ = {context.history.begin(), context.history.begin() + static_cast<std::ptrdiff_t>(many)};
    if (history_.empty()) {
      report.notes.push_back(name_ + ": no earlier output to compare with, so it passed");
      return;
    }
    now_ = &report.statistics;
    compare_rows();
    for (const auto& column : compared()) {
      if (now_->rows > 0) compare_nulls(column);
      compare_numbers(column);
    }
    if (changes_.empty()) return;
    audit_finding finding;
    finding.check = name_;
    finding.count = static_cast<std::int64_t>(changes_.size());
    finding.message = name_ + ": against the last " + std::to_string(history_.size()) + ": ";
    for (std::size_t i = 0; i < std::min(changes_.size(), named_max); ++i)
      finding.message += (i > 0 ? "; " : "") + changes_[i];
    if (changes_.size() > named_max)
      finding.message += "; and " + std::to_string(changes_.size() - named_max) + " more";
    report.findings.push_back(std::move(finding));
  }

 private:
  /// Columns by name: those asked for, or all that are or were counted.
  [[nodiscard]] std::set<std::string> compared() const {
    if (!columns_.empty()) return {columns_.begin(), columns_.end()};
    std::set<std::string> all;
    for (const auto& [name, c] : now_->columns) all.insert(name);
    for (const auto& old : history_)
      for (const auto& [name, c] : old.columns) all.insert(name);
    return all;
  }

  /// The median over the history of something of each output.
  template <class Of>
  [[nodiscard]] double usual(Of&& of) const {
    std::vector<double> values;
    for (const auto& old : history_) values.push_back(of(old));
    return median_of(std::move(values));
  }

  void compare_rows() {
    if (!wanted_.row_change) return;
    const double before = usual([](const output_statistics& s) { return static_cast<double>(s.rows); });
    const auto now = static_cast<double>(now_->rows);
    if (now == before) return;
    const double change = before == 0.0 ? infinity : std::abs(now - before) / before;
    if (change <= *wanted_.row_change + 1e-12) return;
    changes_.push_back(row_count(now_->rows) + " where " + number_text(before) + " are usual" +
                       (before == 0.0 ? std::string{} : ", " + percent(change) + (now < before ? " fewer" : " more")) +
                       " (" + percent(*wanted_.row_change) + " allowed)");
  }

  void compare_nulls(const std::string& column) {
    if (!wanted_.null_change) return;
    const double before = usual([&](const output_statistics& s) { return null_share(s, column); });
    const double now = null_share(*now_, column);
    if (std::abs(now - before) <= *wanted_.null_change + 1e-12) return;
    changes_.push_back(column + ": " + percent(now) + " without a value where " + percent(before) + " are usual (" +
                       percent(*wanted_.null_change) + " apart allowed)");
  }

  void compare_numbers(const std::string& column) {
    if (!wanted_.shift) return;
    const auto now = now_->columns.find(column);
    if (now == now_->columns.end() || now->second.numbers < numbers_min) return;
    std::vector<column_statistics> before;
    for (const auto& old : history_)
      if (const auto found = old.columns.find(column);
          found != old.columns.end() && found->second.numbers >= numbers_min)
        before.push_back(found->second);
    if (before.empty()) return;
    const auto median = [&](auto of) {
      std::vector<double> values;
      for (const auto& c : before) values.push_back(of(c));
      return median_of(std::move(values));
    };
    const double middle = median([](const auto& c) { return c.median; });
    // How far the numbers of one output are spread, or, if that is more, the outputs from each other.
    const double within = median([](const auto& c) { return c.three_quarters - c.quarter; }) / deviations_in_quartiles;
    const double between = median([&](const auto& c) { return std::abs(c.median - middle); }) * deviations_of_mad;
    const double spread = std::max({within, between, spread_share_min * std::abs(middle), 1e-12});
    const struct {
      const char* name;
      double column_statistics::*of;
    } quartiles[] = {{"median", &column_statistics::median},
                     {"lower quartile", &column_statistics::quarter},
                     {"upper quartile", &column_statistics::three_quarters}};
    for (const auto& [name, of] : quartiles) {
      const double usually = median([of = of](const auto& c) { return c.*of; });
      const double shift = std::abs(now->second.*of - usually) / spread;
      if (shift <= *wanted_.shift) continue;
      char spreads[32];
      std::snprintf(spreads, sizeof spreads, "%.1f", shift);
      changes_.push_back(column + ": " + name + ' ' + number_text(now->second.*of) + " where " + number_text(usually) +
                         " is usual, " + spreads + " spreads off (" + number_text(*wanted_.shift) + " allowed)");
      return;  // One of a column says enough.
    }
  }

  std::string name_;
  std::vector<std::string> columns_;
  config::drift_spec wanted_;
  std::vector<output_statistics> history_;
  const output_statistics* now_ = nullptr;
  std::vector<std::string> changes_;
};

}  // namespace

std::unique_ptr<row_check> make_drift_check(const config::check_spec& spec) {
  return std::make_unique<drift_check>(spec);
}

}  // namespace cadre::actors
