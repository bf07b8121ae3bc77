#include "storage/writer/promotion.hpp"

namespace cadre::storage::writer {

namespace {

/// The output's rows, one per key.
#define CADRE_NEW_ROWS                                                    \
  "fresh AS (SELECT DISTINCT ON (key) key, row FROM cadre.output_row "    \
  "WHERE company = $1 AND output = $2::uuid ORDER BY key, row_no DESC), " \
  "old AS (SELECT c.key, c.row, o.sealed_at FROM cadre.canonical c "      \
  "JOIN cadre.output o ON o.company = c.company AND o.id = c.output "     \
  "WHERE c.company = $1 AND c.worker = $3 AND c.dataset = $4), "          \
  "me AS (SELECT sealed_at FROM cadre.output WHERE company = $1 AND id = $2::uuid) "

void record(unit& u, const output_facts& output) {
  u.db.run("WITH " CADRE_NEW_ROWS
           ", counts AS (SELECT (SELECT count(*) FROM old) AS before,"
           " (SELECT count(*) FROM fresh f WHERE NOT EXISTS (SELECT 1 FROM old WHERE old.key = f.key)) AS added,"
           " (SELECT count(*) FROM fresh f JOIN old USING (key), me"
           "   WHERE old.row IS DISTINCT FROM f.row AND ($5 <> 'upsert' OR old.sealed_at <= me.sealed_at)) AS changed,"
           " CASE WHEN $5 = 'replace' THEN (SELECT count(*) FROM old"
           "   WHERE NOT EXISTS (SELECT 1 FROM fresh f WHERE f.key = old.key)) ELSE 0 END AS removed) "
           "INSERT INTO cadre.promotion (company, output, worker, dataset, rows_before, rows_after, rows_added, "
           "rows_changed, rows_removed) SELECT $1, $2::uuid, $3, $4, before, before + added - removed, added, changed, "
           "removed FROM counts",
           u.company(), output.id, output.worker, output.dataset, output.mode);
}

/// Rows that are appended have keys of their own, so what is canonical already need not be looked at.
void append(unit& u, const output_facts& output) {
  u.db.run(
      "WITH counts AS (SELECT coalesce((SELECT rows_after FROM cadre.promotion WHERE company = $1 AND worker = $3 "
      "AND dataset = $4 ORDER BY at DESC LIMIT 1), 0) AS before, (SELECT count(*) FROM cadre.output_row "
      "WHERE company = $1 AND output = $2::uuid) AS added) INSERT INTO cadre.promotion (company, output, worker, "
      "dataset, rows_before, rows_after, rows_added) SELECT $1, $2::uuid, $3, $4, before, before + added, added "
      "FROM counts",
      u.company(), output.id, output.worker, output.dataset);
  u.db.run(
      "INSERT INTO cadre.canonical (company, dataset, worker, key, row, output) SELECT $1, $4, $3, key, row, $2::uuid "
      "FROM cadre.output_row WHERE company = $1 AND output = $2::uuid",
      u.company(), output.id, output.worker, output.dataset);
}

/// Compares the rows with those that are canonical.
void merge(unit& u, const output_facts& output) {
  // Fresh rows have no statistics: Postgres takes them for one or two and would compare each with each.
  u.db.run("SET LOCAL enable_nestloop = off");
  record(u, output);
  if (output.mode == output_mode::replace)
    u.db.run(
        "DELETE FROM cadre.canonical c WHERE c.company = $1 AND c.worker = $3 AND c.dataset = $4 AND NOT EXISTS "
        "(SELECT 1 FROM cadre.output_row r WHERE r.company = $1 AND r.output = $2::uuid AND r.key = c.key)",
        u.company(), output.id, output.worker, output.dataset);
  u.db.run(
      "WITH " CADRE_NEW_ROWS
      "INSERT INTO cadre.canonical AS c (company, dataset, worker, key, row, output) "
      "SELECT $1, $4, $3, f.key, f.row, $2::uuid FROM fresh f LEFT JOIN old USING (key), me "
      "WHERE old.key IS NULL OR (old.row IS DISTINCT FROM f.row AND ($5 <> 'upsert' OR old.sealed_at <= me.sealed_at)) "
      "ON CONFLICT (company, dataset, worker, key) DO UPDATE SET row = excluded.row, output = excluded.output, "
      "at = clock_timestamp()",
      u.company(), output.id, output.worker, output.dataset, output.mode);
  u.db.run("SET LOCAL enable_nestloop = on");
}

}  // namespace

bool is_passed(unit& u, const output_facts& output) {
  const auto rows = u.db.run(
      "SELECT count(*) FILTER (WHERE passed AND auditor = ANY ($3::text[])), count(*) FILTER (WHERE NOT passed) "
      "FROM cadre.verdict WHERE company = $1 AND output = $2::uuid",
      u.company(), output.id, output.auditors);
  return !output.auditors.empty() && rows[0][0].as<std::size_t>() == output.auditors.size() &&
         rows[0][1].as<std::size_t>() == 0;
}

bool is_outdated(unit& u, const output_facts& output) {
  if (output.mode != output_mode::replace) return false;
  // One that was sealed later was promoted later. That bounds the search by time, not by all that was ever promoted;
  // the hour is for a successor of this server whose clock is behind.
  const auto rows = u.db.run(
      "WITH me AS MATERIALIZED (SELECT sealed_at FROM cadre.output WHERE company = $1 AND id = $4::uuid) "
      "SELECT 1 FROM cadre.promotion p JOIN cadre.output o ON o.company = p.company AND o.id = p.output "
      "WHERE p.company = $1 AND p.worker = $2 AND p.dataset = $3 AND o.sealed_at > (SELECT sealed_at FROM me) "
      "AND p.at > (SELECT sealed_at FROM me) - interval '1 hour' LIMIT 1",
      u.company(), output.worker, output.dataset, output.id);
  return !rows.empty();
}

void promote(unit& u, const output_facts& output) {
  if (output.mode == output_mode::append)
    append(u, output);
  else
    merge(u, output);
  u.db.run("UPDATE cadre.output SET status = 'promoted' WHERE company = $1 AND id = $2::uuid", u.company(), output.id);
}

}  // namespace cadre::storage::writer
