#include "queries.hpp"

namespace cadre::storage::queries {

namespace {

/// What the brief before this one saw last; null if there was none, or none of this program's. Not the moment that it
/// was kept at: what happened while it was written would be in neither of the two.
constexpr auto last_seen =
    "(SELECT CASE WHEN jsonb_typeof(body #> '{kept,as_of_us}') = 'number' THEN CASE WHEN "
    "(body #>> '{kept,as_of_us}')::numeric BETWEEN 0 AND 253402300799999999 THEN "
    "least(at, to_timestamp((body #>> '{kept,as_of_us}')::numeric / 1000000)) ELSE at END ELSE at END "
    "FROM cadre.brief WHERE company = $1 ORDER BY at DESC LIMIT 1)";

/// From when on things are listed as new: at most a week back, so that neither the first brief nor one after a long
/// time reads all that ever was.
std::string since() {
  return std::string{"greatest("} + last_seen + ", now() - interval '7 days')";
}

constexpr auto worst_first =
    "array_position(ARRAY['critical', 'error', 'warning', 'info'], e.severity), e.raised_at, e.id";

query decisions(const parameters& mine) {
  // Sorted by what is small: a cause may be long, and there may be ten thousand of them.
  return {
      std::string{"SELECT e.id, e.severity, e.problem, e.origin, e.count, e.cause_code, left(e.cause, 2000) AS cause, "
                  "e.status, e.task, e.raised_at, e.last_at, (SELECT json_agg(h.holder ORDER BY h.hop) FROM (SELECT "
                  "x.hop, x.holder FROM cadre.escalation_hop x WHERE x.company = $1 AND x.escalation = e.id AND "
                  "x.action <> 'repeated' ORDER BY x.hop LIMIT 50) h) AS holders FROM (SELECT e.id FROM "
                  "cadre.escalation e WHERE e.company = $1 AND e.in_inbox AND e.status <> 'resolved' ORDER BY "} +
          worst_first + " LIMIT 20) top JOIN cadre.escalation e ON e.company = $1 AND e.id = top.id ORDER BY " +
          worst_first,
      mine};
}

/// The newest runs of each agent, 2,000 of all together and at least 10 of each: by index, however many there are.
constexpr auto newest_runs =
    "share AS MATERIALIZED (SELECT greatest(10, 2000 / greatest(count(*), 1)) AS n FROM cadre.agent WHERE company = $1 "
    "AND NOT retired), seen AS MATERIALIZED (SELECT a.path AS agent, r.*, row_number() OVER newest AS nth, "
    "extract(epoch "
    "FROM lag(r.started_at) OVER newest - r.started_at)::float8 AS gap_s FROM cadre.agent a CROSS JOIN LATERAL (SELECT "
    "x.task, x.attempt, x.status, x.error_code, left(x.error, 300) AS error, x.started_at, x.ended_at FROM cadre.run x "
    "WHERE x.company = a.company AND x.agent = a.path ORDER BY x.started_at DESC LIMIT (SELECT n FROM share)) r WHERE "
    "a.company = $1 AND NOT a.retired WINDOW newest AS (PARTITION BY a.path ORDER BY r.started_at DESC))";

/// Two columns of lists, and counts. failures: what ended badly since the last brief, by agent and cause, and whether
/// the task came through after all; `whole`: false if an agent ran so often that older runs of the time in question
/// were not looked at. measured: what the newest success of each agent said, and how far apart its newest runs began
/// (the median): what was measured much longer ago than that is old. A response may be large; of its metrics and texts
/// the first are enough.
query runs(const parameters& mine) {
  return {
      std::string{"WITH "} + newest_runs + ", begin AS MATERIALIZED (SELECT " + since() +
          " AS at), ended AS MATERIALIZED (SELECT s.* FROM seen s WHERE s.ended_at > (SELECT at FROM begin)), "
          "failed AS MATERIALIZED (SELECT e.agent, coalesce(e.error_code, e.status) AS error_code, e.error, "
          "e.ended_at, (SELECT t.status IN ('complete', 'review', 'approved') FROM cadre.task t WHERE t.company = $1 "
          "AND t.id = e.task LIMIT 1) AS recovered FROM ended e WHERE e.status IN ('failed', 'expired') "
          "ORDER BY e.ended_at DESC, e.task LIMIT 1000), "
          "causes AS MATERIALIZED (SELECT agent, error_code, error, count(*) AS runs, max(ended_at) AS last_at, "
          "count(*) FILTER (WHERE recovered) AS recovered FROM failed GROUP BY agent, error_code, error "
          "ORDER BY count(*) DESC, agent COLLATE \"C\", error_code, error COLLATE \"C\" LIMIT 200), "
          "success AS MATERIALIZED (SELECT DISTINCT ON (agent) agent, task, attempt, ended_at FROM seen WHERE status = "
          "'succeeded' ORDER BY agent, nth), "
          "rhythm AS MATERIALIZED (SELECT agent, percentile_cont(0.5) WITHIN GROUP (ORDER BY gap_s)::bigint AS every_s "
          "FROM seen WHERE nth <= 16 GROUP BY agent HAVING count(gap_s) >= 3), "
          "measured AS MATERIALIZED (SELECT s.agent AS path, s.ended_at AS metrics_at, h.every_s, "
          "CASE WHEN jsonb_typeof(r.metrics) = 'object' THEN (SELECT jsonb_object_agg(m.name, m.value) FROM "
          "(SELECT left(key, 100) AS name, CASE WHEN jsonb_typeof(value) IN ('number', 'boolean') THEN value ELSE "
          "to_jsonb(left(value #>> '{}', 100)) END AS value FROM jsonb_each(r.metrics) ORDER BY key COLLATE \"C\" "
          "LIMIT 12) m) END AS metrics, "
          "CASE WHEN jsonb_typeof(r.metrics) = 'object' THEN (SELECT count(*) FROM jsonb_object_keys(r.metrics)) "
          "END AS metrics_total, "
          "CASE WHEN jsonb_typeof(r.recommendations) = 'array' THEN (SELECT json_agg(left(t.text #>> '{}', 1000)) "
          "FROM (SELECT value AS text FROM jsonb_array_elements(r.recommendations) WHERE jsonb_typeof(value) = "
          "'string' LIMIT 5) t) END AS recommendations FROM success s LEFT JOIN rhythm h USING (agent) CROSS JOIN "
          "LATERAL (SELECT x.metrics, x.recommendations FROM cadre.run x WHERE x.company = $1 AND x.task = s.task AND "
          "x.attempt = s.attempt OFFSET 0) r) "
          "SELECT (SELECT count(*) FROM ended WHERE status = 'succeeded') AS succeeded, "
          "(SELECT count(*) FROM ended WHERE status IN ('failed', 'expired')) AS failed, "
          "(SELECT count(*) FROM seen WHERE nth = (SELECT n FROM share) AND started_at > (SELECT at FROM begin)) = 0 "
          "AS whole, (SELECT n FROM share) AS of_each, "
          "(SELECT coalesce(json_agg(c ORDER BY c.runs DESC, c.agent COLLATE \"C\", c.error_code, "
          "c.error COLLATE \"C\"), '[]') FROM causes c) AS failures, "
          "(SELECT coalesce(json_agg(m ORDER BY m.path COLLATE \"C\"), '[]') FROM measured m) AS measured",
      mine};
}

query agents_now(const parameters& mine) {
  return {
      "SELECT a.path, a.role, a.state, a.node, a.restarts, left(a.last_cause, 2000) AS last_cause FROM cadre.agent a "
      "WHERE a.company = $1 AND NOT a.retired ORDER BY a.position, a.path COLLATE \"C\"",
      mine};
}

/// What waits and what is under way, each from the index of just that: the many tasks that are over are not looked at.
/// `more`: it was not counted to its end. Of more than 300 that wait for somebody, the index does not say how each
/// does.
query open_tasks(const parameters& mine) {
  return {
      "WITH few AS MATERIALIZED (SELECT status FROM cadre.task WHERE company = $1 AND waits IS NOT NULL LIMIT 301) "
      "SELECT status, tasks, tasks > 10000 AS more FROM ("
      "SELECT 'queued' AS status, count(*) AS tasks FROM (SELECT 1 FROM cadre.task WHERE company = $1 AND lane IS NOT "
      "NULL LIMIT 10001) q "
      "UNION ALL SELECT 'active', count(*) FROM (SELECT 1 FROM cadre.active_run WHERE company = $1 LIMIT 10001) r "
      "UNION ALL SELECT status, count(*) FROM few WHERE (SELECT count(*) FROM few) <= 300 GROUP BY status "
      "UNION ALL SELECT 'waiting', CASE WHEN (SELECT count(*) FROM few) > 300 THEN (SELECT count(*) FROM (SELECT 1 "
      "FROM "
      "cadre.task WHERE company = $1 AND waits IS NOT NULL LIMIT 10001) w) ELSE 0 END) c WHERE tasks > 0 ORDER BY "
      "status",
      mine};
}

/// The newest promotions of each dataset that changed. The datasets are found by leaps through the index, from the
/// newest promotion of one to that of the next: there may be many promotions of each.
query changes(const parameters& mine) {
  return {
      "WITH RECURSIVE begin AS MATERIALIZED (SELECT " + since() +
          " AS at), pair AS ((SELECT p.worker, p.dataset, p.at FROM cadre.promotion p WHERE p.company = $1 ORDER BY "
          "p.worker, p.dataset, p.at DESC LIMIT 1) UNION ALL SELECT n.worker, n.dataset, n.at FROM pair CROSS JOIN "
          "LATERAL (SELECT p.worker, p.dataset, p.at FROM cadre.promotion p WHERE p.company = $1 AND (p.worker, "
          "p.dataset) > (pair.worker, pair.dataset) ORDER BY p.worker, p.dataset, p.at DESC LIMIT 1) n) "
          "SELECT pair.dataset, pair.worker, c.*, count(*) OVER () AS datasets, sum(c.added) OVER () AS all_added, "
          "sum(c.changed) OVER () AS all_changed, sum(c.removed) OVER () AS all_removed FROM pair CROSS JOIN LATERAL "
          "(SELECT (array_agg(p.rows_after ORDER "
          "BY p.at DESC))[1] AS rows, sum(p.rows_added)::bigint AS added, sum(p.rows_changed)::bigint AS changed, "
          "sum(p.rows_removed)::bigint AS removed, count(*) AS promotions, max(p.at) AS last_at FROM (SELECT * FROM "
          "cadre.promotion p WHERE p.company = $1 AND p.worker = pair.worker AND p.dataset = pair.dataset AND p.at > "
          "(SELECT at FROM begin) ORDER BY p.at DESC LIMIT 200) p) c WHERE pair.at > (SELECT at FROM begin) "
          "ORDER BY c.added + c.changed + c.removed DESC, pair.dataset COLLATE \"C\", pair.worker COLLATE \"C\" "
          "LIMIT 40",
      mine};
}

/// Fires that came to nothing since the last brief, and those that go on and whose next step is late, by the ledger.
query missed_schedules(const parameters& mine) {
  return {
      "WITH begin AS MATERIALIZED (SELECT " + since() +
          " AS at) SELECT schedule, due_at, status, left(reason, 1000) AS reason, moments, task FROM ("
          "SELECT f.schedule, f.due_at, f.outcome AS status, f.reason, f.moments, f.task FROM cadre.fire f WHERE "
          "f.company = $1 AND f.due_at > (SELECT at FROM begin) - interval '1 day' AND f.ended_at > (SELECT at FROM "
          "begin) AND f.outcome IN ('skipped', 'missed', 'failed', 'finished') "
          "UNION ALL SELECT o.schedule, o.due_at, 'late', 'not ' || o.next_step || ' yet' || CASE WHEN o.reason <> '' "
          "THEN "
          "': ' || o.reason ELSE '' END, 1, o.task FROM cadre.open_fire o WHERE o.company = "
          "$1 AND o.held_at IS NULL AND o.paused_at IS NULL AND o.waits_since + o.grace < now()) f "
          "ORDER BY due_at DESC, schedule COLLATE \"C\" LIMIT 500",
      mine};
}

}  // namespace

std::vector<std::pair<std::string, query>> brief_parts(const std::string& company) {
  const parameters mine{company};
  return {
      {"as_of",
       {std::string{"SELECT now() AS at, (extract(epoch FROM now()) * 1000000)::bigint AS us, "} + last_seen +
            " AS since, " + since() + " AS listed_from, $1::text AS company",
        mine}},
      {"previous",
       {"SELECT b.body -> 'kept' AS kept, b.body -> 'metrics' AS metrics FROM cadre.brief b WHERE b.company = $1 "
        "ORDER BY b.at DESC LIMIT 1",
        mine}},
      {"escalation_sums",
       {"SELECT count(*) AS raised, count(*) FILTER (WHERE status = 'resolved') AS resolved, "
        "count(*) FILTER (WHERE status <> 'resolved') AS open, "
        "count(*) FILTER (WHERE status <> 'resolved' AND in_inbox) AS in_inbox, "
        "count(*) FILTER (WHERE status <> 'resolved' AND in_inbox AND raised_at > seen.at) AS new_in_inbox, "
        "count(*) FILTER (WHERE status = 'resolved' AND in_inbox AND resolved_at > seen.at) AS settled "
        "FROM cadre.escalation, (SELECT coalesce(" +
            std::string{last_seen} + ", '-infinity') AS at OFFSET 0) seen WHERE company = $1",
        mine}},
      // What no person saw: policies without a time to investigate. With the rows of the last hour before.
      {"settled_at_once",
       {std::string{"SELECT e.problem, e.origin, sum(e.count)::bigint AS times, count(*) OVER () AS total FROM "
                    "cadre.escalation e, (SELECT "} +
            since() +
            " AS at OFFSET 0) seen WHERE e.company = $1 AND e.counts_until > seen.at AND e.last_at > seen.at GROUP BY "
            "e.problem, e.origin ORDER BY sum(e.count) DESC, e.problem COLLATE \"C\", e.origin COLLATE \"C\" LIMIT 20",
        mine}},
      {"decisions", decisions(mine)},
      // What the next brief compares with.
      {"decision_counts",
       {std::string{"SELECT e.id, e.count FROM cadre.escalation e WHERE e.company = $1 AND e.in_inbox AND "
                    "e.status <> 'resolved' ORDER BY "} +
            worst_first + " LIMIT 100",
        mine}},
      {"decision_kinds",
       {"SELECT e.problem, count(*) AS decisions, sum(e.count) AS times, count(DISTINCT e.origin) AS agents "
        "FROM cadre.escalation e WHERE e.company = $1 AND e.in_inbox AND e.status <> 'resolved' GROUP BY e.problem "
        "ORDER BY count(*) DESC, e.problem COLLATE \"C\" LIMIT 20",
        mine}},
      {"under_investigation",
       {"SELECT e.id, e.severity, e.problem, e.origin, e.holder, e.count, left(e.cause, 2000) AS cause, e.due_at FROM "
        "(SELECT e.id FROM cadre.escalation e WHERE e.company = $1 AND NOT e.in_inbox AND e.status <> 'resolved' "
        "ORDER BY e.due_at, e.id LIMIT 20) top JOIN cadre.escalation e ON e.company = $1 AND e.id = top.id "
        "ORDER BY e.due_at, e.id",
        mine}},
      {"runs", runs(mine)},
      {"missed_schedules", missed_schedules(mine)},
      {"overdue_audits",
       {"SELECT d.auditor, o.worker, o.dataset, count(*) AS audits, min(d.due_at) AS due_at FROM (SELECT * FROM "
        "cadre.audit_due WHERE company = $1 AND due_at < now() ORDER BY due_at, output, auditor LIMIT 300) d CROSS "
        "JOIN LATERAL (SELECT x.worker, x.dataset FROM cadre.output x WHERE x.company = d.company AND x.id = d.output "
        "OFFSET 0) o GROUP BY d.auditor, o.worker, o.dataset "
        "ORDER BY min(d.due_at), d.auditor COLLATE \"C\", o.worker COLLATE \"C\", o.dataset COLLATE \"C\" LIMIT 200",
        mine}},
      {"findings",
       {"SELECT kind, subject, owner, left(what, 1000) AS what, first_seen, deadline, deadline < now() AS overdue, "
        "count(*) OVER () AS total FROM cadre.finding WHERE company = $1 AND cleared_at IS NULL "
        "ORDER BY deadline, kind, subject COLLATE \"C\" LIMIT 100",
        mine}},
      {"changes", changes(mine)},
      {"agents", agents_now(mine)},
      {"paused",
       {"SELECT * FROM (SELECT 'mode' AS what, name, paused_at, paused_by, left(paused_reason, 1000) AS reason FROM "
        "cadre.mode WHERE company = $1 AND NOT retired AND paused_at IS NOT NULL UNION ALL SELECT 'agent', path, "
        "paused_at, paused_by, left(paused_reason, 1000) FROM cadre.agent WHERE company = $1 AND NOT retired AND "
        "paused_at IS NOT NULL UNION ALL SELECT 'schedule', name, paused_at, paused_by, left(paused_reason, 1000) FROM "
        "cadre.schedule WHERE company = $1 AND NOT retired AND paused_at IS NOT NULL) p ORDER BY what DESC, paused_at, "
        "name COLLATE \"C\" LIMIT 200",
        mine}},
      {"open_tasks", open_tasks(mine)},
      {"priorities",
       {"SELECT DISTINCT ON (rank, key) rank, key, row, worker FROM (SELECT (c.row ->> 'rank')::numeric AS rank, "
        "c.key, "
        "c.row, c.worker FROM cadre.canonical c WHERE c.company = $1 AND c.dataset = 'action' AND "
        "jsonb_typeof(c.row -> 'rank') = 'number' LIMIT 5000) a ORDER BY rank, key, worker COLLATE \"C\" LIMIT 20",
        mine}},
      {"nodes",
       {"SELECT n.name, n.state FROM cadre.node n WHERE n.company = $1 AND NOT n.retired ORDER BY n.name", mine}},
      {"leader", leader(company)},
  };
}

}  // namespace cadre::storage::queries
