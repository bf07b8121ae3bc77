#include "fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace storage_test;
using std::chrono::seconds;

namespace {

/// A company whose schedule `often` is due every ten seconds, for `worker`.
config::company with_often(const std::string& worker, config::overlap_policy overlap = config::overlap_policy::skip) {
  auto c = make_company("c" + new_uuid().substr(24));
  c.schedules.clear();
  config::schedule s;
  s.name = "often";
  s.agent.text = worker;
  s.cron = "@every 10s";
  s.watcher.text = "ceo.ops.audit";
  s.overlap = overlap;
  s.payload.text = R"({"deep":true})";
  c.schedules.push_back(s);
  return c;
}

/// A moment of `often`, soon.
timestamp first_due(const world& w) {
  return {(w.engine->clock().us / 10'000'000 + 1) * 10'000'000};
}

void tick(world& w, timestamp at) {
  w.must(schedule_tick{at});
}

/// `10s effect, 20s skipped`: since `from`, of those that are not to come.
std::string ledger(world& w, timestamp from, const std::string& column = "outcome") {
  return w.ask("SELECT coalesce(string_agg(concat(round(extract(epoch FROM due_at) - " +
               std::to_string(from.us / 1'000'000) + ")::int, 's ', " + column +
               "), ', ' ORDER BY due_at), '') FROM cadre.fire WHERE company = $1 AND "
               "NOT (outcome = 'expected' AND held_at IS NULL)");
}

std::string tasks(world& w) {
  return w.ask("SELECT count(*) FROM cadre.task WHERE company = $1");
}

/// What the last commit told of fires: `due fired started`.
std::string told(const world& w) {
  std::string all;
  for (const auto& e : w.last.events)
    if (e.what == "fire")
      all += (all.empty() ? "" : " ") + nlohmann::json::parse(e.data.text)["status"].get<std::string>();
  return all;
}

/// The last commit may have granted it already: the worker is free.
run_grant grant_next(world& w, const std::string& worker) {
  if (!w.last.grants.empty()) return w.last.grants[0];
  w.must(w.report(worker, 1));
  BOOST_REQUIRE_EQUAL(w.last.grants.size(), 1U);
  return w.last.grants[0];
}

void complete(world& w, const run_grant& grant) {
  run_complete done;
  done.run = grant.run;
  w.must(done, grant.agent.text);
}

output_id stage(world& w, const run_grant& grant, const std::string& dataset) {
  output_add out;
  out.output = new_id<output_id>();
  out.run = grant.run;
  out.dataset = dataset;
  out.rows = {{R"({"host":"a","tool":"b"})"}};
  w.must(out, grant.agent.text);
  return out.output;
}

const std::string plain = "ceo.data.plain", ingest = "ceo.data.ingest";

}  // namespace

BOOST_AUTO_TEST_SUITE(schedules)

