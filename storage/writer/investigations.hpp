#pragma once

#include "storage/writer/escalation_rows.hpp"
#include "storage/writer/unit.hpp"

#include <string>

/// An escalation that the agent of its holder looks into: a task with the evidence, one at a time per escalation. Its
/// failure is a hop with the reason and never a problem of its own.
namespace cadre::storage::writer {

/// Adds the task for the holder's agent. If it can't be added, he holds the escalation until his time is over.
void begin_investigation(unit& u, const escalation_facts& e);

/// Nobody wants to know any more: the task is cancelled, if it is not over.
void end_investigation(unit& u, const task_id& task, const std::string& why);

/// True for the task of an investigation that is under way.
bool is_investigation(const unit& u, const task_id& task);

/// The task is over: what its run decided happens, or the holder's policy if that came to nothing. `why.code` is none
/// if its run succeeded.
void investigation_ended(unit& u, const task_id& task, const failure& why);

}  // namespace cadre::storage::writer
