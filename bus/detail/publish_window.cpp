#include "publish_window.hpp"

#include <algorithm>
#include <utility>

namespace cadre::bus::detail {

namespace {

std::size_t size_of(const event& e) {
  return e.subject.size() + e.what.size() + e.data.text.size() + 64;
}

}  // namespace

void publish_window::restart(std::int64_t from_seq) {
  queue_.clear();
  in_flight_ = 0;
  bytes_ = 0;
  next_seq_ = from_seq;
  acked_ = from_seq - 1;
  acked_stream_ = 0;
  phase_ = phase::connecting;
}

result<void> publish_window::offer(std::vector<event>&& events) {
  if (phase_ == phase::stopped)
    return fail(errc::unreachable, "the publisher is stopped; restart it from event " + std::to_string(next_seq_));
  std::size_t bytes = 0;
  auto expected = next_seq_;
  for (const auto& e : events) {
    if (e.seq != expected)
      return fail(errc::bad_value,
                  "event " + std::to_string(e.seq) + " where " + std::to_string(expected) + " is the next");
    ++expected;
    bytes += size_of(e);
  }
  const bool fits = queue_.size() + events.size() <= limits_.events_max && bytes_ + bytes <= limits_.bytes_max;
  if (!fits && !queue_.empty()) return fail(errc::busy, "the buffer of events to publish is full");
  if (!fits && events.size() > 1) return fail(errc::busy, "more events at once than the buffer holds");
  bytes_ += bytes;
  next_seq_ = expected;
  for (auto& e : events) {
    if (phase_ == phase::open && e.seq <= acked_)
      bytes_ -= size_of(e);
    else
      queue_.push_back(std::move(e));
  }
  return {};
}

std::optional<publish_window::stop> publish_window::opened(std::int64_t last_seq, std::uint64_t stream_seq) {
  if (phase_ != phase::connecting) return std::nullopt;
  if (last_seq < acked_ && last_seq != told_gap_after_) {
    told_gap_after_ = last_seq;
    return stop_at(last_seq + 1, {errc::not_found, "the stream has no events after " + std::to_string(last_seq)});
  }
  while (!queue_.empty() && queue_.front().seq <= last_seq) pop_front();
  acked_ = std::max(acked_, last_seq);
  acked_stream_ = stream_seq;
  phase_ = phase::open;
  return std::nullopt;
}

const event* publish_window::next() const {
  if (phase_ != phase::open || in_flight_ >= limits_.in_flight_max || in_flight_ >= queue_.size()) return nullptr;
  return &queue_[in_flight_];
}

void publish_window::rewind() {
  in_flight_ = 0;
}

std::optional<publish_window::stop> publish_window::acked(std::int64_t seq, std::uint64_t stream_seq) {
  if (phase_ != phase::open || in_flight_ == 0) return std::nullopt;
  // A cluster that forgot where it put an event could not be told from one that has it.
  if (stream_seq <= acked_stream_)
    return failed({errc::in_doubt, "event " + std::to_string(seq) + " has no place of its own"});
  if (seq != queue_.front().seq)
    return failed({errc::in_doubt,
                   "event " + std::to_string(seq) + " was acknowledged before " + std::to_string(queue_.front().seq)});
  pop_front();
  --in_flight_;
  acked_ = seq;
  acked_stream_ = stream_seq;
  told_gap_after_ = -1;  // The stream holds something again: should that vanish, too, the owner must hear of it.
  return std::nullopt;
}

std::optional<publish_window::stop> publish_window::failed(failure why) {
  if (phase_ != phase::open) return std::nullopt;
  return stop_at(acked_ + 1, std::move(why));
}

void publish_window::pop_front() {
  bytes_ -= size_of(queue_.front());
  queue_.pop_front();
}

publish_window::stop publish_window::stop_at(std::int64_t from_seq, failure why) {
  queue_.clear();
  in_flight_ = 0;
  bytes_ = 0;
  next_seq_ = from_seq;
  phase_ = phase::stopped;
  return {from_seq, std::move(why)};
}

}  // namespace cadre::bus::detail
