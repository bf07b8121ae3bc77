#pragma once

#include "schemas/commands.hpp"
#include "storage/writer/unit.hpp"

#include <functional>
#include <string>

namespace cadre::storage::writer {

/// Raises a problem, or counts it if one with its fingerprint is open, or was settled lately as it was raised and this
/// one would be settled by the same agent. `body.id` must be set. The value of the answer is the count, its ref the
/// escalation that stands. Counting costs no statement (see write_repeats), but for the question whether a task can run
/// again where a policy would have it, and for that run. Of one origin `open_problems::per_origin_max` fingerprints may
/// be open, and as many settled whose tasks do not run again; further ones are counted in one escalation of the origin,
/// `and_more`, which lists the first of them.
applied raise(unit& u, const escalation_raise& body, const std::string& by);

/// Writes what was counted in this transaction: one statement for each problem that was raised again, and a hop each
/// time its count reaches a power of two. Before anything reads counts, and at the end of the transaction.
void write_repeats(unit& u);

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
  /// In place of `evidence`, where it costs something: asked only if the problem is new.
  std::function<nlohmann::json()> find_evidence;
  bool from_program = false;  ///< Its name is a program's choice, so there may be any number of them.
  bool task_ended = false;    ///< It is that the task failed for good.

  /// Of its task: by its last run, or by one auditor after another.
  [[nodiscard]] bool failed() const { return task_ended || cause.code == errc::audit_failed; }
};
/// If its task is an errand of an escalation that is not settled, its failure is a step of that: whose errand it was
/// passes it up if he still holds it, and it is counted otherwise.
void raise(unit& u, const finding& f);

/// Raises agents that none of their nodes can run for longer than the fleet's lease, once per wait, and resolves that
/// once they run again.
void watch_unplaced_agents(unit& u, timestamp at);

/// Who can't act gives up what he holds with the next tick: after a pause or a quarantine.
void hasten_escalations_of(unit& u, const agent_path& agent);

/// Lets the open escalations whose time is over take their next step. Returns how many there were, at most `limit`.
std::int64_t move_due_escalations(unit& u, timestamp at, std::int64_t limit);

}  // namespace cadre::storage::writer
