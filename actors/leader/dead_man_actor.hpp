#pragma once

#include "config/company.hpp"
#include "dead_man.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>

namespace cadre::actors {

struct dead_man_options {
  std::shared_ptr<const config::company> company;
  caf::actor commands;
  /// When the database last committed, as steady time since its epoch.
  std::shared_ptr<const std::atomic<std::chrono::steady_clock::rep>> database_heard;
  std::shared_ptr<const std::atomic<bool>> stop;  ///< Set: a ping that is under way ends.
};

struct dead_man_state {
  std::optional<dead_man> machine;
  static inline const char* name = "dead-man";
};

/// Pings the URL of `dead_man` for as long as its node leads and the database committed within two leases. What fails
/// in all its attempts is a finding of the ceo. Blocks for as long as a ping takes: spawn it detached. A company
/// without `dead_man` needs none.
caf::behavior dead_man_actor(caf::stateful_actor<dead_man_state>* self, dead_man_options options);

}  // namespace cadre::actors
