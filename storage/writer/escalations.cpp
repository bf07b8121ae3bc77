#include "storage/writer/escalations.hpp"

#include "schemas/subjects.hpp"
#include "schemas/text.hpp"
#include "storage/decide/escalation.hpp"
#include "storage/writer/handlers.hpp"
#include "storage/writer/lookups.hpp"
#include "storage/writer/tasks.hpp"

#include <algorithm>

namespace cadre::storage::writer {

namespace {

constexpr std::int64_t repeat_hops_max = 20;
constexpr std::size_t problem_bytes_max = 200;
constexpr std::size_t fingerprint_bytes_max = 500;

/// A row of cadre.escalation, as far as its next step and its events need it.
struct escalation_facts {
  escalation_id id;
  std::string problem;
  severity level = severity::error;
  failure cause;
  std::int64_t count = 1;
  task_id task;
  decide::standing at;
};

#define CADRE_ESCALATION_FACTS                                                                                  \
  "id::text, problem, severity, cause_code, cause, count, coalesce(task::text, ''), status, holder, in_inbox, " \
  "coalesce((extract(epoch FROM due_at) * 1000000)::bigint, 0)"

escalation_facts facts_of(const pqxx::row& row) {
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
  return e;
}

decide::org_view org_of(const unit& u) {
  return [&u](const agent_path& path) -> std::optional<decide::holder_view> {
    const auto* agent = u.mem.agent(path);
    if (agent == nullptr) return std::nullopt;
    decide::holder_view view;
    view.manager = path.parent();
    const auto state = u.mem.agent_states.find(path);
    view.available = state == u.mem.agent_states.end() ||
                     (state->second != agent_state::quarantined && state->second != agent_state::stopped);
    view.investigate = agent->on_escalation.investigate;
    view.then = agent->on_escalation.then;
    return view;
  };
}

/// True for a task that failed and that is not itself a repetition.
bool can_retry(unit& u, const task_id& task) {
  if (task.empty()) return false;
  const auto rows = u.db.run(
      "SELECT 1 FROM cadre.task WHERE company = $1 AND id = $2::uuid AND status IN ('failed', 'stale') "
      "AND retry_of IS NULL",
      u.company(), task);
  return !rows.empty();
}

void write_hop(unit& u, const escalation_facts& e, const decide::hop& hop, const std::string& id) {
  u.db.run(
      "INSERT INTO cadre.escalation_hop (company, id, escalation, hop, action, holder, reason, by) "
      "SELECT $1, $2::uuid, $3::uuid, coalesce(max(hop), 0) + 1, $4, $5, $6, $7 FROM cadre.escalation_hop "
      "WHERE company = $1 AND escalation = $3::uuid",
      u.company(), id, e.id, hop.action, hop.holder.text, clean_text(hop.reason), clean_text(hop.by));
  const bool arrived = hop.action != decide::hop_action::skipped && hop.holder == e.at.holder;
  u.tell(subjects::escalation(u.company(), hop.holder), "escalation_moved",
         {{"id", e.id.text},
          {"problem", e.problem},
          {"severity", to_text(e.level)},
          {"holder", hop.holder.text},
          {"action", to_text(hop.action)},
          {"status", to_text(e.at.status)},
          {"cause", {{"code", to_text(e.cause.code)}, {"message", e.cause.message}}},
          {"count", e.count},
          {"in_inbox", e.at.in_inbox && arrived}});
}

void write_hops(unit& u, const escalation_facts& e, const decide::escalation_step& step, const std::string& first_id) {
  bool first = true;
  for (const auto& hop : step.hops) {
    write_hop(u, e, hop, first && is_uuid(first_id) ? first_id : new_uuid());
    first = false;
  }
  if (e.at.status == escalation_status::open) u.mem.due_at(e.at.due);
}

void perform_retry(unit& u, const escalation_facts& e, const agent_path& by) {
  const auto again = run_again(u, by.text, e.task, named_id<task_id>("retry:" + e.id.text));
  if (!again) throw rejection{again.error()};
}

void write_step(unit& u, escalation_facts e, const decide::escalation_step& step, const std::string& first_id) {
  const auto held_by = e.at.holder;
  e.at = step.after;
  const bool resolved = e.at.status == escalation_status::resolved;
  u.db.run(
      "UPDATE cadre.escalation SET status = $3, holder = $4, in_inbox = $5::boolean, due_at = $6::timestamptz, "
      "resolved_at = CASE WHEN $7::boolean THEN clock_timestamp() END, resolved_by = $8, note = coalesce($9, note) "
      "WHERE company = $1 AND id = $2::uuid",
      u.company(), e.id, e.at.status, e.at.holder, e.at.in_inbox, e.at.due, resolved,
      pg::or_null{clean_text(step.resolved_by)}, pg::or_null{clean_text(step.note)});
  write_hops(u, e, step, first_id);
  if (step.retry) perform_retry(u, e, held_by);
}

std::string fingerprint_of(const escalation_raise& body) {
  return body.fingerprint.empty() ? body.origin.text + ":" + body.problem : body.fingerprint;
}

/// Counts a problem that is known already.
std::optional<applied> count_repeat(unit& u, const escalation_raise& body, const std::string& fingerprint,
                                    const std::string& by) {
  const auto rows = u.db.run(
      "UPDATE cadre.escalation SET count = count + 1, last_at = clock_timestamp(), severity = CASE WHEN "
      "array_position(ARRAY['info', 'warning', 'error', 'critical'], $3) > "
      "array_position(ARRAY['info', 'warning', 'error', 'critical'], severity) THEN $3 ELSE severity END "
      "WHERE company = $1 AND fingerprint = $2 AND status <> 'resolved' RETURNING " CADRE_ESCALATION_FACTS,
      u.company(), fingerprint, to_text(body.level));
  if (rows.empty()) return std::nullopt;
  const auto e = facts_of(rows[0]);
  // Beyond these the count alone is kept: a problem that repeats for ever must not fill the table.
  if (e.count <= repeat_hops_max + 1)
    write_hop(u, e, {decide::hop_action::repeated, e.at.holder, body.cause.message, by}, body.id.text);
  return applied{e.count, e.id.text};
}

std::optional<escalation_facts> find(unit& u, const escalation_id& id) {
  const auto rows = u.db.run(
      "SELECT " CADRE_ESCALATION_FACTS " FROM cadre.escalation WHERE company = $1 AND id = $2::uuid", u.company(), id);
  if (rows.empty()) return std::nullopt;
  return facts_of(rows[0]);
}

result<escalation_facts> find_for(unit& u, const escalation_id& id) {
  if (!is_uuid(id.text)) return fail(errc::bad_value, "id: not a UUID");
  auto e = find(u, id);
  if (!e) return fail(errc::not_found, "there is no escalation " + id.text);
  return *e;
}

}  // namespace

applied raise(unit& u, const escalation_raise& body, const std::string& by) {
  const auto seen = u.db.run(
      "SELECT e.id::text, e.count FROM cadre.escalation_hop h JOIN cadre.escalation e "
      "ON e.company = h.company AND e.id = h.escalation WHERE h.company = $1 AND h.id = $2::uuid",
      u.company(), body.id);
  if (!seen.empty()) return {seen[0][1].as<std::int64_t>(), seen[0][0].as<std::string>()};
  const auto fingerprint = fingerprint_of(body);
  if (auto repeat = count_repeat(u, body, fingerprint, by)) return *repeat;

  const bool again = can_retry(u, body.task);
  const auto step = decide::raise_escalation(org_of(u), body.origin, again, u.now);
  escalation_facts e;
  e.id = body.id;
  e.problem = body.problem;
  e.level = body.level;
  e.cause = body.cause;
  e.task = body.task;
  e.at = step.after;
  const bool resolved = e.at.status == escalation_status::resolved;
  u.db.run(
      "INSERT INTO cadre.escalation (company, id, origin, problem, fingerprint, severity, cause_code, cause, evidence, "
      "task, output, status, holder, in_inbox, due_at, resolved_at, resolved_by, note) VALUES ($1, $2::uuid, $3, $4, "
      "$5, $6, $7, $8, $9::jsonb, $10::uuid, $11::uuid, $12, $13, $14::boolean, $15::timestamptz, "
      "CASE WHEN $16::boolean THEN clock_timestamp() END, $17, $18)",
      u.company(), e.id, body.origin, body.problem, fingerprint, e.level, e.cause.code, clean_text(e.cause.message),
      body.evidence, body.task, body.output, e.at.status, e.at.holder, e.at.in_inbox, e.at.due, resolved,
      pg::or_null{step.resolved_by}, pg::or_null{step.note});
  write_hops(u, e, step, body.id.text);
  if (step.retry) perform_retry(u, e, e.at.holder);
  return {1, e.id.text};
}

void raise(unit& u, const finding& f) {
  escalation_raise body;
  body.id = named_id<escalation_id>(u.company() + ":" + f.cause_of);
  body.origin = f.origin;
  body.problem = f.problem;
  body.level = f.level;
  body.cause = f.cause;
  body.evidence.text = dump(f.evidence);
  body.task = f.task;
  body.output = f.output;
  raise(u, body, f.origin.text);
}

void watch_unplaced_agents(unit& u, timestamp at) {
  constexpr std::int64_t rows_max = 1'000;
  const auto waits = [](const auto& a) { return a.second == agent_state::waiting; };
  if (std::any_of(u.mem.agent_states.begin(), u.mem.agent_states.end(), waits)) {
    const auto late = u.db.run(
        "SELECT path, coalesce(last_cause, ''), extract(epoch FROM changed_at)::text FROM cadre.agent a "
        "WHERE company = $1 AND state = 'waiting' AND NOT retired AND changed_at <= $2::timestamptz AND NOT EXISTS ("
        "SELECT 1 FROM cadre.escalation e WHERE e.company = a.company AND e.origin = a.path "
        "AND e.problem = 'unplaced' AND e.last_at >= a.changed_at) ORDER BY path LIMIT $3::bigint",
        u.company(), at + -u.mem.company.timing.lease, rows_max);
    for (const auto& row : late) {
      finding f;
      f.origin.text = row[0].as<std::string>();
      f.cause_of = "unplaced:" + f.origin.text + ":" + row[2].as<std::string>();
      f.problem = "unplaced";
      f.cause = {errc::unreachable, "it can run nowhere: " + row[1].as<std::string>()};
      raise(u, f);
    }
  }
  const auto over = u.db.run("SELECT " CADRE_ESCALATION_FACTS
                             " FROM cadre.escalation e WHERE company = $1 AND status <> 'resolved' "
                             "AND problem = 'unplaced' AND EXISTS (SELECT 1 FROM cadre.agent a WHERE a.company = "
                             "e.company AND a.path = e.origin AND a.state = 'running') LIMIT $2::bigint",
                             u.company(), rows_max);
  for (const auto& row : over) {
    const auto e = facts_of(row);
    write_step(u, e, decide::resolve_escalation(e.at, "cadre", "it runs again"), {});
  }
}

std::int64_t move_due_escalations(unit& u, timestamp at, std::int64_t limit) {
  const auto rows = u.db.run("SELECT " CADRE_ESCALATION_FACTS
                             " FROM cadre.escalation WHERE company = $1 AND status = 'open' "
                             "AND NOT in_inbox AND due_at <= $2::timestamptz ORDER BY due_at LIMIT $3::bigint",
                             u.company(), at, limit);
  for (const auto& row : rows) {
    const auto e = facts_of(row);
    write_step(u, e, decide::escalation_due(org_of(u), e.at, can_retry(u, e.task), at), {});
  }
  return static_cast<std::int64_t>(rows.size());
}

result<applied> apply(unit& u, const command& c, const escalation_raise& body) {
  if (!is_uuid(body.id.text)) return fail(errc::bad_value, "id: not a UUID");
  if (body.problem.empty() || body.problem.size() > problem_bytes_max)
    return fail(errc::bad_value, "problem: 1 to 200 bytes");
  if (body.fingerprint.size() > fingerprint_bytes_max) return fail(errc::bad_value, "fingerprint: over 500 bytes");
  if (u.mem.agent(body.origin) == nullptr) return tl::unexpected{unknown_agent(u, body.origin)};
  return raise(u, body, c.from);
}

result<applied> apply(unit& u, const command& c, const escalation_ack& body) {
  const auto e = find_for(u, body.id);
  if (!e) return tl::unexpected{e.error()};
  if (is_uuid(c.id.text)) {
    const auto earlier =
        u.db.run("SELECT 1 FROM cadre.escalation_hop WHERE company = $1 AND id = $2::uuid", u.company(), c.id);
    if (!earlier.empty()) return applied{e->count, e->id.text};
  }
  if (e->at.status == escalation_status::resolved)
    return fail(errc::illegal_transition, "escalation " + body.id.text + " is resolved already");
  const auto step = decide::acknowledge_escalation(e->at, body.by, body.note);
  if (!step.hops.empty()) write_step(u, *e, step, c.id.text);
  return applied{e->count, e->id.text};
}

result<applied> apply(unit& u, const command& c, const escalation_resolve& body) {
  const auto e = find_for(u, body.id);
  if (!e) return tl::unexpected{e.error()};
  const auto step = decide::resolve_escalation(e->at, body.by, body.note);
  if (!step.hops.empty()) write_step(u, *e, step, c.id.text);
  return applied{e->count, e->id.text};
}

}  // namespace cadre::storage::writer
