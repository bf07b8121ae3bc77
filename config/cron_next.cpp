#include "config/cron.hpp"

#include <algorithm>
#include <bit>

namespace cadre::config {
namespace {

using std::chrono::sys_days;
using std::chrono::year_month_day;

constexpr std::int64_t day_seconds = 86'400;
constexpr sys_days last_day_of_all = std::chrono::year{9999} / 12 / 31;

bool has(std::uint64_t bits, unsigned at) noexcept {
  return (bits >> at & 1U) != 0;
}

/// The lowest bit at or above `from`; 64 if there is none.
unsigned first_from(std::uint64_t bits, unsigned from) noexcept {
  return from > 63 ? 64 : static_cast<unsigned>(std::countr_zero(bits >> from << from));
}

bool matches_day(const cron_expression& cron, unsigned day, unsigned month_days, unsigned weekday) noexcept {
  const bool by_day = has(cron.days, day) || (cron.last_day && day == month_days);
  const auto nth = cron.nth.at(weekday);
  const bool by_weekday =
      has(cron.weekdays, weekday) || has(nth, (day - 1) / 7 + 1) || (has(nth, 0) && day + 7 > month_days);
  return cron.any_day || cron.any_weekday ? by_day && by_weekday : by_day || by_weekday;
}

/// The first day at or after `from` that the day fields and the month name.
std::optional<sys_days> next_day(const cron_expression& cron, sys_days from) noexcept {
  // 29 February on a given weekday comes within 40 years, also across a century without a leap day.
  constexpr std::chrono::days span_max{366 * 41};
  const auto end = std::min(from + span_max, last_day_of_all);
  while (from <= end) {
    const year_month_day date{from};
    const auto month = static_cast<unsigned>(date.month());
    if (const auto named = first_from(cron.months, month); named != month) {
      from = named > 12 ? sys_days{(date.year() + std::chrono::years{1}) / 1 / 1} : sys_days{date.year() / named / 1};
      continue;
    }
    const auto month_days = static_cast<unsigned>((date.year() / date.month() / std::chrono::last).day());
    unsigned weekday = std::chrono::weekday{from}.c_encoding();
    for (auto day = static_cast<unsigned>(date.day()); day <= month_days; ++day, from += std::chrono::days{1}) {
      if (matches_day(cron, day, month_days, weekday))
        return from <= last_day_of_all ? std::optional{from} : std::nullopt;
      weekday = weekday == 6 ? 0 : weekday + 1;
    }
  }
  return std::nullopt;
}

/// The first second of the day at or after `from` that the fields name.
std::optional<std::int64_t> next_second_of_day(const cron_expression& cron, std::int64_t from) noexcept {
  auto hour = static_cast<unsigned>(from / 3'600);
  auto minute = static_cast<unsigned>(from / 60 % 60);
  auto second = static_cast<unsigned>(from % 60);
  for (;; ++hour, minute = 0, second = 0) {
    const auto named = first_from(cron.hours, hour);
    if (named > 23) return std::nullopt;
    if (named != hour) minute = second = 0;
    hour = named;
    for (;; ++minute, second = 0) {
      const auto found = first_from(cron.minutes, minute);
      if (found > 59) break;
      if (found != minute) second = 0;
      minute = found;
      if (const auto at = first_from(cron.seconds, second); at < 60)
        return std::int64_t{hour} * 3'600 + std::int64_t{minute} * 60 + at;
    }
  }
}

}  // namespace

std::optional<std::int64_t> next_local(const cron_expression& cron, std::int64_t from,
                                       std::span<const std::int64_t> excluded) noexcept {
  using std::chrono::days;
  auto day = std::chrono::floor<days>(std::chrono::sys_seconds{std::chrono::seconds{from}});
  auto second = from - day.time_since_epoch().count() * day_seconds;
  while (const auto found = next_day(cron, day)) {
    const std::int64_t number = found->time_since_epoch().count();
    if (*found != day) second = 0;
    if (!std::binary_search(excluded.begin(), excluded.end(), number))
      if (const auto at = next_second_of_day(cron, second)) return number * day_seconds + *at;
    day = *found + days{1};
    second = 0;
  }
  return std::nullopt;
}

}  // namespace cadre::config
