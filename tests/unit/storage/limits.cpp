#include "storage/decide/limits.hpp"

#include <boost/test/unit_test.hpp>

#include <limits>

BOOST_AUTO_TEST_SUITE(concurrency)

using namespace cadre::storage::decide;

BOOST_AUTO_TEST_CASE(without_a_rule_a_mode_has_room_and_a_key_room_for_one) {
  concurrency_limits l;
  const auto key = key_of("data", "customer 7");
  BOOST_TEST(key_of("data", "").empty());
  BOOST_TEST(l.has_room("data"));
  BOOST_TEST(l.room_of("") == std::numeric_limits<std::int64_t>::max());
  BOOST_TEST(l.room_of(key) == 1);
  l.count("data", key);
  BOOST_TEST(l.has_room("data"));
  BOOST_TEST(l.room_of(key) == 0);
  BOOST_TEST(l.room_of(key_of("other", "customer 7")) == 1);
}

BOOST_AUTO_TEST_CASE(a_rule_bounds_its_mode_and_its_keys) {
  concurrency_limits l;
  l.set("data", {2, 3, false});
  const auto key = key_of("data", "a/b");
  l.count("data", key);
  BOOST_TEST(l.room_of(key) == 2);
  BOOST_TEST(l.has_room("data"));
  l.count("data", "");
  BOOST_TEST(!l.has_room("data"));
  BOOST_TEST(l.has_room("other"));
  l.count("data", "");
  BOOST_TEST(!l.has_room("data"));
}

BOOST_AUTO_TEST_CASE(what_is_paused_has_no_room) {
  concurrency_limits l;
  l.pause("data");
  BOOST_TEST(!l.has_room("data"));
  BOOST_TEST(l.has_room("other"));
}

BOOST_AUTO_TEST_SUITE_END()
