#include "config/cron.hpp"

#include "config/did_you_mean.hpp"
#include "config/units.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cadre::config {
namespace {

struct field {
  std::string_view name;
  std::int64_t min;
  std::int64_t max;
  std::span<const std::string_view> names;  ///< Of `min`, `min + 1`, ...
};

constexpr std::array<std::string_view, 12> month_names{"jan", "feb", "mar", "apr", "may", "jun",
                                                       "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> weekday_names{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

constexpr std::array<field, 5> fields{{{"minute", 0, 59, {}},
                                       {"hour", 0, 23, {}},
                                       {"day of month", 1, 31, {}},
                                       {"month", 1, 12, month_names},
                                       {"day of week", 0, 7, weekday_names}}};

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> macros{{{"@hourly", "0 * * * *"},
                                                                               {"@daily", "0 0 * * *"},
                                                                               {"@midnight", "0 0 * * *"},
                                                                               {"@weekly", "0 0 * * 0"},
                                                                               {"@monthly", "0 0 1 * *"},
                                                                               {"@yearly", "0 0 1 1 *"},
                                                                               {"@annually", "0 0 1 1 *"}}};

constexpr std::string_view cron_shape = "a cron expression has 5 fields: minute hour day-of-month month day-of-week";

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

tl::unexpected<failure> bad_part(const field& f, std::string_view part, const std::string& why) {
  return fail(errc::bad_value, std::string(f.name) + " `" + std::string(part) + "`: " + why);
}

std::string allowed_values(const field& f) {
  std::string text = "allowed: " + std::to_string(f.min) + " to " + std::to_string(f.max);
  if (!f.names.empty()) text += ", or " + std::string(f.names.front()) + " to " + std::string(f.names.back());
  return text;
}

std::optional<std::int64_t> value_of(const field& f, std::string_view text) {
  const auto name = std::find(f.names.begin(), f.names.end(), lower(text));
  if (name != f.names.end()) return f.min + (name - f.names.begin());
  const auto number = parse_integer(text);
  if (!number || *number < f.min || *number > f.max || text.front() == '-') return std::nullopt;
  return *number;
}

/// Adds the values of one element of a list (`*/5`, `1-5`, `7`) to `bits`.
result<void> add_part(const field& f, std::string_view part, std::uint64_t& bits) {
  const auto slash = part.find('/');
  const auto base = part.substr(0, slash);
  std::int64_t first = f.min;
  std::int64_t last = f.max;
  const auto dash = base.find('-');
  if (base != "*") {
    const auto from = value_of(f, base.substr(0, dash));
    const auto to = dash == std::string_view::npos ? from : value_of(f, base.substr(dash + 1));
    if (!from || !to) return bad_part(f, part, allowed_values(f));
    first = *from;
    // A week may end on Sunday: `sat-sun` is 6-7.
    last = f.max == 7 && *to == 0 && *from > 0 ? 7 : *to;
    if (first > last) return bad_part(f, part, "the range runs backwards");
    if (slash != std::string_view::npos && dash == std::string_view::npos)
      return bad_part(f, part,
                      "a step needs a range; write " + std::string(base) + "-" + std::to_string(f.max) +
                          std::string(part.substr(slash)));
  }
  std::int64_t step = 1;
  if (slash != std::string_view::npos) {
    const auto given = parse_integer(part.substr(slash + 1));
    if (!given || *given < 1 || *given > f.max)
      return bad_part(f, part, "a step is a number from 1 to " + std::to_string(f.max));
    step = *given;
  }
  for (std::int64_t v = first; v <= last; v += step) bits |= std::uint64_t{1} << (f.max == 7 ? v % 7 : v);
  return {};
}

result<std::uint64_t> read_field(const field& f, std::string_view text) {
  std::uint64_t bits = 0;
  if (text.back() == ',') return bad_part(f, text, "a value is missing after the last comma");
  for (const auto part : split(text, ',')) {
    if (part.empty()) return bad_part(f, text, "a value is missing between two commas");
    if (auto added = add_part(f, part, bits); !added) return tl::unexpected(added.error());
  }
  return bits;
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> found;
  for (std::size_t at = 0; (at = text.find_first_not_of(" \t", at)) != std::string_view::npos;) {
    const auto end = std::min(text.find_first_of(" \t", at), text.size());
    found.push_back(text.substr(at, end - at));
    at = end;
  }
  return found;
}

bool bit(std::uint64_t bits, unsigned at) noexcept {
  return (bits >> at & 1U) != 0;
}

bool matches_day(const cron_expression& cron, const std::chrono::year_month_day& date,
                 std::chrono::sys_days day) noexcept {
  if (!bit(cron.months, static_cast<unsigned>(date.month()))) return false;
  const bool by_day = bit(cron.days, static_cast<unsigned>(date.day()));
  const bool by_weekday = bit(cron.weekdays, std::chrono::weekday{day}.c_encoding());
  return cron.any_day || cron.any_weekday ? by_day && by_weekday : by_day || by_weekday;
}

/// The first minute of the day at or after `from` that both fields allow.
std::optional<unsigned> minute_of_day(const cron_expression& cron, unsigned from) noexcept {
  for (unsigned hour = from / 60; hour < 24; ++hour) {
    if (!bit(cron.hours, hour)) continue;
    for (unsigned minute = hour == from / 60 ? from % 60 : 0; minute < 60; ++minute)
      if (bit(cron.minutes, minute)) return hour * 60 + minute;
  }
  return std::nullopt;
}

result<std::string_view> expand_macro(std::string_view text) {
  const auto name = lower(text);
  std::vector<std::string_view> names;
  for (const auto& [macro, expansion] : macros) {
    if (macro == name) return expansion;
    names.push_back(macro);
  }
  if (name.starts_with("@every"))
    return fail(errc::bad_value, "`@every` is not supported yet; " + std::string(cron_shape));
  return fail(errc::bad_value, "unknown macro `" + std::string(text) + "`; allowed: " + join(names));
}

}  // namespace

result<cron_expression> parse_cron(std::string_view text) {
  auto parts = words(text);
  if (!parts.empty() && parts.front().front() == '@') {
    const auto expansion = expand_macro(parts.size() == 1 ? parts.front() : text);
    if (!expansion) return tl::unexpected(expansion.error());
    parts = words(*expansion);
  }
  if (parts.size() == 6)
    return fail(errc::bad_value, "6 fields (with seconds) are not supported yet; " + std::string(cron_shape));
  if (parts.size() != fields.size())
    return fail(errc::bad_value, "found " + std::to_string(parts.size()) + " fields; " + std::string(cron_shape));
  std::array<std::uint64_t, fields.size()> bits{};
  for (std::size_t i = 0; i < fields.size(); ++i) {
    auto read = read_field(fields[i], parts[i]);
    if (!read) return tl::unexpected(std::move(read.error()));
    bits[i] = *read;
  }
  cron_expression cron;
  cron.minutes = bits[0];
  cron.hours = static_cast<std::uint32_t>(bits[1]);
  cron.days = static_cast<std::uint32_t>(bits[2]);
  cron.months = static_cast<std::uint16_t>(bits[3]);
  cron.weekdays = static_cast<std::uint8_t>(bits[4]);
  cron.any_day = parts[2].front() == '*';
  cron.any_weekday = parts[4].front() == '*';
  if (next_fire(cron, timestamp{}).empty())
    return fail(errc::bad_value, "it never comes true: no month has such a day");
  return cron;
}

timestamp next_fire(const cron_expression& cron, timestamp after) noexcept {
  using namespace std::chrono;
  constexpr timestamp last{253'370'764'800'000'000};  // 9999-01-01
  if (after >= last) return {};
  // 29 February on a given weekday comes within 40 years, also across a century without a leap day.
  constexpr int days_max = 366 * 41;
  const sys_time<minutes> start = floor<minutes>(sys_time<microseconds>{microseconds{after.us}}) + minutes{1};
  sys_days day = floor<days>(start);
  auto from = static_cast<unsigned>((start - day).count());
  for (int i = 0; i < days_max; ++i, day += days{1}, from = 0) {
    if (!matches_day(cron, year_month_day{day}, day)) continue;
    if (const auto minute = minute_of_day(cron, from))
      return timestamp{duration_cast<microseconds>((day + minutes{*minute}).time_since_epoch()).count()};
  }
  return {};
}

}  // namespace cadre::config
