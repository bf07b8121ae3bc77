#include "queries.hpp"

namespace cadre::storage::queries {

/// "Since the last brief": everything that a brief counts as new.
constexpr auto since = "coalesce((SELECT max(at) FROM cadre.brief WHERE company = $1), '-infinity'::timestamptz)";

std::vector<std::pair<std::string, query>> brief_parts(const std::string& company) {
  const parameters mine{company};
  const std::string since_last = since;
  return {
      {"as_of", {"SELECT clock_timestamp() AS at, " + since_last + "::text AS since, $1::text AS company", mine}},
      {"decisions",
       {"SELECT e.id, e.severity, e.problem, e.origin, e.count, e.cause_code, e.cause, e.status, e.raised_at, "
        "e.last_at "
        "FROM cadre.escalation e WHERE e.company = $1 AND e.in_inbox AND e.status <> 'resolved' "
        "ORDER BY array_position(ARRAY['critical', 'error', 'warning', 'info'], e.severity), e.raised_at, e.id "
        "LIMIT 50",
        mine}},
      {"under_investigation",
       {"SELECT e.id, e.severity, e.problem, e.origin, e.holder, e.count, e.cause, e.due_at FROM cadre.escalation e "
        "WHERE e.company = $1 AND NOT e.in_inbox AND e.status <> 'resolved' ORDER BY e.due_at, e.id LIMIT 20",
        mine}},
      {"failures",
       {"SELECT r.agent, r.error_code, r.error, count(*) AS runs, max(r.ended_at) AS last_at, "
        "count(*) FILTER (WHERE t.status IN ('complete', 'review', 'approved')) AS recovered "
        "FROM cadre.run r JOIN cadre.task t ON t.company = r.company AND t.id = r.task WHERE r.company = $1 AND "
        "r.status IN ('failed', 'expired') AND r.ended_at > " +
            since_last + " GROUP BY r.agent, r.error_code, r.error ORDER BY count(*) DESC, r.agent, r.error LIMIT 10",
        mine}},
      {"missed_schedules",
       {"SELECT f.schedule, f.due_at, f.status, f.reason, t.status AS task FROM cadre.fire f LEFT JOIN cadre.task t "
        "ON t.company = f.company AND t.id = f.task WHERE f.company = $1 AND f.due_at > " +
            since_last +
            " AND (f.status = 'skipped' OR t.status = 'failed') ORDER BY f.due_at DESC, f.schedule LIMIT 10",
        mine}},
      {"overdue_audits",
       {"SELECT d.auditor, o.worker, o.dataset, d.due_at FROM cadre.audit_due d JOIN cadre.output o ON "
        "o.company = d.company AND o.id = d.output WHERE d.company = $1 AND d.due_at < clock_timestamp() "
        "ORDER BY d.due_at, d.auditor LIMIT 10",
        mine}},
      {"changes",
       {"SELECT p.dataset, p.worker, (array_agg(p.rows_after ORDER BY p.at DESC))[1] AS rows, "
        "sum(p.rows_added) AS added, sum(p.rows_changed) AS changed, sum(p.rows_removed) AS removed, "
        "max(p.at) AS last_at FROM cadre.promotion p WHERE p.company = $1 AND p.at > " +
            since_last + " GROUP BY p.dataset, p.worker ORDER BY p.dataset, p.worker LIMIT 40",
        mine}},
      {"agents",
       {"SELECT a.path, a.role, a.state, a.node, a.restarts, a.last_cause, r.metrics, r.ended_at AS metrics_at, "
        "r.recommendations FROM cadre.agent a LEFT JOIN LATERAL (SELECT x.metrics, x.ended_at, x.recommendations "
        "FROM cadre.run x WHERE x.company = a.company AND x.agent = a.path AND x.status = 'succeeded' "
        "ORDER BY x.started_at DESC LIMIT 1) r ON true WHERE a.company = $1 AND NOT a.retired ORDER BY a.position",
        mine}},
      {"tasks", task_counts(company)},
      {"priorities",
       {"SELECT DISTINCT ON (rank, key) (c.row->>'rank')::numeric AS rank, c.key, c.row, c.worker, c.at "
        "FROM cadre.canonical c WHERE c.company = $1 AND c.dataset = 'action' AND "
        "jsonb_typeof(c.row->'rank') = 'number' ORDER BY rank, key LIMIT 10",
        mine}},
      {"escalation_sums",
       {"SELECT count(*) AS raised, count(*) FILTER (WHERE status = 'resolved') AS resolved, "
        "count(*) FILTER (WHERE status <> 'resolved') AS open FROM cadre.escalation WHERE company = $1",
        mine}},
      {"nodes", nodes(company)},
      {"leader", leader(company)},
  };
}

}  // namespace cadre::storage::queries
