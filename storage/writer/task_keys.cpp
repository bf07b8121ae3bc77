#include "storage/writer/task_keys.hpp"

#include "config/units.hpp"
#include "storage/decide/retention.hpp"

namespace cadre::storage::writer {

std::unordered_set<std::string> claim_keys(unit& u, const std::vector<const task_add*>& tasks) {
  std::vector<std::string> keys;
  std::vector<task_id> ids;
  for (const auto* task : tasks) {
    if (task->idempotency_key.empty()) continue;
    keys.push_back(task->idempotency_key);
    ids.push_back(task->id);
  }
  if (keys.empty()) return {};
  std::unordered_set<std::string> taken;
  for (const auto& id : ids) taken.insert(id.text);
  const auto rows = u.db.run(
      "INSERT INTO cadre.task_key (company, idempotency_key, task) SELECT $1, * FROM unnest($2::text[], $3::uuid[]) "
      "ON CONFLICT DO NOTHING RETURNING task::text",
      u.company(), keys, ids);
  for (const auto& row : rows) taken.erase(row[0].as<std::string>());
  return taken;
}

result<void> check_age(const unit& u, const task_id& id) {
  const auto& kept = u.mem.company.retention.tasks;
  const auto made = decide::made_at(id.text);
  if (kept.forever || !made || u.now - *made <= kept.time) return {};
  return fail(errc::refused, "id: too old: it was made at " + to_iso(*made) + ", and ended tasks are kept for " +
                                 config::duration_text(kept.time) + ", so nobody can tell whether it ran already");
}

}  // namespace cadre::storage::writer
