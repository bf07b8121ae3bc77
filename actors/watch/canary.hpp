#pragma once

#include "actors/watch/pulse.hpp"

#include <caf/actor_addr.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <functional>
#include <memory>
#include <set>
#include <utility>
#include <vector>

namespace cadre::actors {

using agent_list = std::vector<std::pair<agent_path, caf::actor_addr>>;

struct canary_state {
  agent_list round;           ///< Agents still to be asked in this round.
  std::set<std::string> out;  ///< Asked and not answered.
  static inline const char* name = "canary";
};

/// Lives on the scheduler threads, so that its answers say that they run. A number (a ping) is answered on the pulse;
/// with each, it asks the next few agents whether they are there, a twentieth of them at a time, 8 to 1,000.
/// `agents`: those of this node; called once a round, on a scheduler thread.
caf::behavior canary(caf::stateful_actor<canary_state>* self, std::shared_ptr<pulse> signs,
                     std::function<agent_list()> agents);

}  // namespace cadre::actors
