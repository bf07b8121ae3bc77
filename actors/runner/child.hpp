#pragma once

#include "actors/runner/exit_info.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cadre::actors {

using steady_time = std::chrono::steady_clock::time_point;

/// What the host is to do with a process now.
enum class child_action {
  none,
  terminate,  ///< SIGTERM to the group.
  kill,       ///< SIGKILL to the group.
  check       ///< Kill and look for what is left, in the group and beyond, and say so by group_checked().
};

/// The end of a process, decided: when which signal is sent, when it counts as dead, and how it is said to have ended.
/// A pure machine: events and the time in, actions out.
///
///   runs --timeout or stop--> terminating --grace over--> killing --leader exits--> emptying --group dead--> dead
///     `--------------------------- leader exits by itself (SIGKILL to the group) ------^
class child_end {
 public:
  /// A group that survives SIGKILL this long after its leader is reported as such rather than waited for.
  static constexpr std::chrono::seconds survival_max{30};

  child_end(steady_time started, std::chrono::milliseconds timeout, std::chrono::milliseconds grace);

  /// The caller wants it to end, with this much time between SIGTERM and SIGKILL.
  child_action stop(steady_time now, std::chrono::milliseconds grace);
  /// The leader has ended (and is not yet reaped, so that the group's id can't belong to anyone else).
  child_action leader_exited(steady_time now);
  /// Answers `check`.
  void group_checked(steady_time now, bool alive);
  /// Time passed.
  child_action tick(steady_time now);
  /// When tick() is due; none while only an event can change anything.
  [[nodiscard]] std::optional<steady_time> next_tick() const;

  /// True once the group is dead, or given up.
  [[nodiscard]] bool dead() const noexcept { return phase_ == phase::dead; }
  [[nodiscard]] bool stopped_by_caller() const noexcept { return stopped_; }
  /// Fills how, code, signal, group_survived and elapsed from the leader's wait status.
  void describe(int wait_status, exit_info& out) const;

 private:
  enum class phase { runs, terminating, killing, emptying, dead };

  phase phase_ = phase::runs;
  steady_time started_;
  steady_time ended_;
  std::optional<steady_time> due_;
  std::chrono::milliseconds grace_;
  std::chrono::milliseconds check_pause_{1};
  bool stopped_ = false;
  bool timed_out_ = false;
  bool survived_ = false;
};

}  // namespace cadre::actors
