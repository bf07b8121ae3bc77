#include "storage/decide/retry.hpp"

#include <boost/test/unit_test.hpp>

#include <random>

using namespace cadre;
using namespace cadre::storage::decide;
using std::chrono::milliseconds;

namespace {

struct row {
  std::int64_t attempt, attempts_max;
  bool retryable, lost;
  std::int64_t retry_after;
  bool again;
  std::int64_t delay;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(retry)

BOOST_AUTO_TEST_CASE(table) {
  // Waits without jitter: 1000, 2000, 4000, at most 5000.
  const std::vector<row> rows{
      {1, 3, true, false, 0, true, 1'000},     {2, 3, true, false, 0, true, 2'000},
      {3, 3, true, false, 0, false, 0},        {4, 3, true, false, 0, false, 0},
      {1, 1, true, false, 0, false, 0},        {1, 3, false, false, 0, false, 0},
      {3, 9, true, false, 0, true, 4'000},     {4, 9, true, false, 0, true, 5'000},
      {900, 999, true, false, 0, true, 5'000}, {1, 3, true, false, 60'000, true, 60'000},
      {1, 3, true, false, 500, true, 1'000},   {1, 3, true, true, 0, true, 0},
      {2, 3, true, true, 0, true, 1'000},      {3, 3, true, true, 0, false, 0},
      {1, 3, true, true, 700, true, 700},
  };
  for (const auto& r : rows) {
    ended_attempt ended;
    ended.attempt = r.attempt;
    ended.attempts_max = r.attempts_max;
    ended.wait = {milliseconds{1'000}, milliseconds{5'000}, 2.0, 0.2};
    ended.retryable = r.retryable;
    ended.lost = r.lost;
    ended.retry_after = milliseconds{r.retry_after};
    ended.random = 0.5;
    const auto decision = decide_retry(ended);
    BOOST_TEST(decision.again == r.again, "attempt " << r.attempt);
    BOOST_TEST(decision.delay.count() == r.delay, "attempt " << r.attempt);
  }
}

BOOST_AUTO_TEST_CASE(waits_grow_stay_in_their_bounds_and_use_all_of_the_jitter) {
  std::mt19937 random{7};
  std::uniform_real_distribution<double> chance{0.0, 1.0};
  for (int i = 0; i < 20'000; ++i) {
    const config::backoff wait{milliseconds{1 + random() % 10'000}, milliseconds{random() % 100'000},
                               1.0 + 3.0 * chance(random), chance(random)};
    const auto n = static_cast<std::int64_t>(random() % 5'000);
    const auto delay = backoff_delay(wait, n, chance(random));
    BOOST_REQUIRE_GE(delay.count(), 0);
    BOOST_REQUIRE_LE(delay.count(), wait.max.count());
    BOOST_REQUIRE_LE(backoff_delay(wait, n, 0.3), backoff_delay(wait, n + 1, 0.3));
    BOOST_REQUIRE_LE(backoff_delay(wait, n, 0.0), backoff_delay(wait, n, 0.999));
  }
  const config::backoff wait{milliseconds{1'000}, milliseconds{9'000}, 2.0, 0.2};
  BOOST_TEST(backoff_delay(wait, 0, 0.0).count() == 800);
  BOOST_TEST(backoff_delay(wait, 0, 0.9999).count() >= 1'199);
}

BOOST_AUTO_TEST_SUITE_END()
