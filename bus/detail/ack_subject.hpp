#pragma once

#include <cstdint>
#include <string_view>

namespace cadre::bus::detail {

/// What JetStream writes into the subject that an event is to be acknowledged on:
/// `$JS.ACK.[DOMAIN.ACCOUNT.]STREAM.CONSUMER.DELIVERED.STREAM_SEQ.CONSUMER_SEQ.TIME.PENDING[.TOKEN]`.
struct ack_subject {
  std::string_view consumer;  ///< Empty: it is no such subject.
  std::int64_t delivered = 0;

  static ack_subject read(std::string_view subject);
};

}  // namespace cadre::bus::detail
