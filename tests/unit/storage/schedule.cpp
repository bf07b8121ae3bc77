#include "storage/decide/schedule.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace schedule_test {

using namespace cadre;
using namespace cadre::storage::decide;
using cadre::config::catch_up_policy;
using cadre::config::overlap_policy;
using std::chrono::milliseconds;
using std::chrono::seconds;
using act = fire_step::act;

timestamp at(const std::string& text) {
  return from_iso("2026-11-21T" + text + "Z").value();
}

config::schedule rule_of(const std::string& cron, overlap_policy overlap = overlap_policy::skip) {
  config::schedule s;
  s.name = "s";
  s.cron = cron;
  s.overlap = overlap;
  s.grace = milliseconds{120'000};
  s.catch_up.window = milliseconds{7'200'000};
  return s;
}

/// The ledger as the database keeps it.
struct row {
  open_fire fire;
  std::int64_t moments = 1;
  int fired = 0;
  std::string reason;
};

struct ledger {
  config::schedule rule;
  config::calendar moments;
  schedule_bounds bounds;
  timestamp planned_until;
  bool paused = false;
  std::map<timestamp, row> rows;
  std::string said;  ///< What the last look did: `fire 10:00, hold 10:10`.
  timestamp look_at;

  explicit ledger(config::schedule r) : rule{std::move(r)}, moments{config::calendar::make(rule).value()} {}

  static bool is_over(fire_outcome o) {
    return o != fire_outcome::expected && o != fire_outcome::fired && o != fire_outcome::started &&
           o != fire_outcome::finished;
  }

  [[nodiscard]] schedule_state state() const {
    schedule_state s;
    s.planned_until = planned_until;
    s.paused = paused;
    s.paused_why = "by me: because";
    for (const auto& [due, r] : rows)
      if (!is_over(r.fire.outcome)) s.open.push_back(r.fire);
    std::reverse(s.open.begin(), s.open.end());  // They may come in any order.
    return s;
  }

  schedule_decision decide(timestamp now) const { return decide_schedule(rule, moments, state(), now, bounds); }

  void expect(const fire_step& step, timestamp now) {
    const auto found = rows.find(step.due);
    if (found == rows.end()) {
      rows[step.due].fire = {step.due, step.fire_at, fire_kind::cron, fire_outcome::expected, false};
      return;
    }
    auto& r = found->second;
    const bool given_up = r.fire.outcome == fire_outcome::missed || r.fire.outcome == fire_outcome::cancelled;
    if (given_up && r.fired == 0 && step.due > now)
      r.fire = {step.due, step.fire_at, fire_kind::cron, fire_outcome::expected, false};
  }

  void close(const fire_step& step, fire_outcome outcome) {
    auto& r = rows[step.due];
    r.fire.due = step.due;
    BOOST_REQUIRE_MESSAGE(r.fire.outcome == fire_outcome::expected, "a fire that is not expected is closed");
    r.fire.outcome = outcome;
    r.moments = step.moments;
    r.reason = step.reason;
  }

  void apply(const schedule_decision& d, timestamp now) {
    said.clear();
    const auto say = [&](const char* what, const fire_step& step) {
      said += (said.empty() ? "" : ", ") + std::string{what} + " " + to_iso(step.due).substr(11, 5);
      if (step.moments > 1) said += " x" + std::to_string(step.moments);
    };
    for (const auto& step : d.steps) {
      switch (step.what) {
        case act::expect:
          expect(step, now);
          break;
        case act::fire: {
          auto& r = rows.at(step.due);
          BOOST_REQUIRE(r.fire.outcome == fire_outcome::expected);
          BOOST_REQUIRE_MESSAGE(++r.fired == 1, "fired twice");
          BOOST_REQUIRE_MESSAGE(r.fire.fire_at <= now || r.fire.held, "fired early");
          r.fire.outcome = fire_outcome::fired;
          r.fire.kind = step.kind;
          say(step.kind == fire_kind::catch_up ? "catch_up" : "fire", step);
          break;
        }
        case act::hold:
          rows.at(step.due).fire.held = true;
          rows.at(step.due).fire.kind = step.kind;
          say("hold", step);
          break;
        case act::skip:
          close(step, fire_outcome::skipped);
          say("skip", step);
          break;
        case act::miss:
          close(step, fire_outcome::missed);
          say("miss", step);
          break;
        case act::cancel:
          close(step, fire_outcome::cancelled);
          say("cancel", step);
          break;
        case act::stop:
          rows.at(step.due).fire.outcome = fire_outcome::cancelled;
          say("stop", step);
          break;
      }
    }
    planned_until = d.planned_until;
    look_at = d.look_at;
  }

  std::string look(timestamp now) {
    apply(decide(now), now);
    return said;
  }
  std::string look(const std::string& now) { return look(at(now)); }
  /// Until it need not look again at once.
  std::string settle(const std::string& now) {
    std::string all;
    do {
      look(now);
      all += (all.empty() || said.empty() ? "" : ", ") + said;
    } while (look_at == at(now));
    return all;
  }

  [[nodiscard]] std::vector<timestamp> running() const {
    std::vector<timestamp> found;
    for (const auto& [due, r] : rows)
      if (r.fire.outcome == fire_outcome::fired) found.push_back(due);
    return found;
  }
  void end(timestamp due) { rows.at(due).fire.outcome = fire_outcome::effect; }
  void end_all() {
    for (const auto due : running()) end(due);
  }
  [[nodiscard]] std::int64_t count(fire_outcome outcome) const {
    std::int64_t n = 0;
    for (const auto& [due, r] : rows) n += r.fire.outcome == outcome ? r.moments : 0;
    return n;
  }
};

BOOST_AUTO_TEST_SUITE(schedule)

BOOST_AUTO_TEST_CASE(the_next_fire_is_written_before_it_is_due) {
  ledger yearly{rule_of("0 0 1 1 *")};
  BOOST_TEST(yearly.look("10:00:00") == "");
  BOOST_REQUIRE_EQUAL(yearly.rows.size(), 1u);
  BOOST_TEST(to_iso(yearly.rows.begin()->first).substr(0, 10) == "2027-01-01");
  BOOST_TEST(yearly.decide(at("10:00:01")).steps.empty());

  ledger often{rule_of("*/10 * * * *")};
  often.look("10:00:00");
  BOOST_TEST(often.count(fire_outcome::expected) == 6);  // of the hour to come; what was due at the start does not fire
  BOOST_TEST(to_iso(often.look_at).substr(11, 5) == "10:01");

  ledger each_second{rule_of("@every 1s")};
  each_second.look("10:00:00");
  BOOST_TEST(each_second.count(fire_outcome::expected) == 100);
  for (int s = 1; s <= 300; ++s) {
    each_second.look(at("10:00:00") + seconds{s});
    each_second.end_all();
    BOOST_TEST(each_second.count(fire_outcome::expected) >= 49);
  }
  BOOST_TEST(each_second.count(fire_outcome::effect) == 300);
}

BOOST_AUTO_TEST_CASE(it_fires_at_its_moment_and_once) {
  ledger l{rule_of("*/10 * * * *")};
  BOOST_TEST(l.look("10:05:00") == "");
  BOOST_TEST(l.look("10:09:59") == "");
  BOOST_TEST((l.look_at == at("10:10:00")));
  BOOST_TEST(l.look("10:10:00") == "fire 10:10");
  BOOST_TEST(l.look("10:10:00") == "");
  l.end_all();
  BOOST_TEST(l.look("10:10:01") == "");
  BOOST_TEST(l.look("10:21:59.9") == "fire 10:20");  // late, within grace
}

BOOST_AUTO_TEST_CASE(a_fire_is_in_time_to_the_end_of_its_grace) {
  const auto after = [](std::chrono::microseconds late) {
    ledger l{rule_of("0 * * * *")};
    l.look("10:30:00");
    return l.look(at("11:00:00") + late);
  };
  BOOST_TEST(after(seconds{120}) == "fire 11:00");
  BOOST_TEST(after(std::chrono::microseconds{120'000'001}) == "catch_up 11:00");
}

BOOST_AUTO_TEST_CASE(jitter_moves_the_fire_and_not_the_moment) {
  auto rule = rule_of("*/10 * * * *");
  rule.jitter = milliseconds{60'000};
  ledger l{rule};
  l.look("10:05:00");
  const auto fire_at = l.rows.at(at("10:10:00")).fire.fire_at;
  BOOST_TEST((fire_at == l.moments.fire_at(at("10:10:00"))));
  BOOST_TEST(l.look(fire_at + milliseconds{-1}) == "");
  BOOST_TEST((l.look_at == fire_at));
  BOOST_TEST(l.look(fire_at) == "fire 10:10");
}

BOOST_AUTO_TEST_CASE(overlap) {
  const auto with = [](overlap_policy policy) {
    ledger l{rule_of("*/10 * * * *", policy)};
    l.look("10:05:00");
    std::string all;
    for (const char* now : {"10:10:00", "10:20:00", "10:30:00", "10:30:01"}) all += l.look(now) + "; ";
    l.end(l.running().front());
    all += l.look("10:31:00") + "; ";
    l.end_all();
    return all + l.look("10:32:00");
  };
  BOOST_TEST(with(overlap_policy::skip) == "fire 10:10; skip 10:20; skip 10:30; ; ; ");
  BOOST_TEST(with(overlap_policy::buffer_one) == "fire 10:10; hold 10:20; skip 10:20, hold 10:30; ; fire 10:30; ");
  BOOST_TEST(with(overlap_policy::buffer_all) == "fire 10:10; hold 10:20; hold 10:30; ; fire 10:20; fire 10:30");
  BOOST_TEST(with(overlap_policy::cancel_other) == "fire 10:10; stop 10:10, fire 10:20; stop 10:20, fire 10:30; ; ; ");
  BOOST_TEST(with(overlap_policy::allow) == "fire 10:10; fire 10:20; fire 10:30; ; ; ");
}

BOOST_AUTO_TEST_CASE(of_two_that_are_due_at_once_the_later_takes_the_place) {
  ledger l{rule_of("* * * * *", overlap_policy::cancel_other)};
  l.look("10:00:30");
  BOOST_TEST(l.look("10:01:00") == "fire 10:01");
  BOOST_TEST(l.look("10:03:00") == "cancel 10:02, stop 10:01, fire 10:03");
}

BOOST_AUTO_TEST_CASE(many_that_are_due_at_once_begin_in_portions) {
  ledger l{rule_of("0 0 1 1 *", overlap_policy::allow)};
  l.bounds.fires_max = 2;
  l.look("10:05:00");
  for (const char* due : {"03:00:00", "04:00:00", "05:00:00"})
    l.rows[at(due)].fire = {at(due), at("10:06:00"), fire_kind::backfill, fire_outcome::expected, false};
  BOOST_TEST(l.look("10:06:00") == "fire 03:00, fire 04:00");
  BOOST_TEST((l.look_at == at("10:06:00")));
  BOOST_TEST(l.look("10:06:00") == "fire 05:00");
  BOOST_TEST((l.look_at > at("10:06:00")));
}

BOOST_AUTO_TEST_CASE(what_waits_and_what_runs_is_bounded) {
  ledger l{rule_of("* * * * *", overlap_policy::buffer_all)};
  l.bounds.held_max = 2;
  l.look("10:00:30");
  for (const char* now : {"10:01:00", "10:02:00", "10:03:00"}) l.look(now);
  BOOST_TEST(l.look("10:04:00") == "skip 10:04");

  ledger many{rule_of("* * * * *", overlap_policy::allow)};
  many.bounds.running_max = 2;
  many.look("10:00:30");
  many.look("10:01:00");
  many.look("10:02:00");
  BOOST_TEST(many.look("10:03:00") == "skip 10:03");
}

BOOST_AUTO_TEST_CASE(catch_up) {
  const auto after = [](catch_up_policy policy, const char* back) {
    auto rule = rule_of("0,30 * * * *");
    rule.catch_up.policy = policy;
    ledger l{rule};
    l.look("10:05:00");
    return l.settle(back);
  };
  using enum catch_up_policy;
  BOOST_TEST(after(skip, "13:05:00") == "miss 10:30, miss 11:00, miss 11:30, miss 12:00, miss 12:30, miss 13:00");
  BOOST_TEST(after(once, "13:05:00") == "miss 10:30, miss 11:00, miss 11:30, miss 12:00, miss 12:30, catch_up 13:00");
  BOOST_TEST(after(once, "13:01:00") == "miss 10:30, miss 11:00, miss 11:30, miss 12:00, miss 12:30, fire 13:00");
  BOOST_TEST(after(all, "13:05:00") == "miss 10:30, miss 11:00, catch_up 11:30, hold 12:00, hold 12:30, hold 13:00");
  BOOST_TEST(after(all, "13:01:00") == "miss 10:30, miss 11:00, catch_up 11:30, hold 12:00, hold 12:30, skip 13:00");
}

BOOST_AUTO_TEST_CASE(one_that_waits_does_not_stand_for_one_that_is_late) {
  ledger l{rule_of("*/10 * * * *", overlap_policy::buffer_one)};
  l.look("10:05:00");
  BOOST_TEST(l.look("10:10:00") == "fire 10:10");
  BOOST_TEST(l.look("10:20:00") == "hold 10:20");
  BOOST_TEST(l.look("10:35:00") == "skip 10:20, hold 10:30");
}

BOOST_AUTO_TEST_CASE(what_is_caught_up_goes_one_after_the_other) {
  auto rule = rule_of("0,30 * * * *");
  rule.catch_up.policy = catch_up_policy::all;
  ledger l{rule};
  l.look("10:05:00");
  l.settle("12:05:00");
  std::string all;
  for (int n = 0; n < 4; ++n) {
    l.end_all();
    all += l.look("12:06:00") + ";";
  }
  BOOST_TEST(all == "catch_up 11:00;catch_up 11:30;catch_up 12:00;;");
}

BOOST_AUTO_TEST_CASE(a_long_time_away_costs_a_bounded_number_of_rows) {
  ledger l{rule_of("@every 1s")};
  l.look("00:00:00");
  std::int64_t looks = 0;
  const auto back = at("05:00:00");
  do {
    l.look(back);
    l.end_all();
    BOOST_REQUIRE(++looks < 100);
  } while (l.look_at == back);
  BOOST_TEST(looks > 5);
  BOOST_TEST(l.rows.size() < 1'000u);
  std::int64_t moments = 0;
  for (const auto& [due, r] : l.rows) moments += due <= back ? r.moments : 0;
  BOOST_TEST(moments == 5 * 3600);
  BOOST_TEST(l.count(fire_outcome::effect) >= 1);
  BOOST_TEST(l.look(back + seconds{1}).substr(0, 4) == "fire");
}

/// 180 moments from 06:00 on, of which 06:00 is written down; nobody is there before `now`.
std::string first_look_back(catch_up_policy policy, const char* now, milliseconds jitter, std::string* rest = nullptr) {
  auto rule = rule_of("* 6-8 * * *");
  rule.catch_up.policy = policy;
  rule.jitter = jitter;
  ledger l{rule};
  l.look("00:00:00");
  auto first = l.look(now);
  if (rest != nullptr) *rest = l.settle(now);
  return first;
}

BOOST_AUTO_TEST_CASE(what_may_still_fire_shares_no_row_with_what_is_missed) {
  using enum catch_up_policy;
  std::string rest;
  BOOST_TEST(first_look_back(skip, "10:00:00", {}, &rest) == "miss 08:59 x179");
  BOOST_TEST(rest == "miss 06:00");
  BOOST_TEST(first_look_back(once, "10:00:00", {}, &rest) == "miss 08:58 x178");
  BOOST_TEST(rest == "miss 06:00, catch_up 08:59");
  BOOST_TEST(first_look_back(all, "10:00:00", {}, &rest) == "miss 07:59 x119");
  BOOST_TEST(rest.substr(0, 45) == "miss 06:00, catch_up 08:00, hold 08:01, hold ");
  // One may fire as much later as jitter moves it.
  BOOST_TEST(first_look_back(skip, "09:00:00", {}) == "miss 08:57 x177");
  BOOST_TEST(first_look_back(skip, "09:00:00", seconds{120}) == "miss 08:55 x175");
}

BOOST_AUTO_TEST_CASE(a_pause_cancels_what_comes_due_and_no_more) {
  ledger l{rule_of("*/10 * * * *")};
  l.look("10:05:00");
  l.paused = true;
  BOOST_TEST(l.look("10:10:00") == "cancel 10:10");
  BOOST_TEST(l.rows.at(at("10:10:00")).reason == "paused by me: because");
  l.rows[at("10:12:00")].fire = {at("10:12:00"), at("10:12:00"), fire_kind::manual, fire_outcome::expected, false};
  BOOST_TEST(l.look("10:12:00") == "fire 10:12");
  l.end_all();
  l.paused = false;
  BOOST_TEST(l.look("10:20:00") == "fire 10:20");

  ledger waits{rule_of("*/10 * * * *", overlap_policy::buffer_all)};
  waits.look("10:05:00");
  waits.look("10:10:00");
  BOOST_TEST(waits.look("10:20:00") == "hold 10:20");
  waits.paused = true;
  BOOST_TEST(waits.look("10:21:00") == "cancel 10:20");
}

BOOST_AUTO_TEST_CASE(a_clock_that_was_ahead_costs_no_fire) {
  ledger l{rule_of("0 * * * *")};
  l.look("10:05:00");
  BOOST_TEST(l.look(at("10:05:00") + std::chrono::days{400}) != "");
  l.end_all();
  BOOST_TEST(l.look("10:06:00") == "");
  BOOST_TEST(l.look("11:00:00") == "fire 11:00");
  l.end_all();
  BOOST_TEST(l.look("12:00:00") == "fire 12:00");
  l.end_all();
  BOOST_TEST(l.look("11:30:00") == "");
  BOOST_TEST(l.look("12:00:00") == "");
  BOOST_TEST(l.look("13:00:00") == "fire 13:00");
}

BOOST_AUTO_TEST_CASE(a_clock_that_was_a_little_ahead_costs_no_fire_of_one_that_is_often_due) {
  ledger l{rule_of("* * * * *")};
  l.look("10:00:30");
  l.settle("10:08:00");
  l.end_all();
  BOOST_TEST(l.count(fire_outcome::missed) == 5);  // 10:01 to 10:05
  BOOST_TEST(l.look("10:03:30") == "");
  BOOST_TEST(l.look("10:04:00") == "fire 10:04");
  l.end_all();
  BOOST_TEST(l.look("10:05:00") == "fire 10:05");
  l.end_all();
  for (const char* was : {"10:06:00", "10:07:00", "10:08:00"}) BOOST_TEST(l.look(was) == "");
  BOOST_TEST(l.look("10:09:00") == "fire 10:09");
}

/// Looks when it is time to, and each fire ends at once. Of the moments from `now` to `upto`: those that were not in
/// the ledger before they were due, and those that did not fire.
std::pair<std::size_t, std::size_t> not_written_and_not_fired(ledger& l, timestamp now, timestamp upto) {
  const auto all = l.moments.between(now, upto, 10'000);
  BOOST_REQUIRE(!all.empty());
  std::size_t not_written = 0;
  while (now < upto) {
    l.look(now);
    l.end_all();
    const auto found = l.rows.find(l.moments.next(now));
    if (found == l.rows.end() || found->second.fire.outcome != fire_outcome::expected) ++not_written;
    now = l.look_at;
  }
  l.look(now);
  const auto fired = std::count_if(all.begin(), all.end(), [&](timestamp due) {
    const auto found = l.rows.find(due);
    return found != l.rows.end() && found->second.fired == 1;
  });
  return {not_written, all.size() - static_cast<std::size_t>(fired)};
}

BOOST_AUTO_TEST_CASE(after_a_clock_that_was_hours_ahead_each_fire_is_written_before_it_is_due) {
  const std::pair<std::size_t, std::size_t> none{0, 0};
  ledger each_minute{rule_of("* * * * *")};
  each_minute.look("10:00:30");
  each_minute.settle("13:00:30");
  each_minute.end_all();
  BOOST_TEST((not_written_and_not_fired(each_minute, at("10:01:30"), at("12:50:00")) == none));

  auto rule = rule_of("@every 10s");
  rule.catch_up.policy = catch_up_policy::skip;
  rule.grace = milliseconds{5'000};
  ledger each_ten_seconds{rule};
  each_ten_seconds.look("10:00:05");
  each_ten_seconds.settle("13:00:05");
  each_ten_seconds.end_all();
  BOOST_TEST((not_written_and_not_fired(each_ten_seconds, at("10:00:15"), at("11:00:00")) == none));

  ledger daily{rule_of("0 0 * * *")};
  daily.look("10:05:00");
  const auto ahead = at("10:05:00") + std::chrono::days{30};
  do {
    daily.look(ahead);
  } while (daily.look_at == ahead);
  const auto& next = daily.rows.at(at("00:00:00") + std::chrono::days{1}).fire;
  BOOST_TEST((next.outcome == fire_outcome::missed));
  BOOST_TEST(daily.look("10:06:00") == "");
  BOOST_TEST((next.outcome == fire_outcome::expected));
}

BOOST_AUTO_TEST_CASE(moments_that_a_backfill_fires) {
  const auto moments = config::calendar::make("0 * * * *").value();
  const auto some = moments_to_backfill(moments, {at("03:00:00"), at("02:00:00")}, at("00:00:00"), at("05:00:00"), 10);
  std::string hours;
  for (const auto t : some) hours += to_iso(t).substr(11, 3);
  BOOST_TEST(hours == "01:04:05:");
  BOOST_TEST(moments_to_backfill(moments, {}, at("00:00:00"), at("05:00:00"), 2).size() == 2u);
}

BOOST_AUTO_TEST_CASE(what_a_backfill_leaves_of_moments_that_share_a_row) {
  const auto moments = config::calendar::make("0 * * * *").value();
  const missed_together row{at("08:00:00"), at("02:00:00"), 6};
  const auto left = [&](std::vector<timestamp> taken, std::vector<timestamp> others = {}) {
    const auto l = left_of_missed(moments, row, taken, others);
    return std::to_string(l.moments) + " up to " + to_iso(l.due).substr(11, 8);
  };
  BOOST_TEST(left({}) == "6 up to 08:00:00");
  BOOST_TEST(left({at("01:00:00"), at("02:00:00"), at("09:00:00")}) == "6 up to 08:00:00");
  BOOST_TEST(left({at("04:00:00"), at("05:00:00"), at("09:00:00")}) == "4 up to 08:00:00");
  BOOST_TEST(left({at("06:00:00"), at("07:00:00"), at("08:00:00")}) == "3 up to 05:00:00");
  BOOST_TEST(left({at("07:00:00"), at("08:00:00")}, {at("05:00:00"), at("06:00:00")}) == "4 up to 04:00:00");
  BOOST_TEST(left({at("03:00:00"), at("08:00:00")}) == "4 up to 02:59:59");
  BOOST_TEST(left(moments.between(at("02:00:00"), at("08:00:00"), 10)).substr(0, 1) == "0");
}

BOOST_AUTO_TEST_CASE(the_new_place_of_a_shared_row_is_the_latest_however_far_back_the_row_before_is) {
  const auto place = [](const char* cron, timestamp after, timestamp taken, const std::vector<timestamp>& others = {}) {
    const auto moments = config::calendar::make(cron).value();
    return to_iso(left_of_missed(moments, {taken, after, 500}, {taken}, others).due).substr(0, 19);
  };
  const auto long_ago = at("08:00:00") + -std::chrono::days{180};
  BOOST_TEST(place("0 * * * *", long_ago, at("08:00:00")) == "2026-11-21T07:00:00");
  BOOST_TEST(place("@every 10s", long_ago, at("08:00:00")) == "2026-11-21T07:59:50");
  BOOST_TEST(place("0 0 1 1 *", {1}, from_iso("2026-01-01T00:00:00Z").value()) == "2025-01-01T00:00:00");
  BOOST_TEST(place("0 0 1 1 *", long_ago, at("00:00:00")) == "2026-11-20T23:59:59");
  auto others = config::calendar::make("@every 1s").value().between(at("06:00:00"), at("07:59:59"), 10'000);
  std::reverse(others.begin(), others.end());
  BOOST_TEST(place("@every 1s", long_ago, at("08:00:00"), others) == "2026-11-21T06:00:00");
}

BOOST_AUTO_TEST_CASE(a_backfill_goes_one_after_the_other) {
  using enum overlap_policy;
  for (const auto policy : {skip, buffer_one, buffer_all, cancel_other}) {
    ledger l{rule_of("0 * * * *", policy)};
    l.look("10:05:00");
    for (const char* due : {"03:00:00", "04:00:00"})
      l.rows[at(due)].fire = {at(due), at("10:06:00"), fire_kind::backfill, fire_outcome::expected, false};
    BOOST_TEST(l.look("10:06:00") == "fire 03:00, hold 04:00");
    l.end_all();
    BOOST_TEST(l.look("10:07:00") == "fire 04:00");
  }
  // It takes nobody's place.
  ledger l{rule_of("*/10 * * * *", buffer_one)};
  l.look("10:05:00");
  l.look("10:10:00");
  BOOST_TEST(l.look("10:20:00") == "hold 10:20");
  l.rows[at("10:25:00")].fire = {at("10:25:00"), at("10:26:00"), fire_kind::backfill, fire_outcome::expected, false};
  BOOST_TEST(l.look("10:26:00") == "hold 10:25");
  l.end_all();
  BOOST_TEST(l.look("10:27:00") == "fire 10:20");
}

/// Leaders that come and go, commits that are lost, clocks that jump, pauses, and tasks that end when they like.
void live_through(std::uint64_t seed) {
  std::mt19937_64 random{seed};
  const auto below = [&](std::int64_t n) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n));
  };
  const std::vector<std::string> crons{"*/5 * * * *", "0 * * * *", "@every 90s", "7,37 * * * *", "30 15 */2 * * *"};
  auto rule = rule_of(crons[static_cast<std::size_t>(below(5))], static_cast<overlap_policy>(below(5)));
  rule.catch_up.policy = static_cast<catch_up_policy>(below(3));
  rule.catch_up.window = milliseconds{below(10'000'000)};
  rule.grace = milliseconds{1'000 + below(300'000)};
  if (below(2) == 0) rule.jitter = milliseconds{below(120'000)};
  ledger l{rule};
  l.bounds.missed_rows_max = 1'000'000;  // Of rows that share a clock that goes back knows no single moments.
  const auto start = at("00:00:00") + seconds{below(86'400)};
  auto now = start, latest = start;
  l.look(now);
  for (int step = 0; step < 400; ++step) {
    const auto what = below(100);
    if (what < 4) {
      now = now + seconds{below(200'000)};  // Nobody leads, or the clock jumps.
    } else if (what < 8) {
      now = std::max(start, now + -seconds{below(20'000)});
    } else {
      now = std::max(now, now + milliseconds{below(200'000)});
    }
    if (below(50) == 0) l.paused = !l.paused;
    latest = std::max(latest, now);
    const auto decision = l.decide(now);
    BOOST_REQUIRE(!decision.look_at.empty());
    if (below(5) == 0) continue;  // The commit is lost with its leader.
    l.apply(decision, now);
    for (const auto due : l.running())
      if (below(3) == 0) l.end(due);
    if (rule.overlap != overlap_policy::allow) BOOST_REQUIRE(l.running().size() <= 1);
  }
  l.paused = false;
  now = latest + std::chrono::hours{3};
  for (int n = 0; n < 3'000; ++n) {
    const bool idle = l.look(now).empty() && l.running().empty() && l.look_at > now;
    if (idle) break;
    l.end_all();
  }
  const auto all = l.moments.between(start, now + -seconds{300}, 1'000'000);
  BOOST_TEST_INFO("seed " << seed);
  BOOST_REQUIRE(!all.empty());
  std::size_t over = 0;
  for (const auto due : all) {
    const auto found = l.rows.find(due);
    BOOST_REQUIRE_MESSAGE(found != l.rows.end(), "seed " << seed << ": no fire of " << to_iso(due));
    over += ledger::is_over(found->second.fire.outcome) ? 1 : 0;
  }
  BOOST_TEST(over == all.size());
  for (const auto& [due, r] : l.rows) BOOST_TEST((l.moments.next(due + std::chrono::microseconds{-1}) == due));
}

BOOST_AUTO_TEST_CASE(every_expected_fire_ends_in_one_outcome) {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) live_through(seed);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace schedule_test
