#pragma once

#include "storage/decide/escalation.hpp"
#include "storage/writer/unit.hpp"

#include <optional>
#include <string>

/// Rows of cadre.escalation and their hops: read, moved on, told.
namespace cadre::storage::writer {

/// A row of cadre.escalation, as far as its next step and its events need it.
struct escalation_facts {
  escalation_id id;
  agent_path origin;
  std::string problem;
  severity level = severity::error;
  failure cause;
  std::int64_t count = 1;
  task_id task;
  output_id output;
  task_id investigation;    ///< Of the run that looks into it now.
  escalation_id errand_of;  ///< It came of an errand of this one; empty for most.
  decide::standing at;
};

/// The columns that `escalation_of` reads, of cadre.escalation AS e.
#define CADRE_ESCALATION_FACTS                                                                                       \
  "e.id::text, e.problem, e.severity, e.cause_code, e.cause, e.count, coalesce(e.task::text, ''), e.status, "        \
  "e.holder, "                                                                                                       \
  "e.in_inbox, coalesce((extract(epoch FROM e.due_at) * 1000000)::bigint, 0), e.origin, "                            \
  "coalesce(e.output::text, ''), coalesce(e.investigation::text, ''), coalesce(e.snoozed_until = e.due_at, false), " \
  "e.moves, coalesce((SELECT max(h.hop) FROM cadre.escalation_hop h WHERE h.company = e.company AND "                \
  "h.escalation = e.id), 0), coalesce(e.errand_of::text, '')"

escalation_facts escalation_of(const pqxx::row& row);

/// With what this transaction counted so far.
std::optional<escalation_facts> find_escalation(unit& u, const escalation_id& id);

/// Who may hold an escalation, as memory has the org now.
decide::org_view org_of(const unit& u);

decide::failed_task task_of(unit& u, const task_id& task);
/// Whether a policy can have it run again, and somebody can do it.
bool can_retry(const unit& u, const decide::failed_task& task);
bool can_retry(unit& u, const task_id& task);

/// Writes one hop, numbered, with its event. `id`: of the hop; empty: a new one.
void write_hop(unit& u, const escalation_facts& e, const decide::hop& hop, const std::string& id);

/// Has the task of an escalation, or of a raise that is counted into it, run again as the step wants. A step that does
/// not want it anew must not come here if it runs again already. If it was an errand, so is the repetition: of this
/// escalation. `by`: who is said to want it. Throws a rejection if it can't run again.
void run_its_task_again(unit& u, const escalation_facts& e, const decide::escalation_step& step, const agent_path& by);

/// Writes what a step made of a new escalation, whose row is there: hops, the retry, the investigation. `by`: who is
/// said to have the task run again.
void follow(unit& u, const escalation_facts& e, const decide::escalation_step& step, const std::string& first_id,
            const agent_path& by);

/// Moves an escalation on: its row, its hops, and what follows from them. An investigation that is under way ends, for
/// whoever acts now knows better. A task that runs again already is not run once more, unless the step wants it anew.
/// Throws a rejection if it can't be run again as the step wants.
void write_step(unit& u, escalation_facts e, decide::escalation_step step, const std::string& first_id);

}  // namespace cadre::storage::writer
