#pragma once

#include "schemas/commands.hpp"
#include "storage/writer/unit.hpp"

#include <string>

namespace cadre::storage::writer {

/// Raises a problem, or counts it if one with its fingerprint is open. `body.id` must be set. The value of the answer
/// is the count, its ref the escalation that stands.
applied raise(unit& u, const escalation_raise& body, const std::string& by);

/// A problem that the writer itself finds, with an id made of `cause_of`, so that finding it twice raises it once.
struct finding {
  std::string cause_of;
  agent_path origin;
  std::string problem;
  severity level = severity::error;
  failure cause;
  nlohmann::json evidence;
  task_id task;
  output_id output;
};
void raise(unit& u, const finding& f);

/// Raises agents that none of their nodes can run for longer than the fleet's lease, once per wait, and resolves that
/// once they run again.
void watch_unplaced_agents(unit& u, timestamp at);

/// Lets the open escalations whose time is over take their next step. Returns how many there were, at most `limit`.
std::int64_t move_due_escalations(unit& u, timestamp at, std::int64_t limit);

}  // namespace cadre::storage::writer
