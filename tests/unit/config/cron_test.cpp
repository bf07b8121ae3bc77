#include "config/calendar.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdio>
#include <string>

BOOST_AUTO_TEST_SUITE(cron)

namespace {

using cadre::timestamp;
using cadre::config::calendar;
using cadre::config::parse_cron;

/// `2026-11-21 03:51` or with seconds, UTC.
timestamp at(const char* text) {
  int y = 0, seconds = 0;
  unsigned mo = 0, d = 0, h = 0, mi = 0;
  if (std::sscanf(text, "%d-%u-%u %u:%u:%d", &y, &mo, &d, &h, &mi, &seconds) < 5) throw std::logic_error(text);
  using namespace std::chrono;
  const auto day = sys_days{year{y} / month{mo} / std::chrono::day{d}};
  return {duration_cast<microseconds>((day + hours{h} + minutes{mi} + std::chrono::seconds{seconds}).time_since_epoch())
              .count()};
}

struct vector_case {
  const char* cron;
  const char* after;
  const char* next;
};

// 2026-11-21 is a Saturday.
BOOST_AUTO_TEST_CASE(next_fires) {
  const vector_case cases[] = {
      {"* * * * *", "2026-11-21 03:51", "2026-11-21 03:52"},
      {"* * * * *", "2026-11-21 03:51:59", "2026-11-21 03:52"},
      {"7 * * * *", "2026-11-21 03:07", "2026-11-21 04:07"},
      {"7 * * * *", "2026-11-21 03:06:59", "2026-11-21 03:07"},
      {"*/15 * * * *", "2026-11-21 03:45", "2026-11-21 04:00"},
      {"5-20/5 * * * *", "2026-11-21 03:20", "2026-11-21 04:05"},
      {"0 6 * * *", "2026-11-21 06:00", "2026-11-22 06:00"},
      {"30 23 31 * *", "2026-11-21 00:00", "2026-12-31 23:30"},
      {"0 0 29 2 *", "2026-11-21 00:00", "2028-02-29 00:00"},
      {"0 0 29 2 *", "2096-03-01 00:00", "2104-02-29 00:00"},
      {"0 9 * * mon-fri", "2026-11-21 12:00", "2026-11-23 09:00"},
      {"0 9 * * MON", "2026-11-23 09:00", "2026-11-30 09:00"},
      {"0 9 * * 7", "2026-11-21 12:00", "2026-11-22 09:00"},
      {"0 9 * * 0", "2026-11-21 12:00", "2026-11-22 09:00"},
      {"0 9 * * sat-sun", "2026-11-22 09:00", "2026-11-28 09:00"},
      {"0 0 1 jan,jul *", "2026-11-21 00:00", "2027-01-01 00:00"},
      {"0 0 1 Jul *", "2026-11-21 00:00", "2027-07-01 00:00"},
      // Both day fields: either is enough.
      {"0 0 13 * fri", "2026-11-21 00:00", "2026-11-27 00:00"},
      {"0 0 13 * fri", "2026-12-12 00:00", "2026-12-13 00:00"},
      // One of them begins with *: both must agree.
      {"0 0 */2 * sun", "2026-11-22 00:00", "2026-11-29 00:00"},
      {"59 23 31 12 *", "2026-12-31 23:58:59", "2026-12-31 23:59"},
      {"59 23 31 12 *", "2026-12-31 23:59", "2027-12-31 23:59"},
      {"@hourly", "2026-11-21 03:51", "2026-11-21 04:00"},
      {"@daily", "2026-11-21 03:51", "2026-11-22 00:00"},
      {"@midnight", "2026-11-21 03:51", "2026-11-22 00:00"},
      {"@weekly", "2026-11-21 03:51", "2026-11-22 00:00"},
      {"@monthly", "2026-11-21 03:51", "2026-12-01 00:00"},
      {"@Yearly", "2026-11-21 03:51", "2027-01-01 00:00"},
      {"@annually", "2026-11-21 03:51", "2027-01-01 00:00"},
      {"  0   6\t* * * ", "2026-11-21 03:51", "2026-11-21 06:00"},
      {"0 0 * * *", "1969-12-30 12:00", "1970-01-02 00:00"},
      // Seconds come first.
      {"* * * * * *", "2026-11-21 03:51:07", "2026-11-21 03:51:08"},
      {"30 * * * * *", "2026-11-21 03:51:30", "2026-11-21 03:52:30"},
      {"*/20 59 23 * * *", "2026-11-21 23:59:41", "2026-11-22 23:59:00"},
      {"5,10 0 7 1 1 *", "2026-11-21 00:00", "2027-01-01 07:00:05"},
      {"0 0 9 * * mon", "2026-11-21 00:00", "2026-11-23 09:00"},
      // The last of the month, weekdays by number; `?` is `*`.
      {"0 0 L * *", "2026-11-21 00:00", "2026-11-30 00:00"},
      {"0 0 l 2 *", "2026-11-21 00:00", "2027-02-28 00:00"},
      {"0 0 L 2 *", "2028-02-28 00:00", "2028-02-29 00:00"},
      {"0 0 15,L * *", "2026-12-15 00:00", "2026-12-31 00:00"},
      {"0 0 * * 5#2", "2026-11-21 00:00", "2026-12-11 00:00"},
      {"0 0 * * fri#5", "2026-11-21 00:00", "2027-01-29 00:00"},
      {"0 0 * * 7#1", "2026-11-21 00:00", "2026-12-06 00:00"},
      {"0 0 * * 5L", "2026-11-21 00:00", "2026-11-27 00:00"},
      {"0 0 * * FriL,1#1", "2026-11-27 00:00", "2026-12-07 00:00"},
      {"0 0 ? * mon", "2026-11-21 00:00", "2026-11-23 00:00"},
      {"0 0 1 * ?", "2026-11-21 00:00", "2026-12-01 00:00"},
      {"0 0 L * 5#2", "2026-12-01 00:00", "2026-12-11 00:00"},
      // From 1970, without a start.
      {"@every 15m", "2026-11-21 03:51", "2026-11-21 04:00"},
      {"@EVERY 7s", "1970-01-01 00:00:07", "1970-01-01 00:00:14"},
      {"@every  1d", "2026-11-21 00:00", "2026-11-22 00:00"},
  };
  for (const auto& c : cases) {
    const auto made = calendar::make(c.cron);
    BOOST_REQUIRE_MESSAGE(made, c.cron << ": " << (made ? "" : made.error().message));
    BOOST_TEST(to_iso(made->next(at(c.after))) == to_iso(at(c.next)), c.cron << " after " << c.after);
  }
}

BOOST_AUTO_TEST_CASE(a_year_of_hours_has_as_many_fires) {
  const auto made = *calendar::make("0 */6 * * *");
  int fires = 0;
  for (auto t = at("2028-01-01 00:00"); t < at("2029-01-01 00:00"); t = made.next(t)) ++fires;
  BOOST_TEST(fires == 366 * 4);
}

BOOST_AUTO_TEST_CASE(refused_with_the_field_and_what_it_allows) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "found 0 fields"},
      {"* * * *", "found 4 fields; a cron expression has 5 fields"},
      {"60 * * * * *", "second `60`: allowed: 0 to 59"},
      {"0 * 24 * * *", "hour `24`"},
      {"* * * * * * *", "found 7 fields"},
      {"60 * * * *", "minute `60`: allowed: 0 to 59"},
      {"* 24 * * *", "hour `24`: allowed: 0 to 23"},
      {"* * 0 * *", "day of month `0`: allowed: 1 to 31"},
      {"* * 32 * *", "day of month"},
      {"* * * 13 *", "month `13`: allowed: 1 to 12, or jan to dec"},
      {"* * * * 8", "day of week `8`: allowed: 0 to 7, or sun to sat"},
      {"* * * * mno", "day of week `mno`"},
      {"a * * * *", "minute `a`"},
      {"-1 * * * *", "minute `-1`"},
      {"+1 * * * *", "minute `+1`"},
      {"1- * * * *", "minute `1-`"},
      {"1-2-3 * * * *", "minute `1-2-3`"},
      {"20-10 * * * *", "the range runs backwards; write 20-59,0-10"},
      {"* * * * fri-mon", "the range runs backwards; write 5-7,0-1"},
      {"*/0 * * * *", "a step is a number from 1 to 59"},
      {"*/ * * * *", "a step is a number"},
      {"*/x * * * *", "a step is a number"},
      {"5/15 * * * *", "a step needs a range; write 5-59/15"},
      {"1,,2 * * * *", "missing between two commas"},
      {"1, * * * *", "missing after the last comma"},
      {",1 * * * *", "missing between two commas"},
      {"0 0 30 2 *", "never comes true"},
      {"0 0 31 4,6,9,11 *", "never comes true"},
      {"@every 500ms",
       "@every `500ms`: out of bounds; allowed: @every and one duration of whole seconds from 1s to 3650d"},
      {"@every 1500ms", "out of bounds"},
      {"@every 3651d", "out of bounds"},
      {"@every 0s", "out of bounds"},
      {"@every", "@every has 0 durations; allowed: @every and one duration"},
      {"@every 1h 30m", "@every has 2 durations"},
      {"@every 15", "@every `15`: a duration needs a unit"},
      {"@every 99999999999999999999d", "@every"},
      {"* * 15W * *", "day of month `15W`: W (the nearest working day) is not supported; allowed: 1 to 31, or L"},
      {"* * LW * *", "W (the nearest working day) is not supported"},
      {"* * L-3 * *", "day of month `L-3`: allowed: 1 to 31, or L (the last of the month)"},
      {"* * * * L", "day of week `L`: allowed: 0 to 7, or sun to sat, or 5#2 (the second Friday of the month), 5L"},
      {"* * * * 5#6", "day of week `5#6`: a month has a first to a fifth of a weekday; allowed: #1 to #5"},
      {"* * * * 5#0", "allowed: #1 to #5"},
      {"* * * * 5#", "allowed: #1 to #5"},
      {"* * * * 5#-1", "allowed: #1 to #5"},
      {"* * * * 8#1", "day of week `8#1`: allowed: 0 to 7"},
      {"* * * * xL", "day of week `xL`: allowed"},
      {"* * 5#2 * *", "day of month `5#2`: allowed: 1 to 31"},
      {"? * * * *", "minute `?`: allowed: 0 to 59"},
      {"* * ?/2 * *", "day of month `?/2`"},
      {"@reboot", "unknown macro `@reboot`; allowed: @hourly, @daily"},
      {"@daily 5", "unknown macro"},
      {"99999999999999999999 * * * *", "minute"},
  };
  for (const auto& [cron, part] : cases) {
    const auto parsed = parse_cron(cron);
    BOOST_REQUIRE_MESSAGE(!parsed, "accepted " << cron);
    BOOST_TEST((parsed.error().code == cadre::errc::bad_value));
    BOOST_TEST(parsed.error().message.find(part) != std::string::npos, cron << ": " << parsed.error().message);
  }
}

BOOST_AUTO_TEST_CASE(no_fire_past_the_last_year) {
  for (const char* cron : {"* * * * *", "0 23 * * *", "@every 1m"}) {
    const auto made = *calendar::make(cron);
    BOOST_TEST(!made.next(at("9999-12-31 22:58")).empty(), cron);
    BOOST_TEST(made.next(at("9999-12-31 23:59")).empty(), cron);
    BOOST_TEST(made.next(timestamp{std::numeric_limits<std::int64_t>::max()}).empty(), cron);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
