#pragma once

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/exit_reason.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <random>
#include <vector>

namespace cadre::test {

/// An actor system in which nothing happens by itself: messages are handled when `run` is called, time passes when
/// `advance` is called, and the same seed gives the same interleaving. Use it as a Boost.Test fixture.
///
/// Actors that do not end by themselves must be named to `at_end`: the system's destructor waits for every actor.
class deterministic {
 public:
  deterministic() : deterministic(config()) {}

  explicit deterministic(caf::actor_system_config& cfg)
      : sys{cfg}, sched{dynamic_cast<caf::scheduler::test_coordinator&>(sys.scheduler())} {}

  deterministic(const deterministic&) = delete;
  deterministic& operator=(const deterministic&) = delete;

  ~deterministic() { end(); }

  /// Kills what was named to `at_end` and handles what is left. Called by the destructor; calling it twice does no
  /// harm.
  void end() {
    for (auto& handle : doomed_) caf::anon_send_exit(handle, caf::exit_reason::kill);
    doomed_.clear();
    run();
  }

  /// Handles messages until none is left, or `steps_max` were. Returns how many actors had a turn.
  std::size_t run(std::size_t steps_max = 1'000'000) {
    std::size_t steps = 0;
    for (; steps < steps_max && sched.has_job(); ++steps) {
      if (dice_) shuffle();
      sched.try_run_once();
    }
    return steps;
  }

  /// Lets time pass in small steps, handling everything in between, as timers set other timers.
  void advance(std::chrono::milliseconds time, std::chrono::milliseconds step = std::chrono::milliseconds{10}) {
    run();
    for (auto left = time; left.count() > 0; left -= step) {
      sched.advance_time(std::min(left, step));
      run();
    }
  }

  /// From now on actors take turns in an order drawn from this seed. Messages between two actors stay in order.
  void interleave(unsigned seed) { dice_.emplace(seed); }

  void at_end(caf::actor handle) { doomed_.push_back(std::move(handle)); }

 private:
  static caf::actor_system_config& config() {
    thread_local std::optional<caf::actor_system_config> cfg;
    cfg.emplace();
    cfg->set("scheduler.policy", caf::atom("testing"));
    cfg->set("scheduler.max-throughput", std::size_t{50});
    return *cfg;
  }

  void shuffle() {
    const auto n = std::uniform_int_distribution<std::size_t>{0, sched.jobs.size() - 1}(*dice_);
    std::rotate(sched.jobs.begin(), sched.jobs.begin() + static_cast<std::ptrdiff_t>(n), sched.jobs.end());
  }

 public:
  caf::actor_system sys;
  caf::scheduler::test_coordinator& sched;

 private:
  std::optional<std::mt19937> dice_;
  std::vector<caf::actor> doomed_;
};

}  // namespace cadre::test
