#include "storage/writer/escalations.hpp"
#include "storage/writer/handlers.hpp"
#include "storage/writer/tasks.hpp"

namespace cadre::storage::writer {

namespace {

std::int64_t expire_leases(unit& u, timestamp at, std::int64_t limit) {
  std::vector<active_run> expired;
  for (const auto& [id, run] : u.mem.runs)
    if (run.lease_until <= at && static_cast<std::int64_t>(expired.size()) < limit) expired.push_back(run);
  for (const auto& run : expired) {
    const auto why = "node " + run.node + " was not heard to work on it within the lease";
    u.revoke(run.id, run.agent, why);
    bad_end end;
    end.status = run_status::expired;
    end.error = {errc::lease_expired, why};
    end.lost = true;
    end_badly(u, run.id, end);
  }
  return static_cast<std::int64_t>(expired.size());
}

std::int64_t find_overdue_audits(unit& u, timestamp at, std::int64_t limit) {
  const auto rows = u.db.run(
      "UPDATE cadre.audit_due d SET late = true FROM cadre.output o WHERE d.company = $1 AND o.company = d.company "
      "AND o.id = d.output AND (d.output, d.auditor) IN (SELECT output, auditor FROM cadre.audit_due "
      "WHERE company = $1 AND NOT late AND due_at <= $2::timestamptz ORDER BY due_at LIMIT $3::bigint) "
      "RETURNING d.output::text, d.auditor, o.worker, o.dataset, o.task::text",
      u.company(), at, limit);
  for (const auto& row : rows) {
    const auto output = row[0].as<std::string>();
    finding f;
    f.origin.text = row[1].as<std::string>();
    f.cause_of = "audit_overdue:" + output + ":" + f.origin.text;
    f.problem = "audit_overdue";
    f.cause = {errc::audit_overdue, f.origin.text + " gave no verdict about an output of " + row[2].as<std::string>() +
                                        " for " + row[3].as<std::string>() + " in time"};
    f.evidence = {{"output", output}, {"worker", row[2].as<std::string>()}, {"dataset", row[3].as<std::string>()}};
    f.task.text = row[4].as<std::string>();
    f.output.text = output;
    raise(u, f);
  }
  return static_cast<std::int64_t>(rows.size());
}

std::int64_t end_late_tasks(unit& u, timestamp at, std::int64_t limit) {
  const auto rows = u.db.run(
      "SELECT id::text FROM cadre.task WHERE company = $1 AND begin_until <= $2::timestamptz "
      "ORDER BY begin_until LIMIT $3::bigint",
      u.company(), at, limit);
  for (const auto& row : rows)
    move_task(u, task_id{row[0].as<std::string>()}, task_status::stale,
              {errc::timed_out, "its deadline passed before it started"});
  return static_cast<std::int64_t>(rows.size());
}

/// A node that is silent for the lease gets no more work; its runs end with their leases or with its agents' lives.
void find_silent_nodes(unit& u, timestamp at) {
  for (auto& [name, node] : u.mem.nodes) {
    if (!node.up || at - node.seen_at <= u.mem.company.timing.lease) continue;
    u.db.run("UPDATE cadre.node SET state = 'down', since = clock_timestamp() WHERE company = $1 AND name = $2",
             u.company(), name);
    u.set(node.up, false);
  }
}

}  // namespace

result<applied> apply(unit& u, const command&, const clock_tick& body) {
  if (body.at.empty()) return fail(errc::bad_value, "at is needed");
  const auto limit = u.options.tick_rows_max;
  for (std::int64_t round = 0; round < u.options.tick_rounds_max; ++round) {
    bool more = expire_leases(u, body.at, limit) >= limit;
    more = find_overdue_audits(u, body.at, limit) >= limit || more;
    more = move_due_escalations(u, body.at, limit) >= limit || more;
    more = end_late_tasks(u, body.at, limit) >= limit || more;
    if (!more) break;
  }
  find_silent_nodes(u, body.at);
  watch_unplaced_agents(u, body.at);
  look_ahead(u);
  return applied{};
}

void look_ahead(unit& u) {
  const auto rows = u.db.run(
      "SELECT coalesce((extract(epoch FROM least("
      "(SELECT min(run_after) FROM cadre.task WHERE company = $1 AND lane IS NOT NULL AND "
      "run_after > $2::timestamptz),"
      "(SELECT min(begin_until) FROM cadre.task WHERE company = $1),"
      "(SELECT min(due_at) FROM cadre.audit_due WHERE company = $1 AND NOT late),"
      "(SELECT min(due_at) FROM cadre.escalation WHERE company = $1 AND status = 'open' AND NOT in_inbox)"
      ")) * 1000000)::bigint, 0)",
      u.company(), u.now);
  const timestamp due{rows[0][0].as<std::int64_t>()};
  u.set(u.mem.next_due, due.empty() ? std::optional<timestamp>{} : std::optional{due});
}

}  // namespace cadre::storage::writer
