#pragma once

#include <chrono>
#include <optional>

namespace cadre::actors {

/// What a control node may do, by what it reaches, decided: no clock, no I/O. A node leads with two connections: over
/// the bus it takes commands, through the database it commits them. With one alone it can only stand in the way.
class reach {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  struct rights {
    bool may_run = false;  ///< Be a candidate: the bus is there, and it does not stand aside.
    /// Keep a reign: it does not stand aside, and the bus was there within a quarter of the lease. By then no node is
    /// taken for lost: a leader that is cut off itself must be gone before it starts the others' agents a second time.
    bool may_reign = false;
    /// Take commands: the database answered within the lease. Whoever is stuck on it must not fill up with commands,
    /// and then answer `busy` beside a successor who could carry them out.
    bool may_listen = false;
    bool operator==(const rights&) const = default;
  };

  explicit reach(std::chrono::milliseconds lease) : lease_{lease} {}

  /// `database_heard`: when the database last answered this node; before any answer, when it was last asked anew.
  /// `stands_aside`: the node drains and another could lead. If none has taken over after three leases, this one may
  /// again: better a leader that is to go than none.
  rights look(bool bus_connected, time_point database_heard, bool stands_aside, time_point now) {
    if (bus_connected) bus_seen_ = now;
    if (!stands_aside) aside_since_.reset();
    if (stands_aside && !aside_since_) aside_since_ = now;
    const bool aside = aside_since_ && now - *aside_since_ <= 3 * lease_;
    return {bus_connected && !aside, !aside && now - bus_seen_ <= lease_ / 4, now - database_heard <= lease_};
  }

 private:
  std::chrono::milliseconds lease_;
  time_point bus_seen_{};
  std::optional<time_point> aside_since_;
};

}  // namespace cadre::actors
