#include "config/did_you_mean.hpp"
#include "schemas/subjects.hpp"
#include "schemas/text.hpp"
#include "storage/decide/schedule.hpp"
#include "storage/writer/fires.hpp"
#include "storage/writer/handlers.hpp"
#include "storage/writer/notifications.hpp"

#include <algorithm>

namespace cadre::storage::writer {

namespace {

constexpr std::size_t pause_reason_bytes_max = 500;
constexpr std::size_t backfill_max = 1'000;

result<const scheduled*> find_schedule(const unit& u, const std::string& name) {
  if (const auto* found = u.mem.schedule(name)) return found;
  std::vector<std::string_view> known;
  for (const auto& s : u.mem.all_schedules()) known.push_back(s.rule.name);
  return fail(errc::not_found, "schedule " + name + ": not in the config" + config::did_you_mean(name, known));
}

std::string who(const std::string& by, const command& c) {
  return clean_text(!by.empty() ? by : c.from.empty() ? std::string{"unknown"} : c.from);
}

/// What a fire that somebody asked for came to: its task, if it fired.
applied answer_of(unit& u, const std::string& schedule, timestamp due) {
  const auto rows = u.db.run(
      "SELECT coalesce(task::text, ''), fired_at IS NOT NULL FROM cadre.fire WHERE company = $1 AND schedule = $2 "
      "AND due_at = $3::timestamptz",
      u.company(), schedule, due);
  return {rows[0][1].as<bool>() ? 1 : 0, rows[0][0].as<std::string>()};
}

/// Moments that fired, or still may: a backfill leaves them alone.
std::vector<timestamp> fired_between(unit& u, const std::string& schedule, timestamp from, timestamp upto) {
  std::vector<timestamp> found;
  for (const auto& row : u.db.run(
           "SELECT (extract(epoch FROM due_at) * 1000000)::bigint FROM cadre.fire WHERE company = $1 AND schedule = $2 "
           "AND due_at >= $3::timestamptz AND due_at <= $4::timestamptz AND (fired_at IS NOT NULL OR ended_at IS NULL)",
           u.company(), schedule, from, upto))
    found.push_back({row[0].as<std::int64_t>()});
  return found;
}

/// Rows that moments share as missed, and that may reach into the time from `from` to `upto`. Since when the calendar
/// is as it is now says nothing of rows that are older.
std::vector<decide::missed_together> shared_rows(unit& u, const std::string& schedule, timestamp from, timestamp upto) {
  std::vector<decide::missed_together> found;
  for (const auto& row : u.db.run(
           "SELECT * FROM (SELECT (extract(epoch FROM f.due_at) * 1000000)::bigint, (extract(epoch FROM "
           "greatest(to_timestamp(1), CASE WHEN s.since < f.due_at THEN s.since END, (SELECT max(p.due_at) FROM "
           "cadre.fire p WHERE p.company = f.company AND p.schedule = f.schedule AND p.due_at < f.due_at AND p.kind IN "
           "('cron', 'catch_up')))) * 1000000)::bigint AS after, "
           "f.moments FROM cadre.fire f JOIN cadre.schedule s ON s.company = f.company AND s.name = f.schedule "
           "WHERE f.company = $1 AND f.schedule = $2 AND f.outcome = 'missed' AND f.moments > 1 "
           "AND f.due_at >= $3::timestamptz) r WHERE r.after < $4::bigint",
           u.company(), schedule, from, upto.us))
    found.push_back({{row[0].as<std::int64_t>()}, {row[1].as<std::int64_t>()}, row[2].as<std::int64_t>()});
  return found;
}

/// The moments that have rows, of those where a shared row may get its new place.
std::vector<timestamp> rows_between(unit& u, const std::string& schedule, timestamp after, timestamp before) {
  std::vector<timestamp> found;
  for (const auto& row :
       u.db.run("SELECT (extract(epoch FROM due_at) * 1000000)::bigint FROM cadre.fire WHERE company = $1 AND schedule "
                "= $2 AND due_at > $3::timestamptz AND due_at < $4::timestamptz",
                u.company(), schedule, after, before))
    found.push_back({row[0].as<std::int64_t>()});
  return found;
}

/// Writes the fires of a backfill. A row that stood for many missed moments gives up those that fire now, and stands
/// for the others still.
void write_backfill(unit& u, const scheduled& of, const schedule_backfill& body, const std::vector<timestamp>& moments,
                    const std::string& by) {
  const auto shared = shared_rows(u, body.schedule, body.from, body.upto);
  std::vector<timestamp> taken;
  for (const auto& row : u.db.run(
           "INSERT INTO cadre.fire AS f (company, schedule, due_at, kind, outcome, fire_at, asked_by, ask) SELECT $1, "
           "$2, due_at, 'backfill', 'expected', $3::timestamptz, $4, $5::uuid FROM unnest($6::timestamptz[]) AS n "
           "(due_at) ON CONFLICT (company, schedule, due_at) DO UPDATE SET kind = 'backfill', outcome = 'expected', "
           "moments = 1, reason = left('was ' || f.outcome || ': ' || f.reason, 1000), fire_at = excluded.fire_at, "
           "held_at = NULL, ended_at = NULL, asked_by = excluded.asked_by, ask = excluded.ask "
           "RETURNING (extract(epoch FROM f.due_at) * 1000000)::bigint, f.xmax = 0",
           u.company(), body.schedule, wall_now(u), by, body.id, moments)) {
    const timestamp due{row[0].as<std::int64_t>()};
    const bool is_shared = std::any_of(shared.begin(), shared.end(), [&](const auto& s) { return s.due == due; });
    if (row[1].as<bool>() || is_shared) taken.push_back(due);
  }
  std::sort(taken.begin(), taken.end());
  for (const auto& row : shared) {
    const auto left =
        decide::left_of_missed(of.moments, row, taken, rows_between(u, body.schedule, row.after, row.due));
    if (left == row || left.moments == 0) continue;
    u.db.run(
        "INSERT INTO cadre.fire (company, schedule, due_at, kind, outcome, reason, moments, fire_at, ended_at) VALUES "
        "($1, $2, $3::timestamptz, 'cron', 'missed', $4, $5::bigint, $3::timestamptz, $6::timestamptz) "
        "ON CONFLICT (company, schedule, due_at) DO UPDATE SET moments = excluded.moments, reason = excluded.reason",
        u.company(), body.schedule, left.due,
        "nobody was there to fire these " + std::to_string(left.moments) + " moments", left.moments, wall_now(u));
  }
}

}  // namespace

result<applied> apply(unit& u, const command& c, const schedule_pause& body) {
  if (body.reason.size() > pause_reason_bytes_max) return fail(errc::bad_value, "reason: over 500 bytes");
  if (const auto found = find_schedule(u, body.schedule); !found) return tl::unexpected{found.error()};
  const auto by = who(body.by, c), reason = clean_text(body.reason);
  const auto changed = u.db.run(
      "UPDATE cadre.schedule s SET paused_at = CASE WHEN $3::boolean THEN coalesce(s.paused_at, clock_timestamp()) "
      "END, "
      "paused_by = CASE WHEN $3::boolean THEN $4 END, paused_reason = CASE WHEN $3::boolean THEN $5 END "
      "FROM cadre.schedule old WHERE s.company = $1 AND s.name = $2 AND old.company = s.company AND old.name = s.name "
      "RETURNING (old.paused_at IS NOT NULL) <> $3::boolean",
      u.company(), body.schedule, body.paused, by, reason);
  if (!changed.empty() && changed[0][0].as<bool>())
    u.tell(subjects::fire(u.company(), body.schedule), body.paused ? "schedule_paused" : "schedule_resumed",
           {{"schedule", body.schedule}, {"by", by}, {"reason", reason}});
  return applied{0, body.schedule};
}

result<applied> apply(unit& u, const command& c, const schedule_trigger& body) {
  if (!is_uuid(body.id.text) || body.due.empty()) return fail(errc::bad_value, "id and due are needed");
  if (const auto found = find_schedule(u, body.schedule); !found) return tl::unexpected{found.error()};
  const auto added = u.db.run(
      "INSERT INTO cadre.fire (company, schedule, due_at, kind, outcome, fire_at, asked_by, ask) VALUES ($1, $2, "
      "$3::timestamptz, 'manual', 'expected', $4::timestamptz, $5, $6::uuid) ON CONFLICT DO NOTHING",
      u.company(), body.schedule, body.due, wall_now(u), who(body.by, c), body.id);
  if (added.affected_rows() == 0) {
    const auto same = u.db.run(
        "SELECT 1 FROM cadre.fire WHERE company = $1 AND schedule = $2 AND due_at = $3::timestamptz AND ask = $4::uuid",
        u.company(), body.schedule, body.due, body.id);
    if (same.empty())
      return fail(errc::duplicate_key, "schedule " + body.schedule + " has a fire of " + to_iso(body.due) + " already");
  } else {
    look_at_schedules_now(u);
  }
  return answer_of(u, body.schedule, body.due);
}

result<applied> apply(unit& u, const command& c, const schedule_backfill& body) {
  if (!is_uuid(body.id.text)) return fail(errc::bad_value, "id: not a UUID");
  const auto found = find_schedule(u, body.schedule);
  if (!found) return tl::unexpected{found.error()};
  if (body.schedule == config::brief_schedule) return fail(errc::refused, "a brief of the past can't be written");
  if (body.from.empty() || body.upto < body.from) return fail(errc::bad_value, "upto: not before from");
  if (body.upto > wall_now(u)) return fail(errc::bad_value, "upto: " + to_iso(body.upto) + " is still to come");
  const auto earlier =
      u.db.run("SELECT count(*) FROM cadre.fire WHERE company = $1 AND schedule = $2 AND ask = $3::uuid", u.company(),
               body.schedule, body.id);
  if (const auto fires = earlier[0][0].as<std::int64_t>(); fires > 0) return applied{fires, body.schedule};
  const auto moments =
      decide::moments_to_backfill((*found)->moments, fired_between(u, body.schedule, body.from, body.upto),
                                  body.from + -std::chrono::microseconds{1}, body.upto, backfill_max + 1);
  if (moments.size() > backfill_max)
    return fail(errc::bad_value, "more than 1,000 moments: take a shorter time, and the next when those are over");
  if (moments.empty()) return applied{0, body.schedule};
  write_backfill(u, **found, body, moments, who(body.by, c));
  look_at_schedules_now(u);
  return applied{static_cast<std::int64_t>(moments.size()), body.schedule};
}

result<applied> apply(unit& u, const command&, const brief_add& body) {
  if (!is_uuid(body.id.text)) return fail(errc::bad_value, "id: not a UUID");
  const auto added = u.db.run(
      "INSERT INTO cadre.brief (company, id, body, markdown) VALUES ($1, $2::uuid, $3::jsonb, $4) "
      "ON CONFLICT DO NOTHING",
      u.company(), body.id, body.body, body.markdown);
  if (added.affected_rows() > 0) {
    u.tell(subjects::brief(u.company()), "brief", {{"id", body.id.text}});
    owe_brief(u, body.id);
  }
  brief_written(u, body.id);
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
