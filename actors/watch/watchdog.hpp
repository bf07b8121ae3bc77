#pragma once

#include "actors/watch/pulse.hpp"
#include "actors/watch/service_manager.hpp"

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace cadre::actors {

struct watchdog_options {
  health_limits limits;
  std::chrono::milliseconds look_every{500};  ///< Below limits.look_gap_max.
};

/// Watches a node from a thread of its own, so that nothing that blocks the node blocks it: pings the canary, judges
/// what the pulse says, logs each change of health and tells systemd. While the node is stalled systemd is not petted,
/// and ends it. Thread safe.
class watchdog {
 public:
  /// `ping` must send the number to the canary and must not block; `bus_connected` likewise.
  watchdog(watchdog_options options, std::shared_ptr<pulse> signs, std::function<void(std::uint64_t)> ping,
           std::function<bool()> bus_connected);
  watchdog(const watchdog&) = delete;
  watchdog& operator=(const watchdog&) = delete;
  /// Ends the thread; waits for it.
  ~watchdog();

  /// The node has begun its work (READY=1).
  void ready();
  /// The node is being stopped (STOPPING=1). It is petted on, as long as it is not stalled.
  void draining();
  /// As of the last look.
  [[nodiscard]] health_report report() const;

 private:
  void run();
  void look(steady_time now);

  watchdog_options options_;
  std::shared_ptr<pulse> signs_;
  std::function<void(std::uint64_t)> ping_;
  std::function<bool()> bus_connected_;
  service_manager systemd_;
  std::uint64_t pings_ = 0;
  steady_time ping_sent_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  health_machine machine_;  ///< Guarded by mutex_, like the two below.
  bool draining_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace cadre::actors
