#include "config/calendar.hpp"

#include "config/units.hpp"

#include <algorithm>

namespace cadre::config {
namespace {

constexpr std::int64_t second_us = 1'000'000;
constexpr std::int64_t day_seconds = 86'400;

/// Rounded down, also before 1970.
std::int64_t floor_div(std::int64_t value, std::int64_t by) noexcept {
  return value / by - (value % by < 0 ? 1 : 0);
}

/// FNV-1a and a last mix, so that neighbouring moments fall far apart. Written out, because it must be the same on
/// every node and in every version.
std::uint64_t mixed(std::string_view name, std::int64_t number) noexcept {
  std::uint64_t h = 0xcbf2'9ce4'8422'2325U;
  const auto add = [&](unsigned char byte) { h = (h ^ byte) * 0x0000'0100'0000'01b3U; };
  for (const char c : name) add(static_cast<unsigned char>(c));
  for (unsigned shift = 0; shift < 64; shift += 8)
    add(static_cast<unsigned char>(static_cast<std::uint64_t>(number) >> shift));
  h = (h ^ h >> 33) * 0xff51'afd7'ed55'8ccdU;
  h = (h ^ h >> 33) * 0xc4ce'b9fe'1a85'ec53U;
  return h ^ h >> 33;
}

}  // namespace

result<calendar> calendar::make(std::string_view cron, std::string_view tz) {
  calendar made;
  auto parsed = parse_cron(cron);
  if (!parsed) return tl::unexpected(std::move(parsed.error()));
  auto found = zone::find(tz);
  if (!found) return fail(found.error().code, "tz `" + std::string(tz) + "`: " + found.error().message);
  made.text_ = cron;
  made.cron_ = *parsed;
  made.zone_ = std::move(*found);
  return made;
}

result<calendar> calendar::make(const schedule& s) {
  auto made = make(s.cron, s.tz);
  if (!made) return made;
  if (!s.starts.empty() && !s.ends.empty() && s.ends <= s.starts)
    return fail(errc::bad_value, "ends " + to_iso(s.ends) + " is not later than starts " + to_iso(s.starts));
  made->name_ = s.name;
  made->jitter_ = s.jitter;
  made->starts_ = s.starts;
  made->ends_ = s.ends;
  for (const auto& day : s.exclude) made->excluded_.push_back(std::chrono::sys_days{day}.time_since_epoch().count());
  std::sort(made->excluded_.begin(), made->excluded_.end());
  return made;
}

bool calendar::excludes(std::int64_t local) const noexcept {
  return std::binary_search(excluded_.begin(), excluded_.end(), floor_div(local, day_seconds));
}

std::optional<std::int64_t> calendar::next_named(std::int64_t after) const {
  for (auto from = zone_.local(after) + 1;;) {
    const auto local = next_local(cron_, from, excluded_);
    if (!local) return std::nullopt;
    const auto found = zone_.meet(*local);
    // A time that is missing on one day may be due on the next, which may be excluded.
    const bool falls_out = found.end && !excluded_.empty() && excludes(zone_.local(found.instant));
    if (found.instant > after && !falls_out) return found.instant;
    from = found.end.value_or(*local + 1);
  }
}

std::optional<std::int64_t> calendar::next_real(std::int64_t after) const {
  auto local = zone_.local(after);
  for (auto from = local + 1;;) {
    const auto found = next_local(cron_, from, excluded_);
    if (!found) return std::nullopt;
    const auto instant = *found - local + after;
    const auto jump = zone_.next_jump(after);
    if (!jump || instant < jump->at) return instant;
    after = jump->at;
    from = local = jump->to;
  }
}

std::optional<std::int64_t> calendar::next_interval(std::int64_t after_us) const {
  const std::int64_t every_us = cron_.every.count() * 1'000;
  for (;;) {
    const auto due =
        after_us < starts_.us ? starts_.us : starts_.us + (floor_div(after_us - starts_.us, every_us) + 1) * every_us;
    if (due > timestamp_max.us) return std::nullopt;
    const auto local = zone_.local(floor_div(due, second_us));
    if (!excludes(local)) return due;
    const auto tomorrow = zone_.meet((floor_div(local, day_seconds) + 1) * day_seconds).instant;
    after_us = std::max(due, tomorrow * second_us - 1);
  }
}

timestamp calendar::next(timestamp after) const {
  after = std::max({after, timestamp{0}, timestamp{starts_.us - 1}});
  if (after >= timestamp_max) return {};
  std::optional<std::int64_t> due;
  if (cron_.every.count() > 0) {
    due = next_interval(after.us);
  } else {
    due = cron_.any_hour() ? next_real(after.us / second_us) : next_named(after.us / second_us);
    if (due) *due *= second_us;
  }
  if (!due || *due > timestamp_max.us || (!ends_.empty() && *due >= ends_.us)) return {};
  return {*due};
}

std::vector<timestamp> calendar::between(timestamp from, timestamp upto, std::size_t moments_max) const {
  std::vector<timestamp> moments;
  while (moments.size() < moments_max) {
    from = next(from);
    if (from.empty() || from > upto) break;
    moments.push_back(from);
  }
  return moments;
}

timestamp calendar::fire_at(timestamp due) const noexcept {
  if (jitter_.count() <= 0) return due;
  const auto steps = static_cast<std::uint64_t>(jitter_.count()) + 1;
  return due + std::chrono::milliseconds{static_cast<std::int64_t>(mixed(name_, due.us) % steps)};
}

std::string calendar::describe() const {
  std::string text = text_ + ' ' + zone_.name();
  if (jitter_.count() > 0) text += ", jitter " + duration_text(jitter_);
  if (!excluded_.empty())
    text += ", " + std::to_string(excluded_.size()) + (excluded_.size() == 1 ? " day" : " days") + " excluded";
  if (!starts_.empty()) text += ", from " + to_iso(starts_);
  if (!ends_.empty()) text += ", until " + to_iso(ends_);
  return text;
}

}  // namespace cadre::config
