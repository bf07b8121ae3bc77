#pragma once

#include "config/company.hpp"
#include "schemas/time.hpp"

#include <set>

namespace cadre::travel {

/// When a schedule is due later than `from` and not later than `upto`, by brute force: every second or minute between
/// is asked what the clock on the wall shows, by the C library, and what is written in the cron field. Shares nothing
/// with config/calendar. Not thread safe: it sets the process' time zone for a while.
std::set<timestamp> moments_of(const config::schedule& s, timestamp from, timestamp upto);

/// The brief's, named `brief`.
config::schedule brief_schedule(const config::company& company);

}  // namespace cadre::travel
