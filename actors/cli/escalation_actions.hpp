#pragma once

#include "commands.hpp"

#include <string>

namespace cadre::cli {

/// Adds what people may do about an escalation: ack, resolve, retry, reassign, delegate, snooze, escalate.
void add_escalation_actions(command escalation, fleet_options& fleet);

}  // namespace cadre::cli
