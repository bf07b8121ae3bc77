#pragma once

#include "storage/writer/escalation_rows.hpp"
#include "storage/writer/unit.hpp"

#include <functional>
#include <optional>
#include <string>

/// An escalation that the agent of its holder looks into: a task with the evidence, one at a time per escalation. Its
/// failure is a hop with the reason and never a problem of its own. And the tasks that it adds.
namespace cadre::storage::writer {

/// Adds the task for the holder's agent. If it can't be added, he holds the escalation until his time is over.
void begin_investigation(unit& u, const escalation_facts& e);

/// Nobody wants to know any more: the task is cancelled, if it is not over.
void end_investigation(unit& u, const task_id& task, const std::string& why);

/// True for the task of an investigation that is under way.
bool is_investigation(const unit& u, const task_id& task);

/// A task that the run of an investigation adds is an errand of its escalation, and so is one that the run of an errand
/// adds, and the repetition that an escalation has of one: what goes wrong with it goes to that escalation, and is
/// never looked into beneath it.

/// What a task will be an errand of which `from` wants to add; of no escalation for most. `more`: errands of it that
/// are about to be added beside. Errors: refused, if too many of them go on.
result<errand> errand_of(const unit& u, const std::string& from, const task_add& body,
                         const std::function<std::size_t(const escalation_id&)>& more);

/// Notes that the task was added. `end_errand`: that it is over, unless somebody still has to give a verdict about it.
void begin_errand(unit& u, const task_id& task, const errand& of);
void end_errand(unit& u, const task_id& task);

/// The highest in the tree who ever held it; empty if it is gone.
agent_path highest_holder(unit& u, const escalation_id& escalation);

/// The task is over: what its run decided happens, or the holder's policy if that came to nothing. `why.code` is none
/// if its run succeeded.
void investigation_ended(unit& u, const task_id& task, const failure& why);

}  // namespace cadre::storage::writer
