#include "actors/runner/child.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>

using namespace cadre::actors;
using namespace std::chrono_literals;

namespace {

constexpr steady_time began{};

exit_info described(const child_end& end, int wait_status) {
  exit_info out;
  end.describe(wait_status, out);
  return out;
}

constexpr int exit_0 = 0;
constexpr int exit_3 = 3 << 8;

}  // namespace

namespace cadre::actors {
std::ostream& operator<<(std::ostream& out, child_action a) {
  return out << static_cast<int>(a);
}
}  // namespace cadre::actors

BOOST_AUTO_TEST_SUITE(runner_child_end)

BOOST_AUTO_TEST_CASE(a_process_that_ends_by_itself_takes_its_group_along) {
  child_end end{began, 0ms, 2s};
  BOOST_TEST(!end.next_tick().has_value());
  BOOST_TEST(end.leader_exited(began + 50ms) == child_action::kill);
  BOOST_TEST(!end.dead());
  BOOST_TEST(end.tick(began + 50ms) == child_action::check);
  end.group_checked(began + 50ms, false);
  BOOST_TEST(end.dead());
  const exit_info info = described(end, exit_3);
  BOOST_TEST((info.how == exit_info::end::exited));
  BOOST_TEST(info.code == 3);
  BOOST_TEST(info.elapsed.count() == 50);
  BOOST_TEST(!info.group_survived);
}

BOOST_AUTO_TEST_CASE(a_timeout_asks_then_kills) {
  child_end end{began, 5s, 2s};
  BOOST_TEST(end.tick(began + 4999ms) == child_action::none);
  BOOST_TEST(end.tick(began + 5s) == child_action::terminate);
  BOOST_TEST(end.tick(began + 6999ms) == child_action::none);
  BOOST_TEST(end.tick(began + 7s) == child_action::kill);
  BOOST_TEST(end.tick(began + 1h) == child_action::none);
  end.leader_exited(began + 7s);
  end.group_checked(began + 7s, false);
  const exit_info info = described(end, SIGKILL);
  BOOST_TEST((info.how == exit_info::end::timed_out));
  BOOST_TEST(info.signal == SIGKILL);
}

BOOST_AUTO_TEST_CASE(an_exit_within_the_grace_still_counts_as_timed_out) {
  child_end end{began, 5s, 2s};
  end.tick(began + 5s);
  end.leader_exited(began + 5100ms);
  BOOST_TEST((described(end, exit_0).how == exit_info::end::timed_out));
}

BOOST_AUTO_TEST_CASE(a_stop_asks_then_kills_and_a_second_one_only_shortens) {
  child_end end{began, 1h, 2s};
  BOOST_TEST(end.stop(began, 10s) == child_action::terminate);
  BOOST_TEST(end.stop(began, 20s) == child_action::none);
  BOOST_TEST((*end.next_tick() == began + 10s));
  BOOST_TEST(end.stop(began, 1s) == child_action::none);
  BOOST_TEST((*end.next_tick() == began + 1s));
  BOOST_TEST(end.stop(began, 0s) == child_action::kill);
  BOOST_TEST(end.stop(began, 0s) == child_action::none);
  end.leader_exited(began);
  BOOST_TEST((described(end, SIGKILL).how == exit_info::end::stopped));
}

BOOST_AUTO_TEST_CASE(a_signal_of_someone_else_is_named) {
  child_end end{began, 1h, 2s};
  end.leader_exited(began);
  const exit_info info = described(end, SIGSEGV);
  BOOST_TEST((info.how == exit_info::end::signalled));
  BOOST_TEST(info.signal == SIGSEGV);
}

BOOST_AUTO_TEST_CASE(a_group_that_will_not_die_is_given_up_and_reported) {
  child_end end{began, 0ms, 2s};
  end.leader_exited(began);
  steady_time now = began;
  int checks = 0;
  for (; !end.dead() && checks < 10'000; ++checks) {
    BOOST_TEST(end.tick(now) == child_action::check);
    end.group_checked(now, true);
    if (end.next_tick()) now = *end.next_tick();
  }
  BOOST_TEST(end.dead());
  BOOST_TEST(checks < 500);
  BOOST_TEST((now - began >= child_end::survival_max));
  BOOST_TEST(described(end, exit_0).group_survived);
}

BOOST_AUTO_TEST_SUITE_END()