BOOST_AUTO_TEST_CASE(a_fire_is_expected_before_it_is_due_and_goes_through_its_steps) {
  world w{with_often(plain)};
  const auto due = first_due(w);
  const auto t0 = due + seconds{-10};
  w.tick_after(milliseconds{0});
  tick(w, due + seconds{-5});
  BOOST_TEST(w.ask("SELECT count(*) > 50 AND bool_and(outcome = 'expected' AND ended_at IS NULL AND fired_at IS NULL) "
                   "FROM cadre.fire WHERE company = $1") == "t");
  BOOST_TEST(ledger(w, t0) == "");
  BOOST_REQUIRE(w.last.next_wakeup.has_value());
  BOOST_TEST(w.last.next_wakeup->count() <= 5'000);
  BOOST_TEST(w.last.next_wakeup->count() > 4'000);
  tick(w, due + seconds{-1});
  BOOST_TEST(tasks(w) == "0");

  tick(w, due);
  BOOST_TEST(told(w) == "due fired");
  BOOST_TEST(ledger(w, t0) == "10s fired");
  const auto task = named_id<task_id>(w.company.name + "/often/" + std::to_string(due.us));
  BOOST_TEST(w.task_status_of(task) == "queued");
  const auto grant = grant_next(w, plain);
  BOOST_TEST(told(w) == "started");
  BOOST_TEST(grant.task.text == task.text);
  const auto payload = nlohmann::json::parse(grant.payload.text);
  BOOST_TEST(payload["deep"].get<bool>());
  BOOST_TEST(payload["fire"]["due"].get<std::string>() == to_iso(due));
  complete(w, grant);
  BOOST_TEST(told(w) == "effect");
  BOOST_TEST(ledger(w, t0) == "10s effect");
  BOOST_TEST(w.ask("SELECT due_at <= fired_at AND fired_at <= started_at AND started_at <= finished_at AND "
                   "finished_at <= effect_at AND effect_at = ended_at FROM cadre.fire WHERE company = $1 "
                   "AND outcome = 'effect'") == "t");
}

BOOST_AUTO_TEST_CASE(the_effect_is_what_auditors_passed) {
  world w{with_often(ingest, config::overlap_policy::allow)};
  const auto due = first_due(w);
  const auto t0 = due + seconds{-10};
  tick(w, due + seconds{-1});
  tick(w, due);
  auto grant = grant_next(w, ingest);
  auto output = stage(w, grant, "hosts");
  complete(w, grant);
  BOOST_TEST(told(w) == "finished");
  BOOST_TEST(ledger(w, t0) == "10s finished");
  BOOST_TEST(w.ask("SELECT next_step FROM cadre.open_fire WHERE company = $1 AND outcome = 'finished'") == "effect");
  w.must(w.verdict(output, "ceo.ops.audit", true), "ceo.ops.audit");
  BOOST_TEST(ledger(w, t0) == "10s effect");

  tick(w, due + seconds{10});
  grant = grant_next(w, ingest);
  output = stage(w, grant, "hosts");
  complete(w, grant);
  w.must(w.verdict(output, "ceo.ops.audit", false), "ceo.ops.audit");
  BOOST_TEST(ledger(w, t0) == "10s effect, 20s failed");

  tick(w, due + seconds{20});
  complete(w, grant_next(w, ingest));  // It staged nothing.
  BOOST_TEST(ledger(w, t0, "concat_ws(' ', outcome, reason)")
                 .find("30s finished complete, but nothing was staged for hosts") != std::string::npos);
  BOOST_TEST(w.ask("SELECT ended_at IS NOT NULL AND effect_at IS NULL FROM cadre.fire WHERE company = $1 "
                   "AND outcome = 'finished'") == "t");
}

BOOST_AUTO_TEST_CASE(a_fire_that_failed_goes_on_with_the_retry_of_its_task) {
  world w{with_often(plain)};
  const auto due = first_due(w);
  const auto t0 = due + seconds{-10};
  tick(w, due + seconds{-1});
  tick(w, due);
  const auto grant = grant_next(w, plain);
  run_fail failed;
  failed.run = grant.run;
  failed.error = {errc::internal, "the disk is full"};
  failed.retryable = false;
  w.must(failed, plain);
  BOOST_TEST(told(w) == "failed");
  BOOST_TEST(ledger(w, t0, "concat_ws(' ', outcome, reason)") == "10s failed the disk is full");
  task_retry retry;
  retry.id = grant.task;
  retry.new_id = new_id<task_id>();
  w.must(retry);
  BOOST_TEST(told(w) == "fired started");
  BOOST_TEST(ledger(w, t0) == "10s started");
  complete(w, grant_next(w, plain));
  BOOST_TEST(ledger(w, t0) == "10s effect");
  BOOST_TEST(w.ask("SELECT task::text FROM cadre.fire WHERE company = $1 AND outcome = 'effect'") == retry.new_id.text);
}

BOOST_AUTO_TEST_CASE(overlap_is_in_the_ledger) {
  using enum config::overlap_policy;
  const auto with = [](config::overlap_policy policy) {
    world w{with_often(plain, policy)};
    const auto due = first_due(w);
    tick(w, due + seconds{-1});
    for (int n = 0; n < 3; ++n) tick(w, due + seconds{10 * n});
    return ledger(w, due + seconds{-10}) + "; " + tasks(w);
  };
  BOOST_TEST(with(skip) == "10s fired, 20s skipped, 30s skipped; 1");
  BOOST_TEST(with(buffer_one) == "10s fired, 20s skipped, 30s expected; 1");
  BOOST_TEST(with(buffer_all) == "10s fired, 20s expected, 30s expected; 1");
  BOOST_TEST(with(cancel_other) == "10s cancelled, 20s cancelled, 30s fired; 3");
  BOOST_TEST(with(allow) == "10s fired, 20s fired, 30s fired; 3");
}

BOOST_AUTO_TEST_CASE(a_fire_that_waits_begins_when_the_one_before_ends) {
  world w{with_often(plain, config::overlap_policy::buffer_all)};
  const auto due = first_due(w);
  const auto t0 = due + seconds{-10};
  tick(w, due + seconds{-1});
  tick(w, due);
  tick(w, due + seconds{10});
  BOOST_TEST(ledger(w, t0) == "10s fired, 20s expected");
  complete(w, grant_next(w, plain));
  BOOST_REQUIRE(w.last.next_wakeup.has_value());
  BOOST_TEST(w.last.next_wakeup->count() == 0);
  tick(w, due + seconds{11});
  BOOST_TEST(ledger(w, t0) == "10s effect, 20s started");
}

BOOST_AUTO_TEST_CASE(who_leads_next_goes_on_from_the_ledger) {
  world w{with_often(plain, config::overlap_policy::allow)};
  const auto due = first_due(w);
  tick(w, due + seconds{-5});
  for (int n = 0; n < 10; ++n) {
    const auto at = due + seconds{10 * n};
    if (n % 3 != 1) tick(w, at);
    w.take_over();
    tick(w, at);
    if (n % 3 == 2) tick(w, at + seconds{-3});  // Its clock is behind.
  }
  BOOST_TEST(tasks(w) == "10");
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.fire WHERE company = $1 AND outcome = 'fired' AND task IN "
                   "(SELECT id FROM cadre.task WHERE company = $1)") == "10");
  complete(w, grant_next(w, plain));
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.fire WHERE company = $1 AND outcome = 'effect'") == "1");
}

