#include "moments.hpp"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace cadre::travel {

namespace {

/// The clock on the wall of one zone, as the C library has it.
class wall {
 public:
  explicit wall(const std::string& zone) {
    if (const char* before = std::getenv("TZ")) before_ = before;
    set(zone);
  }
  ~wall() {
    if (before_) {
      set(*before_);
    } else {
      ::unsetenv("TZ");
      ::tzset();
    }
  }
  wall(const wall&) = delete;
  wall& operator=(const wall&) = delete;

  /// What it shows at an instant, counted as if it were UTC.
  static std::int64_t shows(std::int64_t instant) {
    const auto t = static_cast<std::time_t>(instant);
    std::tm shown{};
    ::localtime_r(&t, &shown);
    return instant + shown.tm_gmtoff;
  }

 private:
  static void set(const std::string& zone) {
    ::setenv("TZ", zone.c_str(), 1);
    ::tzset();
  }
  std::optional<std::string> before_;
};

std::int64_t number_of(const std::string& text) {
  static const std::string weekdays = "sunmontuewedthufrisat";
  static const std::string months = "janfebmaraprmayjunjulaugsepoctnovdec";
  if (const auto at = weekdays.find(text); text.size() == 3 && at != std::string::npos)
    return static_cast<std::int64_t>(at / 3);
  if (const auto at = months.find(text); text.size() == 3 && at != std::string::npos)
    return static_cast<std::int64_t>(at / 3) + 1;
  return std::stoll(text);
}

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> parts;
  std::istringstream in{text};
  for (std::string part; std::getline(in, part, by);)
    if (!part.empty()) parts.push_back(part);
  return parts;
}

/// Is the value named by a field without `L` and `#`?
bool names(const std::string& field, std::int64_t value, std::int64_t low, std::int64_t high) {
  for (const auto& part : split(field, ',')) {
    const auto step = split(part, '/');
    auto from = low;
    auto to = high;
    if (step[0] != "*") {
      const auto ends = split(step[0], '-');
      from = number_of(ends.front());
      to = number_of(ends.back());
    }
    const auto by = step.size() > 1 ? std::stoll(step[1]) : 1;
    if (value >= from && value <= to && (value - from) % by == 0) return true;
  }
  return false;
}

/// All values that a field names; empty for one with `L` or `#`.
std::set<std::int64_t> values_of(const std::string& field, std::int64_t low, std::int64_t high) {
  std::set<std::int64_t> found;
  if (field == "L" || field.find('#') != std::string::npos) return found;
  for (auto value = low; value <= high; ++value)
    if (names(field, value, low, high)) found.insert(value);
  return found;
}

struct expression {
  std::vector<std::string> fields;  ///< Second first.
  std::array<std::set<std::int64_t>, 6> values;

  explicit expression(const std::string& cron) {
    static const std::map<std::string, std::string> macros{
        {"@hourly", "0 * * * *"}, {"@daily", "0 0 * * *"}, {"@weekly", "0 0 * * 0"}};
    const auto macro = macros.find(cron);
    fields = split(macro == macros.end() ? cron : macro->second, ' ');
    if (fields.size() == 5) fields.insert(fields.begin(), "0");
    if (fields.size() != 6) throw std::runtime_error{"the test does not know the cron expression " + cron};
    static constexpr std::array<std::pair<std::int64_t, std::int64_t>, 6> bounds{
        {{0, 59}, {0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 7}}};
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = values_of(fields[i], bounds[i].first, bounds[i].second);
    if (values[5].count(7) > 0) values[5].insert(0);
  }

  [[nodiscard]] bool every_hour() const { return values[2].size() == 24; }
  /// The second of the minute, if it is one.
  [[nodiscard]] std::optional<std::int64_t> second() const {
    return values[0].size() == 1 ? std::optional{*values[0].begin()} : std::nullopt;
  }

