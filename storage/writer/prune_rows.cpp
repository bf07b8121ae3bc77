#include "storage/writer/prune_rows.hpp"

#include "storage/writer/id_bounds.hpp"

namespace cadre::storage::writer {

namespace {

/// Of a schedule, whatever their age: a yearly one shall show when it last fired.
constexpr std::int64_t fires_kept_min = 20;
constexpr const char* least_id = "00000000-0000-0000-0000-000000000000";

// Every look at another table is a subselect with LIMIT or OFFSET, which stays one: of a join or of NOT EXISTS the
// planner may make one that reads all of the other table.

/// Tasks that must stay although they are over: as a set that is made once for all rows of a statement.
#define CADRE_HELD_TASKS                                                                                           \
  "(SELECT e.task FROM cadre.escalation e WHERE e.company = $1 AND e.status <> 'resolved' AND e.task IS NOT NULL " \
  "UNION ALL SELECT o.task FROM cadre.output o WHERE o.company = $1 AND o.status = 'sealed' AND o.auditors <> '{}')"

void note(unit& u, const char* table, std::int64_t rows, timestamp until) {
  if (rows <= 0) return;
  u.db.run(
      "INSERT INTO cadre.pruned AS p (company, \"table\", rows, until) VALUES ($1, $2, $3::bigint, $4::timestamptz) "
      "ON CONFLICT (company, \"table\", day) DO UPDATE SET rows = p.rows + excluded.rows, "
      "until = greatest(p.until, excluded.until), at = clock_timestamp()",
      u.company(), table, rows, until);
}

/// Rows that the statement finds, unless that takes too long: after much was deleted it walks over all that vacuum has
/// not taken away yet. What it walked over is skipped the next time, so it gets on all the same.
template <class... Args>
pqxx::result look(unit& u, const char* sql, const Args&... args) {
  constexpr std::string_view query_canceled = "57014";
  u.db.script("SET LOCAL statement_timeout = " + std::to_string(u.options.prune_look_max.count()));
  try {
    auto rows = u.db.run(sql, args...);
    u.db.script("SET LOCAL statement_timeout TO DEFAULT");
    return rows;
  } catch (const pqxx::sql_error& e) {
    if (e.sqlstate() == query_canceled) throw too_slow{};
    throw;
  }
}

struct looked_at {
  std::vector<std::string> ids;  ///< Of those that may go.
  look_result result;
};

/// Of rows (id, rest of the key, whether it may go) in order.
looked_at take_in(const unit& u, const pqxx::result& rows, row_place& after) {
  looked_at found;
  for (const auto& row : rows) {
    after = {row[0].as<std::string>(), row[1].as<std::string>()};
    if (row[2].as<bool>(false)) {
      found.ids.push_back(after.id);
    } else if (found.result.first_left.empty()) {
      found.result.first_left = after.id;
    }
  }
  found.result.more = static_cast<std::int64_t>(rows.size()) >= u.options.prune_rows_max;
  return found;
}

id_bounds bounds_of_texts(const std::vector<std::string>& ids) {
  return bounds_of(ids, [](const std::string& id) -> const std::string& { return id; });
}

}  // namespace

look_result prune_dependencies(unit& u, row_place& after, const std::string& upto) {
  const auto rows = look(
      u,
      "SELECT d.depends_on::text, d.task::text, d.company = $1 AND (SELECT 1 FROM cadre.task t "
      "WHERE t.company = d.company AND t.id = d.task AND t.finished_at IS NULL LIMIT 1) IS NULL FROM (SELECT * FROM "
      "cadre.task_dependency WHERE depends_on >= $2::uuid AND (depends_on, task) > ($2::uuid, $3::uuid) AND "
      "depends_on < $4::uuid ORDER BY depends_on, task LIMIT $5::bigint) d ORDER BY d.depends_on, d.task",
      u.company(), after.id, after.more.empty() ? least_id : after.more, upto, u.options.prune_rows_max);
  std::vector<std::string> waited_for, waiting;
  look_result result;
  for (const auto& row : rows) {
    after = {row[0].as<std::string>(), row[1].as<std::string>()};
    if (!row[2].as<bool>(false)) {
      if (result.first_left.empty()) result.first_left = after.id;
      continue;
    }
    waited_for.push_back(after.id);
    waiting.push_back(after.more);
  }
  result.more = static_cast<std::int64_t>(rows.size()) >= u.options.prune_rows_max;
  if (waiting.empty()) return result;
  // One that waits for several of these is over, so all of them may go.
  const auto gone = u.db.run(
      "DELETE FROM cadre.task_dependency WHERE company = $1 AND task = ANY ($2::uuid[]) AND depends_on = "
      "ANY ($3::uuid[])",
      u.company(), waiting, waited_for);
  result.pruned = static_cast<std::int64_t>(gone.affected_rows());
  note(u, "task_dependency", result.pruned, u.now);
  return result;
}

look_result prune_runs(unit& u, row_place& after, const std::string& upto, timestamp before) {
  const auto rows = look(
      u,
      "SELECT r.task::text, r.attempt, r.company = $1 AND r.ended_at < $6::timestamptz AND "
      "coalesce(t.finished_at < $6::timestamptz, t.id IS NULL) AND r.task NOT IN " CADRE_HELD_TASKS
      " FROM (SELECT company, task, attempt, ended_at FROM cadre.run WHERE task >= $2::uuid AND task < $4::uuid AND "
      "(task, attempt) > ($2::uuid, $3::int) ORDER BY task, attempt LIMIT $5::bigint) r LEFT JOIN LATERAL "
      "(SELECT id, finished_at FROM cadre.task WHERE id = r.task AND company = r.company OFFSET 0) t ON true "
      "ORDER BY r.task, r.attempt",
      u.company(), after.id, after.more.empty() ? "-1" : after.more, upto, u.options.prune_rows_max, before);
  auto found = take_in(u, rows, after);
  if (found.ids.empty()) return found.result;
  const auto among = bounds_of_texts(found.ids);
  const auto gone = u.db.run(
      "DELETE FROM cadre.run WHERE company = $1 AND task = ANY ($2::uuid[]) AND task >= $3::uuid AND task <= $4::uuid "
      "AND (status <> 'active') IS TRUE AND ended_at < $5::timestamptz",
      u.company(), found.ids, among.least, among.greatest, before);
  found.result.pruned = static_cast<std::int64_t>(gone.affected_rows());
  note(u, "run", found.result.pruned, before);
  return found.result;
}

look_result prune_tasks(unit& u, row_place& after, const std::string& upto, timestamp before) {
  const auto rows =
      look(u,
           "SELECT t.id::text, '', t.company = $1 AND t.finished_at < $5::timestamptz AND t.id NOT IN " CADRE_HELD_TASKS
           " AND (SELECT 1 FROM cadre.task_dependency d, LATERAL (SELECT 1 FROM cadre.task w WHERE w.company = "
           "d.company AND w.id = d.task AND w.finished_at IS NULL OFFSET 0) waits WHERE d.company = t.company AND "
           "d.depends_on = "
           "t.id LIMIT 1) IS NULL FROM (SELECT company, id, finished_at FROM cadre.task WHERE id > $2::uuid AND id < "
           "$3::uuid "
           "ORDER BY id LIMIT $4::bigint) t ORDER BY t.id",
           u.company(), after.id, upto, u.options.prune_rows_max, before);
  auto found = take_in(u, rows, after);
  if (found.ids.empty()) return found.result;
  const auto among = bounds_of_texts(found.ids);
  const auto runs = u.db.run(
      "DELETE FROM cadre.run WHERE company = $1 AND task = ANY ($2::uuid[]) AND task >= $3::uuid AND task <= $4::uuid",
      u.company(), found.ids, among.least, among.greatest);
  if (u.mem.has_dependencies) {
    u.db.run("DELETE FROM cadre.task_dependency WHERE company = $1 AND task = ANY ($2::uuid[])", u.company(),
             found.ids);
    u.db.run("DELETE FROM cadre.task_dependency WHERE company = $1 AND depends_on = ANY ($2::uuid[])", u.company(),
             found.ids);
  }
  const auto tasks = u.db.run(
      "DELETE FROM cadre.task WHERE company = $1 AND id = ANY ($2::uuid[]) AND id >= $3::uuid AND id <= $4::uuid",
      u.company(), found.ids, among.least, among.greatest);
  found.result.pruned = static_cast<std::int64_t>(tasks.affected_rows());
  note(u, "run", static_cast<std::int64_t>(runs.affected_rows()), before);
  note(u, "task", found.result.pruned, before);
  return found.result;
}

look_result prune_journal(unit& u, row_place& after, const std::string& upto, timestamp before) {
  const auto rows =
      look(u,
           "SELECT run::text, line, company = $1 AND at < $6::timestamptz FROM cadre.journal WHERE run >= $2::uuid "
           "AND run < $4::uuid AND (run, line) > ($2::uuid, $3::bigint) ORDER BY run, line LIMIT $5::bigint",
           u.company(), after.id, after.more.empty() ? "-1" : after.more, upto, u.options.prune_rows_max, before);
  const auto from = after;
  auto found = take_in(u, rows, after);
  if (found.ids.empty()) return found.result;
  std::vector<std::string> active;
  for (const auto& [id, run] : u.mem.runs) active.push_back(id.text);
  // The rows looked at lie next to each other.
  const auto gone = u.db.run(
      "DELETE FROM cadre.journal WHERE company = $1 AND run >= $2::uuid AND run <= $4::uuid "
      "AND (run, line) > ($2::uuid, $3::bigint) AND (run, line) <= ($4::uuid, $5::bigint) AND at < $6::timestamptz "
      "AND run <> ALL ($7::uuid[])",
      u.company(), from.id, from.more.empty() ? "-1" : from.more, after.id, after.more, before, active);
  found.result.pruned = static_cast<std::int64_t>(gone.affected_rows());
  note(u, "journal", found.result.pruned, before);
  return found.result;
}

namespace {

/// True if all rows of the output are gone.
bool delete_rows(unit& u, const std::string& output, timestamp before) {
  const auto gone = u.db.run(
      "DELETE FROM cadre.output_row WHERE company = $1 AND output = $2::uuid AND row_no <= coalesce((SELECT row_no "
      "FROM "
      "cadre.output_row WHERE company = $1 AND output = $2::uuid ORDER BY row_no OFFSET $3::bigint LIMIT 1), "
      "9223372036854775807)",
      u.company(), output, u.options.prune_rows_max);
  const auto rows = static_cast<std::int64_t>(gone.affected_rows());
  note(u, "output_row", rows, before);
  return rows <= u.options.prune_rows_max;
}

/// With what belongs to them. Their rows are few.
std::int64_t delete_outputs(unit& u, const std::vector<std::string>& outputs, timestamp before) {
  if (outputs.empty()) return 0;
  const auto rows =
      u.db.run("DELETE FROM cadre.output_row WHERE company = $1 AND output = ANY ($2::uuid[])", u.company(), outputs);
  note(u, "output_row", static_cast<std::int64_t>(rows.affected_rows()), before);
  u.db.run("DELETE FROM cadre.audit_due WHERE company = $1 AND output = ANY ($2::uuid[])", u.company(), outputs);
  const auto stats =
      u.db.run("DELETE FROM cadre.output_stats WHERE company = $1 AND output = ANY ($2::uuid[])", u.company(), outputs);
  note(u, "output_stats", static_cast<std::int64_t>(stats.affected_rows()), before);
  const auto verdicts =
      u.db.run("DELETE FROM cadre.verdict WHERE company = $1 AND output = ANY ($2::uuid[])", u.company(), outputs);
  note(u, "verdict", static_cast<std::int64_t>(verdicts.affected_rows()), before);
  const auto promotions =
      u.db.run("DELETE FROM cadre.promotion WHERE company = $1 AND output = ANY ($2::uuid[])", u.company(), outputs);
  note(u, "promotion", static_cast<std::int64_t>(promotions.affected_rows()), before);
  const auto gone =
      u.db.run("DELETE FROM cadre.output WHERE company = $1 AND id = ANY ($2::uuid[])", u.company(), outputs);
  note(u, "output", static_cast<std::int64_t>(gone.affected_rows()), before);
  return static_cast<std::int64_t>(gone.affected_rows());
}

}  // namespace

look_result prune_outputs(unit& u, row_place& after, timestamp before) {
  const auto rows = look(
      u,
      "SELECT o.id::text, '', o.company = $1 AND (o.status IN ('rejected', 'promoted', 'dropped') OR o.status = "
      "'sealed' "
      "AND o.auditors = '{}') "
      "AND coalesce(o.sealed_at, o.staged_at) < $4::timestamptz "
      "AND (SELECT 1 FROM cadre.canonical c WHERE c.output = o.id AND c.company = o.company LIMIT 1) IS NULL "
      "AND o.id IS DISTINCT FROM (SELECT p.output FROM cadre.promotion p WHERE p.company = o.company AND p.worker = "
      "o.worker AND p.dataset = o.dataset ORDER BY p.at DESC LIMIT 1) "
      "AND (SELECT 1 FROM cadre.escalation e WHERE e.company = o.company AND e.status <> 'resolved' AND "
      "(e.output = o.id OR e.task = o.task) LIMIT 1) IS NULL, o.row_count FROM (SELECT * FROM cadre.output WHERE id > "
      "$2::uuid "
      "ORDER BY id LIMIT $3::bigint) o ORDER BY o.id",
      u.company(), after.id.empty() ? least_id : after.id, u.options.prune_rows_max, before);
  look_result result;
  std::vector<std::string> small;
  std::int64_t rows_of_small = 0;
  for (const auto& row : rows) {
    const auto id = row[0].as<std::string>();
    if (row[2].as<bool>(false)) {
      const auto count = row[3].as<std::int64_t>();
      if (rows_of_small + count > u.options.prune_rows_max && !small.empty()) {
        result.pruned = delete_outputs(u, small, before);
        result.more = true;
        return result;
      }
      if (count > u.options.prune_rows_max && !delete_rows(u, id, before)) {
        result.pruned = 1;  // Of it more than one step's rows are left: the next one goes on here.
        result.more = true;
        return result;
      }
      small.push_back(id);
      rows_of_small += count;
    }
    after.id = id;
  }
  result.pruned = delete_outputs(u, small, before);
  result.more = static_cast<std::int64_t>(rows.size()) >= u.options.prune_rows_max;
  return result;
}

look_result prune_events(unit& u, std::int64_t& gone, timestamp before) {
  // The oldest are looked at and no others: they are in the order of time.
  const auto rows = look(
      u,
      "SELECT last_seq, at < $4::timestamptz FROM cadre.event_batch WHERE company = $1 AND last_seq > $5::bigint AND "
      "last_seq < $2::bigint ORDER BY last_seq LIMIT $3::bigint",
      u.company(), u.mem.last_seq, u.options.prune_rows_max, before, gone);
  std::vector<std::int64_t> old;
  for (const auto& row : rows)
    if (row[1].as<bool>()) old.push_back(row[0].as<std::int64_t>());
  look_result found;
  if (old.empty()) return found;
  const auto events = u.db.run(
      "WITH gone AS (DELETE FROM cadre.event_batch WHERE company = $1 AND last_seq = ANY ($2::bigint[]) "
      "RETURNING last_seq - first_seq + 1 AS events) SELECT count(*), coalesce(sum(events), 0)::bigint FROM gone",
      u.company(), old);
  found.pruned = events[0][0].as<std::int64_t>();
  gone = old.back();
  found.more = static_cast<std::int64_t>(old.size()) >= u.options.prune_rows_max;
  note(u, "event", events[0][1].as<std::int64_t>(), before);
  return found;
}

look_result prune_fires(unit& u, timestamp before) {
  const auto gone = u.db.run(
      "DELETE FROM cadre.fire d USING (SELECT f.schedule, f.due_at FROM cadre.schedule s CROSS JOIN LATERAL "
      "(SELECT due_at FROM cadre.fire WHERE company = s.company AND schedule = s.name AND ended_at IS NOT NULL "
      "ORDER BY due_at DESC OFFSET $4::bigint LIMIT 1) k CROSS JOIN LATERAL (SELECT schedule, due_at FROM cadre.fire "
      "WHERE company = s.company AND schedule = s.name AND due_at <= k.due_at AND ended_at < $2::timestamptz "
      "ORDER BY due_at LIMIT $3::bigint) f WHERE s.company = $1 LIMIT $3::bigint) old "
      "WHERE d.company = $1 AND d.schedule = old.schedule AND d.due_at = old.due_at",
      u.company(), before, u.options.prune_rows_max, fires_kept_min);
  look_result found;
  found.pruned = static_cast<std::int64_t>(gone.affected_rows());
  found.more = found.pruned >= u.options.prune_rows_max;
  note(u, "fire", found.pruned, before);
  return found;
}

look_result prune_keys(unit& u, row_place& after, timestamp before) {
  const auto rows = look(
      u,
      "SELECT k.idempotency_key, '', k.company = $1 AND k.at < $4::timestamptz AND t.id IS NULL FROM (SELECT * FROM "
      "cadre.task_key WHERE idempotency_key > $2 ORDER BY idempotency_key, company LIMIT $3::bigint) k LEFT JOIN "
      "LATERAL (SELECT id FROM cadre.task WHERE id = k.task AND company = k.company OFFSET 0) t ON true "
      "ORDER BY k.idempotency_key",
      u.company(), after.id, u.options.prune_rows_max, before);
  auto found = take_in(u, rows, after);
  if (found.ids.empty()) return found.result;
  const auto gone = u.db.run("DELETE FROM cadre.task_key WHERE company = $1 AND idempotency_key = ANY ($2::text[])",
                             u.company(), found.ids);
  found.result.pruned = static_cast<std::int64_t>(gone.affected_rows());
  note(u, "task_key", found.result.pruned, before);
  return found.result;
}

}  // namespace cadre::storage::writer
