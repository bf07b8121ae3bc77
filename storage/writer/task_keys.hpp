#pragma once

#include "storage/writer/unit.hpp"

#include <string>
#include <unordered_set>
#include <vector>

/// What makes adding a task idempotent beyond its id.
namespace cadre::storage::writer {

/// Puts the idempotency keys of these tasks on record. The ids of those that must not be added, because their key
/// stands for an earlier task. Costs nothing where nobody has a key.
std::unordered_set<std::string> claim_keys(unit& u, const std::vector<const task_add*>& tasks);

/// `refused` for an id of version 7 that was made longer ago than tasks are kept: the task may have been there, ended
/// and been pruned, and must not run again. Other ids don't say when they were made.
result<void> check_age(const unit& u, const task_id& id);

}  // namespace cadre::storage::writer
