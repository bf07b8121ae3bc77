#include "drill_queries.hpp"

#include "queries.hpp"

namespace cadre::storage::queries {

query drill_mark(const std::string& company) {
  return {
      "SELECT clock_timestamp() AS at, coalesce((SELECT array_agg(id) FROM (SELECT id FROM cadre.task "
      "WHERE company = $1 AND (finished_at IS NULL OR finished_at > clock_timestamp() - interval '12 hours') "
      "ORDER BY created_at DESC LIMIT 10000) newest), '{}')::text AS tasks",
      {company}};
}

std::vector<std::pair<std::string, query>> drill_look(const std::string& company) {
  return {{"leader", leader(company)},
          {"agents", agents(company)},
          {"nodes", nodes(company)},
          {"stranded",
           {"SELECT count(*) AS runs FROM cadre.active_run r JOIN cadre.incarnation i ON i.company = r.company AND "
            "i.epoch = r.incarnation WHERE r.company = $1 AND i.ended_at IS NOT NULL",
            {company}}}};
}

query drill_ledger(const std::string& company, const std::string& at, const std::string& tasks,
                   const std::string& commands) {
  return {
      "SELECT (SELECT count(*) FROM unnest($3::uuid[]) AS known (id) WHERE NOT EXISTS (SELECT 1 FROM cadre.task t "
      "WHERE t.company = $1 AND t.id = known.id)) AS tasks_vanished,"
      " (SELECT count(*) FROM unnest($4::uuid[]) AS acked (id) WHERE NOT EXISTS (SELECT 1 FROM cadre.brain_history b "
      "WHERE b.company = $1 AND b.id = acked.id)) AS commands_vanished,"
      " (SELECT coalesce(max(seq), 0) - count(*) FROM cadre.event WHERE company = $1) - (SELECT coalesce(sum(rows), 0) "
      "FROM cadre.pruned WHERE company = $1 AND \"table\" = 'event') AS events_missing,"
      " (SELECT abs((SELECT count(*) FROM cadre.escalation_hop WHERE company = $1 AND action = 'raised') - "
      "(SELECT count(*) FROM cadre.escalation WHERE company = $1 AND status IN ('open', 'acknowledged', 'resolved'))))"
      " AS escalations_astray,"
      " (SELECT count(*) FROM (SELECT 1 FROM cadre.run WHERE company = $1 AND status = 'succeeded' GROUP BY task "
      "HAVING count(*) > 1) twice) AS tasks_ended_twice,"
      " (SELECT count(*) FROM (SELECT 1 FROM cadre.output WHERE company = $1 AND status = 'promoted' "
      "GROUP BY task, dataset HAVING count(*) > 1) twice) + (SELECT count(*) FROM cadre.promotion p JOIN cadre.output "
      "o "
      "ON o.company = p.company AND o.id = p.output WHERE p.company = $1 AND p.rows_added > o.row_count)"
      " AS outputs_doubled,"
      " (SELECT count(*) FROM cadre.canonical c JOIN cadre.output o ON o.company = c.company AND o.id = c.output "
      "WHERE c.company = $1 AND (cardinality(o.auditors) = 0 OR EXISTS (SELECT 1 FROM unnest(o.auditors) AS a (path) "
      "WHERE NOT EXISTS (SELECT 1 FROM cadre.verdict v WHERE v.company = c.company AND v.output = c.output AND "
      "v.passed "
      "AND v.auditor = a.path)))) AS rows_without_verdict,"
      " (SELECT count(*) FROM cadre.run WHERE company = $1 AND attempt > 1 AND started_at >= $2::timestamptz)"
      " AS runs_retried",
      {company, at, tasks, commands}};
}

}  // namespace cadre::storage::queries
