#pragma once

#include "storage/writer/unit.hpp"

#include <span>
#include <string>
#include <vector>

/// One handler per kind of command. Each checks before it writes: a failure that it returns has changed nothing.
/// They throw `rejection` where that can't be, and libpqxx's exceptions.
namespace cadre::storage::writer {

/// Several of one kind in a row become one statement; one answer each, in order.
std::vector<result<applied>> apply_all(unit& u, std::span<const command* const> adds, const task_add*);
std::vector<result<applied>> apply_all(unit& u, std::span<const command* const> adds, const journal_add*);
std::vector<result<applied>> apply_all(unit& u, std::span<const command* const> dones, const run_complete*);

result<applied> apply(unit& u, const command& c, const task_cancel& body);
result<applied> apply(unit& u, const command& c, const task_retry& body);
result<applied> apply(unit& u, const command& c, const run_progress& body);
result<applied> apply(unit& u, const command& c, const output_add& body);
result<applied> apply(unit& u, const command& c, const run_fail& body);
result<applied> apply(unit& u, const command& c, const verdict_add& body);
result<applied> apply(unit& u, const command& c, const escalation_raise& body);
result<applied> apply(unit& u, const command& c, const escalation_ack& body);
result<applied> apply(unit& u, const command& c, const escalation_resolve& body);
result<applied> apply(unit& u, const command& c, const escalation_act& body);
result<applied> apply(unit& u, const command& c, const escalation_decide& body);
result<applied> apply(unit& u, const command& c, const incarnation_start& body);
result<applied> apply(unit& u, const command& c, const incarnation_end& body);
result<applied> apply(unit& u, const command& c, const agent_report& body);
result<applied> apply(unit& u, const command& c, const node_report& body);
result<applied> apply(unit& u, const command& c, const brief_add& body);
result<applied> apply(unit& u, const command& c, const brain_set& body);
result<applied> apply(unit& u, const command& c, const mode_pause& body);
result<applied> apply(unit& u, const command& c, const agent_pause& body);
result<applied> apply(unit& u, const command& c, const schedule_pause& body);
result<applied> apply(unit& u, const command& c, const schedule_trigger& body);
result<applied> apply(unit& u, const command& c, const schedule_backfill& body);
result<applied> apply(unit& u, const command& c, const notification_take& body);
result<applied> apply(unit& u, const command& c, const notification_end& body);
result<applied> apply(unit& u, const command& c, const notification_test& body);
result<applied> apply(unit& u, const command& c, const clock_tick& body);
result<applied> apply(unit& u, const command& c, const findings_report& body);
result<applied> apply(unit& u, const command& c, const watch_report& body);
result<applied> apply(unit& u, const command& c, const schedule_tick& body);

/// `stale_epoch` if a newer life of the sender is on record; the command is then recorded as stale.
result<void> check_incarnation(unit& u, const command& c);

/// Gives queued tasks to free agents, most urgent first, and sends lost grants again.
void grant_runs(unit& u);

/// Renews `cadre.run_mark` if it is time to. After all that begins or ends runs.
void mark_runs(unit& u);

/// Numbers the events and writes them to the outbox.
void write_events(unit& u);

/// When the earliest task, verdict, escalation or deadline falls due, as the database has it.
void look_ahead(unit& u);

/// Reads all of memory but the company. Not inside a transaction of commands.
void recall(pg::session& db, memory& m, timestamp now);

/// Reads which problems are open or were settled as they were raised, what was counted of them lately, and which are
/// being looked into. A part of `recall`.
void recall_problems(pg::session& db, memory& m, timestamp now);

/// Reads the agents' epochs and states alone: after a reload of the config.
void recall_agents(pg::session& db, memory& m);

/// Brings nodes, agents and schedules of the database in line with `mem.company`.
void write_company(unit& u);

}  // namespace cadre::storage::writer
