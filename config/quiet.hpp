#pragma once

#include "config/company.hpp"
#include "schemas/time.hpp"

#include <optional>

namespace cadre::config {

/// When the quiet hours that `now` lies in end; nothing if it lies in none, or if their time zone is not known any
/// more. A time of day that does not exist on the day of a clock change is the next one that does; one that occurs
/// twice counts when it occurs first. Reads the time zone database of this host, once per zone.
std::optional<timestamp> quiet_until(const quiet_hours& quiet, timestamp now);

}  // namespace cadre::config
