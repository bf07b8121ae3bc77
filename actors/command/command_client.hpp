#pragma once

#include "actors/local_messages.hpp"
#include "command_queue.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/response_promise.hpp>
#include <caf/stateful_actor.hpp>

#include <functional>
#include <unordered_map>

namespace cadre::actors {

/// Sends one batch to the writer and calls back exactly once, on any thread: with one outcome per command, or with why
/// there is none (unreachable, busy, not_leader, bad_message). Must not block.
using batch_sender = std::function<void(std::vector<command>, std::function<void(result<std::vector<outcome>>)>)>;

struct command_client_state {
  std::unique_ptr<command_queue> queue;
  std::unordered_multimap<command_id, caf::response_promise> askers;
  std::uint64_t batch = 0;  ///< Number of the batch in flight: late answers to earlier ones are ignored.
  bool in_trouble = false;  ///< Whether the log was told that nothing gets through.
  static inline const char* name = "command-client";
};

/// A caller's time for a command: longer than the queue's own, so that the queue's answer always comes first.
inline constexpr std::chrono::minutes command_timeout{15};

/// The node's one road to the writer. `command` -> `outcome`, answered after commit, or with what else became of it.
/// Ask it with `command_timeout`. Commands wait here while the writer is away and are repeated until they are answered.
caf::behavior command_client(caf::stateful_actor<command_client_state>* self, batch_sender send,
                             command_queue_options options);

}  // namespace cadre::actors
