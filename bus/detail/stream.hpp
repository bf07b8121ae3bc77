#pragma once

#include "bus/events.hpp"
#include "link.hpp"

namespace cadre::bus::detail {

/// A JetStream context whose requests wait for at most `request_timeout`.
result<nats_ptr<jsCtx>> open_jetstream(link& l);

/// As in events.hpp. The value is when the stream was created.
result<timestamp> ensure_stream(link& l, const stream_options& o);

/// How far the stream has a company's events without a gap.
struct stream_position {
  std::int64_t seq = 0;          ///< 0: it has none.
  std::uint64_t stream_seq = 0;  ///< Where in the stream that event is.
};
result<stream_position> last_position(link& l, const std::string& company);

/// Headers of an event: its sequence, and `SEQ STREAM_SEQ` of the last one that was acknowledged when it was sent.
inline constexpr const char* seq_header = "Cadre-Seq";
inline constexpr const char* acked_header = "Cadre-Acked";

}  // namespace cadre::bus::detail
