#include "pruning.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <string>

using namespace pruning;
using std::chrono::seconds;

namespace {

/// Pruned one row a step, by a clock that the test sets.
struct slow_world {
  timestamp time = now();
  database db{{}};
  world w{keeping(days{7}, days{7}), db, options()};

 private:
  storage::engine_options options() {
    auto o = small_steps(1);
    o.clock = [this] { return time; };
    return o;
  }
};

}  // namespace

/// How fast pruning goes.
BOOST_AUTO_TEST_SUITE(retention_pace)

BOOST_AUTO_TEST_CASE(a_table_that_is_behind_goes_in_larger_steps_until_it_is_not) {
  slow_world slow;
  auto& time = slow.time;
  auto& w = slow.w;
  std::int64_t made = 0;
  const auto put_more = [&](int n) {
    for (made += n; n > 0; --n) put_ended(w, id_of(w, hours{24 * 7}), hours{24 * 7});
    time = time + hours{1};
  };
  // Of each step that takes tasks, how many it takes.
  const auto steps = [&](std::chrono::microseconds each) {
    std::string taken;
    for (int n = 0; n < 200 && made > 0; ++n, time = time + each) {
      prune(w, 1);
      const auto left = std::stoll(count(w, "task"));
      if (left != made) taken += std::to_string(made - left) + " ";
      made = left;
    }
    return taken;
  };
  put_more(8);
  BOOST_TEST(steps(seconds{25}) == "1 1 1 1 2 2 ");
  prune(w);
  put_more(2);
  BOOST_TEST(steps(seconds{0}) == "1 1 ");
}

BOOST_AUTO_TEST_CASE(a_long_walk_over_what_stays_is_not_behind) {
  slow_world slow;
  auto& time = slow.time;
  auto& w = slow.w;
  for (int n = 0; n < 40; ++n) put_status(w, id_of(w, hours{24 * 8}), "draft");
  for (int n = 0; n < 3; ++n) put_ended(w, id_of(w, hours{24 * 7 + 1}), hours{24 * 7 + 1});
  std::string taken;
  for (int n = 0, left = 43; n < 200 && left > 40; ++n, time = time + seconds{25}) {
    prune(w, 1);
    const auto now_left = std::stoi(count(w, "task"));
    if (now_left != left) taken += std::to_string(left - now_left) + " ";
    left = now_left;
  }
  BOOST_TEST(taken == "1 1 1 ");
}

BOOST_AUTO_TEST_SUITE_END()
