#pragma once

#include "schemas/commands.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <unordered_map>
#include <variant>
#include <vector>

/// The pure part of a node's road to the writer: which commands travel together, when they are sent again, and when
/// their senders get an answer. No I/O, no actors, no clock of its own.
namespace cadre::actors {

struct command_queue_options {
  std::size_t pending_max = 20'000;                  ///< Commands waiting or in flight; beyond it: busy.
  std::size_t pending_bytes_max = 64u << 20;         ///< Their encoded size (estimated); beyond it: busy.
  std::size_t batch_max = 500;                       ///< Commands of one batch.
  std::size_t batch_bytes_max = 768u << 10;          ///< Below the message limit of the bus.
  std::chrono::milliseconds give_up_after{600'000};  ///< Age at which a command is answered `in_doubt`.
  std::chrono::milliseconds retry_initial{20};       ///< Pause after a failed send; doubles up to retry_max.
  std::chrono::milliseconds retry_max{1'000};
};

/// One batch is in flight at a time, so commands of a node are applied in the order in which they were given, and
/// whatever arrives meanwhile forms the next batch (group commit needs no timer). A batch without an answer is sent
/// again as it was: commands are idempotent by their ids.
class command_queue {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  struct send_batch {
    std::vector<command> commands;
  };
  struct deliver {
    command_id id;
    outcome result;
  };
  struct wake_after {
    std::chrono::milliseconds delay;
    std::uint64_t generation;
  };
  using action = std::variant<send_batch, deliver, wake_after>;
  using actions = std::vector<action>;

  explicit command_queue(command_queue_options options) : options_{options} {}

  /// A command to send; `bytes` estimates its size on the wire. Answered at once: `rejected` (too_large) over
  /// batch_bytes_max, `busy` when full.
  /// The same id twice while the first is pending: the second is answered together with the first.
  actions add(command c, std::size_t bytes, time_point now);

  /// The answer to the batch in flight. Outcomes `busy`, `in_doubt` and `not_leader` are sent again by the queue
  /// itself after a pause; all others are delivered.
  actions on_outcomes(std::vector<outcome> outcomes, time_point now);

  /// The batch in flight got no answer.
  actions on_failure(const failure& error, time_point now);

  /// A `wake_after` ran out. Stale generations are ignored.
  actions on_wake(std::uint64_t generation, time_point now);

  [[nodiscard]] std::size_t pending() const noexcept { return waiting_.size() + in_flight_.size(); }
  /// The last failure while nothing gets through; code none otherwise.
  [[nodiscard]] const failure& trouble() const noexcept { return trouble_; }

 private:
  struct entry {
    command what;
    std::size_t bytes;
    time_point since;
  };

  void send_next(actions& out);
  void pause(actions& out);
  void expire(actions& out, time_point now);
  void finish(actions& out, const entry& e, outcome result);

  command_queue_options options_;
  std::deque<entry> waiting_;
  std::vector<entry> in_flight_;
  std::unordered_map<command_id, std::size_t> askers_;  ///< How many wait for each pending id.
  std::size_t bytes_ = 0;
  bool paused_ = false;
  std::uint64_t generation_ = 0;
  std::chrono::milliseconds next_pause_{0};
  failure trouble_;
};

}  // namespace cadre::actors
