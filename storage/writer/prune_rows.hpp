#pragma once

#include "storage/writer/unit.hpp"

#include <cstdint>
#include <string>

/// One look at some rows of a table, in the order of their key: those that are past their time and not held by anything
/// go. Rows of other companies are stepped over. Every function moves its place to the last row that it looked at,
/// looks at no more rows than engine_options::prune_rows_max, and notes in `cadre.pruned` what went.
namespace cadre::storage::writer {

/// Where in a table: after the row with this id. `more`: the rest of its key, where ids repeat.
struct row_place {
  std::string id;
  std::string more;
};

struct look_result {
  std::int64_t pruned = 0;  ///< Rows that went.
  bool more = false;        ///< There are rows after these.
  std::string first_left;   ///< The first id that stays for now, if there is one. Of partitioned tables.
};

/// Of tasks that are over, what they waited for: it holds up the end of what they waited for.
look_result prune_dependencies(unit& u, row_place& after, const std::string& upto);

/// Runs of tasks that were over `before`, and of tasks that are gone.
look_result prune_runs(unit& u, row_place& after, const std::string& upto, timestamp before);

/// Tasks that were over `before`, with what is left of their runs, unless another waits for them, an output of theirs
/// is in review or an open escalation points to them.
look_result prune_tasks(unit& u, row_place& after, const std::string& upto, timestamp before);

/// Lines that were noted before, but for runs that are active.
look_result prune_journal(unit& u, row_place& after, const std::string& upto, timestamp before);

/// Outputs that were sealed `before` and are decided about, or that nobody audits, with their rows, verdicts and
/// promotions; but for those that a canonical row comes from, for the newest promotion of a dataset, and for what an
/// open escalation points to.
look_result prune_outputs(unit& u, row_place& after, timestamp before);

/// Events of the outbox that were written `before`, oldest first; never the newest, which tells a new leader where to
/// go on. `gone` is the last that went: without it each step would walk over all that the steps before left for vacuum.
/// `pruned` counts rows of `event_batch`, `cadre.pruned` events.
look_result prune_events(unit& u, std::int64_t& gone, timestamp before);

/// Fires that were over `before`, oldest first; never the last 20 of a schedule.
look_result prune_fires(unit& u, timestamp before);

/// Idempotency keys that were claimed `before` for tasks that are gone.
look_result prune_keys(unit& u, row_place& after, timestamp before);

}  // namespace cadre::storage::writer
