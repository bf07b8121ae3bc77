#include "config/quiet.hpp"

#include "config/zone.hpp"

namespace cadre::config {

std::optional<timestamp> quiet_until(const quiet_hours& quiet, timestamp now) {
  constexpr std::int64_t day_seconds = 86'400;
  const auto found = zone::find(quiet.tz);
  if (!found) return std::nullopt;
  const auto at = now.us / 1'000'000;
  const auto local = found->local(at);
  const auto today = local - local % day_seconds;
  const auto nights = quiet.to_minutes <= quiet.from_minutes ? 1 : 0;
  for (const auto day : {today - day_seconds, today}) {
    const auto from = found->meet(day + quiet.from_minutes * 60).instant;
    const auto to = found->meet(day + nights * day_seconds + quiet.to_minutes * 60).instant;
    if (from <= at && at < to) return timestamp{to * 1'000'000};
  }
  return std::nullopt;
}

}  // namespace cadre::config
