#include "queries.hpp"

namespace cadre::storage::queries {

namespace {

std::string number(std::int64_t n) {
  return std::to_string(n);
}

constexpr auto task_columns =
    "t.id, t.mode, t.agent, t.title, t.priority, t.status, t.attempt, t.attempts_max, t.run_after, t.deadline, "
    "t.schedule, t.retry_of, t.blocked_reason, t.blocked_on, t.error_code, t.error, t.created_by, t.created_at, "
    "t.changed_at, t.finished_at";

/// The tasks of a filter; `task_values` has its values.
std::string task_matches(const task_filter& f) {
  return std::string{
             " FROM cadre.task t WHERE t.company = $1"
             " AND ($2 = '' OR t.status = ANY (string_to_array($2, ',')) OR ('open' = ANY (string_to_array($2, ',')) "
             "AND t.status NOT IN ('complete', 'failed', 'superseded', 'stale')))"
             " AND ($3 = '' OR t.mode = $3) AND ($4 = '' OR t.agent = $4)"
             " AND ($5 = '' OR strpos(lower(t.title), lower($5)) > 0)"
             " AND ($6 = '' OR t.created_at <= nullif($6, '')::timestamptz)"} +
         // Read once and looked up by key. As a join this is quadratic whenever the statistics lag behind a bulk load.
         (f.not_retried ? " AND NOT (SELECT coalesce(jsonb_object_agg(r.retry_of, true), '{}') FROM cadre.task r "
                          "WHERE r.company = $1 AND r.retry_of IS NOT NULL) ? t.id::text"
                        : "");
}

constexpr auto task_page =
    " AND ($7 = '' OR (t.created_at, t.id) < (SELECT a.created_at, a.id FROM cadre.task a "
    "WHERE a.company = $1 AND a.id = nullif($7, '')::uuid))"
    " ORDER BY t.created_at DESC, t.id DESC LIMIT $8::bigint";

parameters task_values(const std::string& company, const task_filter& f) {
  return {company, f.status, f.mode, f.agent, f.title, f.created_until};
}

parameters task_page_values(const std::string& company, const task_filter& f) {
  auto values = task_values(company, f);
  values.emplace_back(f.after);
  values.emplace_back(number(f.limit));
  return values;
}

constexpr auto escalation_columns =
    "e.id, e.problem, e.severity, e.origin, e.holder, e.status, e.in_inbox, e.count, e.cause_code, e.cause, e.task, "
    "e.output, e.due_at, e.raised_at, e.last_at, e.resolved_at, e.resolved_by, e.note, "
    "CASE WHEN e.snoozed_until = e.due_at THEN e.snoozed_until END AS snoozed_until, e.investigation, "
    "nullif(e.errands, '{}') AS errands, e.counts_until";

/// Turns a prefix into the one escalation it names; none if it is ambiguous.
constexpr auto escalation_by_prefix =
    "(SELECT min(x.id::text)::uuid FROM cadre.escalation x WHERE x.company = $1 AND length($2) >= 4 "
    "AND x.id::text LIKE replace(replace($2, '%', ''), '_', '') || '%' HAVING count(*) = 1)";

}  // namespace

query tasks(const std::string& company, const task_filter& f) {
  return {std::string{"SELECT "} + task_columns + task_matches(f) + task_page, task_page_values(company, f)};
}

query task_count(const std::string& company, const task_filter& f) {
  return {"SELECT count(*) AS tasks, greatest(clock_timestamp(), max(t.created_at))::text AS as_of" + task_matches(f),
          task_values(company, f)};
}

query task_ids(const std::string& company, const task_filter& f) {
  return {"SELECT t.id" + task_matches(f) + task_page, task_page_values(company, f)};
}

query task(const std::string& company, const std::string& id) {
  return {std::string{"SELECT "} + task_columns +
              ", t.payload, t.idempotency_key, t.concurrency_key, (SELECT coalesce(json_agg(d.depends_on), '[]') FROM "
              "cadre.task_dependency d WHERE d.company = t.company AND d.task = t.id) AS depends_on"
              " FROM cadre.task t WHERE t.company = $1 AND t.id = $2::uuid",
          {company, id}};
}

query task_runs(const std::string& company, const std::string& id) {
  return {
      "SELECT r.id, r.attempt, r.agent, r.node, r.incarnation, r.status, r.error_code, r.error, r.stderr_tail, "
      "r.progress, r.metrics, r.started_at, r.ended_at, r.lease_until FROM cadre.run r "
      "WHERE r.company = $1 AND r.task = $2::uuid ORDER BY r.attempt",
      {company, id}};
}

query task_outputs(const std::string& company, const std::string& id) {
  return {
      "SELECT o.id, o.dataset, o.worker, o.mode, o.row_count, o.status, o.auditors, o.sealed_at, "
      "(SELECT coalesce(json_agg(json_build_object('auditor', v.auditor, 'passed', v.passed, 'findings', "
      "v.findings, 'rows_total', v.rows_total, 'rows_checked', v.rows_checked, 'notes', v.notes, 'at', v.at) ORDER BY "
      "v.at), '[]') FROM cadre.verdict v WHERE v.company = o.company AND "
      "v.output = o.id) AS verdicts FROM cadre.output o WHERE o.company = $1 AND o.task = $2::uuid "
      "ORDER BY o.dataset",
      {company, id}};
}

query tasks_with_ids(const std::string& company, const std::vector<std::string>& ids) {
  std::string list = "{";
  for (const auto& id : ids) list += (list.size() > 1 ? "," : "") + id;
  return {
      "SELECT t.id, t.agent, t.title, t.status, t.attempt, t.error, t.blocked_reason FROM cadre.task t "
      "WHERE t.company = $1 AND t.id = ANY ($2::uuid[]) ORDER BY t.created_at, t.id",
      {company, list + "}"}};
}

query task_counts(const std::string& company) {
  return {"SELECT status, count(*) AS tasks FROM cadre.task WHERE company = $1 GROUP BY status ORDER BY status",
          {company}};
}

query leader(const std::string& company) {
  return {
      "SELECT l.node, l.epoch, l.since, l.lease_until, l.lease_until < clock_timestamp() AS lease_over, "
      "l.ended_at, l.end_reason FROM cadre.leader l JOIN cadre.fence f ON f.company = l.company AND "
      "f.epoch = l.epoch WHERE l.company = $1",
      {company}};
}

query earlier_reigns(const std::string& company, std::int64_t limit) {
  return {
      "SELECT l.node, l.epoch, l.since, l.lease_until, l.ended_at, l.end_reason FROM cadre.leader l "
      "JOIN cadre.fence f ON f.company = l.company AND f.epoch > l.epoch WHERE l.company = $1 "
      "ORDER BY l.epoch DESC LIMIT $2::bigint",
      {company, number(limit)}};
}

query nodes(const std::string& company) {
  return {
      "SELECT n.name, n.roles, n.state, n.host, n.pid, n.version, n.life, n.since, n.seen_at, n.rss_bytes, "
      "n.agents FROM cadre.node n WHERE n.company = $1 AND NOT n.retired ORDER BY n.name",
      {company}};
}

query modes(const std::string& company) {
  return {
      "SELECT m.name, m.concurrency, m.per_key, m.paused_at, m.paused_by, m.paused_reason, "
      "(SELECT count(*) FROM cadre.agent a WHERE a.company = $1 AND a.mode = m.name AND NOT a.retired) AS agents, "
      "coalesce(q.tasks, 0) AS queued, coalesce(r.runs, 0) AS active FROM cadre.mode m "
      "LEFT JOIN (SELECT mode, count(*) AS tasks FROM cadre.task WHERE company = $1 AND lane IS NOT NULL GROUP BY "
      "mode) q "
      "ON q.mode = m.name "
      "LEFT JOIN (SELECT a.mode, count(*) AS runs FROM cadre.active_run r JOIN cadre.agent a ON a.company = r.company "
      "AND a.path = r.agent WHERE r.company = $1 GROUP BY a.mode) r ON r.mode = m.name "
      "WHERE m.company = $1 AND NOT m.retired ORDER BY m.name",
      {company}};
}

query agents(const std::string& company) {
  return {
      "SELECT a.path, a.role, a.about, a.mode, a.reports_to, a.nodes, a.node, a.state, a.epoch, a.restarts, "
      "a.last_reason, a.last_cause, a.changed_at, a.paused_at, a.paused_by, a.paused_reason, coalesce(r.active_runs, "
      "0) AS active_runs FROM cadre.agent a LEFT "
      "JOIN "
      "(SELECT agent, count(*) AS active_runs FROM cadre.active_run WHERE company = $1 GROUP BY agent) r "
      "ON r.agent = a.path WHERE a.company = $1 AND NOT a.retired ORDER BY a.position",
      {company}};
}

query agent(const std::string& company, const std::string& path) {
  return {
      "SELECT a.path, a.role, a.about, a.mode, a.reports_to, a.nodes, a.node, a.state, a.epoch, a.restarts, "
      "a.last_reason, a.last_cause, a.changed_at, a.paused_at, a.paused_by, a.paused_reason, a.retired, s.refused, "
      "s.refused_at FROM cadre.agent a, LATERAL ("
      "SELECT count(*) AS refused, max(at) AS refused_at FROM cadre.stale_command "
      "WHERE company = a.company AND sender = a.path) s WHERE a.company = $1 AND a.path = $2",
      {company, path}};
}

query agent_events(const std::string& company, const std::string& path, std::int64_t limit) {
  return {
      "SELECT e.at, e.state, e.reason, e.cause, e.node, e.restarts FROM cadre.agent_event e "
      "WHERE e.company = $1 AND e.agent = $2 ORDER BY e.at DESC, e.id DESC LIMIT $3::bigint",
      {company, path, number(limit)}};
}

query agent_runs(const std::string& company, const std::string& path, std::int64_t limit) {
  return {
      "SELECT r.id, r.task, t.title, r.attempt, r.status, r.node, r.error_code, r.error, r.metrics, r.started_at, "
      "r.ended_at FROM cadre.run r JOIN cadre.task t ON t.company = r.company AND t.id = r.task "
      "WHERE r.company = $1 AND r.agent = $2 ORDER BY r.started_at DESC LIMIT $3::bigint",
      {company, path, number(limit)}};
}

query agent_log(const std::string& company, const std::string& path, std::int64_t limit) {
  return {
      "SELECT * FROM (SELECT j.at, j.level, j.text, j.data, j.run FROM cadre.journal j WHERE j.company = $1 AND "
      "j.agent = $2 ORDER BY j.at DESC, j.line DESC LIMIT $3::bigint) latest ORDER BY at",
      {company, path, number(limit)}};
}

query inbox(const std::string& company) {
  return {std::string{"SELECT "} + escalation_columns +
              " FROM cadre.escalation e WHERE e.company = $1 AND e.in_inbox AND e.status <> 'resolved'"
              " ORDER BY array_position(ARRAY['critical', 'error', 'warning', 'info'], e.severity), e.raised_at",
          {company}};
}

query escalations(const std::string& company, bool with_resolved, std::int64_t limit) {
  return {std::string{"SELECT "} + escalation_columns +
              " FROM cadre.escalation e WHERE e.company = $1 AND ($2::bool OR e.status <> 'resolved')"
              " ORDER BY e.raised_at DESC LIMIT $3::bigint",
          {company, with_resolved ? "true" : "false", number(limit)}};
}

query escalation(const std::string& company, const std::string& id) {
  return {std::string{"SELECT "} + escalation_columns + ", e.fingerprint, e.evidence FROM cadre.escalation e " +
              "WHERE e.company = $1 AND e.id = " + escalation_by_prefix,
          {company, id}};
}

query escalation_hops(const std::string& company, const std::string& id) {
  return {std::string{"SELECT h.hop, h.action, h.holder, h.reason, h.by, h.at FROM cadre.escalation_hop h "} +
              "WHERE h.company = $1 AND h.escalation = " + escalation_by_prefix + " ORDER BY h.hop",
          {company, id}};
}

/// What a person may want to know of a fire.
#define CADRE_FIRE_COLUMNS                                                                                 \
  "f.due_at, f.kind, f.outcome, f.reason, f.expected_at, f.fire_at, f.held_at, f.fired_at, f.started_at, " \
  "f.finished_at, "                                                                                        \
  "f.effect_at, f.ended_at, f.task, f.asked_by, f.moments"

query schedules(const std::string& company) {
  // Of those that are still to come, the ledger has as many as are planned; the others are known from the calendar.
  static const std::string to_come = "f.outcome = 'expected' AND f.held_at IS NULL AND f.fire_at > clock_timestamp()";
  static const std::string of = "FROM cadre.fire f WHERE f.company = s.company AND f.schedule = s.name AND ";
  return {
      "SELECT s.name, s.agent, s.watcher, s.cron, s.tz, s.overlap, s.catch_up, "
      "(extract(epoch FROM s.catch_up_window) * 1000)::bigint AS catch_up_window_ms, "
      "(extract(epoch FROM s.jitter) * 1000)::bigint AS jitter_ms, "
      "(extract(epoch FROM s.grace) * 1000)::bigint AS grace_ms, s.exclude, s.starts, s.ends, s.since, s.paused_at, "
      "s.paused_by, s.paused_reason, (SELECT json_agg(l ORDER BY l.due_at DESC) FROM (SELECT " CADRE_FIRE_COLUMNS " " +
          of + "NOT (" + to_come +
          ") ORDER BY f.due_at DESC LIMIT 5) l) AS last, "
          "(SELECT json_agg(n.due_at ORDER BY n.due_at) FROM (SELECT f.due_at " +
          of + to_come +
          " AND f.ended_at IS NULL ORDER BY f.due_at LIMIT 5) n) AS planned "
          "FROM cadre.schedule s WHERE s.company = $1 AND NOT s.retired ORDER BY s.name",
      {company}};
}

query paused_schedules(const std::string& company) {
  return {
      "SELECT name, paused_at, paused_by, paused_reason FROM cadre.schedule WHERE company = $1 AND NOT retired "
      "AND paused_at IS NOT NULL ORDER BY name",
      {company}};
}

query fires(const std::string& company, const std::string& schedule, std::int64_t limit) {
  return {"SELECT " CADRE_FIRE_COLUMNS
          " FROM cadre.fire f WHERE f.company = $1 AND f.schedule = $2 ORDER BY f.due_at DESC LIMIT $3::bigint",
          {company, schedule, number(limit)}};
}

query fires_between(const std::string& company, const std::string& schedule, timestamp from, timestamp upto) {
  return {
      "SELECT (extract(epoch FROM f.due_at) * 1000000)::bigint AS due_us FROM cadre.fire f WHERE f.company = $1 AND "
      "f.schedule = $2 AND f.due_at >= $3::timestamptz AND f.due_at <= $4::timestamptz AND "
      "(f.fired_at IS NOT NULL OR f.ended_at IS NULL)",
      {company, schedule, to_iso(from), to_iso(upto)}};
}

query datasets(const std::string& company) {
  return {
      "SELECT c.dataset, c.worker, count(*) AS rows, max(c.at) AS changed_at FROM cadre.canonical c "
      "WHERE c.company = $1 GROUP BY c.dataset, c.worker ORDER BY c.dataset, c.worker",
      {company}};
}

query canonical(const std::string& company, const std::string& dataset, const std::string& worker,
                const std::string& after, std::int64_t limit) {
  return {
      "SELECT c.worker, c.key, c.row, c.at FROM cadre.canonical c WHERE c.company = $1 AND c.dataset = $2 AND "
      "($3 = '' OR c.worker = $3) AND ($4 = '' OR (c.worker, c.key) > (split_part($4, ' ', 1), "
      "substr($4, strpos($4, ' ') + 1))) ORDER BY c.worker, c.key LIMIT $5::bigint",
      {company, dataset, worker, after, number(limit)}};
}

query brain(const std::string& company) {
  return {"SELECT b.key, b.version, b.by, b.at FROM cadre.brain b WHERE b.company = $1 ORDER BY b.key", {company}};
}

query brain_entry(const std::string& company, const std::string& key) {
  return {"SELECT b.key, b.content, b.version, b.by, b.at FROM cadre.brain b WHERE b.company = $1 AND b.key = $2",
          {company, key}};
}

query latest_brief(const std::string& company) {
  return {"SELECT b.id, b.at, b.markdown, b.body FROM cadre.brief b WHERE b.company = $1 ORDER BY b.at DESC LIMIT 1",
          {company}};
}

query output(const std::string& company, const std::string& id) {
  return {
      "SELECT o.status, o.worker, o.dataset, o.row_count, o.auditors, coalesce((SELECT p.rows_after FROM "
      "cadre.promotion p WHERE p.company = o.company AND p.dataset = o.dataset AND p.worker = o.worker "
      "ORDER BY p.at DESC LIMIT 1), 0) AS canonical_rows "
      "FROM cadre.output o WHERE o.company = $1 AND o.id = $2::uuid",
      {company, id}};
}

query output_history(const std::string& company, const std::string& worker, const std::string& dataset,
                     std::int64_t limit) {
  return {
      "SELECT s.rows, s.columns FROM (SELECT p.company, p.output, p.at FROM cadre.promotion p WHERE p.company = $1 AND "
      "p.worker = $2 AND p.dataset = $3 ORDER BY p.at DESC LIMIT $4::bigint) p CROSS JOIN LATERAL "
      "(SELECT rows, columns FROM cadre.output_stats WHERE output = p.output AND company = p.company OFFSET 0) s ORDER "
      "BY p.at DESC",
      {company, worker, dataset, std::to_string(limit)}};
}

query missing_references(const std::string& company, const std::string& output, const std::string& column,
                         const std::string& dataset, const std::string& key) {
  return {
      "SELECT count(*) AS count, coalesce(json_agg(r.row) FILTER (WHERE n <= 5), '[]') AS sample_rows FROM (SELECT "
      "r.row, row_number() OVER () AS n FROM cadre.output_row r WHERE r.company = $1 AND r.output = $2::uuid AND "
      "r.row -> $3::text IS NOT NULL AND r.row -> $3::text <> 'null' AND NOT EXISTS "
      "(SELECT 1 FROM cadre.canonical c WHERE c.company = $1 AND c.dataset = $4 AND c.row -> $5::text = r.row -> "
      "$3::text)) r",
      {company, output, column, dataset, key}};
}

query totals(const std::string& company, const std::string& output, const std::string& column,
             const std::string& dataset, const std::string& key) {
  // CASE, since the planner may evaluate a filter after the cast.
#define CADRE_NUMBER(row, column) \
  "CASE WHEN jsonb_typeof(" row " -> " column ") = 'number' THEN (" row " ->> " column ")::numeric END"
  return {
      "SELECT a.*, b.* FROM (SELECT count(*) AS rows, coalesce(sum(" CADRE_NUMBER(
          "row",
          "$3::text") "), 0)::float8 AS sum FROM cadre.output_row WHERE company = $1 AND output = $2::uuid) a CROSS JOIN "
      "(SELECT count(*) AS other_rows, coalesce(sum(" CADRE_NUMBER(
          "row", "$5::text") "), 0)::float8 AS other_sum FROM cadre.canonical WHERE company = $1 AND dataset = $4) b",
      {company, output, column, dataset, key}};
#undef CADRE_NUMBER
}

}  // namespace cadre::storage::queries
