#include "storage/writer/tasks.hpp"

#include "schemas/subjects.hpp"
#include "schemas/text.hpp"
#include "storage/decide/retry.hpp"
#include "storage/writer/escalations.hpp"
#include "storage/writer/fires.hpp"
#include "storage/writer/id_bounds.hpp"
#include "storage/writer/investigations.hpp"
#include "storage/writer/lookups.hpp"

namespace cadre::storage::writer {

namespace {

constexpr std::size_t tail_bytes_max = 4096;
constexpr std::int64_t attempts_in_evidence_max = 20;

#define CADRE_TASK_FACTS "id::text, mode, coalesce(agent, ''), title, status, attempt, attempts_max"

task_facts facts_of(const pqxx::row& row) {
  task_facts task;
  task.id.text = row[0].as<std::string>();
  task.mode = row[1].as<std::string>();
  task.agent.text = row[2].as<std::string>();
  task.title = row[3].as<std::string>();
  from_text(row[4].as<std::string>(), task.status);
  task.attempt = row[5].as<std::int64_t>();
  task.attempts_max = row[6].as<std::int64_t>();
  return task;
}

void block_dependents(unit& u, const task_facts& task) {
  if (!u.mem.has_dependencies) return;
  const auto blocker = task.agent.empty() ? u.mem.company.agents.front().path : manager_of(task.agent);
  const auto rows = u.db.run(
      "UPDATE cadre.task SET status = 'blocked', blocked_reason = $3, blocked_on = $4, changed_at = clock_timestamp() "
      "WHERE company = $1 AND status = 'queued' AND id IN "
      "(SELECT task FROM cadre.task_dependency WHERE company = $1 AND depends_on = $2::uuid) "
      "RETURNING " CADRE_TASK_FACTS,
      u.company(), task.id, "depends on task " + task.id.text + ", which is " + std::string{to_text(task.status)},
      blocker);
  for (const auto& row : rows) tell_task(u, facts_of(row));
}

/// What is staged or waits for verdicts will never be canonical.
void drop_outputs(unit& u, const task_id& task) {
  u.db.run(
      "WITH gone AS (UPDATE cadre.output SET status = 'dropped' "
      "WHERE company = $1 AND task = $2::uuid AND status IN ('staged', 'sealed') RETURNING id) "
      "DELETE FROM cadre.audit_due WHERE company = $1 AND output IN (SELECT id FROM gone)",
      u.company(), task);
}

nlohmann::json attempts_of(unit& u, const task_id& task) {
  auto attempts = nlohmann::json::array();
  const auto rows = u.db.run(
      "SELECT attempt, coalesce(error_code, ''), coalesce(error, ''), coalesce(stderr_tail, '') FROM cadre.run "
      "WHERE company = $1 AND task = $2::uuid AND status <> 'active' ORDER BY attempt DESC LIMIT $3::bigint",
      u.company(), task, attempts_in_evidence_max);
  for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
    auto tail = (*row)[3].as<std::string>();
    if (tail.size() > tail_bytes_max) tail.erase(0, tail.size() - tail_bytes_max);
    attempts.push_back({{"attempt", (*row)[0].as<std::int64_t>()},
                        {"code", (*row)[1].as<std::string>()},
                        {"error", (*row)[2].as<std::string>()},
                        {"stderr_tail", clean_text(tail)}});
  }
  return attempts;
}

void queue_again(unit& u, const task_id& task, timestamp run_after, const failure& error) {
  const auto rows = u.db.run(
      "UPDATE cadre.task SET status = 'queued', run_after = $3::timestamptz, error_code = $4, error = $5, "
      "changed_at = clock_timestamp() WHERE company = $1 AND id = $2::uuid RETURNING " CADRE_TASK_FACTS,
      u.company(), task, run_after, error.code, clean_text(error.message));
  if (rows.empty()) throw rejection{{errc::not_found, "there is no task " + task.text}};
  tell_task(u, facts_of(rows[0]), error);
  if (run_after.empty()) return note_ready(u, {task});
  u.mem.runs_after(run_after);
}

void fail_for_good(unit& u, const active_run& run, const failure& error) {
  // The failure of an investigation is a hop of its escalation, not one more problem.
  const bool investigates = is_investigation(u, run.task);
  move_task(u, run.task, task_status::failed, error);
  if (investigates) return;
  finding f;
  f.cause_of = "run_failed:" + run.id.text;
  f.origin = run.agent;
  f.problem = "run_failed";
  f.cause = error;
  f.task = run.task;
  f.task_ended = true;
  f.find_evidence = [&u, task = run.task] {
    return nlohmann::json{{"task", task.text}, {"attempts", attempts_of(u, task)}};
  };
  raise(u, f);
}

}  // namespace

task_facts facts_of(const active_run& run) {
  task_facts task;
  task.id = run.task;
  task.mode = run.mode;
  task.agent = run.agent;
  task.title = run.title;
  task.status = task_status::active;
  task.attempt = run.attempt;
  return task;
}

std::optional<task_facts> find_task(unit& u, const task_id& id) {
  const auto rows =
      u.db.run("SELECT " CADRE_TASK_FACTS " FROM cadre.task WHERE company = $1 AND id = $2::uuid", u.company(), id);
  if (rows.empty()) return std::nullopt;
  return facts_of(rows[0]);
}

