#include "storage/writer/notifications.hpp"

#include "config/units.hpp"
#include "schemas/text.hpp"
#include "storage/writer/escalations.hpp"
#include "storage/writer/handlers.hpp"

#include <algorithm>

namespace cadre::storage::writer {

namespace {

constexpr std::size_t taken_max = 5'000;
constexpr std::size_t error_bytes_max = 500;
/// What is over is kept this long, and removed by the ends of later deliveries: so many at each.
constexpr auto kept_over = std::chrono::days{90};
constexpr std::int64_t removed_max = 500;
constexpr std::string_view failed_problem = "notification_failed";

std::string failed_fingerprint(const std::string& channel) {
  return std::string{failed_problem} + ":" + channel;
}

template <class Wanted>
std::vector<std::string> channels_that(const unit& u, Wanted wanted) {
  std::vector<std::string> names;
  for (const auto& c : u.mem.company.channels)
    if (wanted(c)) names.push_back(c.name);
  return names;
}

/// $3: the channels, and $4 the severities that they begin at, as numbers.
#define CADRE_REACHED_CHANNELS                                                                                      \
  "unnest($3::text[], $4::int[]) AS c (name, level) WHERE e.company = $1 AND e.id = $2::uuid AND "                  \
  "array_position(ARRAY['info', 'warning', 'error', 'critical'], e.severity) - 1 >= c.level AND e.fingerprint <> '" \
  "notification_failed:' || c.name"

struct reach_lists {
  std::vector<std::string> names;
  std::vector<std::int64_t> levels;
};

reach_lists reach_of(const unit& u) {
  reach_lists all;
  for (const auto& c : u.mem.company.channels) {
    all.names.push_back(c.name);
    all.levels.push_back(static_cast<std::int64_t>(c.level));
  }
  return all;
}

/// What people may see of a channel.
std::string about(const config::notify_channel& c) {
  std::string text;
  const auto add = [&](const std::string& more) { text += (text.empty() ? "" : ", ") + more; };
  if (c.type == config::notify_channel::kind::email) add("to " + std::to_string(c.to.size()));
  if (c.briefs) add("briefs");
  if (c.resolved) add("resolved");
  if (c.digest.count() > 0) add("digest " + config::duration_text(c.digest));
  if (c.quiet) add("quiet hours " + c.quiet->tz);
  return text;
}

result<const config::notify_channel*> find_channel(const unit& u, const std::string& name) {
  const auto& all = u.mem.company.channels;
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& c) { return c.name == name; });
  if (found != all.end()) return &*found;
  std::string names;
  for (const auto& c : all) names += (names.empty() ? "" : ", ") + c.name;
  return fail(errc::not_found, "channel " + in_quotes(name) +
                                   ": not in notify.channels; there are: " + (names.empty() ? "none" : names));
}

void raise_failed(unit& u, const notification_end& body, std::int64_t rows) {
  escalation_raise problem;
  problem.id = named_id<escalation_id>(u.company() + ":" + std::string{failed_problem} + ":" + body.delivery.text);
  problem.origin = u.mem.company.agents.front().path;
  problem.problem = failed_problem;
  problem.fingerprint = failed_fingerprint(body.channel);
  problem.cause = {body.error.code, "channel " + body.channel + " could not deliver: " + body.error.message};
  problem.evidence.text = dump({{"channel", body.channel},
                                {"delivery", body.delivery.text},
                                {"notifications", rows},
                                {"attempts", body.attempt}});
  raise(u, problem, "notify");
}

void owe_arrival(unit& u, const escalation_id& escalation, const std::string& hop) {
  const auto [names, levels] = reach_of(u);
  u.db.run(
      "INSERT INTO cadre.notification (company, channel, id, cause, subject, severity) "
      "SELECT $1, c.name, $5::uuid, 'escalation', e.id, e.severity FROM cadre.escalation e, " CADRE_REACHED_CHANNELS
      " ON CONFLICT DO NOTHING",
      u.company(), escalation, names, levels, named_id<notification_id>(u.company() + ":arrived:" + hop));
}

void owe_repeat(unit& u, const escalation_id& escalation) {
  const auto [names, levels] = reach_of(u);
  u.db.run(
      "INSERT INTO cadre.notification (company, channel, id, cause, subject, severity) "
      "SELECT $1, c.name, $5::uuid, 'escalation', e.id, e.severity FROM cadre.escalation e, " CADRE_REACHED_CHANNELS
      " AND NOT EXISTS (SELECT 1 FROM cadre.notification n WHERE n.company = $1 AND n.subject = e.id "
      "AND n.channel = c.name) ON CONFLICT DO NOTHING",
      u.company(), escalation, names, levels, named_id<notification_id>(u.company() + ":worse:" + escalation.text));
}

void owe_resolved(unit& u, const escalation_id& escalation, const std::string& hop) {
  const auto names = channels_that(u, [](const auto& c) { return c.resolved; });
  if (names.empty()) return;
  u.db.run(
      "INSERT INTO cadre.notification (company, channel, id, cause, subject, severity) "
      "SELECT DISTINCT $1, n.channel, $4::uuid, 'resolved', n.subject, e.severity FROM cadre.notification n "
      "JOIN cadre.escalation e ON e.company = n.company AND e.id = n.subject WHERE n.company = $1 "
      "AND n.subject = $2::uuid AND n.cause = 'escalation' AND n.channel = ANY ($3::text[]) ON CONFLICT DO NOTHING",
      u.company(), escalation, names, named_id<notification_id>(u.company() + ":resolved:" + hop));
}

}  // namespace

