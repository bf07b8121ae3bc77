#pragma once

#include "schemas/agent_path.hpp"
#include "schemas/ids.hpp"
#include "schemas/time.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

/// Which task comes next: the head of the backlog, in memory. Pure.
namespace cadre::storage::writer {

/// Who may take a task: the agent that it names, or else every agent of its mode. The same text as in the index
/// `task_ready`.
std::string lane_of(const agent_path& agent, std::string_view mode);

/// Where a task stands in its lane and priority. Ids break ties.
struct queue_place {
  timestamp created_at;
  task_id task;
  std::string key;  ///< See decide::key_of: not more than so many of one key are worked on at once.
  auto operator<=>(const queue_place& other) const {
    return std::tie(created_at, task) <=> std::tie(other.created_at, other.task);
  }
  bool operator==(const queue_place& other) const { return (*this <=> other) == 0; }
};

/// The tasks that are ready to be worked on, by lane and priority, oldest first. Of each it holds at most `kept_max`
/// in memory, and knows whether the database has more; so a backlog of millions costs a read now and then, and what is
/// held may be thrown away at any time (`forget`) to be read again.
///
/// A task whose key has no room is put aside by its key, so that it keeps nobody waiting behind it, and comes back when
/// the key is released.
///
/// It may hold a task that is not ready any more: whoever takes one must look at it before he starts it. It never lacks
/// one that should come earlier than what it hands out, if each task that gets ready is added.
class work_queue {
 public:
  static constexpr int priorities = 4;
  /// One in so many tasks is the oldest of its lane, whatever its priority: so the least urgent is not starved.
  static constexpr std::uint64_t aged_every = 16;

  /// Put aside of one key; more are forgotten and read again.
  static constexpr std::size_t aside_max = 100;

  explicit work_queue(std::size_t kept_max = 2'000) : kept_max_{kept_max} {}

  /// A task got ready. It is not kept if it comes after what is held and there is more in the database.
  void add(const std::string& lane, std::int64_t priority, queue_place place);

  /// A part of the backlog that has to be read before the lane can be asked: its first tasks after `after`.
  struct gap {
    std::string lane;
    std::int64_t priority = 0;
    queue_place after;
  };
  /// Adds what has to be read of a lane now: nothing is held of a priority, and the database may have some.
  void add_gaps(const std::string& lane, std::vector<gap>& found);
  /// The first tasks after the gap's place, in order, at most `kept_max`. `more`: there may be others after them.
  void fill(const gap& where, const std::vector<queue_place>& tasks, bool more);

  /// True if one more task of the key may begin.
  using has_room = std::function<bool(const std::string& key)>;
  /// Takes the next task of the two lanes whose key has room; each must have been asked for its gaps since the last
  /// task was taken. Nothing: there is none, or there are new gaps.
  std::optional<queue_place> take(const std::string& lane, const std::string& other, const has_room& room);

  /// The keys of which tasks were put aside.
  [[nodiscard]] std::vector<std::string> keys_aside() const;
  /// Puts the first `count` tasks of a key back to where they stood.
  void release(const std::string& key, std::int64_t count);

  /// Nothing is known any more: after a rollback, at takeover, after a reload.
  void forget();

  [[nodiscard]] std::size_t kept_max() const noexcept { return kept_max_; }
  [[nodiscard]] std::size_t held() const noexcept;

 private:
  struct shelf {
    std::set<queue_place> tasks;
    bool more = true;  ///< The database may have tasks after `last`.
    queue_place last;  ///< All ready tasks up to here are held, if there are more.
  };
  struct lane_view {
    std::array<shelf, priorities> shelves;
    std::uint64_t taken = 0;
  };

  struct aside {
    struct task {
      std::int64_t priority;
      queue_place place;
      std::string lane;
      auto operator<=>(const task& other) const {
        return std::tie(priority, place) <=> std::tie(other.priority, other.place);
      }
      bool operator==(const task& other) const { return (*this <=> other) == 0; }
    };
    std::set<task> tasks;
    std::set<std::string> forgotten;  ///< Lanes that have more of them.
  };
  void put_aside(aside::task t);

  std::size_t kept_max_;
  std::map<std::string, lane_view> lanes_;
  std::map<std::string, aside> aside_;
};

}  // namespace cadre::storage::writer
