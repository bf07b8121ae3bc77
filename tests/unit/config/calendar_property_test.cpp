#include "config/calendar.hpp"
#include "schemas/time.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <vector>

/// What `calendar::next` finds is compared with what looking at every minute or second finds, by the definition and not
/// by the way it is done.
BOOST_AUTO_TEST_SUITE(calendar_properties)

namespace {

using namespace cadre::config;
using cadre::timestamp;

constexpr std::int64_t hour = 3'600;
constexpr std::int64_t day = 24 * hour;
constexpr std::int64_t us = 1'000'000;

struct changed_clock {
  const char* tz;
  const char* at;  ///< An instant near which the clocks change.
};

constexpr std::array<changed_clock, 16> changes{{{"Europe/Rome", "2025-03-30T01:00:00Z"},
                                                 {"Europe/Rome", "2025-10-26T01:00:00Z"},
                                                 {"America/New_York", "2024-03-10T07:00:00Z"},
                                                 {"America/New_York", "2024-11-03T06:00:00Z"},
                                                 {"Europe/Dublin", "2024-03-31T01:00:00Z"},
                                                 {"Europe/Dublin", "2024-10-27T01:00:00Z"},
                                                 {"Australia/Lord_Howe", "2024-10-05T15:30:00Z"},
                                                 {"Australia/Lord_Howe", "2025-04-05T15:00:00Z"},
                                                 {"America/Santiago", "2024-09-08T04:00:00Z"},
                                                 {"America/Santiago", "2025-04-06T03:00:00Z"},
                                                 {"Pacific/Chatham", "2024-09-28T14:00:00Z"},
                                                 {"Pacific/Apia", "2011-12-30T10:00:00Z"},
                                                 {"America/Caracas", "2007-12-09T07:00:00Z"},
                                                 {"Europe/Rome", "2825-03-30T01:00:00Z"},
                                                 {"America/New_York", "2437-11-01T06:00:00Z"},
                                                 {"UTC", "2024-02-29T00:00:00Z"}}};

class dice {
 public:
  explicit dice(unsigned seed) : engine_(seed) {}
  int operator()(int from, int to) { return from + static_cast<int>(engine_() % static_cast<unsigned>(to - from + 1)); }

