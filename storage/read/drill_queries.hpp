#pragma once

#include "reader.hpp"

#include <string>
#include <utility>
#include <vector>

/// What `cadre drill` asks before, during and after a fault. Pure text, like queries.hpp; each gives one row.
namespace cadre::storage::queries {

/// The database's time (`at`) and the ids of the newest tasks, at most 10,000 (`tasks`, a list as Postgres writes it).
query drill_mark(const std::string& company);

/// The parts of one look at the company, for `reader::snapshot`: leader, agents, nodes, and `stranded` with the number
/// of runs (`runs`) whose agent's life is over and which nobody has taken back yet.
std::vector<std::pair<std::string, query>> drill_look(const std::string& company);

/// What can be lost or done twice, as counts that are all 0 in a sound company: of the tasks on the mark those that
/// vanished, of the acknowledged `brain_set` commands those that vanished, gaps in the events, escalations that are
/// neither open nor resolved; tasks with two successful runs, outputs that became canonical twice, canonical rows
/// without all verdicts. Beside them `runs_retried`: second and later attempts that started since `at`.
/// `tasks` and `commands` are lists as Postgres writes them: `{id,id}`.
query drill_ledger(const std::string& company, const std::string& at, const std::string& tasks,
                   const std::string& commands);

}  // namespace cadre::storage::queries
