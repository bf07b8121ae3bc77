#include "storage/writer/escalation_rows.hpp"

#include "schemas/subjects.hpp"
#include "schemas/text.hpp"
#include "storage/writer/escalations.hpp"
#include "storage/writer/investigations.hpp"
#include "storage/writer/lookups.hpp"
#include "storage/writer/notifications.hpp"
#include "storage/writer/tasks.hpp"

namespace cadre::storage::writer {

namespace {

/// Why an agent can't do anything about an escalation now; empty if he can.
std::string absence_of(const unit& u, const agent_path& path) {
  if (u.mem.paused_agents.count(path) > 0) return "is paused";
  const auto state = u.mem.agent_states.find(path);
  if (state == u.mem.agent_states.end()) return {};
  if (state->second == agent_state::quarantined) return "is quarantined";
  if (state->second == agent_state::stopped) return "is stopped";
  if (state->second == agent_state::waiting) return "can run nowhere";
  return {};
}

/// What is settled may come up again as a new problem; but for what was settled as it was raised.
void close_problem(unit& u, const escalation_id& id) {
  const auto fingerprint = u.mem.problems.fingerprint_of(id);
  const auto* problem = u.mem.problems.find(fingerprint);
  if (problem == nullptr || !problem->is_open()) return;
  u.on_rollback([&mem = u.mem, fingerprint, old = *problem] { mem.problems.add(fingerprint, old); });
  u.mem.problems.remove(id);
}

/// The task that policies and agents have instead of one that failed: always the same, so there is one of it.
task_id repetition_of(const task_id& task) {
  return named_id<task_id>("repetition:" + task.text);
}

}  // namespace

escalation_facts escalation_of(const pqxx::row& row) {
  escalation_facts e;
  e.id.text = row[0].as<std::string>();
  e.problem = row[1].as<std::string>();
  from_text(row[2].as<std::string>(), e.level);
  from_text(row[3].as<std::string>(), e.cause.code);
  e.cause.message = row[4].as<std::string>();
  e.count = row[5].as<std::int64_t>();
  e.task.text = row[6].as<std::string>();
  from_text(row[7].as<std::string>(), e.at.status);
  e.at.holder.text = row[8].as<std::string>();
  e.at.in_inbox = row[9].as<bool>();
  e.at.due.us = row[10].as<std::int64_t>();
  e.origin.text = row[11].as<std::string>();
  e.output.text = row[12].as<std::string>();
  e.investigation.text = row[13].as<std::string>();
  e.at.snoozed = row[14].as<bool>();
  e.at.moves = row[15].as<std::int64_t>();
  e.at.hops = row[16].as<std::int64_t>();
  e.errand_of.text = row[17].as<std::string>();
  return e;
}

std::optional<escalation_facts> find_escalation(unit& u, const escalation_id& id) {
  write_repeats(u);
  const auto rows =
      u.db.run("SELECT " CADRE_ESCALATION_FACTS " FROM cadre.escalation e WHERE e.company = $1 AND e.id = $2::uuid",
               u.company(), id);
  if (rows.empty()) return std::nullopt;
  return escalation_of(rows[0]);
}

decide::org_view org_of(const unit& u) {
  return [&u](const agent_path& path) -> std::optional<decide::holder_view> {
    const auto* agent = u.mem.agent(path);
    if (agent == nullptr) return std::nullopt;
    decide::holder_view view;
    view.manager = path.parent();
    view.absent = absence_of(u, path);
    view.available = view.absent.empty();
    view.runs = agent->run.how != config::run_spec::mode::none && agent->role != agent_role::auditor;
    view.mode = agent->mode;
    if (agent->role != agent_role::ceo && agent->role != agent_role::manager) return view;
    view.investigate = agent->on_escalation.investigate;
    view.then = agent->on_escalation.then;
    return view;
  };
}

decide::failed_task task_of(unit& u, const task_id& task) {
  decide::failed_task found;
  if (task.empty()) return found;
  const auto rows = u.db.run(
      "SELECT coalesce(t.agent, ''), t.mode, t.retry_of IS NOT NULL, coalesce((SELECT n.status FROM cadre.task n "
      "WHERE n.company = $1 AND n.retry_of = $2::uuid ORDER BY n.created_at DESC LIMIT 1), '') FROM cadre.task t "
      "WHERE t.company = $1 AND t.id = $2::uuid AND t.status IN ('failed', 'stale')",
      u.company(), task);
  if (rows.empty()) return found;
  found.failed = true;
  found.agent.text = rows[0][0].as<std::string>();
  found.mode = rows[0][1].as<std::string>();
  found.repeats = rows[0][2].as<bool>();
  const auto repetition = rows[0][3].as<std::string>();
  found.again = !repetition.empty();
  found.in_vain = repetition == to_text(task_status::failed) || repetition == to_text(task_status::stale);
  return found;
}

bool can_retry(const unit& u, const decide::failed_task& task) {
  return task.can_run_again() && (task.agent.empty() || u.mem.agent(task.agent) != nullptr);
}

bool can_retry(unit& u, const task_id& task) {
  return can_retry(u, task_of(u, task));
}

void write_hop(unit& u, const escalation_facts& e, const decide::hop& hop, const std::string& id) {
  const auto hop_id = id.empty() ? new_uuid() : id;
  const auto reason = clean_text(hop.reason);
  const auto by = clean_text(hop.by);
  const auto rows = u.db.run(
      "INSERT INTO cadre.escalation_hop (company, id, escalation, hop, action, holder, reason, by) "
      "SELECT $1, $2::uuid, $3::uuid, coalesce(max(hop), 0) + 1, $4, $5, $6, $7 FROM cadre.escalation_hop "
      "WHERE company = $1 AND escalation = $3::uuid RETURNING hop",
      u.company(), hop_id, e.id, hop.action, hop.holder.text, reason, by);
  const bool arrived = hop.action != decide::hop_action::skipped && hop.holder == e.at.holder;
  u.tell(subjects::escalation(u.company(), hop.holder), "escalation_moved",
         {{"id", e.id.text},
          {"hop", rows[0][0].as<std::int64_t>()},
          {"problem", e.problem},
          {"severity", to_text(e.level)},
          {"origin", e.origin.text},
          {"holder", hop.holder.text},
          {"action", to_text(hop.action)},
          {"reason", reason},
          {"by", by},
          {"status", to_text(e.at.status)},
          {"cause", {{"code", to_text(e.cause.code)}, {"message", e.cause.message}}},
          {"count", e.count},
          {"in_inbox", e.at.in_inbox && arrived}});
  owe_hop(u, e.id, e.at, hop, hop_id);
}

void run_its_task_again(unit& u, const escalation_facts& e, const decide::escalation_step& step, const agent_path& by) {
  const auto as = step.retry_anew ? repetition_for(e.id) : repetition_of(e.task);
  if (const auto again = run_again(u, by.text, e.task, as, step.retry_by); !again) throw rejection{again.error()};
  if (!e.errand_of.empty()) begin_errand(u, as, {e.id, step.after.holder});
}

void follow(unit& u, const escalation_facts& e, const decide::escalation_step& step, const std::string& first_id,
            const agent_path& by) {
  bool first = true;
  for (const auto& hop : step.hops) {
    write_hop(u, e, hop, first && is_uuid(first_id) ? first_id : std::string{});
    first = false;
  }
  if (e.at.status == escalation_status::open) u.mem.due_at(e.at.due);
  if (e.at.status == escalation_status::resolved) close_problem(u, e.id);
  if (step.retry) run_its_task_again(u, e, step, by);
  if (step.investigate) begin_investigation(u, e);
}

void write_step(unit& u, escalation_facts e, decide::escalation_step step, const std::string& first_id) {
  if (step.hops.empty()) return;
  if (step.retry && !step.retry_anew) step.retry = !task_of(u, e.task).again;
  const agent_path by{step.hops.front().by.empty() ? e.at.holder.text : step.hops.front().by};
  const auto looks_into_it = e.investigation;
  e.investigation = {};
  e.at = step.after;
  const bool resolved = e.at.status == escalation_status::resolved;
  u.db.run(
      "UPDATE cadre.escalation SET status = $3, holder = $4, in_inbox = $5::boolean, due_at = $6::timestamptz, "
      "snoozed_until = $7::timestamptz, moves = $8::bigint, investigation = NULL, decision = NULL, "
      "resolved_at = CASE WHEN $9::boolean THEN clock_timestamp() END, resolved_by = $10, note = coalesce($11, note) "
      "WHERE company = $1 AND id = $2::uuid",
      u.company(), e.id, e.at.status, e.at.holder, e.at.in_inbox, e.at.due, e.at.snoozed ? e.at.due : timestamp{},
      e.at.moves, resolved, pg::or_null{clean_text(step.resolved_by)}, pg::or_null{clean_text(step.note)});
  if (!looks_into_it.empty())
    end_investigation(u, looks_into_it, "the escalation was " + std::string{to_text(step.hops.front().action)});
  follow(u, e, step, first_id, by);
}

}  // namespace cadre::storage::writer
