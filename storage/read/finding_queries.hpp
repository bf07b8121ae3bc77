#pragma once

#include "config/company.hpp"
#include "reader.hpp"
#include "schemas/finding.hpp"

#include <cstdint>
#include <string>

/// How each kind of finding is looked for: SELECTs over the state of a company, bounded, that anybody who may read can
/// run.
namespace cadre::storage::queries {

/// More of one kind than this are not reported at a time.
inline constexpr std::int64_t findings_max = 200;
/// Of what waits for what, so much is looked at in search of circles.
inline constexpr std::int64_t dependencies_looked_at_max = 50'000;

/// The findings of a kind as of `at`: rows of subject, origin, what, evidence, in the order of their subjects, at most
/// `findings_max` and one more, which says that there are more. No SQL for the kinds that are not looked for this way:
/// circular_blockers, document_names_nobody, and what watchers and pings report.
query findings_of(const finding_kind& kind, const config::company& company, timestamp at);

/// What tasks wait for: rows of task and depends_on, at most `dependencies_looked_at_max` and one more.
query dependencies(const std::string& company);

/// The database's `at`, `since` when the present leader leads, what `looks` were made so far (kind, looked_at, open).
query finding_state(const std::string& company);

/// For people: findings that stand, or with `cleared` all of them, latest first.
query findings(const std::string& company, bool cleared, std::int64_t limit);

/// The schedules that any agent of `agents` (a Postgres array) watches, with what the ledger says is open or was
/// missed: name, agent, cron, tz, planned_until, since, paused, fires. See actors/findings/watch_rules.
query watched_schedules(const std::string& company, const std::string& agents);

/// One row: `leader`, the node that leads now, null if none does; `nodes` that are up; and of `agents` (a Postgres
/// array) those that run, as an object of path to node, `homes`, and who looked last for which of them, `looks`: path
/// to {node, age_ms}.
query watch_places(const std::string& company, const std::string& agents);

}  // namespace cadre::storage::queries
