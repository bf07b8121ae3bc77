#include "schemas/text.hpp"
#include "storage/writer/fires.hpp"
#include "storage/writer/handlers.hpp"
#include "storage/writer/lookups.hpp"
#include "storage/writer/tasks.hpp"

#include <algorithm>

namespace cadre::storage::writer {

namespace {

/// What waited for `old` waits for `again` instead, and is queued if nothing else blocks it.
void hand_over_dependents(unit& u, const task_id& old, const task_id& again) {
  const auto moved = u.db.run(
      "UPDATE cadre.task_dependency d SET depends_on = $3::uuid FROM cadre.task t WHERE d.company = $1 AND "
      "d.depends_on = $2::uuid AND t.company = d.company AND t.id = d.task AND t.status IN ('draft', 'queued', "
      "'blocked') RETURNING 1",
      u.company(), old, again);
  if (moved.empty()) return;
  const auto rows = u.db.run(
      "UPDATE cadre.task t SET status = 'queued', blocked_reason = NULL, blocked_on = NULL, "
      "changed_at = clock_timestamp() WHERE t.company = $1 AND t.status = 'blocked' AND t.id = ANY "
      "(ARRAY(SELECT task FROM cadre.task_dependency WHERE company = $1 AND depends_on = $2::uuid)) AND "
      "(SELECT 1 FROM cadre.task_dependency d CROSS JOIN LATERAL (SELECT b.status FROM cadre.task b WHERE b.company = "
      "d.company AND b.id = d.depends_on OFFSET 0) b WHERE d.company = t.company AND d.task = t.id "
      "AND b.status IN ('failed', 'stale', 'superseded') LIMIT 1) IS NULL "
      "RETURNING t.id::text",
      u.company(), again);
  std::vector<task_id> queued;
  for (const auto& row : rows) {
    queued.push_back({row[0].as<std::string>()});
    if (const auto task = find_task(u, queued.back())) tell_task(u, *task);
  }
  note_ready(u, queued);
}

/// The dependencies of the old one; blocked from the start if one of them ended without success.
void copy_dependencies(unit& u, const task_id& old, const task_id& again) {
  u.db.run(
      "INSERT INTO cadre.task_dependency (company, task, depends_on) "
      "SELECT company, $3::uuid, depends_on FROM cadre.task_dependency WHERE company = $1 AND task = $2::uuid",
      u.company(), old, again);
  u.db.run(
      "UPDATE cadre.task t SET status = 'blocked', blocked_reason = 'depends on task ' || b.id || ', which is ' || "
      "b.status, blocked_on = coalesce(nullif(regexp_replace(coalesce(b.agent, ''), '\\.?[^.]*$', ''), ''), $3) "
      "FROM cadre.task_dependency d JOIN cadre.task b ON b.company = d.company AND b.id = d.depends_on "
      "WHERE t.company = $1 AND t.id = $2::uuid AND d.company = t.company AND d.task = t.id "
      "AND b.status IN ('failed', 'stale', 'superseded')",
      u.company(), again, u.mem.company.agents.front().path);
}

}  // namespace

result<applied> run_again(unit& u, const std::string& by, const task_id& id, const task_id& as, const agent_path& to) {
  if (!is_uuid(as.text)) return fail(errc::bad_value, "new_id: not a UUID");
  const auto earlier = u.db.run(
      "SELECT coalesce(retry_of::text, '') FROM cadre.task WHERE company = $1 AND id = $2::uuid", u.company(), as);
  if (!earlier.empty()) {
    if (earlier[0][0].as<std::string>() == id.text) return applied{0, as.text};
    return fail(errc::duplicate_key, "task " + as.text + " exists and is no retry of " + id.text);
  }
  const auto old = find_task(u, id);
  if (!old) return fail(errc::not_found, "there is no task " + id.text);
  if (old->status != task_status::failed && old->status != task_status::stale)
    return fail(errc::illegal_transition, "task " + id.text + " is " + std::string{to_text(old->status)} +
                                              "; only failed and stale ones run again");
  const auto& taker = to.empty() ? old->agent : to;
  const auto* agent = u.mem.agent(taker);
  if (!taker.empty() && agent == nullptr) return tl::unexpected{unknown_agent(u, taker)};
  const auto attempts = to.empty() ? old->attempts_max : std::max<std::int64_t>(agent->retry.attempts, 1);

  const auto copied = u.db.run(
      "INSERT INTO cadre.task (company, id, mode, agent, title, payload, priority, status, attempts_max, deadline, "
      "concurrency_key, schedule, retry_of, created_by, created_at) SELECT company, $3::uuid, mode, $6, title, "
      "payload, priority, 'queued', $7::int, CASE WHEN deadline > clock_timestamp() THEN deadline END, "
      "concurrency_key, schedule, id, $4, "
      "$5::timestamptz FROM cadre.task WHERE company = $1 AND id = $2::uuid RETURNING coalesce(schedule, '')",
      u.company(), id, as, by.empty() ? std::string{"unknown"} : by, u.next_created(), taker, attempts);
  copy_dependencies(u, id, as);
  if (const auto schedule = copied[0][0].as<std::string>(); !schedule.empty()) reopen_fire(u, schedule, id, as);
  if (const auto task = find_task(u, as)) tell_task(u, *task);
  hand_over_dependents(u, id, as);
  note_ready(u, {as});
  return applied{0, as.text};
}

void cancel_task(unit& u, const task_facts& task, const std::string& reason) {
  if (task.status == task_status::active) {
    for (auto run = u.mem.runs.begin(); run != u.mem.runs.end();) {
      const auto& candidate = (run++)->second;
      if (candidate.task == task.id) cancel_run(u, candidate, reason);
    }
  }
  move_task(u, task.id, task_status::stale, {errc::cancelled, reason});
}

result<applied> apply(unit& u, const command& c, const task_retry& body) {
  return run_again(u, c.from, body.id, body.new_id);
}

result<applied> apply(unit& u, const command&, const task_cancel& body) {
  const auto task = find_task(u, body.id);
  if (!task) return fail(errc::not_found, "there is no task " + body.id.text);
  if (is_terminal(task->status)) return applied{0, body.id.text};
  cancel_task(u, *task, body.reason.empty() ? std::string{"cancelled"} : body.reason);
  return applied{0, body.id.text};
}

}  // namespace cadre::storage::writer
