#include "notify_queries.hpp"

namespace cadre::storage::queries {

namespace {

/// A page of the rows that are owed, or of those that are over: each kind has an index of its own.
std::string notification_page(const char* which) {
  return std::string{"(SELECT * FROM cadre.notification o WHERE o.company = $1 AND o.status "} + which +
         " 'owed' AND ($2 = '' OR o.channel = $2) AND ($3 = '' OR o.status = $3) AND ($4 = '' OR "
         "(o.made_at, o.channel, o.id) < (SELECT a.made_at, a.channel, a.id FROM cadre.notification a "
         "WHERE a.company = $1 AND a.channel = $4 AND a.id = nullif($5, '')::uuid)) "
         "ORDER BY o.made_at DESC, o.channel DESC, o.id DESC LIMIT $6::bigint)";
}

}  // namespace

query owed_notifications(const std::string& company, std::int64_t limit) {
  return {
      "SELECT n.channel, n.id, n.cause, n.severity, n.delivery, n.attempts, "
      "(extract(epoch FROM n.made_at) * 1000000)::bigint AS made_us, "
      "(extract(epoch FROM n.next_at) * 1000000)::bigint AS next_us, "
      "(extract(epoch FROM n.taken_at) * 1000000)::bigint AS taken_us, "
      "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now_us "
      "FROM cadre.notification_channel c CROSS JOIN LATERAL (SELECT * FROM cadre.notification o "
      "WHERE o.company = c.company AND o.channel = c.name AND o.status = 'owed' "
      "ORDER BY o.delivery IS NULL, o.made_at, o.id LIMIT $2::bigint) n WHERE c.company = $1 AND NOT c.retired",
      {company, std::to_string(limit)}};
}

query egress_nodes(const std::string& company) {
  return {
      "SELECT n.name FROM cadre.node n WHERE n.company = $1 AND n.state = 'up' AND NOT n.retired AND "
      "'egress' = ANY (n.roles) ORDER BY n.name COLLATE \"C\"",
      {company}};
}

query recent_deliveries(const std::string& company) {
  return {
      "SELECT n.channel, (extract(epoch FROM min(n.taken_at)) * 1000000)::bigint AS taken_us "
      "FROM cadre.notification_channel c JOIN cadre.notification n ON n.company = c.company AND n.channel = c.name "
      "WHERE c.company = $1 AND n.taken_at > clock_timestamp() - interval '90 seconds' "
      "AND n.cause IN ('escalation', 'resolved') GROUP BY n.channel, n.delivery ORDER BY 2",
      {company}};
}

std::vector<std::pair<std::string, query>> delivery_parts(const std::string& company, const std::string& channel,
                                                          const std::string& delivery) {
  const parameters mine{company, channel, delivery};
  const std::string rows =
      " FROM cadre.notification n WHERE n.company = $1 AND n.channel = $2 AND n.delivery = $3::uuid AND "
      "n.status = 'owed'";
  return {
      {"sums", {"SELECT n.cause, n.severity, count(*) AS notifications" + rows + " GROUP BY 1, 2", mine}},
      {"items",
       {"SELECT n.cause AS what, e.id, e.severity, e.problem, e.origin, e.count, e.cause_code, left(e.cause, 1000) AS "
        "cause, e.status, e.raised_at, e.resolved_by, left(e.note, 1000) AS note FROM (SELECT n.*" +
            rows +
            " AND n.cause IN ('escalation', 'resolved') ORDER BY "
            "array_position(ARRAY['critical', 'error', 'warning', 'info'], n.severity), n.made_at, n.id LIMIT 20) n "
            "JOIN cadre.escalation e ON e.company = n.company AND e.id = n.subject ORDER BY "
            "array_position(ARRAY['critical', 'error', 'warning', 'info'], n.severity), n.made_at, n.id",
        mine}},
      {"brief",
       {"SELECT b.body, b.markdown FROM (SELECT n.*" + rows +
            " AND n.cause = 'brief' LIMIT 1) n JOIN cadre.brief b ON b.company = n.company AND b.id = n.subject",
        mine}},
  };
}

query notification_channels(const std::string& company) {
  return {
      "SELECT c.name, c.kind, c.severity, c.about, o.owed, o.owed_since, f.failed, s.last_sent_at, e.last_error "
      "FROM cadre.notification_channel c "
      "CROSS JOIN LATERAL (SELECT count(*) AS owed, min(made_at) AS owed_since FROM cadre.notification n "
      "WHERE n.company = c.company AND n.channel = c.name AND n.status = 'owed') o "
      "CROSS JOIN LATERAL (SELECT count(*) AS failed FROM cadre.notification n WHERE n.company = c.company "
      "AND n.channel = c.name AND n.status = 'failed' AND n.made_at > clock_timestamp() - interval '7 days') f "
      "CROSS JOIN LATERAL (SELECT max(sent_at) AS last_sent_at FROM cadre.notification n "
      "WHERE n.company = c.company AND n.channel = c.name AND n.status = 'sent') s "
      "LEFT JOIN LATERAL (SELECT n.last_error FROM cadre.notification n WHERE n.company = c.company "
      "AND n.channel = c.name AND n.taken_at IS NOT NULL ORDER BY n.taken_at DESC LIMIT 1) e ON true "
      "WHERE c.company = $1 AND NOT c.retired ORDER BY c.name",
      {company}};
}

query known_channels(const std::string& company) {
  return {"SELECT name, retired FROM cadre.notification_channel WHERE company = $1 ORDER BY name", {company}};
}

query notifications(const std::string& company, const notification_filter& f) {
  return {
      "SELECT n.channel, n.id, n.cause, n.subject, CASE WHEN n.cause = 'test' THEN 'test' WHEN n.cause = 'brief' THEN "
      "'brief of ' || to_char(b.at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') ELSE e.problem || ' at ' || e.origin END "
      "AS title, n.severity, n.status, n.delivery, n.attempts, n.last_error, n.made_at, n.taken_at, "
      "CASE WHEN n.status = 'owed' THEN n.next_at END AS next_at, n.sent_at FROM (" +
          notification_page("=") + " UNION ALL " + notification_page("<>") +
          ") n LEFT JOIN cadre.escalation e ON e.company = n.company AND e.id = n.subject "
          "LEFT JOIN cadre.brief b ON b.company = n.company AND b.id = n.subject "
          "ORDER BY n.made_at DESC, n.channel DESC, n.id DESC LIMIT $6::bigint",
      {company, f.channel, f.status, f.after_channel, f.after_id, std::to_string(f.limit)}};
}

query notification(const std::string& company, const std::string& channel, const std::string& id) {
  return {
      "SELECT status, attempts, last_error FROM cadre.notification WHERE company = $1 AND channel = $2 "
      "AND id = $3::uuid",
      {company, channel, id}};
}

}  // namespace cadre::storage::queries
