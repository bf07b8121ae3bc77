#include "schedule_ledger.hpp"

#include <boost/test/unit_test.hpp>

#include <functional>

using namespace storage_test;
using std::chrono::seconds;

namespace {

/// Nobody looks for 5,000 s: most of the moments that were missed share a row. Times are seconds since `due`.
struct long_away {
  world w{with_often(plain)};
  timestamp due = first_due(w);

  long_away() {
    tick(w, due + seconds{-5});
    w.take_over();
    for (int looks = 0; looks < 5; ++looks) tick(w, due + seconds{4'995});
  }

  std::int64_t number(const std::string& what, const std::string& where) {
    return std::stoll(
        w.ask("SELECT coalesce(" + what + ", 0)::bigint FROM cadre.fire WHERE company = $1 AND " + where));
  }
  std::int64_t missed() { return number("sum(moments)", "outcome = 'missed'"); }
  std::int64_t together() { return number("sum(moments)", "moments > 1"); }
  std::int64_t last() {
    return number("round(max(extract(epoch FROM due_at)) - " + std::to_string(due.us / 1'000'000) + ")", "moments > 1");
  }
  std::int64_t backfills() { return number("count(*)", "kind = 'backfill'"); }

  /// Asked for twice, as by one who got no answer.
  std::int64_t backfill(std::int64_t from, std::int64_t upto) {
    const schedule_backfill b{new_id<command_id>(), "often", due + seconds{from}, due + seconds{upto}, "anna"};
    const auto fires = w.must(b).value;
    BOOST_TEST(w.must(b).value == fires);
    return fires;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(schedules)

BOOST_AUTO_TEST_CASE(a_paused_schedule_cancels_what_comes_due_and_can_be_triggered) {
  world w{with_often(plain)};
  const auto due = first_due(w);
  tick(w, due + seconds{-1});
  schedule_pause pause{"often", true, "anna", "the bank is down"};
  w.must(pause);
  BOOST_REQUIRE_EQUAL(w.last.events.size(), 1U);
  BOOST_TEST(w.last.events[0].what == "schedule_paused");
  const auto since = [&] { return w.ask("SELECT paused_at FROM cadre.schedule WHERE company = $1"); };
  const auto paused_at = since();
  w.must(pause);
  BOOST_TEST(w.last.events.empty());
  BOOST_TEST(since() == paused_at);
  w.take_over();
  tick(w, due);
  BOOST_TEST(ledger(w, due + seconds{-10}, "concat_ws(' ', outcome, reason)") ==
             "10s cancelled paused by anna: the bank is down");
  schedule_trigger trigger{new_id<command_id>(), "often", w.engine->clock(), "anna"};
  const auto done = w.must(trigger);
  BOOST_TEST(done.value == 1);
  BOOST_TEST(w.task_status_of(task_id{done.ref}) == "queued");
  BOOST_TEST(w.must(trigger).ref == done.ref);
  trigger.id = new_id<command_id>();
  BOOST_TEST(status(w.send(trigger)) == "rejected duplicate_key");
  trigger.due = trigger.due + seconds{1};
  const auto second = w.must(trigger);
  BOOST_TEST(second.value == 0);
  BOOST_TEST(second.ref == "");
  BOOST_TEST(w.ask("SELECT string_agg(concat_ws(' ', kind, outcome, asked_by), ', ' ORDER BY due_at) FROM cadre.fire "
                   "WHERE company = $1 AND kind = 'manual'") == "manual fired anna, manual skipped anna");
  pause.paused = false;
  w.must(pause);
  task_cancel cancel;
  cancel.id.text = done.ref;
  w.must(cancel);
  BOOST_TEST(told(w) == "cancelled");
  tick(w, due + seconds{10});
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.fire WHERE company = $1 AND kind = 'cron' AND outcome = 'fired'") ==
             "1");
  pause.schedule = trigger.schedule = "oftn";
  for (const auto& o : {w.send(pause), w.send(trigger)}) {
    BOOST_TEST(status(o) == "rejected not_found");
    BOOST_TEST(o.error.message.find("did you mean `often`") != std::string::npos, o.error.message);
  }
}

BOOST_AUTO_TEST_CASE(a_backfill_fires_what_never_fired_one_after_the_other) {
  world w{with_often(plain)};
  const auto due = first_due(w);
  const auto t0 = due + seconds{-10};
  tick(w, due + seconds{-9});
  schedule_backfill b{new_id<command_id>(), "often", due + seconds{-40}, due + seconds{-20}, "anna"};
  BOOST_TEST(w.must(b).value == 3);
  BOOST_TEST(w.must(b).value == 3);
  BOOST_TEST(ledger(w, t0) == "-30s fired, -20s expected, -10s expected");
  auto next = grant_next(w, plain);
  for (int n = 0; n < 3; ++n) {
    complete(w, next);
    if (w.last.grants.empty()) tick(w, due + seconds{-7 + 2 * n});  // The wall clock goes on.
    if (n < 2) next = grant_next(w, plain);
  }
  BOOST_TEST(ledger(w, t0, "concat_ws(' ', outcome, kind)") ==
             "-30s effect backfill, -20s effect backfill, -10s effect backfill");
  b.id = new_id<command_id>();
  b.from = due + seconds{-50};
  BOOST_TEST(w.must(b).value == 1);
  b.id = new_id<command_id>();
  b.from = due + seconds{-100'000};
  BOOST_TEST(status(w.send(b)) == "rejected bad_value");
  b.from = due;
  b.upto = due + seconds{1'000};
  BOOST_TEST(status(w.send(b)) == "rejected bad_value");
}

BOOST_AUTO_TEST_CASE(a_backfill_takes_its_moments_out_of_a_row_that_they_share) {
  long_away a;
  const auto missed = a.missed(), together = a.together(), last = a.last();
  BOOST_REQUIRE_GT(together, 300);
  BOOST_TEST(a.backfill(2'000, 2'490) == 50);
  BOOST_TEST(a.missed() == missed - 50);
  BOOST_TEST(a.together() == together - 50);
  BOOST_TEST(a.last() == last);
  // With the row's own moment: it stands for those before.
  BOOST_TEST(a.backfill(last - 90, last) == 10);
  BOOST_TEST(a.missed() == missed - 60);
  BOOST_TEST(a.together() == together - 60);
  BOOST_TEST(a.last() == last - 100);
  // From before the schedule was there, what is left of all: each moment is one fire, and none is missed any more.
  const auto rest = a.backfill(-100, 4'990);
  BOOST_TEST(rest >= missed - 60);
  BOOST_TEST(a.missed() == 0);
  BOOST_TEST(a.backfills() == 60 + rest);
  BOOST_TEST(a.backfill(-100, 4'990) == 0);
}

BOOST_AUTO_TEST_CASE(a_row_that_moments_share_never_gets_the_place_of_another_fire) {
  long_away a;
  const auto missed = a.missed(), together = a.together(), last = a.last();
  BOOST_TEST(a.backfill(last - 60, last - 50) == 2);
  BOOST_TEST(a.backfill(last - 60, last) == 5);
  BOOST_TEST(a.missed() == missed - 7);
  BOOST_TEST(a.together() == together - 7);
  BOOST_TEST(a.last() == last - 70);
  BOOST_TEST(a.backfills() == 7);
}

BOOST_AUTO_TEST_CASE(a_row_that_moments_share_outlives_the_calendar_and_the_rows_before_it) {
  for (const bool pruned : {false, true}) {
    for (const char* since : {"+ interval '2 hours'", "- interval '100 days'"}) {
      BOOST_TEST_CONTEXT("since now " << since << (pruned ? ", without the rows before" : "")) {
        long_away a;
        a.w.ask("UPDATE cadre.schedule SET since = clock_timestamp() " + std::string{since} +
                " WHERE company = $1 RETURNING 1");
        if (pruned)
          a.w.ask(
              "DELETE FROM cadre.fire WHERE company = $1 AND due_at < (SELECT max(due_at) FROM cadre.fire WHERE "
              "company = $1 AND moments > 1) RETURNING 1");
        const auto missed = a.missed(), together = a.together(), last = a.last();
        BOOST_TEST(a.backfill(2'000, 2'490) == 50);
        BOOST_TEST(a.together() == together - 50);
        BOOST_TEST(a.backfill(last - 90, last) == 10);
        BOOST_TEST(a.missed() == missed - 60);
        BOOST_TEST(a.together() == together - 60);
        BOOST_TEST(a.last() == last - 100);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_backfill_fires_what_was_missed_and_asks_for_nothing_twice) {
  auto c = with_often(plain);
  c.schedules[0].grace = milliseconds{1'000};
  c.schedules[0].catch_up.policy = config::catch_up_policy::skip;
  world w{c};
  const auto due = first_due(w);
  const auto t0 = due + seconds{-10};
  tick(w, due + seconds{-1});
  tick(w, due + seconds{35});
  BOOST_TEST(ledger(w, t0) == "10s missed, 20s missed, 30s missed, 40s missed");
  schedule_backfill b{new_id<command_id>(), "often", due, due + seconds{20}, "anna"};
  BOOST_TEST(w.must(b).value == 3);
  BOOST_TEST(ledger(w, t0) == "10s fired, 20s expected, 30s expected, 40s missed");
  b.id = new_id<command_id>();
  BOOST_TEST(w.must(b).value == 0);  // They fired, or still may.
  b.upto = due + seconds{30};
  BOOST_TEST(w.must(b).value == 1);
  BOOST_TEST(w.ask("SELECT count(DISTINCT ask) FROM cadre.fire WHERE company = $1") == "2");
  complete(w, grant_next(w, plain));
  tick(w, due + seconds{36});
  BOOST_TEST(ledger(w, t0) == "10s effect, 20s started, 30s expected, 40s expected");
}

BOOST_AUTO_TEST_CASE(every_part_of_a_calendar_makes_it_another_one) {
  auto c = with_often(plain, config::overlap_policy::buffer_all);
  world w{c};
  const auto due = first_due(w);
  const auto expected = [&] {
    return w.ask("SELECT count(*) FROM cadre.fire WHERE company = $1 AND outcome = 'expected' AND held_at IS NULL");
  };
  tick(w, due + seconds{-1});
  tick(w, due);
  tick(w, due + seconds{10});  // Waits: whatever the calendar is now, it was due.
  // Was due, and nobody has looked since.
  w.ask(
      "UPDATE cadre.fire SET due_at = due_at - interval '1 hour', fire_at = fire_at - interval '1 hour' WHERE "
      "company = $1 AND due_at = (SELECT max(due_at) FROM cadre.fire WHERE company = $1) RETURNING 1");
  auto& s = c.schedules[0];
  s.cron = "@every 11s";
  BOOST_REQUIRE(w.engine->sync_company(c).has_value());
  BOOST_TEST(expected() == "1");
  BOOST_TEST(ledger(w, due + seconds{-10}).starts_with("10s fired, 20s expected, 30s cancelled, "));
  const std::vector<std::function<void()>> changes{[&] { s.tz = "Europe/Berlin"; }, [&] { s.jitter = milliseconds{1}; },
                                                   [&] { s.exclude = {std::chrono::year{2020} / 1 / 1}; },
                                                   [&] { s.starts = due + -seconds{1'000}; },
                                                   [&] { s.ends = due + seconds{100'000}; }};
  for (const auto& change : changes) {
    tick(w, due + seconds{11});
    BOOST_REQUIRE(w.engine->sync_company(c).has_value());
    BOOST_TEST(expected() != "0");
    change();
    BOOST_REQUIRE(w.engine->sync_company(c).has_value());
    BOOST_TEST(expected() == "0");
  }
}

BOOST_AUTO_TEST_SUITE_END()
