#pragma once

#include "storage/decide/limits.hpp"
#include "storage/writer/unit.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

/// Who is free, and which tasks come next for them.
namespace cadre::storage::writer {

/// An agent that can take work now.
struct taker {
  const config::agent* agent = nullptr;
  std::string node;
  node_life_id life;
  epoch incarnation = 0;
  std::string mode;
  std::string own_lane;   ///< Tasks that name it.
  std::string mode_lane;  ///< Tasks of its mode that name nobody.
  std::int64_t free = 0;
};
struct takers {
  std::map<agent_path, taker> by_path;
  decide::concurrency_limits limits;

  [[nodiscard]] bool empty() const noexcept { return by_path.empty(); }
};

/// Agents with free slots, and what is under way. A node that is silent, a life that was replaced, and who is paused
/// get nothing.
takers find_takers(const unit& u);

/// Reads what the queue lacks of these agents' lanes: all of it with one statement, so that many idle agents cost
/// little.
void fill_queue(unit& u, const takers& free);

struct pick {
  task_id task;
  agent_path agent;
};

struct picks {
  std::vector<pick> all;
  bool more = false;  ///< There may be others that were not looked at: so many stand in front whose key has no room.
};

/// The next tasks of those who are free, one each in turn, at most `limit`. They are no longer in the queue. The turn
/// goes on where the last one ended, so that nobody is always the last.
picks next_tasks(unit& u, takers free, std::int64_t limit);

/// A task that an agent is given, as it is once it is active.
struct granted_task {
  task_id id;
  agent_path agent;
  std::string mode;
  std::string title;
  std::string payload;  ///< JSON.
  std::string key;      ///< See decide::key_of.
  std::int64_t attempt = 1;
};

/// Begins a run for each task: in memory, as a grant, with its event and its row. The tasks' rows are active already.
void begin_runs(unit& u, const std::vector<granted_task>& tasks, const takers& free);

/// Makes the picked tasks active, with a run each, but for those that are not ready any more.
void start_queued(unit& u, const std::vector<pick>& picks, const takers& free);

/// Sends the grant of a run again, which its node should hold and does not.
void grant_again(unit& u, active_run run);

/// How many grants this transaction may still make.
[[nodiscard]] std::int64_t room_for_grants(const unit& u);

}  // namespace cadre::storage::writer
