#pragma once

#include "storage/writer/unit.hpp"

#include <vector>

/// A batch of commands inside one transaction.
namespace cadre::storage::writer {

/// All in order, without savepoints: what a good batch costs. Throws if any command can't be applied.
void apply_together(unit& u, const std::vector<command>& commands, std::vector<outcome>& outcomes);

/// All in order, by halves within savepoints, so that a command that can't be applied is rejected alone: one poisoned
/// command in n costs about 2n applications. Throws only if the session is in trouble.
void apply_isolated(unit& u, const std::vector<command>& commands, std::vector<outcome>& outcomes);

/// Grants work. `within_savepoint`: if that fails, the commands commit without it.
void grant_safely(unit& u, bool within_savepoint);

}  // namespace cadre::storage::writer
