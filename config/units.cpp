#include "config/units.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <utility>

namespace cadre::config {
namespace {

using unit = std::pair<std::string_view, std::int64_t>;
constexpr std::array<unit, 5> time_units{{{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
constexpr std::array<unit, 4> size_units{
    {{"B", 1}, {"KiB", 1'024}, {"MiB", 1'024 * 1'024}, {"GiB", 1'024 * 1'024 * 1'024}}};

constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

/// Splits `15min` into 15 and `min`. False if no digit leads or the number is out of range.
bool split_quantity(std::string_view text, std::int64_t& count, std::string_view& rest) {
  if (text.empty() || !is_digit(text.front())) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{}) return false;
  rest = text.substr(static_cast<std::size_t>(end - text.data()));
  return true;
}

template <class Units>
result<std::int64_t> times_unit(std::int64_t count, std::string_view name, const Units& units,
                                std::string_view allowed) {
  for (const auto& [text, factor] : units) {
    if (text != name) continue;
    if (count > std::numeric_limits<std::int64_t>::max() / factor) return fail(errc::bad_value, "out of range");
    return count * factor;
  }
  return fail(errc::bad_value, "unknown unit `" + std::string(name) + "`; " + std::string(allowed));
}

template <class Units>
std::string largest_unit(std::int64_t value, const Units& units) {
  for (auto u = units.rbegin(); u != units.rend(); ++u)
    if (value % u->second == 0) return std::to_string(value / u->second) + std::string(u->first);
  return std::to_string(value);
}

}  // namespace

result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  constexpr std::string_view allowed = "write a whole number and ms, s, m, h or d, for example 30s";
  std::int64_t count = 0;
  std::string_view rest;
  if (!split_quantity(text, count, rest)) return fail(errc::bad_value, "not a duration; " + std::string(allowed));
  if (rest.empty())
    return fail(errc::bad_value,
                "a duration needs a unit; add ms, s, m, h or d, for example " + std::string(text) + "s");
  if (rest.front() == '.') return fail(errc::bad_value, "fractions are not allowed; " + std::string(allowed));
  return times_unit(count, rest, time_units, allowed).map([](std::int64_t ms) {
    return std::chrono::milliseconds{ms};
  });
}

std::string duration_text(std::chrono::milliseconds time) {
  return time.count() == 0 ? "0s" : largest_unit(time.count(), time_units);
}

result<std::chrono::year_month_day> parse_date(std::string_view text) {
  const bool shaped = text.size() == 10 && text[4] == '-' && text[7] == '-';
  const auto part = [&](std::size_t at, std::size_t size) {
    const auto digits = text.substr(at, size);
    return std::all_of(digits.begin(), digits.end(), is_digit) ? parse_integer(digits).value_or(0) : 0;
  };
  std::chrono::year_month_day day{};
  if (shaped)
    day = std::chrono::year{static_cast<int>(part(0, 4))} / static_cast<int>(part(5, 2)) / static_cast<int>(part(8, 2));
  if (!shaped || !day.ok() || day.year() < std::chrono::year{1})
    return fail(errc::bad_value, "not a day of the calendar; write year-month-day, for example 2026-12-25");
  return day;
}

std::string date_text(const std::chrono::year_month_day& day) {
  std::array<char, 32> text{};
  const auto size = std::snprintf(text.data(), text.size(), "%04d-%02u-%02u", static_cast<int>(day.year()),
                                  static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
  return {text.data(), static_cast<std::size_t>(size)};
}

result<std::int64_t> parse_bytes(std::string_view text) {
  constexpr std::string_view allowed = "write a count of bytes or one with KiB, MiB or GiB, for example 64KiB";
  std::int64_t count = 0;
  std::string_view rest;
  if (!split_quantity(text, count, rest)) return fail(errc::bad_value, "not a size; " + std::string(allowed));
  return times_unit(count, rest.empty() ? "B" : rest, size_units, allowed);
}

std::string bytes_text(std::int64_t bytes) {
  if (bytes == 0 || bytes % 1'024 != 0) return std::to_string(bytes);
  return largest_unit(bytes, size_units);
}

result<double> parse_share(std::string_view text) {
  const bool percent = !text.empty() && text.back() == '%';
  const auto number = parse_number(percent ? text.substr(0, text.size() - 1) : text);
  const double share = number ? *number / (percent ? 100.0 : 1.0) : -1.0;
  if (share < 0.0 || share > 1.0) return fail(errc::bad_value, "not a share; write 0% to 100%, or 0 to 1");
  return share;
}

result<std::int64_t> parse_priority(std::string_view text) {
  const auto digit = !text.empty() && text.front() == 'P' ? text.substr(1) : text;
  if (digit.size() != 1 || digit.front() < '0' || digit.front() > '3')
    return fail(errc::bad_value, "not a priority; allowed: 0 to 3, or P0 (most urgent) to P3");
  return digit.front() - '0';
}

result<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error != std::errc{} || end != last) return fail(errc::bad_value, "not a whole number");
  return value;
}

result<double> parse_number(std::string_view text) {
  double value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error != std::errc{} || end != last || !std::isfinite(value)) return fail(errc::bad_value, "not a number");
  return value;
}

std::string number_text(double value) {
  std::array<char, 64> buffer{};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return error == std::errc{} ? std::string(buffer.data(), end) : std::string("?");
}

}  // namespace cadre::config
