#include "actors/leader/reach.hpp"

#include <boost/test/unit_test.hpp>

using cadre::actors::reach;
using namespace std::chrono_literals;

namespace {

constexpr reach::time_point start{1'000s};

struct node {
  reach machine{2s};
  reach::time_point now = start, heard = start;
  bool bus = true, aside = false;

  reach::rights after(std::chrono::milliseconds time) {
    now += time;
    return machine.look(bus, heard, aside, now);
  }
};

bool same(const reach::rights& a, const reach::rights& b) {
  return a == b;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(leader_reach, node)

BOOST_AUTO_TEST_CASE(with_bus_and_database_it_may_all) {
  BOOST_TEST(same(after(0s), {true, true, true}));
}

BOOST_AUTO_TEST_CASE(without_the_bus_it_runs_no_more_at_once_and_reigns_no_more_soon_after) {
  after(0s);
  bus = false;
  heard = start + 1h;
  BOOST_TEST(same(after(500ms), {false, true, true}));
  BOOST_TEST(same(after(1ms), {false, false, true}));
  bus = true;
  BOOST_TEST(same(after(1ms), {true, true, true}));
  bus = false;
  BOOST_TEST(same(after(500ms), {false, true, true}));
}

BOOST_AUTO_TEST_CASE(before_it_ever_had_the_bus_it_may_not_reign) {
  bus = false;
  BOOST_TEST(same(after(0s), {false, false, true}));
}

BOOST_AUTO_TEST_CASE(while_the_database_is_silent_it_takes_no_commands_and_reigns_on) {
  BOOST_TEST(same(after(2s), {true, true, true}));
  BOOST_TEST(same(after(1ms), {true, true, false}));
  heard = now;
  BOOST_TEST(same(after(1ms), {true, true, true}));
}

BOOST_AUTO_TEST_CASE(it_stands_aside_for_another_but_not_for_ever) {
  aside = true;
  heard = start + 1h;
  BOOST_TEST(same(after(1s), {false, false, true}));
  BOOST_TEST(same(after(6s), {false, false, true}));
  BOOST_TEST(same(after(1ms), {true, true, true}));
  aside = false;
  after(1s);
  aside = true;
  BOOST_TEST(same(after(1s), {false, false, true}));
}

BOOST_AUTO_TEST_SUITE_END()
