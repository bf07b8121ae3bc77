#pragma once

#include "machine.hpp"
#include "type_ids.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/response_promise.hpp>
#include <caf/stateful_actor.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <vector>

/// The actor around the machine: it performs the machine's actions and nothing else. It never blocks.
namespace cadre::actors::supervision {

/// How a supervisor's orders reach its children: the seam between "who decides" and "where they run". Each order is
/// answered later with a `supervisor_input` to the supervisor: one started, start_failed or unavailable per start; one
/// down per stop; and a down by itself when a life ends. Calls must not block.
class child_launcher {
 public:
  virtual ~child_launcher() = default;
  virtual void start(const frozen<child_spec>& child) = 0;
  virtual void stop(const frozen<child_spec>& child) = 0;
  virtual void report(const act::report& what) = 0;
};

struct supervisor_config {
  supervisor_flags flags;
  std::vector<child_spec> children;
  std::vector<child_spec> members;  ///< Of a dynamic supervisor: whom it starts with.
  std::shared_ptr<child_launcher> launcher;
  std::uint64_t seed = 0;  ///< Of the backoff's jitter.
};

struct supervisor_state {
  std::optional<machine> decide;
  std::shared_ptr<child_launcher> launcher;
  std::map<std::uint64_t, caf::response_promise> orders;  ///< Whoever waits for the end of an order, by its number.
  std::uint64_t last_order = 0;
  bool up = false;
  std::vector<caf::response_promise> asked_ready;  ///< Whoever asked before the children had been started.
  static inline const char* name = "supervisor";
};

/// A supervisor; it starts its children at once.
/// Messages: supervisor_input; child_order and children_query (protocol.hpp); ready_atom (answered with true once each
/// child had its turn to start). An exit message
/// stops the children in reverse order, then the supervisor quits with its reason; a kill does not.
/// It quits with user_shutdown when it finished by itself, and with the first cause (exits.hpp) when it gave up. A
/// config that `check` refuses makes it quit at once with that failure.
caf::behavior supervisor_actor(caf::stateful_actor<supervisor_state>* self, supervisor_config cfg);

}  // namespace cadre::actors::supervision
