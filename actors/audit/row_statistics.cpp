#include "actors/audit/row_statistics.hpp"

#include <algorithm>
#include <cmath>

namespace cadre::actors {

namespace {

using nlohmann::json;

bool is_value(const json& value) {
  return !value.is_null() && !(value.is_string() && value.get_ref<const std::string&>().empty());
}

/// Between the two neighbours, as most programs do it.
double quantile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const auto above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - static_cast<double>(below));
}

double number_in(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number() ? found->get<double>() : 0.0;
}

}  // namespace

statistics_collector::statistics_collector(const std::vector<std::string>& named) {
  for (const auto& name : named)
    if (columns_.size() < columns_max && name.size() <= name_bytes_max) columns_[name];
}

void statistics_collector::add(const json& row) {
  ++rows_;
  for (const auto& [name, value] : row.items()) {
    auto found = columns_.find(name);
    if (found == columns_.end()) {
      if (columns_.size() >= columns_max || name.size() > name_bytes_max) continue;
      found = columns_.try_emplace(name).first;
    }
    if (!is_value(value)) continue;
    ++found->second.values;
    if (value.is_number()) add_number(found->second, value.get<double>());
  }
}

void statistics_collector::add_number(column& c, double number) {
  c.least = c.numbers == 0 ? number : std::min(c.least, number);
  c.greatest = c.numbers == 0 ? number : std::max(c.greatest, number);
  ++c.numbers;
  const double from_mean = number - c.mean;
  c.mean += from_mean / static_cast<double>(c.numbers);
  c.squares += from_mean * (number - c.mean);
  if (c.kept.size() < numbers_kept_max) return c.kept.push_back(number);
  // Algorithm R: each number so far is kept with the same chance.
  random_ = random_ * 6364136223846793005U + 1442695040888963407U;
  const auto place = (random_ >> 33) % static_cast<std::uint64_t>(c.numbers);
  if (place < numbers_kept_max) c.kept[place] = number;
}

output_statistics statistics_collector::finish() const {
  output_statistics s;
  s.rows = rows_;
  for (const auto& [name, c] : columns_) {
    auto& made = s.columns[name];
    made.values = c.values;
    made.numbers = c.numbers;
    if (c.numbers == 0) continue;
    made.mean = c.mean;
    made.deviation = std::sqrt(c.squares / static_cast<double>(c.numbers));
    made.least = c.least;
    made.greatest = c.greatest;
    auto sorted = c.kept;
    std::sort(sorted.begin(), sorted.end());
    made.quarter = quantile(sorted, 0.25);
    made.median = quantile(sorted, 0.5);
    made.three_quarters = quantile(sorted, 0.75);
  }
  return s;
}

json to_json(const output_statistics& s) {
  auto all = json::object();
  for (const auto& [name, c] : s.columns) {
    auto& made = all[name];
    made = {{"values", c.values}};
    if (c.numbers == 0) continue;
    made.update({{"numbers", c.numbers},
                 {"mean", c.mean},
                 {"deviation", c.deviation},
                 {"min", c.least},
                 {"max", c.greatest},
                 {"q25", c.quarter},
                 {"q50", c.median},
                 {"q75", c.three_quarters}});
  }
  return all;
}

output_statistics statistics_of(std::int64_t rows, const json& columns) {
  output_statistics s;
  s.rows = rows;
  if (!columns.is_object()) return s;
  for (const auto& [name, c] : columns.items()) {
    if (!c.is_object()) continue;
    auto& made = s.columns[name];
    made.values = static_cast<std::int64_t>(number_in(c, "values"));
    made.numbers = static_cast<std::int64_t>(number_in(c, "numbers"));
    made.mean = number_in(c, "mean");
    made.deviation = number_in(c, "deviation");
    made.least = number_in(c, "min");
    made.greatest = number_in(c, "max");
    made.quarter = number_in(c, "q25");
    made.median = number_in(c, "q50");
    made.three_quarters = number_in(c, "q75");
  }
  return s;
}

}  // namespace cadre::actors