void tell_task(unit& u, const task_facts& task, const failure& error) {
  // Put together as text: two of them are made for each task, a third of the writer's time when they were documents.
  auto data = "{\"agent\":" + dump_text(task.agent.text) + ",\"attempt\":" + std::to_string(task.attempt);
  if (error.code != errc::none)
    data += ",\"error\":" + dump({{"code", to_text(error.code)}, {"message", error.message}});
  data += ",\"id\":" + dump_text(task.id.text) + ",\"status\":" + dump_text(to_text(task.status)) +
          ",\"title\":" + dump_text(task.title) + "}";
  u.tell(subjects::task(u.company(), task.mode), "task_changed", json_text{std::move(data)});
  if (!u.mem.fires.empty()) follow_task(u, task, error);
}

void move_task(unit& u, const task_id& id, task_status to, const failure& error) {
  const bool wrong = error.code != errc::none;
  const auto rows = u.db.run(
      "UPDATE cadre.task SET status = $3, changed_at = clock_timestamp(), "
      "finished_at = CASE WHEN $4::boolean THEN clock_timestamp() END, error_code = $5, error = $6, "
      "blocked_reason = NULL, blocked_on = NULL WHERE company = $1 AND id = $2::uuid RETURNING " CADRE_TASK_FACTS,
      u.company(), id, to, is_terminal(to), wrong ? pg::to_value(error.code) : pg::value{},
      wrong ? pg::to_value(clean_text(error.message)) : pg::value{});
  if (rows.empty()) throw rejection{{errc::not_found, "there is no task " + id.text}};
  const auto task = facts_of(rows[0]);
  tell_task(u, task, error);
  if (to == task_status::complete) u.complete.push_back(id);
  if (is_terminal(to) && to != task_status::complete) {
    if (to == task_status::stale) drop_outputs(u, id);
    block_dependents(u, task);
    if (is_investigation(u, id)) investigation_ended(u, id, error);
  }
  // What failed is raised first.
  if (is_terminal(to) && to != task_status::failed) end_errand(u, id);
}

void move_tasks(unit& u, std::vector<task_facts> tasks, task_status to) {
  if (tasks.empty()) return;
  std::vector<task_id> ids;
  for (const auto& task : tasks) ids.push_back(task.id);
  const auto among = bounds_of(ids);
  u.db.send(
      "WITH moved AS (UPDATE cadre.task SET status = $3, changed_at = clock_timestamp(), "
      "finished_at = CASE WHEN $4::boolean THEN clock_timestamp() END, error_code = NULL, error = NULL, "
      "blocked_reason = NULL, blocked_on = NULL WHERE company = $1 AND id = ANY ($2::uuid[]) "
      "AND id >= $5::uuid AND id <= $6::uuid RETURNING 1) "
      "SELECT cadre.must_equal(count(*), $7::bigint, 'not all of the tasks are there') FROM moved",
      u.company(), ids, to, is_terminal(to), among.least, among.greatest, ids.size());
  for (auto& task : tasks) {
    task.status = to;
    tell_task(u, task);
  }
  if (to == task_status::complete) u.complete.insert(u.complete.end(), ids.begin(), ids.end());
}

void end_badly(unit& u, const run_id& id, const bad_end& end) {
  const auto found = u.mem.runs.find(id);
  if (found == u.mem.runs.end()) return;
  const auto run = found->second;
  u.db.run(
      "UPDATE cadre.run SET status = $3, error_code = $4, error = $5, stderr_tail = $6, ended_at = clock_timestamp() "
      "WHERE company = $1 AND id = $2::uuid AND task = $7::uuid AND status = 'active'",
      u.company(), id, end.status, end.error.code, clean_text(end.error.message),
      pg::or_null{clean_text(end.stderr_tail)}, run.task);
  u.db.run("UPDATE cadre.output SET status = 'dropped' WHERE company = $1 AND run = $2::uuid AND status = 'staged'",
           u.company(), id);
  u.forget_run(id);
  u.mem.look_for_work = true;

  const auto task = find_task(u, run.task);
  decide::ended_attempt ended;
  ended.attempt = run.attempt;
  ended.attempts_max = task ? task->attempts_max : run.attempt;
  if (const auto* agent = u.mem.agent(run.agent)) ended.wait = agent->retry.wait;
  ended.retryable = end.retryable && (end.lost || !is_investigation(u, run.task));
  ended.lost = end.lost;
  ended.retry_after = end.retry_after;
  ended.random = u.chance();
  const auto decision = decide::decide_retry(ended);
  if (!decision.again) return fail_for_good(u, run, end.error);
  const bool waits = decision.delay.count() > 0;
  queue_again(u, run.task, waits ? u.now + decision.delay : timestamp{}, end.error);
}

void cancel_run(unit& u, const active_run& run, const std::string& reason) {
  const auto gone = run;
  u.db.run(
      "UPDATE cadre.run SET status = 'cancelled', error_code = 'cancelled', error = $3, ended_at = clock_timestamp() "
      "WHERE company = $1 AND id = $2::uuid AND task = $4::uuid AND status = 'active'",
      u.company(), gone.id, clean_text(reason), gone.task);
  u.forget_run(gone.id);
  u.revoke(gone.id, gone.agent, reason);
}

}  // namespace cadre::storage::writer
