#pragma once

#include "world.hpp"

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <semaphore>
#include <thread>
#include <vector>

namespace cadre::bench {

/// Threads that add tasks one by one, each waiting until its last one is committed. As in front of the writer's
/// actor, what waits when a transaction ends forms the next one, so `senders` of them make transactions of up to
/// `senders` tasks.
class sender_threads {
 public:
  /// They begin at once. `tasks`: of all of them together.
  sender_threads(std::size_t senders, std::size_t tasks) : tasks_{tasks} {
    for (std::size_t n = 0; n < senders; ++n) threads_.emplace_back([this, &me = senders_.emplace_back()] { run(me); });
  }
  /// Senders that still wait go unanswered.
  ~sender_threads() {
    next_ = tasks_;
    {
      const std::lock_guard lock{mutex_};
      closed_ = true;
    }
    committed();
    for (auto* one : take_waiting()) one->answered.release();
  }
  sender_threads(const sender_threads&) = delete;
  sender_threads& operator=(const sender_threads&) = delete;

  /// What waits now; with `wait` at least one, as long as one is to come. After it, `committed` is due.
  std::vector<command> take(bool wait) {
    {
      std::unique_lock lock{mutex_};
      if (wait && left_to_take() > 0) filled_.wait(lock, [&] { return !waiting_.empty(); });
      taken_.swap(waiting_);
    }
    std::vector<command> commands;
    commands.reserve(taken_.size());
    for (auto* one : taken_) commands.push_back(std::move(one->task));
    taken_count_ += commands.size();
    return commands;
  }

  /// The senders of what was taken last go on.
  void committed() {
    for (auto* one : taken_) one->answered.release();
    taken_.clear();
  }

  [[nodiscard]] std::size_t left_to_take() const { return tasks_ - taken_count_; }

 private:
  struct sender {
    command task;
    std::binary_semaphore answered{0};
  };

  void run(sender& me) {
    for (auto n = next_++; n < tasks_; n = next_++) {
      me.task = world::add(n);
      {
        const std::lock_guard lock{mutex_};
        if (closed_) return;
        waiting_.push_back(&me);
      }
      filled_.notify_one();
      me.answered.acquire();
    }
  }

  std::vector<sender*> take_waiting() {
    const std::lock_guard lock{mutex_};
    return std::move(waiting_);
  }

  const std::size_t tasks_;
  std::atomic<std::size_t> next_{0};
  std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<sender> senders_;  // they outlive the threads, which may end while they are being answered
  std::vector<sender*> waiting_;
  bool closed_ = false;
  std::vector<sender*> taken_;  // by the engine's thread, as all below
  std::size_t taken_count_ = 0;
  std::vector<std::jthread> threads_;
};

}  // namespace cadre::bench
