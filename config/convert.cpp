#include "config/convert.hpp"

#include "config/cron.hpp"
#include "config/units.hpp"
#include "config/yaml_json.hpp"
#include "config/zone.hpp"

#include <algorithm>

namespace cadre::config {
namespace {

constexpr std::size_t text_chars_max = 16 * 1024;
constexpr std::size_t json_chars_max = 64 * 1024;
constexpr std::string_view token_rule = "lower-case letters, digits and dashes, at most 63 characters";

/// `why` may quote the value, so it is left out where the value came from a reference.
std::string wrong(const key& row, const yaml::node& value, const std::string& why) {
  if (value.substituted) return yaml::quote(value) + ": what it stands for does not fit; allowed: " + allowed_text(row);
  return yaml::quote(value) + ": " + why;
}

std::string not_allowed(const key& row, const yaml::node& value, const std::string& why) {
  return yaml::quote(value) + ": " + why + "; allowed: " + allowed_text(row);
}

complaint expect_scalar(const key& row, const yaml::node& value) {
  if (value.type == yaml::node::kind::scalar) return std::nullopt;
  if (value.type == yaml::node::kind::null) return "no value is given; allowed: " + allowed_text(row);
  return "found " + yaml::quote(value) + "; allowed: " + allowed_text(row);
}

std::string quantity(const key& row, double value) {
  if (row.type == shape::bytes) return bytes_text(static_cast<std::int64_t>(value));
  if (row.type == shape::duration || row.type == shape::shutdown || row.type == shape::kept)
    return duration_text(std::chrono::milliseconds{static_cast<std::int64_t>(value)});
  if (row.type == shape::integer) return std::to_string(static_cast<std::int64_t>(value));
  return number_text(value);
}

std::string bounds(const key& row) {
  return "from " + quantity(row, row.min) + " to " + quantity(row, row.max);
}

bool in_bounds(const key& row, double value) {
  return value >= row.min && value <= row.max;
}

/// The shared end of every number: the parse's failure, or the bounds.
template <class T, class Out>
complaint within_bounds(const key& row, const yaml::node& value, const result<T>& parsed, double size, Out& out) {
  if (!parsed) return wrong(row, value, parsed.error().message);
  if (!in_bounds(row, size)) return not_allowed(row, value, "out of bounds");
  out = *parsed;
  return std::nullopt;
}

bool is_dataset(std::string_view text) {
  return !text.empty() && text.size() <= 63 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

complaint check_text(const key& row, const yaml::node& value) {
  const std::string& text = value.text;
  if (text.empty() && row.type != shape::argument) return not_allowed(row, value, "empty");
  if (text.size() > text_chars_max) return not_allowed(row, value, "too long");
  if (row.type == shape::token && !is_token(text)) return not_allowed(row, value, "not a valid name");
  if (row.type == shape::dataset && !is_dataset(text)) return not_allowed(row, value, "not a valid name");
  if (row.type == shape::zone) {
    const auto found = zone::find(text);
    if (!found) return wrong(row, value, found.error().message);
  }
  if (row.type == shape::cron) {
    const auto parsed = parse_cron(text);
    if (!parsed) return wrong(row, value, parsed.error().message);
  }
  return std::nullopt;
}

}  // namespace

std::string allowed_text(const key& row) {
  switch (row.type) {
    case shape::text:
    case shape::argument:
      return "a text of at most " + std::to_string(text_chars_max) + " characters";
    case shape::token:
      return std::string(token_rule);
    case shape::dataset:
      return "lower-case letters, digits, dashes and underscores, at most 63 characters";
    case shape::boolean:
      return row.allowed.empty() ? "true or false" : std::string(row.allowed);
    case shape::integer:
      return "a whole number " + bounds(row);
    case shape::number:
      return row.max >= 1e300 ? "a number" : "a number " + bounds(row);
    case shape::duration:
      return "a duration " + bounds(row);
    case shape::bytes:
      return "a size " + bounds(row);
    case shape::share:
      return "a share, for example 20% or 0.2";
    case shape::priority:
      return "0 to 3, or P0 (most urgent) to P3";
    case shape::choice:
      return join(split(row.allowed, '|'));
    case shape::shutdown:
      return "brutal_kill, infinity, or a duration " + bounds(row);
    case shape::kept:
      return "forever, or a duration " + bounds(row);
    case shape::path:
      return "the path of an agent, for example ceo.data.ingest";
    case shape::cron:
      return "[second] minute hour day-of-month month day-of-week, a macro such as @daily, or @every and a duration";
    case shape::zone:
      return "UTC, or a name of the IANA database such as Europe/Rome";
    case shape::moment:
      return "a date and a time with its zone, for example 2026-11-21T08:00:00Z or 2026-11-21T09:00:00+01:00";
    case shape::date:
      return "a day of the calendar, for example 2026-12-25";
    case shape::date_list:
      return "a list of days, for example [2026-12-25, 2026-12-26]";
    case shape::json:
      return "any value of at most " + std::to_string(json_chars_max) + " characters as JSON";
    case shape::text_list:
      return "a list of texts";
    case shape::argv:
      return "a list: a program and its arguments";
    case shape::choices:
      return "a list of " + join(split(row.allowed, '|'));
    case shape::path_list:
      return "a list of agents' paths";
    case shape::node_list:
      return "the name of a node, or a list of names";
    case shape::text_map:
      return "a mapping of names to texts";
    case shape::mapping:
      return "a mapping of " + join(row.inner->names());
    case shape::mapping_of:
      return "a mapping of names to mappings";
    case shape::list_of:
      return "a list of mappings";
  }
  return {};
}

complaint convert(const key& row, const yaml::node& value, std::string& out) {
  if (auto bad = expect_scalar(row, value)) return bad;
  if (auto bad = check_text(row, value)) return bad;
  out = value.text;
  return std::nullopt;
}

complaint convert(const key& row, const yaml::node& value, bool& out) {
  if (auto bad = expect_scalar(row, value)) return bad;
  const bool given = value.text == "true";
  if ((!given && value.text != "false") || (row.allowed == "true" && !given))
    return not_allowed(row, value, "not allowed here");
  out = given;
  return std::nullopt;
}

complaint convert(const key& row, const yaml::node& value, std::int64_t& out) {
  if (auto bad = expect_scalar(row, value)) return bad;
  if (row.type == shape::priority) {
    const auto parsed = parse_priority(value.text);
    if (!parsed) return wrong(row, value, parsed.error().message);
    out = *parsed;
    return std::nullopt;
  }
  const auto parsed = row.type == shape::bytes ? parse_bytes(value.text) : parse_integer(value.text);
  if (!parsed && row.type == shape::integer) return not_allowed(row, value, parsed.error().message);
  return within_bounds(row, value, parsed, parsed ? static_cast<double>(*parsed) : 0, out);
}

complaint convert(const key& row, const yaml::node& value, double& out) {
  if (auto bad = expect_scalar(row, value)) return bad;
  if (row.type == shape::share) {
    const auto parsed = parse_share(value.text);
    if (!parsed) return wrong(row, value, parsed.error().message);
    out = *parsed;
    return std::nullopt;
  }
  const auto parsed = parse_number(value.text);
  if (!parsed) return not_allowed(row, value, parsed.error().message);
  return within_bounds(row, value, parsed, *parsed, out);
}

complaint convert(const key& row, const yaml::node& value, std::chrono::milliseconds& out) {
  if (auto bad = expect_scalar(row, value)) return bad;
  const auto parsed = parse_duration(value.text);
  return within_bounds(row, value, parsed, parsed ? static_cast<double>(parsed->count()) : 0, out);
}

complaint convert(const key& row, const yaml::node& value, agent_path& out) {
  if (auto bad = expect_scalar(row, value)) return bad;
  if (!is_agent_path(value.text)) return not_allowed(row, value, "not an agent's path");
  out.text = value.text;
  return std::nullopt;
}

complaint convert(const key& row, const yaml::node& value, shutdown_time& out) {
  if (auto bad = expect_scalar(row, value)) return bad;
  if (value.text == "brutal_kill" || value.text == "infinity") {
    out.how = value.text == "infinity" ? shutdown_time::mode::infinity : shutdown_time::mode::brutal_kill;
    return std::nullopt;
  }
  if (!value.text.empty() && (value.text.front() < '0' || value.text.front() > '9'))
    return not_allowed(row, value,
                       "not known" + (value.substituted ? "" : did_you_mean(value.text, {"brutal_kill", "infinity"})));
  if (auto bad = convert(row, value, out.time)) return bad;
  out.how = shutdown_time::mode::timed;
  return std::nullopt;
}

complaint convert(const key& row, const yaml::node& value, kept_time& out) {
  if (auto bad = expect_scalar(row, value)) return bad;
  if (value.text == "forever") {
    out = {true, {}};
    return std::nullopt;
  }
  if (!value.text.empty() && (value.text.front() < '0' || value.text.front() > '9'))
    return not_allowed(row, value, "not known" + (value.substituted ? "" : did_you_mean(value.text, {"forever"})));
  if (auto bad = convert(row, value, out.time)) return bad;
  out.forever = false;
  return std::nullopt;
}

complaint convert(const key& row, const yaml::node& value, timestamp& out) {
  if (auto bad = expect_scalar(row, value)) return bad;
  const auto parsed = from_iso(value.text);
  if (!parsed || *parsed <= timestamp{}) return not_allowed(row, value, "not a moment from 1970 on");
  out = *parsed;
  return std::nullopt;
}

complaint convert(const key& row, const yaml::node& value, std::chrono::year_month_day& out) {
  if (auto bad = expect_scalar(row, value)) return bad;
  const auto parsed = parse_date(value.text);
  if (!parsed) return wrong(row, value, parsed.error().message);
  out = *parsed;
  return std::nullopt;
}

complaint convert(const key& row, const yaml::node& value, json_text& out) {
  auto text = yaml::to_json(value).dump();
  if (text.size() > json_chars_max) return not_allowed(row, value, "too large");
  out.text = std::move(text);
  return std::nullopt;
}

complaint check_choice(const key& row, const yaml::node& value) {
  if (auto bad = expect_scalar(row, value)) return bad;
  const auto allowed = split(row.allowed, '|');
  if (std::find(allowed.begin(), allowed.end(), value.text) != allowed.end()) return std::nullopt;
  const auto later = split(row.later, '|');
  if (std::find(later.begin(), later.end(), value.text) != later.end())
    return not_allowed(row, value, "not supported yet");
  return not_allowed(row, value, "not known" + (value.substituted ? "" : did_you_mean(value.text, allowed)));
}

}  // namespace cadre::config