 private:
  std::mt19937 engine_;
};

/// A field of a cron expression, often one that names much.
std::string random_field(dice& roll, int min, int max) {
  const auto number = [&] { return std::to_string(roll(min, max)); };
  switch (roll(0, 5)) {
    case 0:
    case 1:
      return "*";
    case 2:
      return "*/" + std::to_string(roll(1, std::max(1, max / 3)));
    case 3: {
      const int from = roll(min, max);
      return std::to_string(from) + '-' + std::to_string(roll(from, max)) + (roll(0, 1) == 0 ? "" : "/2");
    }
    case 4:
      return number() + ',' + number() + ',' + number();
    default:
      return number();
  }
}

std::string random_cron(dice& roll, bool with_seconds) {
  std::string cron = with_seconds ? random_field(roll, 0, 59) + ' ' : "";
  cron += random_field(roll, 0, 59) + ' ';
  cron += (roll(0, 2) == 0 ? "1-3" : random_field(roll, 0, 23)) + ' ';
  cron += (roll(0, 9) == 0 ? "L" : roll(0, 1) == 0 ? "*" : random_field(roll, 1, 31)) + ' ';
  cron += roll(0, 2) == 0 ? random_field(roll, 1, 12) : "*";
  return cron + ' ' +
         (roll(0, 9) == 0   ? std::to_string(roll(0, 6)) + "#1"
          : roll(0, 1) == 0 ? "*"
                            : random_field(roll, 0, 7));
}

/// Whether an expression names a local time, field by field.
bool names(const cron_expression& cron, std::int64_t local) {
  using namespace std::chrono;
  const sys_seconds at{seconds{local}};
  const auto date = floor<days>(at);
  const year_month_day ymd{date};
  const auto d = static_cast<unsigned>(ymd.day());
  const auto weekday = std::chrono::weekday{date}.c_encoding();
  const auto has = [](std::uint64_t bits, std::int64_t n) { return (bits >> n & 1U) != 0; };
  const bool last = ymd == year_month_day{ymd.year() / ymd.month() / std::chrono::last};
  const bool by_day = has(cron.days, d) || (cron.last_day && last);
  const bool by_weekday = has(cron.weekdays, weekday) || has(cron.nth.at(weekday), (d + 6) / 7);
  const auto second = local - date.time_since_epoch().count() * day;
  return has(cron.months, static_cast<unsigned>(ymd.month())) && has(cron.hours, second / hour) &&
         has(cron.minutes, second / 60 % 60) && has(cron.seconds, second % 60) &&
         (cron.any_day || cron.any_weekday ? by_day && by_weekday : by_day || by_weekday);
}

/// The definition: of every hour, each instant whose local time is named; else a local time is due when the clock first
/// shows it or a later one. And never on a day that is left out.
std::vector<timestamp> by_looking(const schedule& s, std::int64_t from, std::int64_t upto, std::int64_t step) {
  const auto cron = parse_cron(s.cron).value();
  const auto where = zone::find(s.tz).value();
  const auto left_out = [&](std::int64_t local) {
    const auto date = std::chrono::floor<std::chrono::days>(std::chrono::sys_seconds{std::chrono::seconds{local}});
    return std::find(s.exclude.begin(), s.exclude.end(), std::chrono::year_month_day{date}) != s.exclude.end();
  };
  std::vector<timestamp> due;
  std::int64_t shown = where.local(from - 2 * day);
  for (auto t = from - 2 * day + step; t <= upto; t += step) {
    const auto local = where.local(t);
    bool is_due = cron.any_hour() && names(cron, local);
    for (auto passed = shown + step; passed <= local && !cron.any_hour() && !is_due; passed += step)
      is_due = names(cron, passed) && !left_out(passed);
    shown = std::max(shown, local);
    if (is_due && t > from && !left_out(local)) due.push_back({t * us});
  }
  return due;
}

std::string shown(const std::vector<timestamp>& moments) {
  std::string all;
  for (const auto t : moments) all += to_iso(t) + ' ';
  return all;
}

void compare(const changed_clock& change, bool with_seconds, dice& roll) {
  schedule s;
  s.cron = random_cron(roll, with_seconds);
  s.tz = change.tz;
  const auto at = cadre::from_iso(change.at).value().us / us;
  const auto span = with_seconds ? 2 * hour : 2 * day;
  if (roll(0, 3) == 0) {
    const auto date = std::chrono::floor<std::chrono::days>(std::chrono::sys_seconds{std::chrono::seconds{at}});
    s.exclude = {date + std::chrono::days{roll(-1, 2)}};
  }
  const auto made = calendar::make(s);
  if (!made) {
    BOOST_TEST(made.error().message.find("never comes true") != std::string::npos, s.cron << made.error().message);
    return;
  }
  const auto expected = by_looking(s, at - span, at + span, with_seconds ? 1 : 60);
  const auto found = made->between({(at - span) * us}, {(at + span) * us}, 100'000);
  BOOST_TEST((found == expected), s.cron << ' ' << s.tz << " at " << change.at << "\n  found " << shown(found)
                                         << "\n  expected " << shown(expected));
  // From anywhere, not only from moment to moment.
  for (int i = 0; i < 50; ++i) {
    const timestamp from{(at + roll(static_cast<int>(-span), static_cast<int>(span))) * us + roll(0, 1)};
    const auto first = std::upper_bound(expected.begin(), expected.end(), from);
    const auto next = made->next(from);
    if (first != expected.end())
      BOOST_TEST((next == *first), s.cron << ' ' << s.tz << " after " << to_iso(from) << ": " << to_iso(next));
    else
      BOOST_TEST((next.empty() || next.us > (at + span) * us), s.cron << ' ' << s.tz << " after " << to_iso(from));
  }
}

BOOST_AUTO_TEST_CASE(what_looking_at_every_minute_finds) {
  dice roll(1);
  for (int i = 0; i < 25; ++i)
    for (const auto& change : changes) compare(change, false, roll);
}

BOOST_AUTO_TEST_CASE(what_looking_at_every_second_finds) {
  dice roll(2);
  for (const auto& change : changes)
    if (std::string(change.tz) != "Pacific/Apia") compare(change, true, roll);
}

BOOST_AUTO_TEST_CASE(next_is_later_and_monotone) {
  dice roll(3);
  for (int i = 0; i < 2'000; ++i) {
    const auto& change = changes.at(static_cast<std::size_t>(roll(0, static_cast<int>(changes.size()) - 1)));
    schedule s;
    s.cron = roll(0, 9) == 0 ? "@every " + std::to_string(roll(1, 10'000)) + 's' : random_cron(roll, roll(0, 1) == 0);
    s.tz = change.tz;
    const auto made = calendar::make(s);
    if (!made) continue;
    const auto t = timestamp{cadre::from_iso(change.at).value().us + roll(-3 * day, 3 * day) * us + roll(0, 999'999)};
    const auto later = t + std::chrono::seconds{roll(0, 3 * day)};
    const auto first = made->next(t);
    const auto second = made->next(later);
    BOOST_TEST_CONTEXT(s.cron << ' ' << s.tz << " after " << to_iso(t)) {
      BOOST_TEST((first > t));
      BOOST_TEST((second > later));
      BOOST_TEST((first <= second));
      BOOST_TEST((first > later || made->next(first) <= second));
      BOOST_TEST((made->next(first + std::chrono::microseconds{-1}) == first));
    }
  }
}

/// Over five days around a change, a time of day is due five times, whichever it is; and a minute of every hour as many
/// times as there are hours.
BOOST_AUTO_TEST_CASE(none_is_lost_and_none_doubled) {
  for (const auto& change : changes) {
    if (std::string(change.tz) == "Pacific/Apia") continue;  // It has a day less.
    const auto where = zone::find(change.tz).value();
    const auto local = where.local(cadre::from_iso(change.at).value().us / us);
    const auto midnight = local - local % day;
    const auto from = where.meet(midnight - 2 * day).instant;
    const auto upto = where.meet(midnight + 3 * day).instant;
    for (std::int64_t minute = 0; minute < 24 * 60; minute += 5) {
      const auto cron = std::to_string(minute % 60) + ' ' + std::to_string(minute / 60) + " * * *";
      const auto found = calendar::make(cron, change.tz).value().between({from * us - 1}, {upto * us - 1}, 1'000);
      BOOST_TEST(found.size() == 5u, cron << ' ' << change.tz << ' ' << change.at << ": " << shown(found));
    }
    const auto hours =
        calendar::make("0 30 * * * *", change.tz).value().between({from * us - 1}, {upto * us - 1}, 1'000);
    const auto half_hours = (upto - from) / (hour / 2);
    BOOST_TEST((static_cast<std::int64_t>(hours.size()) == half_hours / 2 || half_hours % 2 == 1), change.tz);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
