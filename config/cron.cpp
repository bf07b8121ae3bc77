#include "config/cron.hpp"

#include "config/did_you_mean.hpp"
#include "config/units.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cadre::config {
namespace {

struct field {
  enum class kind { time, month, day, weekday };

  kind type;
  std::string_view name;
  std::int64_t min;
  std::int64_t max;
  std::span<const std::string_view> names;  ///< Of `min`, `min + 1`, ...
};

constexpr std::array<std::string_view, 12> month_names{"jan", "feb", "mar", "apr", "may", "jun",
                                                       "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> weekday_names{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

constexpr std::array<field, 6> fields{{{field::kind::time, "second", 0, 59, {}},
                                       {field::kind::time, "minute", 0, 59, {}},
                                       {field::kind::time, "hour", 0, 23, {}},
                                       {field::kind::day, "day of month", 1, 31, {}},
                                       {field::kind::month, "month", 1, 12, month_names},
                                       {field::kind::weekday, "day of week", 0, 7, weekday_names}}};

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> macros{{{"@hourly", "0 * * * *"},
                                                                               {"@daily", "0 0 * * *"},
                                                                               {"@midnight", "0 0 * * *"},
                                                                               {"@weekly", "0 0 * * 0"},
                                                                               {"@monthly", "0 0 1 * *"},
                                                                               {"@yearly", "0 0 1 1 *"},
                                                                               {"@annually", "0 0 1 1 *"}}};

constexpr std::string_view cron_shape =
    "a cron expression has 5 fields: minute hour day-of-month month day-of-week, or 6, with the second before them";
constexpr std::chrono::milliseconds every_min{1'000};
constexpr std::chrono::milliseconds every_max = std::chrono::days{3'650};

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
  if (f.type == field::kind::day) text += ", or L (the last of the month)";
  if (f.type == field::kind::weekday) text += ", or 5#2 (the second Friday of the month), 5L (the last one)";
  return text;
}

std::optional<std::int64_t> value_of(const field& f, std::string_view text) {
  const auto name = std::find(f.names.begin(), f.names.end(), lower(text));
  if (name != f.names.end()) return f.min + (name - f.names.begin());
  const auto number = parse_integer(text);
  if (!number || *number < f.min || *number > f.max || text.front() == '-') return std::nullopt;
  return *number;
}

/// What a field names.
struct named_values {
  std::uint64_t bits = 0;
  bool last_day = false;
  std::array<std::uint8_t, 7> nth{};
};

/// Adds the values of an element of the form `*/5`, `1-5` or `7`.
result<void> add_values(const field& f, std::string_view part, std::uint64_t& bits) {
  const auto slash = part.find('/');
  const auto base = part.substr(0, slash);
  const bool week = f.type == field::kind::weekday;
  std::int64_t first = f.min;
  std::int64_t last = f.max;
  const auto dash = base.find('-');
  if (base != "*") {
    const auto from = value_of(f, base.substr(0, dash));
    const auto to = dash == std::string_view::npos ? from : value_of(f, base.substr(dash + 1));
    if (!from || !to) return bad_part(f, part, allowed_values(f));
    first = *from;
    // A week may end on Sunday: `sat-sun` is 6-7.
    last = week && *to == 0 && *from > 0 ? 7 : *to;
    if (first > last)
      return bad_part(f, part,
                      "the range runs backwards; write " + std::to_string(first) + "-" + std::to_string(f.max) + "," +
                          std::to_string(f.min) + "-" + std::to_string(last));
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
  for (std::int64_t v = first; v <= last; v += step) bits |= std::uint64_t{1} << (week ? v % 7 : v);
  return {};
}

/// Adds a weekday of the month: `5#2`, or `5L`, whose number is 0.
result<void> add_nth(const field& f, std::string_view part, std::string_view weekday, std::string_view number,
                     named_values& out) {
  const auto day = value_of(f, weekday);
  if (!day) return bad_part(f, part, allowed_values(f));
  const auto n = number.empty() ? result<std::int64_t>{0} : parse_integer(number);
  if (!n || *n > 5 || (!number.empty() && *n < 1))
    return bad_part(f, part, "a month has a first to a fifth of a weekday; allowed: #1 to #5");
  auto& bits = out.nth.at(static_cast<std::size_t>(*day % 7));
  bits = static_cast<std::uint8_t>(bits | 1U << *n);
  return {};
}

/// Adds what one element of a list names.
result<void> add_part(const field& f, std::string_view part, named_values& out) {
  if (f.type == field::kind::day) {
    if (part == "L" || part == "l") {
      out.last_day = true;
      return {};
    }
    if (part.find_first_of("Ww") != std::string_view::npos)
      return bad_part(f, part, "W (the nearest working day) is not supported; " + allowed_values(f));
  }
  if (f.type == field::kind::weekday) {
    if (const auto hash = part.find('#'); hash != std::string_view::npos) {
      const auto number = part.substr(hash + 1);
      return add_nth(f, part, part.substr(0, hash), number.empty() ? "0" : number, out);
    }
    if (part.size() > 1 && (part.back() == 'L' || part.back() == 'l'))
      return add_nth(f, part, part.substr(0, part.size() - 1), {}, out);
  }
  return add_values(f, part, out.bits);
}

result<named_values> read_field(const field& f, std::string_view text) {
  named_values values;
  if (text == "?" && (f.type == field::kind::day || f.type == field::kind::weekday)) text = "*";
  if (text.back() == ',') return bad_part(f, text, "a value is missing after the last comma");
  for (const auto part : split(text, ',')) {
    if (part.empty()) return bad_part(f, text, "a value is missing between two commas");
    if (auto added = add_part(f, part, values); !added) return tl::unexpected(added.error());
  }
  return values;
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

result<std::string_view> expand_macro(std::string_view text) {
  const auto name = lower(text);
  std::vector<std::string_view> names;
  for (const auto& [macro, expansion] : macros) {
    if (macro == name) return expansion;
    names.push_back(macro);
  }
  names.push_back("@every 15m");
  return fail(errc::bad_value, "unknown macro `" + std::string(text) + "`; allowed: " + join(names));
}

result<cron_expression> read_every(const std::vector<std::string_view>& parts) {
  const std::string allowed = "allowed: @every and one duration of whole seconds from " + duration_text(every_min) +
                              " to " + duration_text(every_max) + ", for example @every 15m";
  if (parts.size() != 2)
    return fail(errc::bad_value, "@every has " + std::to_string(parts.size() - 1) + " durations; " + allowed);
  const auto time = parse_duration(parts[1]);
  if (!time) return fail(errc::bad_value, "@every `" + std::string(parts[1]) + "`: " + time.error().message);
  if (*time < every_min || *time > every_max || time->count() % 1'000 != 0)
    return fail(errc::bad_value, "@every `" + std::string(parts[1]) + "`: out of bounds; " + allowed);
  cron_expression cron;
  cron.seconds = 0;
  cron.every = *time;
  return cron;
}

/// From the words of 5 or 6 fields.
result<cron_expression> read_fields(const std::vector<std::string_view>& parts) {
  const std::size_t left_out = fields.size() - parts.size();
  std::array<named_values, fields.size()> values;
  values[0].bits = 1;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    auto read = read_field(fields[i + left_out], parts[i]);
    if (!read) return tl::unexpected(std::move(read.error()));
    values[i + left_out] = *read;
  }
  const auto any = [&](std::size_t i) { return parts[i].front() == '*' || parts[i] == "?"; };
  cron_expression cron;
  cron.seconds = values[0].bits;
  cron.minutes = values[1].bits;
  cron.hours = static_cast<std::uint32_t>(values[2].bits);
  cron.days = static_cast<std::uint32_t>(values[3].bits);
  cron.last_day = values[3].last_day;
  cron.months = static_cast<std::uint16_t>(values[4].bits);
  cron.weekdays = static_cast<std::uint8_t>(values[5].bits);
  cron.nth = values[5].nth;
  cron.any_day = any(3 - left_out);
  cron.any_weekday = any(5 - left_out);
  if (!next_local(cron, 0)) return fail(errc::bad_value, "it never comes true: no month has such a day");
  return cron;
}

}  // namespace

result<cron_expression> parse_cron(std::string_view text) {
  auto parts = words(text);
  if (!parts.empty() && parts.front().front() == '@') {
    if (lower(parts.front()) == "@every") return read_every(parts);
    const auto expansion = expand_macro(parts.size() == 1 ? parts.front() : text);
    if (!expansion) return tl::unexpected(expansion.error());
    parts = words(*expansion);
  }
  if (parts.size() != fields.size() && parts.size() + 1 != fields.size())
    return fail(errc::bad_value, "found " + std::to_string(parts.size()) + " fields; " + std::string(cron_shape));
  return read_fields(parts);
}

}  // namespace cadre::config
