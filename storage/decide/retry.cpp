#include "storage/decide/retry.hpp"

#include <algorithm>
#include <cmath>

namespace cadre::storage::decide {

std::chrono::milliseconds backoff_delay(const config::backoff& wait, std::int64_t n, double random) {
  const auto ceiling = static_cast<double>(std::max<std::int64_t>(wait.max.count(), 0));
  // The power may be infinite; the minimum brings it back.
  const auto plain = std::min(static_cast<double>(wait.initial.count()) * std::pow(wait.factor, n), ceiling);
  const auto varied = plain * (1.0 + wait.jitter * (2.0 * random - 1.0));
  return std::chrono::milliseconds{static_cast<std::int64_t>(std::clamp(varied, 0.0, ceiling))};
}

retry_decision decide_retry(const ended_attempt& ended) {
  if (!ended.retryable || ended.attempt >= ended.attempts_max) return {};
  const auto waits = ended.lost ? ended.attempt - 2 : ended.attempt - 1;
  const auto delay = waits < 0 ? std::chrono::milliseconds{0} : backoff_delay(ended.wait, waits, ended.random);
  return {true, std::max(delay, ended.retry_after)};
}

}  // namespace cadre::storage::decide
