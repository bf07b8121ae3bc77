#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

namespace cadre::bus::detail {

/// Runs functions at a time, on one thread of its own, so that neither callers nor NATS threads wait. Thread safe.
class timer_queue {
 public:
  using clock = std::chrono::steady_clock;
  using key = std::pair<clock::time_point, std::uint64_t>;

  timer_queue();
  ~timer_queue();
  timer_queue(const timer_queue&) = delete;
  timer_queue& operator=(const timer_queue&) = delete;

  /// Runs `action` once after `delay`. After stop() it is dropped.
  key add(std::chrono::milliseconds delay, std::function<void()> action);

  /// Takes a timer back. No effect if it has run, runs now or was never there.
  void cancel(const key& timer);

  /// Drops what has not run and ends the thread; waits for a running action unless called from within it.
  void stop();

 private:
  struct state {
    std::mutex mutex;
    std::condition_variable changed;
    std::map<key, std::function<void()>> waiting;
    std::uint64_t next = 0;
    bool stopped = false;
  };
  static void run(const std::shared_ptr<state>& s);

  std::shared_ptr<state> state_;  ///< Shared with the thread, which may outlive a queue that is stopped from within it.
  std::mutex join_mutex_;
  std::thread thread_;
};

}  // namespace cadre::bus::detail