  [[nodiscard]] bool matches(std::int64_t shown) const {
    const auto t = static_cast<std::time_t>(shown);
    std::tm at{};
    ::gmtime_r(&t, &at);
    if (values[1].count(at.tm_min) == 0 || values[2].count(at.tm_hour) == 0 || values[0].count(at.tm_sec) == 0 ||
        values[4].count(at.tm_mon + 1) == 0)
      return false;
    const bool day = fields[3] == "L" ? is_last_day(shown) : values[3].count(at.tm_mday) > 0;
    const auto hash = fields[5].find('#');
    const bool weekday = hash == std::string::npos
                             ? values[5].count(at.tm_wday) > 0
                             : at.tm_wday == number_of(fields[5].substr(0, hash)) &&
                                   (at.tm_mday - 1) / 7 + 1 == std::stoi(fields[5].substr(hash + 1));
    const bool both = fields[3][0] == '*' || fields[5][0] == '*';
    return both ? day && weekday : day || weekday;
  }

 private:
  static bool is_last_day(std::int64_t shown) {
    const auto tomorrow = static_cast<std::time_t>(shown + 86'400);
    std::tm then{};
    ::gmtime_r(&tomorrow, &then);
    return then.tm_mday == 1;
  }
};

std::int64_t seconds_of(const std::string& duration) {
  const auto number = std::stoll(duration);
  switch (duration.back()) {
    case 's':
      return number;
    case 'm':
      return number * 60;
    case 'h':
      return number * 3'600;
    default:
      return number * 86'400;
  }
}

bool is_excluded(const config::schedule& s, std::int64_t shown) {
  const auto days = shown >= 0 ? shown / 86'400 : (shown - 86'399) / 86'400;
  for (const auto& day : s.exclude)
    if (std::chrono::sys_days{day}.time_since_epoch().count() == days) return true;
  return false;
}

}  // namespace

std::set<timestamp> moments_of(const config::schedule& s, timestamp from, timestamp upto) {
  constexpr std::int64_t million = 1'000'000;
  std::set<timestamp> due;
  const auto add = [&](std::int64_t instant) {
    const timestamp t{instant * million};
    if (t > from && t <= upto && (s.starts.empty() || t >= s.starts) && (s.ends.empty() || t < s.ends)) due.insert(t);
  };
  const wall clock{s.tz};
  // Two days earlier, so that what the clock showed before `from` is known.
  auto first = (from.us / million / 60 - 2 * 1'440) * 60;
  const auto last = upto.us / million;
  if (s.cron.starts_with("@every ")) {
    const auto every = seconds_of(s.cron.substr(7));
    const auto anchor = s.starts.empty() ? 0 : s.starts.us / million;
    for (auto t = first; t <= last; ++t)
      if ((t - anchor) % every == 0 && !is_excluded(s, wall::shows(t))) add(t);
    return due;
  }
  const expression cron{s.cron};
  // Zones are off by whole minutes, so one second of each is enough where the expression names one.
  const std::int64_t step = cron.second() ? 60 : 1;
  first += cron.second().value_or(0);
  const bool real = cron.every_hour();
  auto latest = wall::shows(first) - step;  // The latest time that the clock has shown.
  for (auto t = first; t <= last; t += step) {
    const auto shown = wall::shows(t);
    if (real) {
      if (cron.matches(shown) && !is_excluded(s, shown)) add(t);
      continue;
    }
    // Times that it skips come with the first instant after; those that it shows again do not count.
    for (auto named = latest + step; named <= shown; named += step) {
      if (!cron.matches(named) || is_excluded(s, named)) continue;
      auto instant = t;
      while (wall::shows(instant - 1) >= named) --instant;
      add(instant);
    }
    if (shown > latest) latest = shown;
  }
  return due;
}

due_moments moments_of(const config::company& c, timestamp from, timestamp upto) {
  due_moments all;
  for (const auto& s : c.schedules) all[s.name] = moments_of(s, from, upto);
  if (const auto brief = c.schedule_of_brief()) all[brief->name] = moments_of(*brief, from, upto);
  return all;
}

}  // namespace cadre::travel