void owe_hop(unit& u, const escalation_id& escalation, const decide::standing& after, const decide::hop& hop,
             const std::string& id) {
  using action = decide::hop_action;
  if (u.mem.company.channels.empty()) return;
  if (hop.action == action::resolved) return owe_resolved(u, escalation, id);
  if (!after.in_inbox || hop.holder != after.holder) return;
  if (hop.action == action::raised || hop.action == action::moved || hop.action == action::woken)
    owe_arrival(u, escalation, id);
  if (hop.action == action::repeated) owe_repeat(u, escalation);
}

void owe_brief(unit& u, const brief_id& brief) {
  const auto names = channels_that(u, [](const auto& c) { return c.briefs; });
  if (names.empty()) return;
  u.db.run(
      "INSERT INTO cadre.notification (company, channel, id, cause, subject, severity) "
      "SELECT $1, c.name, $4::uuid, 'brief', $2::uuid, 'info' FROM unnest($3::text[]) AS c (name) "
      "ON CONFLICT DO NOTHING",
      u.company(), brief, names, named_id<notification_id>(u.company() + ":brief:" + brief.text));
}

void write_channels(unit& u) {
  std::vector<std::string> names;
  for (const auto& c : u.mem.company.channels) {
    names.push_back(c.name);
    u.db.run(
        "INSERT INTO cadre.notification_channel (company, name, kind, severity, about) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (company, name) DO UPDATE SET kind = excluded.kind, severity = excluded.severity, "
        "about = excluded.about, retired = false",
        u.company(), c.name, c.type, c.level, about(c));
  }
  u.db.run(
      "WITH gone AS (UPDATE cadre.notification_channel SET retired = true WHERE company = $1 AND NOT retired "
      "AND name <> ALL ($2::text[]) RETURNING name) UPDATE cadre.notification n SET status = 'failed', "
      "last_error = 'its channel is no longer in the config' FROM gone "
      "WHERE n.company = $1 AND n.channel = gone.name AND n.status = 'owed'",
      u.company(), names);
}

result<applied> apply(unit& u, const command&, const notification_take& body) {
  if (!is_uuid(body.id.text)) return fail(errc::bad_value, "id: not a UUID");
  if (body.notifications.empty() || body.notifications.size() > taken_max)
    return fail(errc::bad_value, "notifications: 1 to 5000");
  for (const auto& n : body.notifications)
    if (!is_uuid(n.text)) return fail(errc::bad_value, "notifications: " + in_quotes(n.text) + " is not a UUID");
  u.db.run(
      "UPDATE cadre.notification SET delivery = $2::uuid, taken_at = clock_timestamp() WHERE company = $1 "
      "AND channel = $3 AND id = ANY ($4::uuid[]) AND status = 'owed' AND delivery IS NULL",
      u.company(), body.id, body.channel, body.notifications);
  const auto in_it = u.db.run(
      "SELECT count(*) FROM cadre.notification WHERE company = $1 AND channel = $3 AND delivery = $2::uuid "
      "AND status = 'owed'",
      u.company(), body.id, body.channel);
  return applied{in_it[0][0].as<std::int64_t>(), body.id.text};
}

result<applied> apply(unit& u, const command&, const notification_end& body) {
  if (!is_uuid(body.delivery.text)) return fail(errc::bad_value, "delivery: not a UUID");
  const bool sent = body.error.code == errc::none;
  const auto why = clean_text(body.error.message.substr(0, error_bytes_max));
  const auto changed = u.db.run(
      "UPDATE cadre.notification SET status = $4, attempts = $5::bigint, last_error = $6, "
      "next_at = $7::timestamptz, sent_at = CASE WHEN $4 = 'sent' THEN clock_timestamp() END WHERE company = $1 "
      "AND channel = $2 AND delivery = $3::uuid AND status = 'owed' AND ($4 = 'sent' OR attempts < $5::bigint) "
      "RETURNING cause",
      u.company(), body.channel, body.delivery,
      std::string{sent        ? "sent"
                  : body.last ? "failed"
                              : "owed"},
      body.attempt, pg::or_null{sent ? std::string_view{} : std::string_view{why}}, body.next_at);
  if (changed.empty()) return applied{0, body.delivery.text};
  const auto rows = static_cast<std::int64_t>(changed.size());
  // Whoever tries a channel sees by himself what became of it.
  if (!sent && body.last && changed[0][0].as<std::string>() != "test") raise_failed(u, body, rows);
  u.db.run(
      "DELETE FROM cadre.notification WHERE (company, channel, id) IN (SELECT company, channel, id "
      "FROM cadre.notification WHERE company = $1 AND status <> 'owed' AND made_at < $2::timestamptz "
      "ORDER BY made_at LIMIT $3::bigint)",
      u.company(), u.now + -std::chrono::microseconds{kept_over}, removed_max);
  return applied{rows, body.delivery.text};
}

result<applied> apply(unit& u, const command&, const notification_test& body) {
  if (!is_uuid(body.id.text)) return fail(errc::bad_value, "id: not a UUID");
  const auto channel = find_channel(u, body.channel);
  if (!channel) return tl::unexpected{channel.error()};
  u.db.run(
      "INSERT INTO cadre.notification (company, channel, id, cause, severity) VALUES ($1, $2, $3::uuid, 'test', "
      "'info') ON CONFLICT DO NOTHING",
      u.company(), body.channel, body.id);
  return applied{0, body.id.text};
}

}  // namespace cadre::storage::writer
