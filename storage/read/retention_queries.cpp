#include "retention_queries.hpp"

namespace cadre::storage::queries {

query retention(const std::string& company) {
  return {
      "WITH kept (\"table\", kind, number) AS (VALUES ('task', 'tasks', 1), ('task_key', 'tasks', 2), "
      "('task_dependency', 'tasks', 3), ('run', 'runs', 4), ('journal', 'journal', 5), ('output', 'outputs', 6), "
      "('output_row', 'outputs', 7), ('verdict', 'outputs', 8), ('promotion', 'outputs', 9), ('event_batch', 'events', "
      "10), ('fire', 'tasks', 11)), "
      "relations AS (SELECT k.\"table\", c.oid, c.relkind, c.reltuples FROM kept k, LATERAL (SELECT format('cadre.%I', "
      "k.\"table\")::regclass AS root) r JOIN pg_class c ON c.oid = r.root OR c.oid IN (SELECT i.inhrelid FROM "
      "pg_inherits i WHERE i.inhparent = r.root)), "
      "sizes AS (SELECT \"table\", sum(pg_total_relation_size(oid))::bigint AS bytes, sum(greatest(reltuples, 0)) "
      "FILTER "
      "(WHERE relkind <> 'p')::bigint AS rows, count(*) - 1 AS partitions FROM relations GROUP BY 1), "
      "months AS (SELECT p.name, p.kind, min(m.begins) AS oldest, min(m.ends + p.slack) AS over FROM "
      "cadre.partitioned() p, LATERAL cadre.months(p.name) m GROUP BY 1, 2), "
      // Of the outbox events are counted, not its rows.
      "gone AS (SELECT CASE \"table\" WHEN 'event' THEN 'event_batch' ELSE \"table\" END AS \"table\", "
      "sum(rows)::bigint AS pruned, bool_and(exact) AS exact, max(until) AS pruned_until, "
      "max(at) AS pruned_at FROM cadre.pruned WHERE company = $1 GROUP BY 1) "
      "SELECT k.\"table\", k.kind, CASE WHEN r.company IS NOT NULL THEN coalesce(r.keep::text, 'for ever') END AS "
      "keep, "
      "s.bytes, s.rows, s.partitions, m.oldest, m.over + r.keep AS goes_at, coalesce(g.pruned, 0) AS pruned, "
      "coalesce(g.exact, true) AS exact, g.pruned_until, g.pruned_at FROM kept k JOIN sizes s USING (\"table\") LEFT "
      "JOIN "
      "cadre.retention r ON r.company = $1 AND r.kind = k.kind LEFT JOIN months m ON m.name = k.\"table\" LEFT JOIN "
      "gone "
      "g USING (\"table\") ORDER BY k.number",
      {company}};
}

}  // namespace cadre::storage::queries
