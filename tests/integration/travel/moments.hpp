#pragma once

#include "config/company.hpp"
#include "schemas/time.hpp"

#include <map>
#include <set>
#include <string>

namespace cadre::travel {

/// When a schedule is due later than `from` and not later than `upto`, by brute force: every second or minute between
/// is asked what the clock on the wall shows, by the C library, and what is written in the cron field. Shares nothing
/// with config/calendar. Not thread safe: it sets the process' time zone for a while.
std::set<timestamp> moments_of(const config::schedule& s, timestamp from, timestamp upto);

/// By the name of the schedule, the brief among them.
using due_moments = std::map<std::string, std::set<timestamp>>;

/// Of all schedules; as `moments_of`.
due_moments moments_of(const config::company& c, timestamp from, timestamp upto);

}  // namespace cadre::travel
