#include "finding_queries.hpp"

#include "schemas/json.hpp"

#include <array>
#include <utility>

namespace cadre::storage::queries {

namespace {

/// $1: the company, $2: as of when, $3: what the config knows and the database does not, as JSON.
/// Each selects subject, origin, what, evidence.

/// What an agent in such a state does is nothing. Not `waiting`, of which an escalation tells.
#define CADRE_DOWN "('quarantined', 'stopped')"
/// States change within moments when something moves; what stays so for longer is meant.
#define CADRE_STAYED " <= $2::timestamptz - interval '10 seconds'"

constexpr auto orphan =
    "SELECT a.path AS subject, a.path AS origin, CASE "
    "WHEN a.role <> 'ceo' AND (m.path IS NULL OR m.retired) THEN a.path || ' reports to ' || a.reports_to || ', who is "
    "not in the org' "
    "WHEN a.state = 'planned' THEN a.path || ' was never started, and its manager runs' "
    "WHEN n.state = 'down' THEN a.path || ' is said to run on ' || a.node || ', which is down' "
    "ELSE a.path || ' is ' || a.state || ' while its manager is ' || m.state || ': nobody supervises it' END AS what, "
    "json_build_object('reports_to', a.reports_to, 'state', a.state, 'manager_state', m.state, 'node', a.node, "
    "'since', a.changed_at) AS evidence "
    "FROM cadre.agent a LEFT JOIN cadre.agent m ON m.company = a.company AND m.path = a.reports_to "
    "LEFT JOIN cadre.node n ON n.company = a.company AND n.name = a.node "
    "WHERE a.company = $1 AND NOT a.retired AND a.changed_at" CADRE_STAYED
    " AND ((a.role <> 'ceo' AND (m.path IS NULL OR m.retired)) "
    "OR (a.state IN ('starting', 'running', 'backoff') AND m.state IN " CADRE_DOWN " AND m.changed_at" CADRE_STAYED
    ") OR (a.state = 'planned' AND m.state = 'running' AND a.changed_at < $2::timestamptz - interval '5 minutes' "
    "AND m.changed_at < $2::timestamptz - interval '5 minutes') "
    "OR (a.state IN ('starting', 'running') AND n.state = 'down' AND n.since < $2::timestamptz - interval '30 "
    "seconds'))";

constexpr auto quarantined =
    "SELECT a.path AS subject, a.path AS origin, a.path || ' is quarantined: ' || coalesce(a.last_cause, 'no cause') "
    "AS "
    "what, json_build_object('since', a.changed_at, 'restarts', a.restarts, 'node', a.node) AS evidence "
    "FROM cadre.agent a WHERE a.company = $1 AND NOT a.retired AND a.state = 'quarantined'";

/// Roles of the org and modes of tasks, none of whose agents lives.
constexpr auto role_without_agent =
    "WITH lives AS (SELECT a.path, a.role, a.mode, a.position, a.state IN ('starting', 'running', 'backoff') OR "
    "a.changed_at "
    "> $2::timestamptz - interval '30 seconds' AS lives FROM cadre.agent a WHERE a.company = $1 AND NOT a.retired), "
    "named AS (SELECT 'role ' || role AS subject, path, position, lives FROM lives "
    "UNION ALL SELECT 'mode ' || m.name, l.path, l.position, l.lives FROM cadre.mode m LEFT JOIN lives l ON l.mode = "
    "m.name WHERE m.company = $1 AND NOT m.retired) "
    "SELECT subject, coalesce((array_agg(path ORDER BY position))[1], (SELECT path FROM lives WHERE role = 'ceo')) AS "
    "origin, subject || ': ' || CASE WHEN count(path) = 0 THEN 'no agent has it' ELSE 'none of its ' || count(path) || "
    "' agents lives' END AS what, json_build_object('agents', array_agg(path)) AS evidence "
    "FROM named GROUP BY subject HAVING NOT coalesce(bool_or(lives), false)";

/// Lanes are those of agents and modes that the database knows, since a task is added for no other.
constexpr auto unclaimable_tasks =
    "WITH down AS (SELECT path AS lane, path AS agent, CASE WHEN retired THEN 'not in the org any more' ELSE state END "
    "AS "
    "why FROM cadre.agent WHERE company = $1 AND changed_at" CADRE_STAYED
    " AND (retired OR state IN ('quarantined', 'stopped', 'waiting')) "
    "UNION ALL SELECT '@' || m.name, (SELECT min(a.path) FROM cadre.agent a WHERE a.company = $1 AND a.mode = m.name), "
    "'no agent of the mode lives' FROM cadre.mode m WHERE m.company = $1 AND NOT EXISTS (SELECT 1 FROM cadre.agent a "
    "WHERE a.company = $1 AND a.mode = m.name AND NOT a.retired AND (a.state NOT IN ('quarantined', 'stopped', "
    "'waiting') "
    "OR NOT a.changed_at" CADRE_STAYED
    "))) "
    "SELECT d.lane AS subject, coalesce(d.agent, (SELECT path FROM cadre.agent WHERE company = $1 AND role = 'ceo' "
    "LIMIT "
    "1)) AS origin, n.tasks || CASE WHEN n.tasks = 1000 THEN ' or more' ELSE '' END || ' queued for ' || d.lane || ' "
    "that "
    "nobody can claim: ' || d.why AS what, json_build_object('tasks', n.tasks, 'first', t.id, 'title', t.title, "
    "'since', "
    "t.created_at) AS evidence FROM down d "
    "CROSS JOIN LATERAL (SELECT id, title, created_at FROM cadre.task WHERE lane = d.lane AND company = $1 ORDER BY "
    "priority, created_at LIMIT 1) t "
    "CROSS JOIN LATERAL (SELECT count(*) AS tasks FROM (SELECT 1 FROM cadre.task WHERE lane = d.lane AND company = $1 "
    "LIMIT 1000) few) n WHERE t.created_at" CADRE_STAYED;

constexpr auto blocked_for_good =
    "WITH waiting AS (SELECT id, status, blocked_on, blocked_reason, title, changed_at FROM cadre.task WHERE waits IS "
    "NOT "
    "NULL AND company = $1 LIMIT 10000) "
    "SELECT coalesce(w.blocked_on, 'nobody') AS subject, coalesce(w.blocked_on, (SELECT path FROM cadre.agent WHERE "
    "company = $1 AND role = 'ceo' LIMIT 1)) AS origin, count(*) || ' blocked that ' || coalesce(w.blocked_on || "
    "' should unblock, who is ' || CASE WHEN b.path IS NULL OR b.retired THEN 'not in the org' ELSE b.state END, "
    "'nobody is named to unblock') || ': ' || min(w.blocked_reason) AS what, json_build_object('tasks', "
    "(array_agg(w.id ORDER BY w.changed_at))[1:5], 'count', count(*), 'since', min(w.changed_at)) AS evidence "
    "FROM waiting w LEFT JOIN cadre.agent b ON b.company = $1 AND b.path = w.blocked_on WHERE w.status = 'blocked' AND "
    "(b.path IS NULL OR b.retired OR (b.state IN " CADRE_DOWN " AND b.changed_at" CADRE_STAYED
    ")) GROUP BY w.blocked_on, b.path, b.retired, b.state";

constexpr auto audit_overdue =
    "SELECT d.auditor AS subject, d.auditor AS origin, d.auditor || ' owes ' || count(*) || ' verdicts, the oldest "
    "since ' "
    "|| to_char(min(d.due_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') AS what, json_build_object('count', "
    "count(*), "
    "'since', min(d.due_at), 'outputs', (array_agg(d.output ORDER BY d.due_at))[1:5]) AS evidence "
    "FROM cadre.audit_due d WHERE d.company = $1 AND d.due_at < $2::timestamptz GROUP BY d.auditor";

constexpr auto auditor_without_verdicts =
    "SELECT a.path AS subject, a.path AS origin, a.path || ' owes a verdict and gave none in ' || CASE WHEN v.at IS "
    "NULL "
    "THEN 'its life' ELSE 'a week' END AS what, json_build_object('owed', d.owed, 'since', d.since, 'last_verdict', "
    "v.at) "
    "AS evidence FROM (SELECT auditor, count(*) AS owed, min(due_at) AS since FROM cadre.audit_due WHERE company = $1 "
    "AND "
    "due_at < $2::timestamptz GROUP BY auditor) d JOIN cadre.agent a ON a.company = $1 AND a.path = d.auditor AND NOT "
    "a.retired LEFT JOIN LATERAL (SELECT at FROM cadre.verdict WHERE auditor = d.auditor AND company = $1 ORDER BY at "
    "DESC "
    "LIMIT 1) v ON true WHERE v.at IS NULL OR v.at < $2::timestamptz - interval '7 days'";

constexpr auto worker_unaudited =
    "SELECT w.worker AS subject, w.worker AS origin, w.worker || ' writes ' || w.datasets || CASE WHEN "
    "jsonb_array_length(w.auditors) = 0 THEN ' and nobody audits it' ELSE ', and none of its auditors runs' END AS "
    "what, "
    "jsonb_build_object('auditors', w.auditors) AS evidence "
    "FROM jsonb_to_recordset($3::jsonb) AS w (worker text, datasets text, auditors jsonb) WHERE NOT EXISTS (SELECT 1 "
    "FROM "
    "cadre.agent a WHERE a.company = $1 AND w.auditors ? a.path AND NOT a.retired AND NOT (a.state IN " CADRE_DOWN
    " AND a.changed_at" CADRE_STAYED ")) AND $2::timestamptz IS NOT NULL";

constexpr auto schedule_unwatched =
    "SELECT s.name AS subject, s.watcher AS origin, 'schedule ' || s.name || ': its watcher ' || s.watcher || ' is ' "
    "|| "
    "CASE WHEN w.path IS NULL OR w.retired THEN 'not in the org' ELSE w.state END AS what, "
    "json_build_object('watcher', "
    "s.watcher, 'state', w.state, 'since', w.changed_at, 'cause', w.last_cause) AS evidence "
    "FROM cadre.schedule s LEFT JOIN cadre.agent w ON w.company = s.company AND w.path = s.watcher "
    "WHERE s.company = $1 AND NOT s.retired AND (w.path IS NULL OR w.retired OR (w.state IN " CADRE_DOWN
    " AND w.changed_at" CADRE_STAYED "))";

constexpr auto watcher_silent =
    "SELECT s.name AS subject, s.watcher AS origin, 'schedule ' || s.name || ': ' || s.watcher || CASE WHEN "
    "w.looked_at IS "
    "NULL THEN ' never looked at it' ELSE ' last looked at it ' || to_char(w.looked_at AT TIME ZONE 'UTC', "
    "'YYYY-MM-DD HH24:MI:SS') END AS what, json_build_object('watcher', s.watcher, 'looked_at', w.looked_at, 'node', "
    "w.node, 'state', a.state) AS evidence "
    "FROM cadre.schedule s JOIN cadre.agent a ON a.company = s.company AND a.path = s.watcher AND NOT a.retired AND "
    "a.state NOT IN " CADRE_DOWN
    " LEFT JOIN cadre.watch w ON w.company = s.company AND w.schedule = s.name AND w.watcher = s.watcher "
    "WHERE s.company = $1 AND NOT s.retired AND s.since < $2::timestamptz - interval '30 seconds' AND "
    "coalesce(w.looked_at, '-infinity') < $2::timestamptz - interval '30 seconds'";

constexpr auto schedule_never_fired =
    "SELECT s.name AS subject, s.agent AS origin, 'schedule ' || s.name || ' was due at ' || to_char(f.due_at AT TIME "
    "ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' and has never fired' AS what, json_build_object('due', f.due_at, "
    "'outcome', f.outcome, 'reason', f.reason, 'since', s.since) AS evidence "
    "FROM cadre.schedule s CROSS JOIN LATERAL (SELECT due_at, outcome, reason FROM cadre.fire x WHERE x.company = "
    "s.company AND x.schedule = s.name AND x.due_at >= s.since AND x.kind IN ('cron', 'catch_up') AND x.outcome NOT IN "
    "('skipped', 'cancelled') AND greatest(x.fire_at, x.held_at) + s.grace < $2::timestamptz ORDER BY x.due_at LIMIT "
    "1) "
    "f WHERE s.company = $1 AND NOT s.retired AND s.paused_at IS NULL AND (SELECT 1 FROM (SELECT y.fired_at FROM "
    "cadre.fire y WHERE y.company = s.company AND y.schedule = s.name AND y.due_at <= $2::timestamptz ORDER BY "
    "y.due_at "
    "DESC LIMIT 1000) latest WHERE fired_at IS NOT NULL LIMIT 1) IS NULL";

constexpr auto fire_without_effect =
    "SELECT s.name AS subject, s.agent AS origin, 'schedule ' || s.name || ': its fire of ' || to_char(f.due_at AT "
    "TIME "
    "ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' ' || CASE f.outcome WHEN 'failed' THEN 'failed' ELSE 'ended without "
    "effect' END || CASE WHEN f.reason = '' THEN '' ELSE ': ' || f.reason END AS what, json_build_object('due', "
    "f.due_at, 'outcome', f.outcome, 'task', f.task, 'ended', f.ended_at) AS evidence "
    "FROM cadre.schedule s CROSS JOIN LATERAL (SELECT * FROM (SELECT * FROM cadre.fire x WHERE x.company = s.company "
    "AND "
    "x.schedule = s.name AND x.due_at <= $2::timestamptz ORDER BY x.due_at DESC LIMIT 1000) latest WHERE ended_at IS "
    "NOT "
    "NULL AND outcome IN ('effect', 'finished', 'failed') ORDER BY due_at DESC LIMIT 1) f "
    "WHERE s.company = $1 AND NOT s.retired AND f.outcome <> 'effect'";

constexpr auto dataflow_silent =
    "SELECT d.pipeline AS subject, d.agent AS origin, d.pipeline || ' has been quiet for ' || date_trunc('second', "
    "d.silent_for) || ', and comes every ' || date_trunc('second', d.median_gap) AS what, json_build_object('last', "
    "d.last_at, 'median_gap', d.median_gap, 'silent_for', d.silent_for, 'gaps', d.gaps) AS evidence "
    "FROM cadre.dataflow_silent($2::timestamptz) d WHERE d.company = $1";

/// Auditors that gave no verdict in a week in which a worker of theirs brought something, and watchers that did not
/// look.
constexpr auto audit_of_audits =
    "SELECT x.auditor AS subject, x.auditor AS origin, x.auditor || ' gave no verdict for a week, and ' || "
    "min(x.worker) || "
    "' brought outputs' AS what, json_build_object('workers', array_agg(x.worker), 'last_verdict', (SELECT at FROM "
    "cadre.verdict v WHERE v.auditor = x.auditor AND v.company = $1 ORDER BY at DESC LIMIT 1)) AS evidence "
    "FROM jsonb_to_recordset($3::jsonb) AS x (auditor text, worker text) WHERE (SELECT 1 FROM cadre.verdict v WHERE "
    "v.auditor = x.auditor AND v.company = $1 AND v.at > $2::timestamptz - interval '7 days' LIMIT 1) IS NULL AND ("
    "(SELECT 1 FROM cadre.promotion p WHERE p.worker = x.worker AND p.company = $1 AND p.at > $2::timestamptz - "
    "interval "
    "'7 days' LIMIT 1) IS NOT NULL OR (SELECT 1 FROM cadre.audit_due d WHERE d.company = $1 AND d.auditor = x.auditor "
    "AND "
    "d.due_at < $2::timestamptz LIMIT 1) IS NOT NULL) GROUP BY x.auditor "
    "UNION ALL SELECT 'watcher of ' || s.name, s.watcher, s.watcher || ' did not look at schedule ' || s.name || "
    "' for a week', json_build_object('looked_at', w.looked_at) FROM cadre.schedule s LEFT JOIN cadre.watch w ON "
    "w.company "
    "= s.company AND w.schedule = s.name WHERE s.company = $1 AND NOT s.retired AND s.since < $2::timestamptz - "
    "interval "
    "'7 days' AND coalesce(w.looked_at, '-infinity') < $2::timestamptz - interval '7 days'";

constexpr std::array<std::pair<std::string_view, const char*>, 15> looks{
    {{"orphan", orphan},
     {"quarantined", quarantined},
     {"role_without_agent", role_without_agent},
     {"unclaimable_tasks", unclaimable_tasks},
     {"blocked_for_good", blocked_for_good},
     {"audit_overdue", audit_overdue},
     {"auditor_without_verdicts", auditor_without_verdicts},
     {"worker_unaudited", worker_unaudited},
     {"schedule_unwatched", schedule_unwatched},
     {"watcher_silent", watcher_silent},
     {"schedule_never_fired", schedule_never_fired},
     {"fire_without_effect", fire_without_effect},
     {"dataflow_silent", dataflow_silent},
     {"audit_of_audits", audit_of_audits},
     {"", nullptr}}};

std::string joined_datasets(const config::agent& a) {
  std::string text;
  for (const auto& o : a.outputs) text += (text.empty() ? "" : ", ") + o.dataset;
  return text;
}

nlohmann::json workers_and_auditors(const config::company& c) {
  auto list = nlohmann::json::array();
  for (const auto& a : c.agents) {
    if (a.outputs.empty()) continue;
    auto auditors = nlohmann::json::array();
    for (const auto* auditor : c.auditors_of(a.path)) auditors.push_back(auditor->path.text);
    list.push_back({{"worker", a.path.text}, {"datasets", joined_datasets(a)}, {"auditors", auditors}});
  }
  return list;
}

nlohmann::json audits(const config::company& c) {
  auto list = nlohmann::json::array();
  for (const auto& a : c.agents)
    for (const auto& worker : a.audits) list.push_back({{"auditor", a.path.text}, {"worker", worker.text}});
  return list;
}

}  // namespace

query findings_of(const finding_kind& kind, const config::company& company, timestamp at) {
  const char* sql = nullptr;
  for (const auto& [name, text] : looks)
    if (name == kind.name) sql = text;
  if (sql == nullptr) return {};
  nlohmann::json more;
  if (kind.name == "worker_unaudited") more = workers_and_auditors(company);
  if (kind.name == "audit_of_audits") more = audits(company);
  return {"SELECT subject, origin, left(what, 2000) AS what, evidence FROM (" + std::string{sql} +
              ") found WHERE ($3::text IS NOT NULL OR $2::text IS NOT NULL) ORDER BY subject COLLATE \"C\" LIMIT " +
              std::to_string(findings_max + 1),
          {company.name, to_iso(at), more.dump()}};
}

query dependencies(const std::string& company) {
  return {"SELECT d.task, d.depends_on FROM cadre.task_dependency d WHERE d.company = $1 LIMIT " +
              std::to_string(dependencies_looked_at_max + 1),
          {company}};
}

query finding_state(const std::string& company) {
  return {
      "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS at, (SELECT (extract(epoch FROM l.since) * "
      "1000000)::bigint FROM cadre.leader l JOIN cadre.fence f ON f.company = l.company AND f.epoch = l.epoch WHERE "
      "l.company = $1) AS since, (SELECT coalesce(json_object_agg(k.kind, json_build_object('looked_at', "
      "(extract(epoch "
      "FROM k.looked_at) * 1000000)::bigint, 'open', k.open)), '{}') FROM cadre.finding_look k WHERE k.company = $1) "
      "AS "
      "looks",
      {company}};
}

query findings(const std::string& company, bool cleared, std::int64_t limit) {
  return {
      "SELECT f.id, f.kind, f.subject, f.owner, f.origin, f.what, f.evidence, f.first_seen, f.last_seen, f.deadline, "
      "f.cleared_at IS NULL AND f.deadline < clock_timestamp() AS overdue, f.cleared_at, f.escalation FROM "
      "cadre.finding f "
      "WHERE f.company = $1 AND ($2::bool OR f.cleared_at IS NULL) ORDER BY f.cleared_at IS NOT NULL, f.first_seen "
      "DESC, "
      "f.kind, f.subject LIMIT $3::bigint",
      {company, cleared ? "true" : "false", std::to_string(limit)}};
}

query watched_schedules(const std::string& company, const std::string& agents) {
  return {
      "SELECT s.name, s.agent, s.watcher, s.cron, s.tz, s.paused_at IS NOT NULL AS paused, (extract(epoch FROM "
      "clock_timestamp()) * 1000000)::bigint AS now, (extract(epoch FROM s.grace) * 1000000)::bigint AS grace, "
      "(extract(epoch FROM coalesce(s.planned_until, s.since)) * 1000000)::bigint AS planned_until, "
      "(SELECT (extract(epoch FROM l.since) * 1000000)::bigint FROM cadre.leader l JOIN cadre.fence f ON f.company = "
      "l.company AND f.epoch = l.epoch WHERE l.company = s.company) AS leader_since, a.paused_at IS NOT NULL OR "
      "m.paused_at IS NOT NULL AS agent_paused, "
      "(SELECT json_agg(json_build_object('due', f.due_at, 'due_us', (extract(epoch FROM f.due_at) * 1000000)::bigint, "
      "'kind', f.kind, 'outcome', f.outcome, 'reason', f.reason, 'next_step', f.next_step, 'held', f.held_at IS NOT "
      "NULL, "
      "'waits_since', (extract(epoch FROM f.waits_since) * 1000000)::bigint, 'task', f.task) ORDER BY f.due_at) FROM "
      "(SELECT * FROM cadre.open_fire o WHERE o.company = s.company AND o.schedule = s.name AND o.waits_since < "
      "clock_timestamp() ORDER BY o.due_at LIMIT 100) f) AS open, "
      "(SELECT json_agg(json_build_object('due', f.due_at, 'kind', f.kind, 'outcome', f.outcome, 'reason', f.reason, "
      "'moments', f.moments) ORDER BY f.due_at) FROM (SELECT x.*, bool_or(x.outcome = 'effect' OR x.kind = 'catch_up') "
      "OVER (ORDER BY "
      "x.due_at "
      "DESC) AS mended FROM cadre.fire x WHERE x.company = s.company AND x.schedule = s.name AND x.due_at <= "
      "clock_timestamp() ORDER BY x.due_at DESC LIMIT 200) f WHERE f.outcome = 'missed' AND NOT f.mended) AS missed "
      "FROM cadre.schedule s JOIN cadre.agent a ON a.company = s.company AND a.path = s.agent LEFT JOIN cadre.mode m "
      "ON "
      "m.company = s.company AND m.name = a.mode WHERE s.company = $1 AND NOT s.retired AND s.watcher = ANY "
      "($2::text[]) "
      "ORDER BY s.name LIMIT 10000",
      {company, agents}};
}

query watch_places(const std::string& company, const std::string& agents) {
  return {
      "SELECT (SELECT l.node FROM cadre.leader l JOIN cadre.fence f ON f.company = l.company AND f.epoch = l.epoch "
      "WHERE l.company = $1 AND l.ended_at IS NULL) AS leader, "
      "(SELECT coalesce(json_agg(n.name ORDER BY n.name), '[]') FROM cadre.node n WHERE n.company = $1 AND "
      "n.state = 'up' AND NOT n.retired) AS nodes, "
      "(SELECT coalesce(json_object_agg(a.path, a.node), '{}') FROM cadre.agent a WHERE a.company = $1 AND "
      "a.path = ANY ($2::text[]) AND a.state = 'running' AND a.node IS NOT NULL AND NOT a.retired) AS homes, "
      "(SELECT coalesce(json_object_agg(w.watcher, json_build_object('node', w.node, 'age_ms', "
      "(extract(epoch FROM clock_timestamp() - w.looked_at) * 1000)::bigint)), '{}') FROM (SELECT DISTINCT ON "
      "(watcher) "
      "watcher, node, looked_at FROM cadre.watch WHERE company = $1 AND watcher = ANY ($2::text[]) "
      "ORDER BY watcher, looked_at DESC) w) AS looks",
      {company, agents}};
}

}  // namespace cadre::storage::queries
