#include "fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace storage_test;

namespace {

escalation_raise raising(const std::string& origin, const std::string& problem) {
  escalation_raise r;
  r.id = new_id<escalation_id>();
  r.origin.text = origin;
  r.problem = problem;
  r.cause = {errc::internal, "it broke"};
  return r;
}

std::string standing(world& w, const std::string& id) {
  return w.ask(
      "SELECT concat_ws(' ', status, holder, in_inbox, count) FROM cadre.escalation WHERE company = $1 AND id = '" +
      id + "'");
}

std::string hops(world& w, const std::string& id) {
  return w.ask(
      "SELECT string_agg(action || ' ' || holder, ', ' ORDER BY hop) FROM cadre.escalation_hop "
      "WHERE company = $1 AND escalation = '" +
      id + "'");
}

void quarantine(world& w, const std::string& agent) {
  agent_report r;
  r.id = new_id<command_id>();
  r.agent.text = agent;
  r.node = "n1";
  r.state = agent_state::quarantined;
  r.reason = exit_reason::error;
  r.cause = "threw: first";
  w.must(r);
}

void check_nothing_lost(world& w) {
  BOOST_TEST(w.ask("SELECT (SELECT count(*) FROM cadre.escalation WHERE company = $1) = "
                   "(SELECT count(*) FROM cadre.escalation WHERE company = $1 AND status = 'resolved') + "
                   "(SELECT count(*) FROM cadre.escalation WHERE company = $1 AND status <> 'resolved' "
                   " AND (in_inbox OR due_at IS NOT NULL OR status = 'acknowledged'))") == "t");
  BOOST_TEST(
      w.ask("SELECT count(*) FROM cadre.escalation e WHERE company = $1 AND NOT EXISTS (SELECT 1 FROM "
            "cadre.escalation_hop h WHERE h.company = e.company AND h.escalation = e.id AND action = 'raised')") ==
      "0");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(problems)

BOOST_AUTO_TEST_CASE(an_escalation_climbs_when_its_time_is_over) {
  world w;
  const auto r = raising("ceo.data.plain", "odd");
  w.tick_after(milliseconds{0});
  w.must(r, "ceo.data.plain");
  BOOST_TEST(standing(w, r.id.text) == "open ceo.data f 1");
  BOOST_REQUIRE_EQUAL(w.last.events.size(), 1U);
  BOOST_TEST(w.last.events[0].subject == "cadre." + w.company.name + ".esc.ceo.data");
  const auto told = nlohmann::json::parse(w.last.events[0].data.text);
  BOOST_TEST(told["in_inbox"] == false);
  BOOST_TEST(told["cause"]["message"] == "it broke");
  BOOST_REQUIRE(w.last.next_wakeup.has_value());  // Nobody needs to ask for it to climb.
  BOOST_TEST(w.last.next_wakeup->count() <= 600'000);
  w.tick_after(milliseconds{1'000});
  BOOST_TEST(standing(w, r.id.text) == "open ceo.data f 1");
  w.tick_after(milliseconds{601'000});
  BOOST_TEST(standing(w, r.id.text) == "open ceo t 1");
  BOOST_TEST(hops(w, r.id.text) == "raised ceo.data, moved ceo");
  BOOST_TEST(nlohmann::json::parse(w.last.events[0].data.text)["in_inbox"] == true);
  escalation_resolve resolve;
  resolve.id = r.id;
  resolve.by = "anna";
  resolve.note = "fixed";
  w.must(resolve);
  BOOST_TEST(w.ask("SELECT concat_ws(' ', status, resolved_by, note) FROM cadre.escalation WHERE company = $1") ==
             "resolved anna fixed");
  check_nothing_lost(w);
}

BOOST_AUTO_TEST_CASE(a_manager_without_time_passes_it_up_and_one_who_is_down_is_skipped) {
  auto company = make_company("c" + new_uuid().substr(24));
  agent_of(company, "ceo.data").on_escalation.investigate = milliseconds{0};
  world w{company};
  auto r = raising("ceo.data.plain", "odd");
  w.must(r);
  BOOST_TEST(hops(w, r.id.text) == "raised ceo.data, moved ceo");
  // Only the hop that brings it there says that it is in the inbox.
  BOOST_REQUIRE_EQUAL(w.last.events.size(), 2U);
  for (const std::size_t n : {0, 1})
    BOOST_TEST(nlohmann::json::parse(w.last.events[n].data.text)["in_inbox"].get<bool>() == (n == 1));
  quarantine(w, "ceo.ops");
  BOOST_TEST(w.ask("SELECT concat_ws(' ', holder, severity, cause) FROM cadre.escalation WHERE company = $1 "
                   "AND problem = 'quarantined'") == "ceo critical threw: first");
  r = raising("ceo.ops.audit", "odd");
  w.must(r);
  BOOST_TEST(hops(w, r.id.text) == "raised ceo.ops, skipped ceo.ops, moved ceo");
  r = raising("ceo", "alone");
  w.must(r);
  BOOST_TEST(standing(w, r.id.text) == "open ceo t 1");
  check_nothing_lost(w);
}

BOOST_AUTO_TEST_CASE(the_same_fingerprint_is_counted_not_doubled) {
  world w;
  const auto first = raising("ceo.data.plain", "odd");
  w.must(first);
  for (int i = 2; i <= 30; ++i) {
    auto again = raising("ceo.data.plain", "odd");
    if (i == 30) again.level = severity::critical;
    const auto o = w.must(again);
    BOOST_TEST(o.ref == first.id.text);
    BOOST_TEST(o.value == i);
  }
  BOOST_TEST(
      w.ask("SELECT concat_ws(' ', count(*), max(count), max(severity)) FROM cadre.escalation WHERE company = $1") ==
      "1 30 critical");
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.escalation_hop WHERE company = $1 AND action = 'repeated'") ==
             "5");  // 2, 4, 8 and 16 times; worse
  escalation_resolve resolve;
  resolve.id = first.id;
  w.must(resolve);
  const auto later = raising("ceo.data.plain", "odd");
  BOOST_TEST(w.must(later).ref == later.id.text);
  check_nothing_lost(w);
}

BOOST_AUTO_TEST_CASE(an_acknowledged_one_stays_where_it_is) {
  world w;
  const auto r = raising("ceo.data.plain", "odd");
  w.must(r);
  escalation_ack ack;
  ack.id = r.id;
  ack.by = "anna";
  w.must(ack);
  w.tick_after(milliseconds{3'600'000});
  BOOST_TEST(standing(w, r.id.text) == "acknowledged ceo.data f 1");
  check_nothing_lost(w);
}

BOOST_AUTO_TEST_CASE(policies_resolve_and_retry_but_not_for_ever) {
  auto company = make_company("c" + new_uuid().substr(24));
  agent_of(company, "ceo.data").on_escalation = {milliseconds{1'000}, escalation_policy::retry};
  agent_of(company, "ceo.ops").on_escalation = {milliseconds{1'000}, escalation_policy::resolve};
  agent_of(company, "ceo.data.plain").retry.attempts = 1;
  world w{company};
  const auto noise = raising("ceo.ops.audit", "noise");
  w.must(noise);
  const auto grant = w.granted("ceo.data.plain");
  run_fail failed;
  failed.run = grant.run;
  failed.error = {errc::exit_code, "3"};
  w.must(failed, "ceo.data.plain");
  BOOST_TEST(w.task_status_of(grant.task) == "failed");
  w.tick_after(milliseconds{2'000});
  BOOST_TEST(standing(w, noise.id.text) == "resolved ceo.ops f 1");
  const auto first = w.ask("SELECT id FROM cadre.escalation WHERE company = $1 AND problem = 'run_failed'");
  BOOST_TEST(hops(w, first) == "raised ceo.data, retried ceo.data, resolved ceo.data");
  const auto again = w.ask("SELECT id FROM cadre.task WHERE company = $1 AND retry_of = '" + grant.task.text + "'");
  w.must(w.report("ceo.data.plain", 1));
  BOOST_REQUIRE_EQUAL(w.last.grants.size(), 1U);
  BOOST_TEST(w.last.grants[0].task.text == again);
  failed.run = w.last.grants[0].run;
  w.must(failed, "ceo.data.plain");
  w.tick_after(milliseconds{10'000});
  BOOST_TEST(w.ask("SELECT concat_ws(' ', status, holder, in_inbox) FROM cadre.escalation WHERE company = $1 "
                   "AND problem = 'run_failed' AND status <> 'resolved'") == "open ceo t");
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.task WHERE company = $1") == "2");
  check_nothing_lost(w);
}

BOOST_AUTO_TEST_CASE(a_task_whose_agent_is_gone_is_passed_up_and_not_run_again) {
  auto company = make_company("c" + new_uuid().substr(24));
  agent_of(company, "ceo.data").on_escalation = {milliseconds{1'000}, escalation_policy::retry};
  agent_of(company, "ceo.data.plain").retry.attempts = 1;
  world w{company};
  const auto grant = w.granted("ceo.data.plain");
  run_fail failed;
  failed.run = grant.run;
  failed.error = {errc::exit_code, "3"};
  w.must(failed, "ceo.data.plain");
  company.schedules.clear();
  std::erase_if(company.agents, [](const auto& a) { return a.path.text == "ceo.data.plain"; });
  BOOST_REQUIRE(w.engine->sync_company(company).has_value());
  w.tick_after(milliseconds{2'000});
  BOOST_TEST(hops(w, w.ask("SELECT id FROM cadre.escalation WHERE company = $1")) == "raised ceo.data, moved ceo");
  check_nothing_lost(w);
}

BOOST_AUTO_TEST_CASE(what_was_put_off_is_not_hastened_by_a_pause) {
  world w;
  const auto r = raising("ceo.data.plain", "odd");
  w.must(r);
  w.must(escalation_act{r.id, escalation_action::snooze, {}, 3'600'000, "anna", "later"});
  agent_pause pause;
  pause.agent.text = "ceo.data";
  w.must(pause);
  w.tick_after(milliseconds{1'000});
  BOOST_TEST(hops(w, r.id.text) == "raised ceo.data, snoozed ceo.data");
  w.tick_after(milliseconds{3'601'000});
  BOOST_TEST(hops(w, r.id.text) == "raised ceo.data, snoozed ceo.data, woken ceo.data, skipped ceo.data, moved ceo");
  check_nothing_lost(w);
}

BOOST_AUTO_TEST_CASE(an_agent_may_put_it_off_five_times_and_a_person_once_more) {
  world w;
  const auto r = raising("ceo.data.plain", "odd");
  w.must(r);
  const escalation_act later{r.id, escalation_action::snooze, {}, 60'000, "", "later"};
  for (int n = 0; n < 5; ++n) w.must(later, "ceo.data");
  BOOST_TEST(status(w.send(later, "ceo.data")) == "rejected refused");
  w.must(later, "cli");
}

BOOST_AUTO_TEST_CASE(what_an_investigation_decides_is_bounded_as_what_its_agent_does) {
  auto company = make_company("c" + new_uuid().substr(24));
  auto& data = agent_of(company, "ceo.data");
  data.run.how = config::run_spec::mode::command;
  data.run.command = {"./look"};
  agent_of(company, "ceo.data.plain").retry.attempts = 1;
  for (const bool gone : {false, true}) {
    company.name = "c" + new_uuid().substr(24);
    world w{company};
    const auto grant = w.granted("ceo.data.plain");
    run_fail failed;
    failed.run = grant.run;
    failed.error = {errc::exit_code, "3"};
    w.must(failed, "ceo.data.plain");
    w.must(w.report("ceo.data", 1));
    BOOST_REQUIRE_EQUAL(w.last.grants.size(), 1U);
    const auto looks = w.last.grants[0];
    escalation_decide decision{looks.run, escalation_action::reassign, {"ceo.ops.audit"}, 0, "not mine"};
    if (gone) decision = {looks.run, escalation_action::retry, {}, 0, "once more"};
    w.must(decision, "ceo.data");
    if (gone) {
      auto without = company;
      without.schedules.clear();
      std::erase_if(without.agents, [](const auto& a) { return a.path.text == "ceo.data.plain"; });
      BOOST_REQUIRE(w.engine->sync_company(without).has_value());
    }
    run_complete done;
    done.run = looks.run;
    w.must(done, "ceo.data");
    BOOST_TEST(w.ask("SELECT reason FROM cadre.escalation_hop WHERE company = $1 AND action = 'undecided'") ==
               (gone ? "its decision to retry can't be followed: there is no failed task to run again"
                     : "its decision to reassign can't be followed: to: ceo.ops.audit does not report to ceo.data"));
    check_nothing_lost(w);
  }
}

BOOST_AUTO_TEST_CASE(a_resend_of_what_was_settled_is_known_after_a_takeover) {
  world w;
  const auto first = raising("ceo.data.plain", "odd");
  w.must(first);
  w.must(escalation_resolve{first.id, "anna", "mended"});
  const auto second = raising("ceo.data.plain", "odd");
  w.must(second);
  w.take_over();
  BOOST_TEST(w.must(first).ref == first.id.text);
  BOOST_TEST(standing(w, first.id.text) == "resolved ceo.data f 1");
  BOOST_TEST(standing(w, second.id.text) == "open ceo.data f 1");
}

BOOST_AUTO_TEST_CASE(how_bad_it_is_is_known_after_a_takeover) {
  world w;
  auto r = raising("ceo.data.plain", "odd");
  r.level = severity::warning;
  const auto first = r.id.text;
  for (int n = 0; n < 5; ++n) {
    w.must(r);
    r.id = new_id<escalation_id>();
  }
  const auto repeated = [&] {
    return w.ask("SELECT count(*) FROM cadre.escalation_hop WHERE company = $1 AND action = 'repeated'");
  };
  BOOST_TEST(repeated() == "2");  // The second and the fourth.
  w.take_over();
  r.level = severity::error;
  w.must(r);
  BOOST_TEST(repeated() == "3");  // It is worse than before.
  r.id = new_id<escalation_id>();
  w.must(r);
  BOOST_TEST(repeated() == "3");
  BOOST_TEST(standing(w, first) == "open ceo.data f 7");
}

BOOST_AUTO_TEST_CASE(what_is_undone_with_its_neighbours_is_done_again_in_full) {
  world w;
  const auto first = raising("ceo.data.plain", "odd"), other = raising("ceo.data.plain", "other");
  const auto anew = raising("ceo.data.plain", "odd");
  w.must(first);
  brief_add poison;
  poison.id = new_id<brief_id>();
  poison.body.text = "{";
  w.last = w.engine->commit({make(raising("ceo.data.plain", "odd")), make(escalation_resolve{first.id, "anna", "x"}),
                             make(anew), make(other), make(poison)});
  std::string all;
  for (const auto& o : w.last.outcomes) all += status(o) + "; ";
  BOOST_TEST(all == "committed; committed; committed; committed; rejected bad_value; ");
  BOOST_TEST(w.last.outcomes[0].value == 2);
  BOOST_TEST(standing(w, first.id.text) == "resolved ceo.data f 2");
  BOOST_TEST(standing(w, anew.id.text) == "open ceo.data f 1");
  BOOST_TEST(standing(w, other.id.text) == "open ceo.data f 1");
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.escalation WHERE company = $1") == "3");
  check_nothing_lost(w);
}

BOOST_AUTO_TEST_CASE(a_problem_without_a_place_of_its_own_is_listed_once) {
  world w;
  for (int n = 0; n < 22; ++n) {
    auto r = raising("ceo.data.plain", "odd");
    r.fingerprint = "odd " + std::to_string(std::min(n, 20));
    w.must(r);
  }
  BOOST_TEST(w.ask("SELECT concat_ws(' ', count, jsonb_array_length(evidence->'folded')) FROM cadre.escalation WHERE "
                   "company = $1 AND problem = 'and_more'") == "2 1");
  check_nothing_lost(w);
}

BOOST_AUTO_TEST_CASE(an_overdue_audit_is_a_finding_against_the_auditor_once) {
  world w;
  const auto output = w.produced("ceo.data.ingest", "hosts", {R"({"host":"a","tool":"t"})"});
  w.tick_after(milliseconds{1'000});
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.escalation WHERE company = $1") == "0");
  w.tick_after(milliseconds{301'000});
  w.tick_after(milliseconds{302'000});
  BOOST_TEST(w.ask("SELECT concat_ws('|', count, origin, holder, problem, cause_code, output = '" + output.text +
                   "') FROM cadre.escalation WHERE company = $1") ==
             "1|ceo.ops.audit|ceo.ops|audit_overdue|audit_overdue|t");
  w.must(w.verdict(output, "ceo.ops.audit", true));
  BOOST_TEST(w.canonical("hosts") != "");
  check_nothing_lost(w);
}

BOOST_AUTO_TEST_CASE(an_agent_that_can_run_nowhere_is_a_problem_until_it_runs_again) {
  world w;
  agent_report waits;
  waits.id = new_id<command_id>();
  waits.agent = {"ceo.data.plain"};
  waits.node = "n1";
  waits.state = agent_state::waiting;
  waits.reason = exit_reason::noconnection;
  waits.cause = "none of its nodes is there: n1";
  w.must(waits);
  const std::string open =
      "SELECT concat_ws('|', count(*), max(origin), max(cause)) FROM cadre.escalation WHERE company = $1 AND "
      "problem = 'unplaced' AND status <> 'resolved'";
  w.tick_after(milliseconds{0});
  BOOST_TEST(w.ask(open) == "0");
  w.tick_after(milliseconds{60'000});
  w.tick_after(milliseconds{61'000});
  BOOST_TEST(w.ask(open) == "1|ceo.data.plain|it can run nowhere: none of its nodes is there: n1");
  auto runs = waits;
  runs.id = new_id<command_id>();
  runs.state = agent_state::running;
  runs.cause = "";
  w.must(runs);
  w.tick_after(milliseconds{62'000});
  BOOST_TEST(w.ask(open) == "0");
  BOOST_TEST(w.ask("SELECT concat_ws('|', count, resolved_by, note) FROM cadre.escalation WHERE company = $1 AND "
                   "problem = 'unplaced'") == "1|cadre|it runs again");
  check_nothing_lost(w);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(tasks)

BOOST_AUTO_TEST_CASE(a_task_waits_for_its_dependencies_and_is_blocked_when_one_fails) {
  world w;
  const auto first = w.task("ceo.data.solo");
  auto second = w.task("ceo.data.plain");
  second.depends_on = {first.id};
  w.last = w.engine->commit({make(first), make(second)});
  for (const auto& o : w.last.outcomes) BOOST_TEST(status(o) == "committed");
  w.must(w.report("ceo.data.plain", 1));
  BOOST_TEST(w.last.grants.empty());
  task_cancel cancel;
  cancel.id = first.id;
  w.must(cancel);
  BOOST_TEST(w.ask("SELECT concat_ws(' ', status, blocked_on) FROM cadre.task WHERE company = $1 AND id = '" +
                   second.id.text + "'") == "blocked ceo.data");
  auto third = w.task("ceo.data.plain");
  third.depends_on = {first.id};
  w.must(third);
  BOOST_TEST(w.task_status_of(third.id) == "blocked");

  task_retry retry;
  retry.id = first.id;
  retry.new_id = new_id<task_id>();
  w.must(retry);
  BOOST_TEST(w.task_status_of(second.id) == "queued");
  BOOST_TEST(w.task_status_of(third.id) == "queued");
  w.must(w.report("ceo.data.solo", 1));
  BOOST_REQUIRE_EQUAL(w.last.grants.size(), 1U);
  BOOST_TEST(w.last.grants[0].task.text == retry.new_id.text);
  run_complete done;
  done.run = w.last.grants[0].run;
  w.must(done, "ceo.data.solo");
  w.must(w.report("ceo.data.plain", 1));
  BOOST_TEST(w.last.grants.size() == 1U);
  retry.id = second.id;
  retry.new_id = new_id<task_id>();
  BOOST_TEST(status(w.send(retry)) == "rejected illegal_transition");
}

BOOST_AUTO_TEST_CASE(cancelling_a_task_in_review_ends_its_audits) {
  world w;
  const auto output = w.produced("ceo.data.ingest", "hosts", {R"({"host":"a","tool":"t"})"});
  task_cancel cancel;
  cancel.id.text = w.ask("SELECT id FROM cadre.task WHERE company = $1");
  w.must(cancel);
  BOOST_TEST(w.ask("SELECT status FROM cadre.output WHERE company = $1") == "dropped");
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.audit_due WHERE company = $1") == "0");
  BOOST_TEST(status(w.send(w.verdict(output, "ceo.ops.audit", true))) == "rejected illegal_transition");
  BOOST_TEST(w.canonical("hosts") == "");
}

BOOST_AUTO_TEST_CASE(a_task_past_its_deadline_becomes_stale) {
  world w;
  auto late = w.task("ceo.data.plain");
  late.deadline = w.engine->clock() + milliseconds{5'000};
  w.must(late);
  BOOST_REQUIRE(w.last.next_wakeup.has_value());
  BOOST_TEST(w.last.next_wakeup->count() <= 5'000);
  w.tick_after(milliseconds{6'000});
  BOOST_TEST(w.ask("SELECT concat_ws(' ', status, error_code) FROM cadre.task WHERE company = $1") ==
             "stale timed_out");
}

BOOST_AUTO_TEST_CASE(the_brain_keeps_every_version) {
  world w;
  for (int i = 1; i <= 3; ++i) {
    brain_set set;
    set.id = new_id<command_id>();
    set.key = "rules";
    set.content.text = std::to_string(i);
    set.by = "anna";
    BOOST_TEST(w.must(set).value == i);
  }
  BOOST_TEST(w.ask("SELECT content::text || version FROM cadre.brain WHERE company = $1") == "33");
  BOOST_TEST(
      w.ask("SELECT string_agg(content::text, '' ORDER BY version) FROM cadre.brain_history WHERE company = $1") ==
      "123");
}

BOOST_AUTO_TEST_CASE(a_changed_config_retires_and_returns) {
  world w;
  auto smaller = w.company;
  smaller.agents.pop_back();  // ceo.data.plain
  smaller.schedules.clear();
  smaller.nodes.pop_back();
  const auto retired = [&w] {
    return w.ask(
        "SELECT concat_ws(' ', (SELECT string_agg(path, ',') FROM cadre.agent WHERE company = $1 AND retired), "
        "(SELECT string_agg(name, ',') FROM cadre.schedule WHERE company = $1 AND retired), "
        "(SELECT string_agg(name, ',') FROM cadre.node WHERE company = $1 AND retired))");
  };
  BOOST_REQUIRE(w.engine->sync_company(smaller).has_value());
  BOOST_TEST(retired() == "ceo.data.plain hourly n2");
  BOOST_TEST(status(w.send(w.task("ceo.data.plain"))) == "rejected not_found");
  BOOST_REQUIRE(w.engine->sync_company(w.company).has_value());
  BOOST_TEST(retired() == "");
  w.must(w.task("ceo.data.plain"));
}

BOOST_AUTO_TEST_SUITE_END()
