#pragma once

#include "actors/local_messages.hpp"

#include <cstddef>
#include <deque>
#include <vector>

/// What waits for the writer, and what of it forms the next transaction. Pure.
namespace cadre::actors {

/// True if the commands do nothing but add tasks: what comes in floods, and may wait for what ends work.
bool only_adds_tasks(const std::vector<command>& commands);

/// Two lanes: new tasks, and all else (claims, outputs, ends of runs). All else goes first, so that a flood of new
/// tasks starves nobody; and new tasks have a part of each transaction, so that nothing starves them. Within a lane
/// first come, first served; a batch is never torn apart.
class writer_intake {
 public:
  struct limits {
    std::size_t commands_max = 2'000;   ///< Of one transaction.
    std::size_t new_tasks_max = 1'000;  ///< Of one transaction: so it is short for who waits for the next.
    std::size_t new_tasks_min = 250;    ///< The part of a transaction that is theirs.
  };

  explicit writer_intake(limits l) : limits_{l} {}

  void add(incoming_commands batch);
  std::vector<incoming_commands> take();
  [[nodiscard]] bool empty() const noexcept { return urgent_.empty() && new_tasks_.empty(); }
  /// Commands.
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_; }

 private:
  void take_from(std::deque<incoming_commands>& lane, std::size_t commands_max, std::vector<incoming_commands>& taken);

  limits limits_;
  std::deque<incoming_commands> urgent_, new_tasks_;
  std::size_t waiting_ = 0;
};

}  // namespace cadre::actors
