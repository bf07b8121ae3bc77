#include "timer_queue.hpp"

#include <utility>

namespace cadre::bus::detail {

timer_queue::timer_queue() : state_(std::make_shared<state>()), thread_([s = state_] { run(s); }) {}

timer_queue::~timer_queue() {
  stop();
}

timer_queue::key timer_queue::add(std::chrono::milliseconds delay, std::function<void()> action) {
  std::lock_guard lock(state_->mutex);
  key timer{clock::now() + delay, ++state_->next};
  if (state_->stopped) return timer;
  const auto place = state_->waiting.emplace(timer, std::move(action)).first;
  if (place == state_->waiting.begin()) state_->changed.notify_one();
  return timer;
}

void timer_queue::cancel(const key& timer) {
  std::lock_guard lock(state_->mutex);
  state_->waiting.erase(timer);
}

void timer_queue::stop() {
  std::map<key, std::function<void()>> dropped;
  {
    std::lock_guard lock(state_->mutex);
    state_->stopped = true;
    dropped.swap(state_->waiting);
    state_->changed.notify_one();
  }
  std::lock_guard lock(join_mutex_);
  if (!thread_.joinable()) return;
  if (thread_.get_id() == std::this_thread::get_id())
    thread_.detach();
  else
    thread_.join();
}

void timer_queue::run(const std::shared_ptr<state>& s) {
  std::unique_lock lock(s->mutex);
  while (!s->stopped) {
    if (s->waiting.empty()) {
      s->changed.wait(lock);
      continue;
    }
    const auto first = s->waiting.begin();
    if (const auto due = first->first.first; due > clock::now()) {
      s->changed.wait_until(lock, due);
      continue;
    }
    auto action = std::move(first->second);
    s->waiting.erase(first);
    lock.unlock();
    action();
    action = nullptr;
    lock.lock();
  }
}

}  // namespace cadre::bus::detail
