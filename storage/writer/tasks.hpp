#pragma once

#include "storage/writer/unit.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

/// Steps of tasks and runs that several commands share.
namespace cadre::storage::writer {

/// What events and decisions need to know of a task.
struct task_facts {
  task_id id;
  std::string mode;
  agent_path agent;
  std::string title;
  task_status status = task_status::queued;
  std::int64_t attempt = 0;
  std::int64_t attempts_max = 1;
};

/// Of a task that the run works on, as memory has them.
task_facts facts_of(const active_run& run);

std::optional<task_facts> find_task(unit& u, const task_id& id);

/// Puts those of these tasks into the queue that are workable: they may have become so.
void note_ready(unit& u, const std::vector<task_id>& ids);

/// The event `task_changed`.
void tell_task(unit& u, const task_facts& task, const failure& error = {});

/// Moves a task on. Terminal states free or block its dependents; `stale` also drops its unpromoted outputs.
/// Throws if the step is illegal.
void move_task(unit& u, const task_id& id, task_status to, const failure& error = {});

/// The same for several, of which these are the facts; `to` is no end without success.
void move_tasks(unit& u, std::vector<task_facts> tasks, task_status to);

/// Adds one task inside another command; the checks are those of task_add.
result<applied> add_task(unit& u, const std::string& by, const task_add& body);

/// Runs a failed or stale task again as `as`: a copy with fresh attempts. What waited for the old one waits for it.
/// `to`: by this agent; empty: by whoever the old one was for.
result<applied> run_again(unit& u, const std::string& by, const task_id& id, const task_id& as,
                          const agent_path& to = {});

/// Ends a task that is not over: it becomes stale, and its run is told to stop.
void cancel_task(unit& u, const task_facts& task, const std::string& reason);

/// How a run ends that did not succeed.
struct bad_end {
  run_status status = run_status::failed;
  failure error;
  std::string stderr_tail;
  bool retryable = true;
  bool lost = false;  ///< See decide::ended_attempt.
  std::chrono::milliseconds retry_after{0};
};

/// Ends an active run without success: its staged outputs are dropped, and its task is queued again or fails, which
/// raises an escalation to the manager.
void end_badly(unit& u, const run_id& run, const bad_end& end);

/// Ends the run of a task that is no longer wanted, and tells its agent.
void cancel_run(unit& u, const active_run& run, const std::string& reason);

}  // namespace cadre::storage::writer
