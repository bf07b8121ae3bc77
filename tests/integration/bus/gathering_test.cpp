#include "bus/detail/gathering.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using cadre::bus::detail::gathering;
using cadre::bus::detail::gathering_limits;
using namespace std::chrono_literals;

namespace {

/// Speaks of what is to be done in one letter each: `b` the batch first, `+` into the batch, `1` alone, `w` wake,
/// `a` the batch afterwards.
struct script {
  gathering plan{{40us, 4, 1000}};
  gathering::clock::time_point now{1s};

  std::string offer(std::chrono::microseconds later, const char* subject = "s", std::size_t bytes = 100,
                    bool connected = true) {
    now += later;
    const auto s = plan.offer(subject, bytes, now, connected);
    return std::string{s.send_batch_before ? "b" : ""} + (s.append ? "+" : "1") + (s.wake ? "w" : "") +
           (s.send_batch_after ? "a" : "");
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(gathered)

BOOST_AUTO_TEST_CASE(what_comes_alone_goes_alone) {
  script s;
  BOOST_TEST(s.offer(0us) == "1");
  BOOST_TEST(s.offer(40us) == "1");
  BOOST_TEST(s.offer(1s) == "1");
  BOOST_TEST(!s.plan.waiting());
}

BOOST_AUTO_TEST_CASE(what_follows_closely_waits_for_who_is_woken_once) {
  script s;
  BOOST_TEST(s.offer(0us) == "1");
  BOOST_TEST(s.offer(39us) == "+w");
  BOOST_TEST(s.offer(1us) == "+");
  BOOST_TEST(s.plan.waiting());
  s.plan.sent();
  BOOST_TEST(!s.plan.waiting());
  BOOST_TEST(s.offer(1us) == "+w");
}

BOOST_AUTO_TEST_CASE(a_message_never_overtakes_what_waits_however_late_it_comes) {
  script s;
  s.offer(0us);
  s.offer(1us);
  BOOST_TEST(s.offer(1s) == "+");
}

BOOST_AUTO_TEST_CASE(a_full_batch_goes_out_and_the_next_begins) {
  script s;
  s.offer(0us);
  BOOST_TEST(s.offer(1us) == "+w");
  BOOST_TEST(s.offer(1us) == "+");
  BOOST_TEST(s.offer(1us) == "+");
  BOOST_TEST(s.offer(1us) == "+a");
  BOOST_TEST(!s.plan.waiting());
  BOOST_TEST(s.offer(1us) == "+w");
}

BOOST_AUTO_TEST_CASE(bytes_are_bounded) {
  script s;
  s.offer(0us);
  BOOST_TEST(s.offer(1us, "s", 600) == "+w");
  BOOST_TEST(s.offer(1us, "s", 400) == "+");
  BOOST_TEST(s.offer(1us, "s", 1) == "b+w");
  BOOST_TEST(s.offer(1us, "s", 1001) == "b1");
  BOOST_TEST(!s.plan.waiting());
  BOOST_TEST(s.offer(1us, "s", 1000) == "+w");
}

BOOST_AUTO_TEST_CASE(another_subject_sends_what_waits_first) {
  script s;
  s.offer(0us, "a");
  BOOST_TEST(s.offer(1us, "a") == "+w");
  BOOST_TEST(s.offer(1us, "b") == "b1");
  BOOST_TEST(s.offer(1us, "a") == "1");
  BOOST_TEST(s.offer(1us, "a") == "+w");
}

BOOST_AUTO_TEST_CASE(without_a_connection_each_sender_is_told) {
  script s;
  s.offer(0us);
  BOOST_TEST(s.offer(1us) == "+w");
  BOOST_TEST(s.offer(1us, "s", 100, false) == "b1");
  BOOST_TEST(s.offer(1us, "s", 100, false) == "1");
}

BOOST_AUTO_TEST_CASE(it_can_be_switched_off) {
  for (const auto limits :
       {gathering_limits{0us, 4, 1000}, gathering_limits{40us, 1, 1000}, gathering_limits{40us, 4, 0}}) {
    script s;
    s.plan = gathering{limits};
    for (int i = 0; i < 3; ++i) BOOST_TEST(s.offer(0us) == "1");
  }
}

BOOST_AUTO_TEST_SUITE_END()
