#include "config/calendar.hpp"

#include "schemas/time.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(calendars)

namespace {

using namespace cadre::config;
using cadre::timestamp;
using namespace std::chrono_literals;

timestamp utc(const std::string& text) {
  return cadre::from_iso(text.size() == 16 ? text + ":00Z" : text + "Z").value();
}

calendar of(const std::string& cron, const std::string& tz) {
  auto made = calendar::make(cron, tz);
  BOOST_REQUIRE_MESSAGE(made, cron << ' ' << tz << ": " << (made ? "" : made.error().message));
  return *made;
}

calendar of(const schedule& s) {
  auto made = calendar::make(s);
  BOOST_REQUIRE_MESSAGE(made, s.cron << ' ' << s.tz << ": " << (made ? "" : made.error().message));
  return *made;
}

schedule plan(const std::string& cron, const std::string& tz = "UTC") {
  schedule s;
  s.name = "nightly";
  s.cron = cron;
  s.tz = tz;
  return s;
}

/// `29T01:00 30T00:30`: the moments as they stand in UTC, without the month.
std::string moments(const calendar& c, const std::string& from, const std::string& upto) {
  std::string all;
  for (const auto t : c.between(utc(from), utc(upto), 1'000)) {
    const auto iso = to_iso(t);
    all += (all.empty() ? "" : " ") + iso.substr(8, iso.compare(17, 2, "00") == 0 ? 8 : 11);
  }
  return all;
}

struct dst_case {
  const char* cron;
  const char* tz;
  const char* from;
  const char* upto;
  const char* moments;
};

// Each line is worked out by hand from the rule of the zone.
BOOST_AUTO_TEST_CASE(where_clocks_change) {
  const dst_case cases[] = {
      // Rome puts them forward at 2:00 (01:00 UTC): what is missing is due at 3:00, once.
      {"30 2 * * *", "Europe/Rome", "2025-03-28T12:00", "2025-03-31T12:00", "29T01:30 30T01:00 31T00:30"},
      {"*/10 2 * * *", "Europe/Rome", "2025-03-29T12:00", "2025-03-31T00:15", "30T01:00 31T00:00 31T00:10"},
      {"0 2,3 * * *", "Europe/Rome", "2025-03-29T12:00", "2025-03-30T12:00", "30T01:00"},
      {"30 1-3 * * *", "Europe/Rome", "2025-03-29T12:00", "2025-03-30T12:00", "30T00:30 30T01:00 30T01:30"},
      {"59 59 1 * * *", "Europe/Rome", "2025-03-29T12:00", "2025-03-30T12:00", "30T00:59:59"},
      // And back at 3:00 (01:00 UTC): what comes twice is due at the first.
      {"30 2 * * *", "Europe/Rome", "2025-10-25T12:00", "2025-10-27T12:00", "26T00:30 27T01:30"},
      {"*/20 2 * * *", "Europe/Rome", "2025-10-25T12:00", "2025-10-27T01:00", "26T00:00 26T00:20 26T00:40 27T01:00"},
      {"0 2-3 * * *", "Europe/Rome", "2025-10-25T12:00", "2025-10-26T12:00", "26T00:00 26T02:00"},
      // From within the second pass the next is after it.
      {"0 30 2 * * *", "Europe/Rome", "2025-10-26T01:00", "2025-10-27T12:00", "27T01:30"},
      {"45 2 * * *", "Europe/Rome", "2025-10-26T01:30", "2025-10-27T12:00", "27T01:45"},
      {"*/10 2,3 * * *", "Europe/Rome", "2025-10-26T01:15", "2025-10-26T02:20", "26T02:00 26T02:10 26T02:20"},
      // Every hour is every hour, twice where it comes twice, and none is made up.
      {"30 * * * *", "Europe/Rome", "2025-03-30T00:00", "2025-03-30T02:00", "30T00:30 30T01:30"},
      {"30 0-23 * * *", "Europe/Rome", "2025-03-30T00:00", "2025-03-30T02:00", "30T00:30 30T01:30"},
      {"30 * * * *", "Europe/Rome", "2025-10-25T23:00", "2025-10-26T02:00", "25T23:30 26T00:30 26T01:30"},
      {"@hourly", "Europe/Rome", "2025-10-25T23:30", "2025-10-26T02:30", "26T00:00 26T01:00 26T02:00"},
      {"59 59 * * * *", "Europe/Rome", "2025-10-26T00:00", "2025-10-26T02:00", "26T00:59:59 26T01:59:59"},
      {"@every 90m", "Europe/Rome", "2025-10-25T23:00", "2025-10-26T04:00", "26T00:00 26T01:30 26T03:00"},
      // But on one hour in two the clock counts.
      {"0 */2 * * *", "Europe/Rome", "2025-10-25T21:00", "2025-10-26T06:00", "25T22:00 26T00:00 26T03:00 26T05:00"},
      {"0 */2 * * *", "Europe/Rome", "2025-03-29T22:00", "2025-03-30T04:30", "29T23:00 30T01:00 30T02:00 30T04:00"},
      // Half an hour: Lord Howe goes from 2:00 to 2:30 (15:30 UTC), and from 2:00 to 1:30 (15:00 UTC).
      {"15 2 * * *", "Australia/Lord_Howe", "2024-10-05T00:00", "2024-10-07T00:00", "05T15:30 06T15:15"},
      {"45 1 * * *", "Australia/Lord_Howe", "2025-04-05T00:00", "2025-04-07T00:00", "05T14:45 06T15:15"},
      {"*/15 * * * *", "Australia/Lord_Howe", "2025-04-05T14:00", "2025-04-05T16:00",
       "05T14:15 05T14:30 05T14:45 05T15:00 05T15:15 05T15:30 05T15:45 05T16:00"},
      {"0 * * * *", "Australia/Lord_Howe", "2024-10-05T14:00", "2024-10-05T17:00", "05T14:30 05T16:00 05T17:00"},
      // Dublin's winter time is the exception of the two; its clocks still go as London's.
      {"30 1 * * *", "Europe/Dublin", "2024-03-30T12:00", "2024-04-01T12:00", "31T01:00 01T00:30"},
      {"30 1 * * *", "Europe/Dublin", "2024-10-26T12:00", "2024-10-28T12:00", "27T00:30 28T01:30"},
      // At midnight: Santiago has no 0:00 to 0:59 on 8 September 2024, and 23:00 to 23:59 twice on 5 April 2025.
      {"0 0 * * *", "America/Santiago", "2024-09-07T00:00", "2024-09-09T12:00", "07T04:00 08T04:00 09T03:00"},
      {"30 0 * * sun", "America/Santiago", "2024-09-07T00:00", "2024-09-09T12:00", "08T04:00"},
      {"30 23 * * *", "America/Santiago", "2025-04-05T00:00", "2025-04-07T12:00", "05T02:30 06T02:30 07T03:30"},
      {"30 * * * sat", "America/Santiago", "2025-04-06T01:00", "2025-04-06T06:00", "06T01:30 06T02:30 06T03:30"},
      // Apia had no 30 December 2011: what was due on it came as the 31st began, once.
      {"0 12 * * *", "Pacific/Apia", "2011-12-29T12:00", "2012-01-01T12:00", "29T22:00 30T10:00 30T22:00 31T22:00"},
      {"0 */6 30 12 *", "Pacific/Apia", "2011-12-29T12:00", "2012-01-01T12:00", "30T10:00"},
      {"30 * 30 12 *", "Pacific/Apia", "2011-12-29T12:00", "2012-01-01T12:00", ""},
      // Clocks may change for good, and without a rule: Caracas skipped 2:30 to 2:59 on 1 May 2016.
      {"45 2 * * *", "America/Caracas", "2016-04-30T00:00", "2016-05-02T12:00", "30T07:15 01T07:00 02T06:45"},
      // Past the years that compiled zones list.
      {"30 2 * * *", "Europe/Rome", "2060-03-27T12:00", "2060-03-29T12:00", "28T01:00 29T00:30"},
      {"30 2 * * *", "Europe/Rome", "2437-10-24T12:00", "2437-10-26T12:00", "25T00:30 26T01:30"},
      {"30 * * * *", "Europe/Rome", "2437-10-24T23:00", "2437-10-25T02:00", "24T23:30 25T00:30 25T01:30"},
      {"30 * * * *", "Europe/Rome", "2825-03-30T00:00", "2825-03-30T02:00", "30T00:30 30T01:30"},
      {"30 2 * * *", "Europe/Rome", "9997-03-29T12:00", "9997-03-31T12:00", "30T01:00 31T00:30"},
  };
  for (const auto& c : cases)
    BOOST_TEST(moments(of(c.cron, c.tz), c.from, c.upto) == c.moments, c.cron << ' ' << c.tz << " from " << c.from);
}

BOOST_AUTO_TEST_CASE(days_are_left_out_by_the_local_date) {
  using namespace std::chrono;
  auto s = plan("0 */12 * * *", "Asia/Tokyo");  // 9 hours before UTC.
  s.exclude = {year{2026} / 12 / 25};
  BOOST_TEST(moments(of(s), "2026-12-23T12:00", "2026-12-25T18:00") == "23T15:00 24T03:00 25T15:00");
  s = plan("0 * * * *", "Asia/Tokyo");
  s.exclude = {year{2026} / 12 / 26, year{2026} / 12 / 25};
  BOOST_TEST(moments(of(s), "2026-12-24T13:00", "2026-12-26T16:00") == "24T14:00 26T15:00 26T16:00");
  s = plan("@every 8h", "Asia/Tokyo");
  s.exclude = {year{2026} / 12 / 25, year{2026} / 12 / 26};
  BOOST_TEST(moments(of(s), "2026-12-24T00:00", "2026-12-27T00:00") == "24T08:00 26T16:00 27T00:00");
  // What was due on a day that is missing is due on the next, if that one is not left out itself.
  s = plan("0 12 * * *", "Pacific/Apia");
  s.exclude = {year{2011} / 12 / 30};
  BOOST_TEST(moments(of(s), "2011-12-29T12:00", "2012-01-01T12:00") == "29T22:00 30T22:00 31T22:00");
  s.exclude = {year{2011} / 12 / 31};
  BOOST_TEST(moments(of(s), "2011-12-29T12:00", "2012-01-01T12:00") == "29T22:00 31T22:00");
  // A day that begins twice is left out both times.
  s = plan("30 * * * *", "America/Havana");
  s.exclude = {year{2024} / 11 / 3};
  BOOST_TEST(moments(of(s), "2024-11-03T03:00", "2024-11-04T06:00") == "03T03:30 04T05:30");
  s = plan("@every 30m", "America/Santiago");
  s.exclude = {year{2025} / 4 / 5};
  BOOST_TEST(moments(of(s), "2025-04-05T02:00", "2025-04-06T05:00") == "05T02:30 06T04:00 06T04:30 06T05:00");
}

BOOST_AUTO_TEST_CASE(from_the_start_to_before_the_end) {
  auto s = plan("0 * * * *");
  s.starts = utc("2026-11-21T08:00");
  s.ends = utc("2026-11-21T11:00");
  BOOST_TEST(moments(of(s), "2026-01-01T00:00", "2027-01-01T00:00") == "21T08:00 21T09:00 21T10:00");
  BOOST_TEST(of(s).next(utc("2026-11-21T10:00")).empty());
  s.starts = s.starts + 1us;
  s.ends = s.ends + 1us;
  BOOST_TEST(moments(of(s), "2026-01-01T00:00", "2027-01-01T00:00") == "21T09:00 21T10:00 21T11:00");
  // @every counts from the start, which is its first moment.
  s = plan("@every 7h", "Europe/Rome");
  s.starts = utc("2025-10-25T20:30:05");
  BOOST_TEST(moments(of(s), "2020-01-01T00:00", "2025-10-26T11:00") == "25T20:30:05 26T03:30:05 26T10:30:05");
  s.starts = s.starts + 250ms;
  BOOST_TEST((of(s).next({}) == s.starts));
  BOOST_TEST((of(s).next(s.starts) == s.starts + 7h));
  BOOST_TEST((of(s).next(s.starts + (7h - 1us)) == s.starts + 7h));
  s.ends = s.starts;
  BOOST_TEST(calendar::make(s).error().message.find("is not later than starts") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(between_is_bounded) {
  const auto c = of("0 * * * *", "UTC");
  BOOST_TEST(moments(c, "2026-11-21T08:00", "2026-11-21T10:00") == "21T09:00 21T10:00");
  BOOST_TEST(c.between(utc("2026-11-21T08:00"), utc("2027-11-21T10:00"), 3).size() == 3u);
  BOOST_TEST(c.between(utc("2026-11-21T08:00"), utc("2026-11-21T07:00"), 3).empty());
  BOOST_TEST(c.between(utc("2026-11-21T08:00"), utc("2026-11-21T10:00"), 0).empty());
}

BOOST_AUTO_TEST_CASE(jitter_is_the_same_everywhere_and_spread) {
  auto s = plan("* * * * *");
  const auto due = utc("2026-11-21T08:00");
  BOOST_TEST((of(s).fire_at(due) == due));
  s.jitter = 30s;
  const auto c = of(s);
  std::set<std::int64_t> late;
  for (const auto t : c.between(due, due + 1'000min, 1'000)) {
    const auto by = (c.fire_at(t) - t).count();
    BOOST_TEST((by >= 0 && by <= 30'000'000 && by % 1'000 == 0));
    late.insert(by);
  }
  BOOST_TEST(late.size() > 900u);
  BOOST_TEST(*late.begin() < 1'000'000);
  BOOST_TEST(*late.rbegin() > 29'000'000);
  // Written down: a new version, or a node built by another compiler, must not shift fires.
  BOOST_TEST((c.fire_at(due) - due).count() == 5'652'000);
  auto other = s;
  other.name = "nightly-2";
  BOOST_TEST((of(other).fire_at(due) != c.fire_at(due)));
  s.tz = "Asia/Tokyo";
  BOOST_TEST((of(s).fire_at(due) == c.fire_at(due)));
  // Both ends are reached.
  s.jitter = 1ms;
  std::set<std::int64_t> ends;
  for (const auto t : c.between(due, due + 100min, 100)) ends.insert((of(s).fire_at(t) - t).count());
  BOOST_TEST((ends == std::set<std::int64_t>{0, 1'000}));
}

BOOST_AUTO_TEST_CASE(what_is_said_and_what_is_refused) {
  auto s = plan("0 6 * * 1-5", "Europe/Rome");
  BOOST_TEST(of(s).describe() == "0 6 * * 1-5 Europe/Rome");
  s.jitter = 30s;
  s.exclude = {std::chrono::year{2026} / 12 / 25};
  s.starts = utc("2026-11-21T08:00");
  s.ends = utc("2027-11-21T08:00");
  BOOST_TEST(of(s).describe() ==
             "0 6 * * 1-5 Europe/Rome, jitter 30s, 1 day excluded, from 2026-11-21T08:00:00.000000Z, until "
             "2027-11-21T08:00:00.000000Z");
  company c;
  c.agents.emplace_back();
  c.brief = brief_rule{"0 6 * * *", "Europe/Rome", {}};
  BOOST_TEST(moments(calendar::make(*c.schedule_of_brief()).value(), "2026-11-21T00:00", "2026-11-22T00:00") ==
             "21T05:00");
  BOOST_TEST(calendar::make("0 6 * *").error().message.find("found 4 fields") == 0u);
  const auto wrong = calendar::make("0 6 * * *", "Europe/Roma");
  BOOST_TEST((wrong.error().code == cadre::errc::bad_value));
  BOOST_TEST(wrong.error().message.find("tz `Europe/Roma`: not a time zone") == 0u);
  for (const char* tz : {"", "Europe", "europe/rome", "Europe/Rome/", "/Europe/Rome", "Fixed/UTC+02:00:00", "localtime",
                         "posix/Europe/Rome", "right/Europe/Rome", "zone.tab", "../zoneinfo/Europe/Rome"})
    BOOST_TEST(!calendar::make("@daily", tz).has_value(), tz);
  for (const char* tz : {"UTC", "Etc/UTC", "GMT", "Etc/GMT+12", "America/Argentina/Buenos_Aires"})
    BOOST_TEST(calendar::make("@daily", tz).has_value(), tz);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
