#pragma once

#include "schemas/error.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace cadre::actors {

/// How an OS process ended.
struct exit_info {
  enum class end {
    exited,      ///< By itself, with `code`.
    signalled,   ///< By `signal`, which the node did not send.
    timed_out,   ///< The node killed it because its time was over.
    stopped,     ///< The node killed it because its caller asked for that.
    not_started  ///< It never ran; `start_error` says why.
  };
  end how = end::exited;
  int code = 0;
  int signal = 0;
  failure start_error;
  std::string stderr_tail;  ///< The last 8 KiB, valid UTF-8.
  std::chrono::milliseconds elapsed{0};
  /// Largest resident set among the process and the children it waited for; 0 if it was not above the node's own, in
  /// which case the kernel can't tell.
  std::int64_t rss_bytes_max = 0;
  std::int64_t stdout_bytes = 0;
  /// True if members of its process group, or descendants elsewhere, could not be confirmed dead in time (stuck in the
  /// kernel, or of another user).
  bool group_survived = false;
};

}  // namespace cadre::actors
