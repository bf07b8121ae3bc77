#include "storage/writer/fires.hpp"

#include "schemas/subjects.hpp"
#include "schemas/text.hpp"

namespace cadre::storage::writer {

namespace {

constexpr std::size_t fire_reason_bytes_max = 1'000;

std::string short_text(const std::string& text) {
  return clean_text(text.size() <= fire_reason_bytes_max ? text : text.substr(0, fire_reason_bytes_max) + "...");
}

/// Another fire of its schedule may wait for the end of this one.
void forget_fire(unit& u, const task_id& task) {
  const auto found = u.mem.fires.find(task);
  u.on_rollback([&m = u.mem, task, old = found->second] { m.fires.emplace(task, old); });
  u.mem.fires.erase(found);
  u.mem.schedules.look_at = wall_now(u);
}

void fire_started(unit& u, const fire_name& fire, const task_facts& task) {
  u.db.send(
      "UPDATE cadre.fire SET started_at = coalesce(started_at, $4::timestamptz), outcome = CASE outcome "
      "WHEN 'fired' THEN 'started' ELSE outcome END WHERE company = $1 AND schedule = $2 AND due_at = $3::timestamptz",
      u.company(), fire.schedule, fire.due, wall_now(u));
  if (task.attempt <= 1) tell_fire(u, fire, "started", {{"task", task.id.text}, {"agent", task.agent.text}});
}

void fire_finished(unit& u, const fire_name& fire, const task_facts& task) {
  u.db.send(
      "UPDATE cadre.fire SET finished_at = $4::timestamptz, outcome = 'finished' WHERE company = $1 AND schedule = $2 "
      "AND due_at = $3::timestamptz",
      u.company(), fire.schedule, fire.due, wall_now(u));
  tell_fire(u, fire, "finished", {{"task", task.id.text}});
}

/// The datasets that a fire of the schedule has to stage something for: those to which rows may only be added may have
/// nothing new.
std::vector<std::string> datasets_of(const unit& u, const std::string& schedule) {
  std::vector<std::string> names;
  const auto* of = u.mem.schedule(schedule);
  const auto* agent = of == nullptr ? nullptr : u.mem.agent(of->rule.agent);
  if (agent == nullptr) return names;
  for (const auto& spec : agent->outputs)
    if (spec.mode != output_mode::append) names.push_back(spec.dataset);
  return names;
}

void fire_complete(unit& u, const fire_name& fire, const task_facts& task) {
  const auto rows = u.db.run(
      "UPDATE cadre.fire f SET finished_at = coalesce(f.finished_at, $4::timestamptz), ended_at = $4::timestamptz, "
      "effect_at = CASE WHEN m.datasets IS NULL THEN $4::timestamptz END, "
      "outcome = CASE WHEN m.datasets IS NULL THEN 'effect' ELSE 'finished' END, "
      "reason = CASE WHEN m.datasets IS NULL THEN f.reason ELSE 'complete, but nothing was staged for ' || m.datasets "
      "END "
      "FROM (SELECT string_agg(d.name, ', ') AS datasets FROM unnest($6::text[]) AS d (name) WHERE NOT EXISTS "
      "(SELECT 1 FROM cadre.output o WHERE o.company = $1 AND o.task = $5::uuid AND o.dataset = d.name "
      "AND o.status IN ('sealed', 'promoted'))) m "
      "WHERE f.company = $1 AND f.schedule = $2 AND f.due_at = $3::timestamptz RETURNING f.outcome, f.reason",
      u.company(), fire.schedule, fire.due, wall_now(u), task.id, datasets_of(u, fire.schedule));
  if (!rows.empty())
    tell_fire(u, fire, rows[0][0].as<std::string>(),
              {{"task", task.id.text}, {"reason", rows[0][1].as<std::string>()}, {"over", true}});
}

void fire_ended(unit& u, const fire_name& fire, const task_facts& task, std::string_view outcome,
                const std::string& why) {
  const auto reason = short_text(why);
  u.db.send(
      "UPDATE cadre.fire SET outcome = $4, reason = $5, ended_at = $6::timestamptz WHERE company = $1 AND schedule = "
      "$2 "
      "AND due_at = $3::timestamptz",
      u.company(), fire.schedule, fire.due, outcome, reason, wall_now(u));
  tell_fire(u, fire, outcome, {{"task", task.id.text}, {"reason", reason}, {"over", true}});
}

}  // namespace

timestamp wall_now(const unit& u) {
  return u.now + u.mem.schedules.wall_ahead;
}

void tell_fire(unit& u, const fire_name& fire, std::string_view status, const nlohmann::json& more) {
  nlohmann::json data{{"schedule", fire.schedule}, {"due", to_iso(fire.due)}, {"status", status}};
  data.update(more);
  u.tell(subjects::fire(u.company(), fire.schedule), "fire", data);
}

void follow_task(unit& u, const task_facts& task, const failure& error) {
  const auto found = u.mem.fires.find(task.id);
  if (found == u.mem.fires.end()) return;
  const auto fire = found->second;
  switch (task.status) {
    case task_status::active:
      return fire_started(u, fire, task);
    case task_status::review:
      return fire_finished(u, fire, task);
    case task_status::complete:
      fire_complete(u, fire, task);
      break;
    case task_status::failed:
      fire_ended(u, fire, task, "failed", error.message);
      break;
    case task_status::stale:
      fire_ended(u, fire, task, "cancelled", error.message.empty() ? "its task was cancelled" : error.message);
      break;
    case task_status::superseded:
      fire_ended(u, fire, task, "cancelled", "its task was superseded: newer data was canonical already");
      break;
    default:
      return;
  }
  forget_fire(u, task.id);
}

void brief_written(unit& u, const brief_id& id) {
  const auto found = u.mem.briefs_owed.find(id);
  if (found == u.mem.briefs_owed.end()) return;
  const fire_name fire{config::brief_schedule, found->second.due};
  u.db.send(
      "UPDATE cadre.fire SET outcome = 'effect', started_at = coalesce(started_at, $4::timestamptz), "
      "finished_at = $4::timestamptz, effect_at = $4::timestamptz, ended_at = $4::timestamptz WHERE company = $1 AND "
      "schedule = $2 AND due_at = $3::timestamptz AND ended_at IS NULL",
      u.company(), fire.schedule, fire.due, wall_now(u));
  tell_fire(u, fire, "effect", {{"brief", id.text}, {"over", true}});
  u.on_rollback([&m = u.mem, id, old = found->second] { m.briefs_owed.emplace(id, old); });
  u.mem.briefs_owed.erase(found);
}

void reopen_fire(unit& u, const std::string& schedule, const task_id& old, const task_id& again) {
  const auto rows = u.db.run(
      "UPDATE cadre.fire SET outcome = 'fired', task = $4::uuid, reason = 'again, after task ' || $3::text || ' ended "
      "without "
      "success', started_at = NULL, finished_at = NULL, ended_at = NULL WHERE company = $1 AND schedule = $2 "
      "AND task = ($3::text)::uuid AND outcome IN ('failed', 'cancelled') "
      "RETURNING (extract(epoch FROM due_at) * 1000000)::bigint",
      u.company(), schedule, old, again);
  if (rows.empty()) return;
  const fire_name fire{schedule, {rows[0][0].as<std::int64_t>()}};
  u.mem.fires.emplace(again, fire);
  u.on_rollback([&m = u.mem, again] { m.fires.erase(again); });
  tell_fire(u, fire, "fired", {{"task", again.text}, {"retry_of", old.text}});
}

void recall_fires(pg::session& db, memory& m) {
  m.fires.clear();
  m.briefs_owed.clear();
  m.schedules = {};
  const auto rows = db.run(
      "SELECT schedule, (extract(epoch FROM due_at) * 1000000)::bigint, coalesce(task::text, '') FROM cadre.fire "
      "WHERE company = $1 AND ended_at IS NULL AND fired_at IS NOT NULL",
      m.company.name);
  for (const auto& row : rows) {
    const fire_name fire{row[0].as<std::string>(), {row[1].as<std::int64_t>()}};
    const task_id task{row[2].as<std::string>()};
    if (!task.empty()) m.fires.emplace(task, fire);
    if (task.empty() && fire.schedule == config::brief_schedule)
      m.briefs_owed.emplace(brief_of(m.company.name, fire.due), owed_brief{fire.due, {}});
  }
}

}  // namespace cadre::storage::writer
