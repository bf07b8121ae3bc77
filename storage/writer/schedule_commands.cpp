#include "config/did_you_mean.hpp"
#include "schemas/subjects.hpp"
#include "storage/writer/handlers.hpp"
#include "storage/writer/tasks.hpp"

#include <algorithm>

namespace cadre::storage::writer {

namespace {

constexpr std::string_view brief_schedule = "brief";

failure unknown_schedule(const unit& u, const std::string& name) {
  std::vector<std::string_view> known;
  for (const auto& s : u.mem.company.schedules) known.push_back(s.name);
  return {errc::not_found, "schedule " + name + ": not in the config" + config::did_you_mean(name, known)};
}

/// Why the fire is skipped; empty: it is not.
std::string overlap(unit& u, const std::string& schedule) {
  const auto rows = u.db.run(
      "SELECT id::text, status FROM cadre.task WHERE company = $1 AND schedule = $2 "
      "AND status NOT IN ('complete', 'failed', 'superseded', 'stale') ORDER BY created_at DESC LIMIT 1",
      u.company(), schedule);
  if (rows.empty()) return {};
  return "task " + rows[0][0].as<std::string>() + " of an earlier fire is still " + rows[0][1].as<std::string>();
}

void record(unit& u, const schedule_fire& body, const std::string& skipped_because) {
  const bool fired = skipped_because.empty();
  const std::string status = fired ? "fired" : "skipped";
  u.db.run(
      "INSERT INTO cadre.fire (company, schedule, due_at, status, reason, task) "
      "VALUES ($1, $2, $3::timestamptz, $4, $5, $6::uuid)",
      u.company(), body.schedule, body.due, status, skipped_because, fired ? body.task : task_id{});
  u.tell(subjects::fire(u.company(), body.schedule), "fire",
         {{"schedule", body.schedule},
          {"due", to_iso(body.due)},
          {"status", status},
          {"reason", skipped_because},
          {"task", fired ? body.task.text : ""}});
}

void add_task_of(unit& u, const command& c, const schedule_fire& body, const config::schedule& schedule) {
  task_add add;
  add.id = body.task;
  add.agent = schedule.agent;
  add.title = schedule.name;
  add.payload = schedule.payload;
  add.priority = schedule.priority;
  add.schedule = schedule.name;
  const auto added = add_task(u, c.from, add);
  if (!added) throw rejection{added.error()};
}

}  // namespace

result<applied> apply(unit& u, const command& c, const schedule_fire& body) {
  if (body.due.empty() || !is_uuid(body.task.text)) return fail(errc::bad_value, "due and task are needed");
  const auto earlier = u.db.run(
      "SELECT coalesce(task::text, '') FROM cadre.fire WHERE company = $1 AND schedule = $2 "
      "AND due_at = $3::timestamptz",
      u.company(), body.schedule, body.due);
  if (!earlier.empty()) return applied{0, earlier[0][0].as<std::string>()};

  // The leader writes the brief itself: its fire is on record, and no task follows.
  if (body.schedule == brief_schedule && u.mem.company.brief) {
    record(u, body, {});
    return applied{0, body.task.text};
  }
  const auto& all = u.mem.company.schedules;
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& s) { return s.name == body.schedule; });
  if (found == all.end()) return tl::unexpected{unknown_schedule(u, body.schedule)};
  const auto skipped_because = overlap(u, body.schedule);
  record(u, body, skipped_because);
  if (!skipped_because.empty()) return applied{};
  add_task_of(u, c, body, *found);
  return applied{0, body.task.text};
}

result<applied> apply(unit& u, const command&, const brief_add& body) {
  if (!is_uuid(body.id.text)) return fail(errc::bad_value, "id: not a UUID");
  const auto added = u.db.run(
      "INSERT INTO cadre.brief (company, id, body, markdown) VALUES ($1, $2::uuid, $3::jsonb, $4) "
      "ON CONFLICT DO NOTHING",
      u.company(), body.id, body.body, body.markdown);
  if (added.affected_rows() > 0) u.tell(subjects::brief(u.company()), "brief", {{"id", body.id.text}});
  return applied{0, body.id.text};
}

result<applied> apply(unit& u, const command& c, const brain_set& body) {
  if (!is_uuid(body.id.text)) return fail(errc::bad_value, "id: not a UUID");
  if (body.key.empty() || body.key.size() > 500) return fail(errc::bad_value, "key: 1 to 500 bytes");
  const auto earlier =
      u.db.run("SELECT version FROM cadre.brain_history WHERE company = $1 AND id = $2::uuid", u.company(), body.id);
  if (!earlier.empty()) return applied{earlier[0][0].as<std::int64_t>(), body.key};
  const auto by = !body.by.empty() ? body.by : c.from.empty() ? std::string{"unknown"} : c.from;
  const auto now = u.db.run(
      "WITH now AS (INSERT INTO cadre.brain AS b (company, key, content, by) VALUES ($1, $2, $3::jsonb, $4) "
      "ON CONFLICT (company, key) DO UPDATE SET content = excluded.content, by = excluded.by, "
      "version = b.version + 1, at = clock_timestamp() RETURNING version) "
      "INSERT INTO cadre.brain_history (company, id, key, content, version, by) "
      "SELECT $1, $5::uuid, $2, $3::jsonb, version, $4 FROM now RETURNING version",
      u.company(), body.key, body.content, by, body.id);
  return applied{now[0][0].as<std::int64_t>(), body.key};
}

}  // namespace cadre::storage::writer
