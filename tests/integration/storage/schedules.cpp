#include "schedule_ledger.hpp"

#include <boost/test/unit_test.hpp>

using namespace storage_test;
using std::chrono::seconds;

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
  BOOST_TEST(task_count(w) == "0");

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

  tick(w, due + seconds{30});
  grant = grant_next(w, ingest);
  stage(w, grant, "hosts");  // It is dropped with this attempt.
  run_fail failed;
  failed.run = grant.run;
  failed.error = {errc::internal, "the disk is full"};
  w.must(failed, ingest);
  w.tick_after(milliseconds{10'000});
  complete(w, grant_next(w, ingest));
  BOOST_TEST(told(w) == "finished");
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

BOOST_AUTO_TEST_CASE(a_second_attempt_is_no_second_start) {
  world w{with_often(plain)};
  const auto due = first_due(w);
  tick(w, due + seconds{-1});
  tick(w, due);
  const auto grant = grant_next(w, plain);
  const auto started = [&] {
    return w.ask("SELECT started_at FROM cadre.fire WHERE company = $1 AND task IS NOT NULL");
  };
  const auto first = started();
  run_fail failed;
  failed.run = grant.run;
  failed.error = {errc::internal, "the disk is full"};
  w.must(failed, plain);
  w.tick_after(milliseconds{10'000});
  const auto second = grant_next(w, plain);
  BOOST_TEST(second.task.text == grant.task.text);
  BOOST_TEST(told(w) == "");
  BOOST_TEST(started() == first);
}

BOOST_AUTO_TEST_CASE(an_agent_that_nobody_audits_or_that_only_appends_has_its_effect_too) {
  for (const auto& [worker, dataset] : {std::pair{"ceo.data.solo", "unseen"}, std::pair{"ceo.data.logs", ""}}) {
    world w{with_often(worker)};
    const auto due = first_due(w);
    tick(w, due + seconds{-1});
    tick(w, due);
    const auto grant = grant_next(w, worker);
    if (*dataset != '\0') stage(w, grant, dataset);
    complete(w, grant);
    BOOST_TEST(told(w) == "effect", worker);
  }
}

BOOST_AUTO_TEST_CASE(a_schedule_whose_task_is_refused_holds_up_no_other) {
  auto c = with_often(plain);
  c.schedules.push_back(c.schedules[0]);
  c.schedules[0].name = "idle";
  c.schedules[0].agent.text = "ceo.ops";
  world w{c};
  const auto due = first_due(w);
  tick(w, due + seconds{-1});
  tick(w, due);
  BOOST_TEST(w.ask("SELECT string_agg(concat_ws(' ', schedule, outcome, ended_at IS NOT NULL, nullif(reason, '')), ', "
                   "' ORDER BY "
                   "schedule) FROM cadre.fire WHERE company = $1 AND outcome <> 'expected'") ==
             "idle failed t agent ceo.ops runs nothing, so nobody would ever work on the task, often fired f");
}

BOOST_AUTO_TEST_CASE(the_next_look_is_when_the_first_of_all_schedules_is_due) {
  auto c = with_often(plain);
  auto yearly = c.schedules[0];
  yearly.cron = "@yearly";
  for (const auto* name : {"a-yearly", "z-yearly"}) {
    yearly.name = name;
    c.schedules.insert(name[0] == 'a' ? c.schedules.begin() : c.schedules.end(), yearly);
  }
  world w{c};
  const auto due = first_due(w);
  w.tick_after(milliseconds{0});
  tick(w, due + seconds{-5});
  BOOST_REQUIRE(w.last.next_wakeup.has_value());
  BOOST_TEST(w.last.next_wakeup->count() <= 5'000);
}

BOOST_AUTO_TEST_CASE(overlap_is_in_the_ledger) {
  using enum config::overlap_policy;
  const auto with = [](config::overlap_policy policy) {
    world w{with_often(plain, policy)};
    const auto due = first_due(w);
    tick(w, due + seconds{-1});
    for (int n = 0; n < 3; ++n) tick(w, due + seconds{10 * n});
    return ledger(w, due + seconds{-10}) + "; " + task_count(w);
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
  BOOST_TEST(task_count(w) == "10");
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

BOOST_AUTO_TEST_CASE(a_clock_that_was_ahead_neither_loses_nor_repeats_a_fire) {
  auto c = with_often(plain, config::overlap_policy::allow);
  c.schedules[0].grace = milliseconds{1'000};
  c.schedules[0].catch_up.policy = config::catch_up_policy::skip;
  world w{c};
  const auto due = first_due(w);
  const auto fires = [&] {
    return ledger(w, due + seconds{-10}, "CASE WHEN outcome IN ('fired', 'started') THEN 'on' ELSE outcome END");
  };
  tick(w, due + seconds{-1});
  tick(w, due);
  complete(w, grant_next(w, plain));
  tick(w, due + seconds{40});
  BOOST_TEST(fires() == "10s effect, 20s missed, 30s missed, 40s missed, 50s on");
  task_cancel cancel;
  cancel.id = named_id<task_id>(w.company.name + "/often/" + std::to_string((due + seconds{40}).us));
  w.must(cancel);
  // It goes back: what never fired and is to come is expected again.
  tick(w, due + seconds{15});
  BOOST_TEST(fires() == "10s effect, 20s missed, 50s cancelled");
  tick(w, due + seconds{20});
  tick(w, due + seconds{30});
  BOOST_TEST(fires() == "10s effect, 20s missed, 30s on, 40s on, 50s cancelled");
  tick(w, due + seconds{40});
  tick(w, due + seconds{50});
  BOOST_TEST(fires() == "10s effect, 20s missed, 30s on, 40s on, 50s cancelled, 60s on");
  BOOST_TEST(task_count(w) == "5");
  // What was skipped stays so.
  world other{with_often(plain)};
  const auto first = first_due(other);
  for (const int s : {-1, 0, 20, 15}) tick(other, first + seconds{s});
  BOOST_TEST(ledger(other, first + seconds{-10}) == "10s fired, 20s skipped, 30s skipped");
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
  const auto before = changed;
  changed.schedules.clear();
  BOOST_REQUIRE(w.engine->sync_company(changed).has_value());
  BOOST_TEST(w.ask("SELECT string_agg(DISTINCT outcome, ' ') FROM cadre.fire WHERE company = $1") == "cancelled");
  // One that returns begins anew: nobody is to say that it was silent while it was not there.
  const auto since = [&] { return w.ask("SELECT extract(epoch FROM since) FROM cadre.schedule WHERE company = $1"); };
  const auto then = std::stod(since());
  BOOST_REQUIRE(w.engine->sync_company(before).has_value());
  BOOST_TEST(std::stod(since()) > then);
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
  BOOST_TEST(task_count(w) == "0");
}

BOOST_AUTO_TEST_CASE(a_brief_that_is_not_kept_is_asked_for_again_and_none_of_the_past) {
  auto c = make_company("c" + new_uuid().substr(24));
  c.schedules.clear();
  c.brief = config::brief_rule{"@every 100s", "UTC", agent_path{"ceo.ops.audit"}};
  world w{c};
  const timestamp due{(w.engine->clock().us / 100'000'000 + 1) * 100'000'000};
  tick(w, due + seconds{-1});
  tick(w, due);
  BOOST_REQUIRE_EQUAL(w.last.briefs.size(), 1U);
  const auto owed = w.last.briefs[0];
  tick(w, due + seconds{29});
  BOOST_TEST(w.last.briefs.empty());
  tick(w, due + seconds{31});
  BOOST_REQUIRE_EQUAL(w.last.briefs.size(), 1U);
  BOOST_TEST(w.last.briefs[0].text == owed.text);
  tick(w, due + seconds{100});
  BOOST_REQUIRE_EQUAL(w.last.briefs.size(), 1U);  // Another in its place.
  BOOST_TEST(w.last.briefs[0].text != owed.text);
  tick(w, due + seconds{131});
  BOOST_TEST(w.last.briefs.size() == 1U);
  schedule_backfill b{new_id<command_id>(), "brief", due + seconds{-1'000}, due + seconds{-500}, "anna"};
  BOOST_TEST(status(w.send(b)) == "rejected refused");
}

BOOST_AUTO_TEST_CASE(fires_that_are_not_old_stay_however_many_they_are) {
  world w{with_often(plain)};
  w.ask(
      "INSERT INTO cadre.fire (company, schedule, due_at, kind, outcome, fire_at, ended_at) SELECT $1, 'often', d, "
      "'cron', 'missed', d, d FROM generate_series(clock_timestamp() - interval '50 hours', clock_timestamp(), "
      "interval '1 hour') d RETURNING 1");
  for (int steps = 0; steps < 40; ++steps) BOOST_REQUIRE(w.engine->prune().has_value());
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.fire WHERE company = $1") == "51");
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
