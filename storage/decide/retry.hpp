#pragma once

#include "config/company.hpp"

#include <chrono>
#include <cstdint>

/// What becomes of a task whose run ended without success. Pure.
namespace cadre::storage::decide {

struct ended_attempt {
  std::int64_t attempt = 1;       ///< The one that ended; the first is 1.
  std::int64_t attempts_max = 1;  ///< Of the task.
  config::backoff wait;
  bool retryable = true;
  bool lost = false;  ///< The node, the agent or the lease was lost: nothing is known against the task itself.
  std::chrono::milliseconds retry_after{0};  ///< At least this long until the next attempt.
  double random = 0.5;                       ///< In [0, 1), for the jitter.
};

struct retry_decision {
  bool again = false;                  ///< False: the task has failed.
  std::chrono::milliseconds delay{0};  ///< Until the next attempt may start.
};

/// Again while attempts are left and the error is retryable. The n-th wait is initial * factor^(n-1), at most max,
/// varied by +-jitter of itself, and never under `retry_after`. The first loss costs no wait: a task whose node died
/// should run elsewhere at once; if it is lost again it may be what kills its nodes, and it waits like a failure.
retry_decision decide_retry(const ended_attempt& ended);

/// The n-th wait (n from 0) of a backoff, without `retry_after`.
std::chrono::milliseconds backoff_delay(const config::backoff& wait, std::int64_t n, double random);

}  // namespace cadre::storage::decide
