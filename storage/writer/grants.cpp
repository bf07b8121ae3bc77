#include "storage/writer/claims.hpp"
#include "storage/writer/handlers.hpp"
#include "storage/writer/id_bounds.hpp"
#include "storage/writer/tasks.hpp"

namespace cadre::storage::writer {

namespace {

constexpr int rounds_max = 64;

/// What waited for the tasks that are complete now, and for nothing else, is ready.
void note_dependents(unit& u) {
  if (u.complete.empty() || !u.mem.has_dependencies) return u.complete.clear();
  const auto rows = u.db.run(
      "SELECT DISTINCT task::text FROM cadre.task_dependency WHERE company = $1 AND depends_on = ANY ($2::uuid[])",
      u.company(), u.complete);
  std::vector<task_id> waiting;
  for (const auto& row : rows) waiting.push_back({row[0].as<std::string>()});
  u.complete.clear();
  note_ready(u, waiting);
}

/// Tasks whose moment came since this was last looked at.
void note_due(unit& u) {
  auto& next = u.mem.next_run_after;
  if (!next || *next > u.now) return;
  const auto rows = u.db.run(
      "SELECT id::text FROM cadre.task WHERE company = $1 AND lane IS NOT NULL AND run_after > $2::timestamptz "
      "AND run_after <= $3::timestamptz",
      u.company(), u.mem.run_after_looked_at, u.now);
  std::vector<task_id> due;
  for (const auto& row : rows) due.push_back({row[0].as<std::string>()});
  note_ready(u, due);
  u.set(u.mem.run_after_looked_at, u.now);
  const auto later = u.db.run(
      "SELECT coalesce((extract(epoch FROM min(run_after)) * 1000000)::bigint, 0) FROM cadre.task "
      "WHERE company = $1 AND lane IS NOT NULL AND run_after > $2::timestamptz",
      u.company(), u.now);
  const timestamp first{later[0][0].as<std::int64_t>()};
  u.set(next, first.empty() ? std::optional<timestamp>{} : std::optional{first});
  u.mem.due_at(first);
}

void grant_lost_again(unit& u) {
  std::vector<active_run> lost;
  for (const auto& [id, run] : u.mem.runs) {
    if (run.resend) lost.push_back(run);
  }
  for (const auto& run : lost) grant_again(u, run);
}

}  // namespace

void note_ready(unit& u, const std::vector<task_id>& ids) {
  if (ids.empty()) return;
  const auto among = bounds_of(ids);
  const auto rows = u.db.run(
      "SELECT lane, priority, id::text, (extract(epoch FROM created_at) * 1000000)::bigint, mode, "
      "coalesce(concurrency_key, '') FROM cadre.workable_task WHERE company = $1 AND id = ANY ($2::uuid[]) AND "
      "id >= $3::uuid AND id <= $4::uuid",
      u.company(), ids, among.least, among.greatest);
  for (const auto& row : rows)
    u.mem.queue.add(
        row[0].as<std::string>(), row[1].as<std::int64_t>(),
        {{row[3].as<std::int64_t>()}, {row[2].as<std::string>()}, decide::key_of(row[4].c_str(), row[5].c_str())});
  u.mem.look_for_work = true;
}

void grant_runs(unit& u) {
  grant_lost_again(u);
  note_dependents(u);
  note_due(u);
  if (!u.mem.look_for_work) return;
  for (int round = 0; round < rounds_max; ++round) {
    const auto room = room_for_grants(u);
    const auto free = find_takers(u);
    if (free.empty() || room <= 0) return;
    const auto next = next_tasks(u, free, room);
    const auto started = u.grants.size();
    start_queued(u, next.all, free);
    // Who took a task that was not ready any more asks again.
    if (u.grants.size() - started < next.all.size()) continue;
    if (next.more) break;
    // Everybody got what there was: nothing to look for until a task or a slot comes up.
    if (static_cast<std::int64_t>(next.all.size()) < room) u.mem.look_for_work = false;
    return;
  }
  u.mem.due_at(u.now);  // There is so much to look at that others shall have their turn.
}

}  // namespace cadre::storage::writer
