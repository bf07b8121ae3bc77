#include "gathering.hpp"

namespace cadre::bus::detail {

gathering::step gathering::offer(std::string_view subject, std::size_t bytes, clock::time_point now, bool connected) {
  const bool near = last_ != clock::time_point{} && now - last_ < limits_.within;
  const bool follows = subject == subject_ && (waiting() || near);
  last_ = now;
  step s;
  s.append = follows && connected && bytes <= limits_.bytes_max && limits_.messages_max > 1;
  s.send_batch_before = waiting() && (!s.append || bytes_ > limits_.bytes_max - bytes);
  if (s.send_batch_before) sent();
  if (!s.append) {
    if (subject != subject_) subject_ = subject;
    return s;
  }
  s.wake = !waiting();
  bytes_ += bytes;
  s.send_batch_after = ++messages_ >= limits_.messages_max;
  if (s.send_batch_after) sent();
  return s;
}

void gathering::sent() noexcept {
  messages_ = bytes_ = 0;
}

}  // namespace cadre::bus::detail
