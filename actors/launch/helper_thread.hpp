#pragma once

#include "actors/launch/files.hpp"

#include <atomic>
#include <functional>
#include <stop_token>
#include <thread>

/// Work that may block, beside a main thread that has to keep watching its children.
namespace cadre::launch {

class helper_thread {
 public:
  /// Runs `work` at once on a thread of its own. An exception it throws is kept for failure().
  explicit helper_thread(std::function<void(std::stop_token)> work);

  /// Becomes readable when the work is done.
  [[nodiscard]] int done_fd() const noexcept { return done_fd_.get(); }
  [[nodiscard]] bool done() const noexcept { return done_; }
  void request_stop() noexcept { thread_.request_stop(); }
  /// What the work threw; empty if nothing. Only after done().
  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }

 private:
  descriptor done_fd_;
  std::atomic<bool> done_ = false;
  std::string failure_;
  std::jthread thread_;  // Last: it uses the others, and joins first.
};

}  // namespace cadre::launch
