#pragma once

#include "storage/writer/tasks.hpp"
#include "storage/writer/unit.hpp"

#include <string>

/// The ledger of schedules: what should happen beside what happened. Only tasks of fires cost it anything.
namespace cadre::storage::writer {

/// Writes the schedules of the config. Expected fires of those that are gone, or of which the calendar changed, are
/// cancelled; the next look expects again what is still to come.
void write_schedules(unit& u);

/// Writes down what is to come, and fires, holds, skips or gives up what is due at `wall`. Does nothing before the next
/// look is due.
void look_at_schedules(unit& u, timestamp wall);

/// Looks now, whenever the next look is due.
void look_at_schedules_now(unit& u);

/// The wall clock as of this transaction.
[[nodiscard]] timestamp wall_now(const unit& u);

/// The event `fire`: a fire came to a step or is over.
void tell_fire(unit& u, const fire_name& fire, std::string_view status, const nlohmann::json& more);

/// The fire of this task, if it is of one, comes to the step that the task's status means.
void follow_task(unit& u, const task_facts& task, const failure& error);

/// The fire of the schedule `brief` that this one was written for has its effect.
void brief_written(unit& u, const brief_id& id);

/// The fire of task `old`, if it ended without success, goes on with task `again`.
void reopen_fire(unit& u, const std::string& schedule, const task_id& old, const task_id& again);

/// Reads which fires go on. At takeover.
void recall_fires(pg::session& db, memory& m);

}  // namespace cadre::storage::writer
