#include "storage/writer/handlers.hpp"

#include <algorithm>

namespace cadre::storage::writer {

namespace {

constexpr std::size_t but_max = 1'000;

}  // namespace

void mark_runs(unit& u) {
  auto& m = u.mem;
  // A clock that was set back, or that of another machine, may have made ids that sort before the mark.
  const bool astray =
      std::any_of(u.runs_begun.begin(), u.runs_begun.end(), [&](const run_id& id) { return id < m.runs_ended_before; });
  if (!astray && (!m.runs_changed || u.now - m.runs_marked_at < u.options.run_mark_every)) return;
  std::vector<run_id> but;
  auto mark = std::max(m.last_run, m.runs_ended_before);
  for (const auto& [id, run] : m.runs) {
    if (but.size() >= but_max && !astray) {
      mark = id;
      break;
    }
    but.push_back(id);
  }
  u.db.send("UPDATE cadre.run_mark SET all_ended_before = $2::uuid, but = $3::uuid[] WHERE company = $1", u.company(),
            mark, but);
  u.set(m.runs_ended_before, mark);
  u.set(m.runs_marked_at, u.now);
  u.set(m.runs_changed, false);
}

}  // namespace cadre::storage::writer
