#include "actors/leader/schedule_clock.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace cadre;
using namespace cadre::actors;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(schedule_clock_test)

namespace {

timestamp at(const std::string& iso) {
  const auto t = from_iso(iso);
  BOOST_REQUIRE_MESSAGE(t, iso);
  return *t;
}

config::schedule schedule(const std::string& name, const std::string& cron) {
  config::schedule s;
  s.name = name;
  s.cron = cron;
  return s;
}

/// `name HH:MM` of each, so that what fired can be compared.
std::string joined(const std::vector<schedule_clock::due>& fired) {
  std::string out;
  for (const auto& f : fired) {
    const auto iso = to_iso(f.at);
    BOOST_CHECK_EQUAL(iso.substr(17), "00.000000Z");
    out += (out.empty() ? "" : ", ") + f.schedule + ' ' + iso.substr(11, 5);
  }
  return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(it_fires_at_the_moment_and_once) {
  schedule_clock clock{{schedule("ten", "*/10 * * * *")}, at("2026-11-21T08:05:30Z")};
  BOOST_CHECK_EQUAL(joined(clock.advance(at("2026-11-21T08:05:30Z"))), "");
  BOOST_CHECK_EQUAL(joined(clock.advance(at("2026-11-21T08:09:59.999999Z"))), "");
  BOOST_CHECK_EQUAL(joined(clock.advance(at("2026-11-21T08:10:00Z"))), "ten 08:10");
  BOOST_CHECK_EQUAL(joined(clock.advance(at("2026-11-21T08:10:00Z"))), "");
  // Noticed late: it still carries the moment that was meant.
  BOOST_CHECK_EQUAL(joined(clock.advance(at("2026-11-21T08:23:07Z"))), "ten 08:20");
}

BOOST_AUTO_TEST_CASE(what_was_due_at_the_start_or_before_does_not_fire) {
  schedule_clock clock{{schedule("hourly", "@hourly")}, at("2026-11-21T08:00:00Z")};
  BOOST_CHECK_EQUAL(joined(clock.advance(at("2026-11-21T08:00:00Z"))), "");
  BOOST_CHECK_EQUAL(joined(clock.advance(at("2026-11-21T09:00:00Z"))), "hourly 09:00");
}

BOOST_AUTO_TEST_CASE(after_a_jump_each_fires_once_for_the_latest_in_order_of_time) {
  schedule_clock clock{{schedule("hourly", "@hourly"), schedule("ten", "*/10 * * * *"), schedule("noon", "0 12 * * *")},
                       at("2026-11-21T08:05:00Z")};
  BOOST_CHECK_EQUAL(joined(clock.advance(at("2026-11-21T14:37:00Z"))), "noon 12:00, hourly 14:00, ten 14:30");
  BOOST_CHECK_EQUAL(joined(clock.advance(at("2026-11-21T14:40:00Z"))), "ten 14:40");
}

BOOST_AUTO_TEST_CASE(a_jump_over_days_names_the_last_day) {
  schedule_clock clock{{schedule("noon", "0 12 * * *")}, at("2026-11-21T08:00:00Z")};
  const auto fired = clock.advance(at("2026-12-01T11:59:59Z"));
  BOOST_REQUIRE_EQUAL(fired.size(), 1u);
  BOOST_CHECK_EQUAL(to_iso(fired[0].at), "2026-11-30T12:00:00.000000Z");
}

BOOST_AUTO_TEST_CASE(nothing_fires_twice_when_the_clock_goes_back) {
  schedule_clock clock{{schedule("ten", "*/10 * * * *")}, at("2026-11-21T08:05:00Z")};
  BOOST_CHECK_EQUAL(joined(clock.advance(at("2026-11-21T08:10:00Z"))), "ten 08:10");
  BOOST_CHECK_EQUAL(joined(clock.advance(at("2026-11-21T07:55:00Z"))), "");
  BOOST_CHECK_EQUAL(joined(clock.advance(at("2026-11-21T08:10:00Z"))), "");
  BOOST_CHECK_EQUAL(joined(clock.advance(at("2026-11-21T08:19:59Z"))), "");
  BOOST_CHECK_EQUAL(joined(clock.advance(at("2026-11-21T08:20:00Z"))), "ten 08:20");
}

BOOST_AUTO_TEST_CASE(a_walk_through_a_day_fires_every_moment_exactly_once) {
  schedule_clock clock{{schedule("a", "7,37 * * * *"), schedule("b", "30 */6 * * *")}, at("2026-11-21T00:00:00Z")};
  std::vector<schedule_clock::due> all;
  for (auto t = at("2026-11-21T00:00:00Z"); t < at("2026-11-22T00:00:00Z"); t = t + 13s)
    for (const auto& f : clock.advance(t)) {
      BOOST_CHECK(f.at <= t);
      BOOST_CHECK(t - f.at < 13s);
      if (!all.empty()) BOOST_CHECK(all.back().at < f.at);
      all.push_back(f);
    }
  BOOST_CHECK_EQUAL(all.size(), 48u + 4u);
}

BOOST_AUTO_TEST_CASE(wait_is_until_the_next_moment_and_within_its_bounds) {
  schedule_clock clock{{schedule("hourly", "@hourly"), schedule("ten", "*/10 * * * *")}, at("2026-11-21T08:05:00Z")};
  BOOST_CHECK_EQUAL(clock.wait(at("2026-11-21T08:05:00Z"), 1h).count(), 300'000);
  BOOST_CHECK_EQUAL(clock.wait(at("2026-11-21T08:05:00Z"), 10s).count(), 10'000);
  // Rounded up: waking too early would find nothing due.
  BOOST_CHECK_EQUAL(clock.wait(at("2026-11-21T08:09:59.998500Z"), 1h).count(), 2);
  // Overdue, or due now: at once, but never in a loop without a pause.
  BOOST_CHECK_EQUAL(clock.wait(at("2026-11-21T08:10:00Z"), 1h).count(), 1);
  BOOST_CHECK_EQUAL(clock.wait(at("2026-11-21T11:00:00Z"), 1h).count(), 1);
  clock.advance(at("2026-11-21T08:10:00Z"));
  BOOST_CHECK_EQUAL(clock.wait(at("2026-11-21T08:10:00Z"), 1h).count(), 600'000);
}

BOOST_AUTO_TEST_CASE(a_cron_that_cannot_be_read_is_left_out) {
  schedule_clock clock{{schedule("bad", "61 * * * *"), schedule("ten", "*/10 * * * *")}, at("2026-11-21T08:05:00Z")};
  BOOST_CHECK_EQUAL(joined(clock.advance(at("2026-11-21T09:00:00Z"))), "ten 09:00");
}

BOOST_AUTO_TEST_CASE(a_clock_without_schedules_waits_for_the_most) {
  schedule_clock clock{{}, at("2026-11-21T08:05:00Z")};
  BOOST_CHECK(clock.advance(at("2027-11-21T08:05:00Z")).empty());
  BOOST_CHECK_EQUAL(clock.wait(at("2026-11-21T08:05:00Z"), 5s).count(), 5'000);
}

BOOST_AUTO_TEST_SUITE_END()