BOOST_AUTO_TEST_CASE(what_was_missed_while_nobody_led_is_caught_up_or_missed) {
  auto c = with_often(plain);
  c.schedules[0].grace = milliseconds{1'000};
  world w{c};
  const auto due = first_due(w);
  tick(w, due + seconds{-5});
  w.take_over();
  tick(w, due + seconds{35});
  BOOST_TEST(ledger(w, due + seconds{-10}, "concat_ws(' ', outcome, kind)") ==
             "10s missed cron, 20s missed cron, 30s missed cron, 40s fired catch_up");
  w.take_over();
  for (int looks = 0; looks < 15; ++looks) tick(w, due + seconds{200'000});
  BOOST_TEST(w.ask("SELECT sum(moments) FROM cadre.fire WHERE company = $1 AND outcome = 'missed'") == "19999");
  BOOST_TEST(w.ask("SELECT count(*) < 300 FROM cadre.fire WHERE company = $1") == "t");
}

BOOST_AUTO_TEST_CASE(a_paused_schedule_cancels_what_comes_due_and_can_be_triggered) {
  world w{with_often(plain)};
  const auto due = first_due(w);
  tick(w, due + seconds{-1});
  schedule_pause pause{"often", true, "anna", "the bank is down"};
  w.must(pause);
  BOOST_REQUIRE_EQUAL(w.last.events.size(), 1U);
  BOOST_TEST(w.last.events[0].what == "schedule_paused");
  w.must(pause);
  BOOST_TEST(w.last.events.empty());
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

BOOST_AUTO_TEST_CASE(another_calendar_cancels_what_was_expected_and_a_schedule_that_is_gone_all) {
  world w{with_often(plain)};
  const auto due = first_due(w);
  tick(w, due + seconds{-1});
  auto changed = w.company;
  changed.schedules[0].cron = "@every 20s";
  BOOST_REQUIRE(w.engine->sync_company(changed).has_value());
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.fire WHERE company = $1 AND outcome = 'expected'") == "0");
  tick(w, due + seconds{-1});
  BOOST_TEST(w.ask("SELECT bool_and((extract(epoch FROM due_at)::bigint % 20 = 0) = (outcome = 'expected')) "
                   "FROM cadre.fire WHERE company = $1") == "t");
  changed.schedules.clear();
  BOOST_REQUIRE(w.engine->sync_company(changed).has_value());
  BOOST_TEST(w.ask("SELECT string_agg(DISTINCT outcome, ' ') FROM cadre.fire WHERE company = $1") == "cancelled");
}

BOOST_AUTO_TEST_CASE(the_effect_of_the_briefs_schedule_is_the_brief) {
  auto c = make_company("c" + new_uuid().substr(24));
  c.schedules.clear();
  c.brief = config::brief_rule{"@every 10s", "UTC", agent_path{"ceo.ops.audit"}};
  world w{c};
  const auto due = first_due(w);
  const auto t0 = due + seconds{-10};
  tick(w, due + seconds{-1});
  BOOST_TEST(w.last.briefs.empty());
  tick(w, due);
  BOOST_REQUIRE_EQUAL(w.last.briefs.size(), 1U);
  const auto owed = w.last.briefs[0];
  tick(w, due + seconds{1});
  BOOST_TEST(w.last.briefs.empty());
  w.take_over();
  tick(w, due + seconds{2});
  BOOST_REQUIRE_EQUAL(w.last.briefs.size(), 1U);
  BOOST_TEST(w.last.briefs[0].text == owed.text);
  brief_add brief;
  brief.id = owed;
  brief.body.text = "{}";
  brief.markdown = "# Brief";
  w.must(brief);
  BOOST_TEST(told(w) == "effect");
  BOOST_TEST(ledger(w, t0) == "10s effect");
  tick(w, due + seconds{10});
  tick(w, due + seconds{20});
  BOOST_TEST(ledger(w, t0) == "10s effect, 20s failed, 30s fired");
  BOOST_TEST(w.last.briefs.size() == 1U);
  BOOST_TEST(tasks(w) == "0");
}

BOOST_AUTO_TEST_CASE(old_fires_are_pruned_but_for_the_last_of_each_schedule) {
  world w{with_often(plain)};
  const auto due = first_due(w);
  tick(w, due + seconds{-1});
  w.ask(
      "INSERT INTO cadre.fire (company, schedule, due_at, kind, outcome, fire_at, ended_at) SELECT $1, 'often', d, "
      "'cron', 'missed', d, d FROM generate_series(clock_timestamp() - interval '400 days', clock_timestamp(), "
      "interval '10 days') d RETURNING 1");
  const auto count = [&] {
    return w.ask(
        "SELECT concat_ws(' ', count(*) FILTER (WHERE ended_at IS NOT NULL), count(*) FILTER (WHERE "
        "ended_at IS NULL) > 50) FROM cadre.fire WHERE company = $1");
  };
  BOOST_TEST(count() == "41 t");
  for (int steps = 0; steps < 40; ++steps) BOOST_REQUIRE(w.engine->prune().has_value());
  BOOST_TEST(count() == "20 t");
  BOOST_TEST(w.ask("SELECT rows FROM cadre.pruned WHERE company = $1 AND \"table\" = 'fire'") == "21");
}

BOOST_AUTO_TEST_CASE(tasks_that_no_schedule_added_leave_the_ledger_alone) {
  world w{with_often(plain)};
  const auto due = first_due(w);
  tick(w, due + seconds{-1});
  tick(w, due);
  const auto before =
      w.ask("SELECT md5(string_agg(f::text, '|' ORDER BY f::text)) FROM cadre.fire f WHERE company = $1");
  w.produced("ceo.data.logs", "lines", {R"({"line":1})"});
  BOOST_TEST(told(w) == "");
  BOOST_TEST(w.ask("SELECT md5(string_agg(f::text, '|' ORDER BY f::text)) FROM cadre.fire f WHERE company = $1") ==
             before);
}

BOOST_AUTO_TEST_SUITE_END()
