#include "outbox.hpp"

#include <algorithm>
#include <utility>

namespace cadre::bus::detail {

namespace {

gathering_limits limits_of(const options& o) {
  const auto room = std::min(o.gather_bytes_max, o.message_bytes_max);
  return {o.gather_within, std::min(o.gather_messages_max, codec::batch_messages_max),
          room > codec::batch_head_bytes ? room - codec::batch_head_bytes : 0};
}

}  // namespace

outbox::outbox(const options& o, road r) : road_(std::move(r)), plan_(limits_of(o)) {}

result<void> outbox::publish(const std::string& subject, std::string_view message, bool connected) {
  std::lock_guard lock(mutex_);
  const auto step = plan_.offer(subject, message.size() + codec::batch_item_bytes, gathering::clock::now(), connected);
  if (step.send_batch_before) send_waiting();
  if (!step.append) return road_.send_one(subject, message);
  if (batch_.count() == 0) subject_ = subject;
  batch_.add(message);
  waiting_.store(true, std::memory_order_relaxed);
  if (step.send_batch_after) {
    send_waiting();
  } else if (step.wake && !woken_) {
    woken_ = true;
    road_.wake();
  }
  return {};
}

void outbox::flush() {
  if (!waiting_.load(std::memory_order_acquire)) return;
  std::lock_guard lock(mutex_);
  send_waiting();
}

void outbox::awake() {
  std::lock_guard lock(mutex_);
  woken_ = false;
  send_waiting();
}

void outbox::send_waiting() {
  // What went wrong is counted and logged by the road; nobody is left to be told.
  if (batch_.count() == 1)
    static_cast<void>(road_.send_one(subject_, batch_.single()));
  else if (batch_.count() > 1)
    static_cast<void>(road_.send_batch(subject_, batch_.bytes(), batch_.count()));
  batch_.clear();
  plan_.sent();
  waiting_.store(false, std::memory_order_release);
}

}  // namespace cadre::bus::detail
