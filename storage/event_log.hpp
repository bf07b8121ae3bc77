#pragma once

#include "schemas/messages.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace cadre::storage {

/// Reads the outbox over a connection of its own (any role that may read), which it opens when needed and again after
/// it broke. For the publisher's thread. Every call blocks. Errors: unreachable, storage.
class event_log {
 public:
  event_log(std::string url, std::string company);
  ~event_log();
  event_log(const event_log&) = delete;
  event_log& operator=(const event_log&) = delete;

  /// Events after `seq`, in order without a gap, at most `limit`.
  result<std::vector<event>> after(std::int64_t seq, std::int64_t limit);
  /// The sequence of the newest event; 0 if there is none.
  result<std::int64_t> last();

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace cadre::storage
