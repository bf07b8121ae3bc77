#include "bus/detail/publish_window.hpp"

#include <boost/test/unit_test.hpp>

using namespace cadre;
using cadre::bus::detail::publish_window;
using phase = publish_window::phase;

BOOST_AUTO_TEST_SUITE(publish_windows)

namespace {

std::vector<event> events(std::int64_t from, std::int64_t to) {
  std::vector<event> all;
  for (auto seq = from; seq <= to; ++seq) {
    event e;
    e.seq = seq;
    e.subject = "cadre.acme.brief";
    all.push_back(e);
  }
  return all;
}

/// Sends as long as it may; the sequences sent.
std::vector<std::int64_t> drain(publish_window& w) {
  std::vector<std::int64_t> sent;
  while (const auto* e = w.next()) {
    sent.push_back(e->seq);
    w.sent();
  }
  return sent;
}

using sequences = std::vector<std::int64_t>;

}  // namespace

BOOST_AUTO_TEST_CASE(it_takes_nothing_before_a_restart_and_sends_nothing_before_the_stream_answers) {
  publish_window w({3, 10, 10'000});
  BOOST_TEST(to_text(w.offer(events(1, 1)).error().code) == "unreachable");
  w.restart(1);
  BOOST_REQUIRE(w.offer(events(1, 2)));
  BOOST_TEST(drain(w).empty());
  BOOST_TEST(!w.opened(0, 0));
  BOOST_TEST((drain(w) == sequences{1, 2}));
}

BOOST_AUTO_TEST_CASE(the_window_moves_with_the_acks) {
  publish_window w({3, 10, 10'000});
  w.restart(1);
  BOOST_TEST(!w.opened(0, 0));
  BOOST_REQUIRE(w.offer(events(1, 6)));
  BOOST_TEST((drain(w) == sequences{1, 2, 3}));
  BOOST_TEST(!w.acked(1, 11));
  BOOST_TEST(!w.acked(2, 12));
  BOOST_TEST((drain(w) == sequences{4, 5}));
  BOOST_TEST(w.acked_seq() == 2);
  BOOST_TEST(w.acked_stream_seq() == 12u);
}

BOOST_AUTO_TEST_CASE(gaps_and_overflows_are_refused_whole) {
  publish_window w({3, 4, 10'000});
  w.restart(5);
  BOOST_TEST(to_text(w.offer(events(6, 6)).error().code) == "bad_value");
  BOOST_REQUIRE(w.offer(events(5, 7)));
  BOOST_TEST(to_text(w.offer(events(8, 9)).error().code) == "busy");
  BOOST_TEST(w.backlog() == 3u);
  BOOST_REQUIRE(w.offer(events(8, 8)));
}

BOOST_AUTO_TEST_CASE(after_a_failure_nothing_goes_out_until_a_restart_from_the_first_unacknowledged) {
  publish_window w({3, 10, 10'000});
  w.restart(1);
  BOOST_TEST(!w.opened(0, 0));
  BOOST_REQUIRE(w.offer(events(1, 6)));
  drain(w);
  BOOST_TEST(!w.acked(1, 1));
  const auto stop = w.failed({errc::refused, "disk full"});
  BOOST_REQUIRE(stop);
  BOOST_TEST(stop->from_seq == 2);
  BOOST_TEST(drain(w).empty());
  BOOST_TEST(!w.failed({errc::refused, "again"}));
  BOOST_TEST(!w.offer(events(7, 7)));
  w.restart(2);
  BOOST_REQUIRE(w.offer(events(2, 3)));
  BOOST_TEST(!w.opened(1, 1));
  BOOST_TEST((drain(w) == sequences{2, 3}));
}

BOOST_AUTO_TEST_CASE(an_ack_out_of_turn_stops) {
  publish_window w({3, 10, 10'000});
  w.restart(1);
  BOOST_TEST(!w.opened(0, 0));
  BOOST_REQUIRE(w.offer(events(1, 3)));
  drain(w);
  const auto stop = w.acked(2, 1);
  BOOST_REQUIRE(stop);
  BOOST_TEST(stop->from_seq == 1);
}

BOOST_AUTO_TEST_CASE(a_place_in_the_stream_that_is_not_behind_the_last_one_stops) {
  publish_window w({3, 10, 10'000});
  w.restart(1);
  BOOST_TEST(!w.opened(0, 7));
  BOOST_REQUIRE(w.offer(events(1, 3)));
  drain(w);
  BOOST_TEST(!w.acked(1, 8));
  const auto stop = w.acked(2, 8);
  BOOST_REQUIRE(stop);
  BOOST_TEST(stop->from_seq == 2);
  BOOST_TEST(to_text(stop->why.code) == "in_doubt");
}

BOOST_AUTO_TEST_CASE(what_was_crowded_out_is_sent_again_from_the_first_that_is_not_acknowledged) {
  publish_window w({3, 10, 10'000});
  w.restart(1);
  BOOST_TEST(!w.opened(0, 0));
  BOOST_REQUIRE(w.offer(events(1, 5)));
  BOOST_TEST((drain(w) == sequences{1, 2, 3}));
  BOOST_TEST(!w.acked(1, 11));
  w.rewind();
  BOOST_TEST(w.in_flight() == 0u);
  BOOST_TEST((drain(w) == sequences{2, 3, 4}));
}

BOOST_AUTO_TEST_CASE(what_the_stream_has_already_is_not_sent_again) {
  publish_window w({3, 10, 10'000});
  w.restart(1);
  BOOST_REQUIRE(w.offer(events(1, 2)));
  BOOST_TEST(!w.opened(4, 40));
  BOOST_TEST(w.acked_seq() == 4);
  BOOST_REQUIRE(w.offer(events(3, 5)));
  BOOST_TEST((drain(w) == sequences{5}));
  BOOST_TEST(!w.acked(5, 41));
  BOOST_TEST(w.backlog() == 0u);
}

BOOST_AUTO_TEST_CASE(a_stream_that_lost_events_is_told_once) {
  publish_window w({3, 10, 10'000});
  w.restart(100);
  const auto stop = w.opened(0, 0);
  BOOST_REQUIRE(stop);
  BOOST_TEST(stop->from_seq == 1);
  BOOST_TEST(to_text(stop->why.code) == "not_found");
  w.restart(50);
  BOOST_TEST(!w.opened(0, 0));
  BOOST_REQUIRE(w.offer(events(50, 50)));
  BOOST_TEST((drain(w) == sequences{50}));
}

BOOST_AUTO_TEST_CASE(a_stream_that_lost_events_twice_is_told_twice) {
  publish_window w({3, 10, 10'000});
  for (int round = 1; round <= 2; ++round) {
    w.restart(100);
    const auto stop = w.opened(0, 0);
    BOOST_REQUIRE(stop);
    BOOST_TEST(stop->from_seq == 1);
    w.restart(1);
    BOOST_REQUIRE(w.offer(events(1, 1)));
    BOOST_TEST(!w.opened(0, 0));
    BOOST_TEST((drain(w) == sequences{1}));
    BOOST_TEST(!w.acked(1, 1));
  }
}

BOOST_AUTO_TEST_SUITE_END()
