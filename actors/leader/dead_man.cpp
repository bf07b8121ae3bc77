#include "dead_man.hpp"

#include <algorithm>

namespace cadre::actors {

namespace {

constexpr std::chrono::milliseconds first_retry_after{1'000};
constexpr int doublings_max = 10;

}  // namespace

std::optional<failure> dead_man::answered(const result<void>& answer, time_point now) {
  next_ = now + rule_.every;
  if (answer) {
    failures_ = 0;
    return failure{};
  }
  ++failures_;
  const auto doublings = static_cast<int>(std::min<std::int64_t>(failures_ - 1, doublings_max));
  next_ = now + std::min(rule_.every, first_retry_after * (1 << doublings));
  if (failures_ < rule_.attempts) return std::nullopt;
  return answer.error();
}

std::chrono::milliseconds dead_man::wait(time_point now) const {
  return std::max(std::chrono::ceil<std::chrono::milliseconds>(next_ - now), std::chrono::milliseconds{0});
}

}  // namespace cadre::actors
