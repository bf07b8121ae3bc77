#pragma once

#include "schemas/agent_path.hpp"

#include <caf/actor.hpp>
#include <caf/actor_addr.hpp>
#include <caf/actor_cast.hpp>

#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

namespace cadre::actors {

/// Which actor answers to a path on this node: for messages from the bus, whose threads own no actor. Thread safe.
/// It keeps nobody alive; a path whose life ended is found no more.
class agent_directory {
 public:
  void put(const agent_path& path, const caf::actor& life) {
    std::lock_guard lock{mutex_};
    lives_[path] = caf::actor_cast<caf::actor_addr>(life);
  }

  /// The life at `path`; null if none runs here.
  [[nodiscard]] caf::actor find(const agent_path& path) const {
    std::lock_guard lock{mutex_};
    const auto found = lives_.find(path);
    return found == lives_.end() ? caf::actor{} : caf::actor_cast<caf::actor>(found->second);
  }

  /// Every path with its last life, dead ones included.
  [[nodiscard]] std::vector<std::pair<agent_path, caf::actor_addr>> all() const {
    std::lock_guard lock{mutex_};
    return {lives_.begin(), lives_.end()};
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<agent_path, caf::actor_addr> lives_;
};

}  // namespace cadre::actors
