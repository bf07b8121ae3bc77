#pragma once

#include "schemas/messages.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace cadre::bus::detail {

/// What the publisher of events decides, without any I/O: what may be sent, what counts as acknowledged, and from where
/// to begin again. Not thread safe.
class publish_window {
 public:
  struct limits {
    std::size_t in_flight_max, events_max, bytes_max;
  };
  enum class phase : std::uint8_t {
    stopped,     ///< Waits for a restart.
    connecting,  ///< Takes events and sends none.
    open         ///< Takes and sends.
  };
  /// The publisher stopped: begin again from `from_seq`.
  struct stop {
    std::int64_t from_seq;
    failure why;
  };

  explicit publish_window(limits l) : limits_(l) {}

  /// Drops everything; the next event to be offered is `from_seq`. Phase: connecting.
  void restart(std::int64_t from_seq);

  /// Errors: busy, bad_value, unreachable; then nothing was taken.
  result<void> offer(std::vector<event>&& events);

  /// The stream answers and has everything up to `last_seq`, the latter at `stream_seq`. What it has already is
  /// dropped as acknowledged. A gap between it and the first to be sent stops, unless that was said before.
  std::optional<stop> opened(std::int64_t last_seq, std::uint64_t stream_seq);

  /// The next event to send, or nullptr; valid until the next call of any function. sent() moves on.
  [[nodiscard]] const event* next() const;
  void sent() { ++in_flight_; }
  [[nodiscard]] std::size_t in_flight() const noexcept { return in_flight_; }

  /// What was sent and is not acknowledged is to be sent again, in order.
  void rewind();

  /// The stream has stored `seq`. Out of turn means that an earlier one was lost, which stops.
  std::optional<stop> acked(std::int64_t seq, std::uint64_t stream_seq);

  /// `seq` was refused or not answered, or the connection is lost (seq 0).
  std::optional<stop> failed(failure why);

  [[nodiscard]] phase state() const noexcept { return phase_; }
  /// Everything up to it is in the stream, as far as is known; and where in the stream it is.
  [[nodiscard]] std::int64_t acked_seq() const noexcept { return acked_; }
  [[nodiscard]] std::uint64_t acked_stream_seq() const noexcept { return acked_stream_; }
  [[nodiscard]] std::size_t backlog() const noexcept { return queue_.size(); }

 private:
  void pop_front();
  stop stop_at(std::int64_t from_seq, failure why);

  limits limits_;
  phase phase_ = phase::stopped;
  std::deque<event> queue_;  ///< The first `in_flight_` were sent.
  std::size_t in_flight_ = 0;
  std::size_t bytes_ = 0;
  std::int64_t next_seq_ = 1;  ///< The next to be offered.
  std::int64_t acked_ = 0;
  std::uint64_t acked_stream_ = 0;
  std::int64_t told_gap_after_ = -1;  ///< The owner knows that the stream ends here.
};

}  // namespace cadre::bus::detail
