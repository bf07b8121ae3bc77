#include "fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace storage_test;

namespace {

run_fail failing(const run_id& run, const std::string& message, bool retryable = true) {
  run_fail f;
  f.run = run;
  f.error = {errc::exit_code, message};
  f.stderr_tail = "tail of " + message;
  f.retryable = retryable;
  return f;
}

std::string run_of(world& w, const run_id& run) {
  return w.ask("SELECT concat_ws(' ', status, error_code) FROM cadre.run WHERE company = $1 AND id = '" + run.text +
               "'");
}

run_complete completing(const run_id& run) {
  run_complete done;
  done.run = run;
  return done;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(runs)

BOOST_AUTO_TEST_CASE(a_failed_run_is_tried_again_and_out_of_attempts_escalates_with_all_of_them) {
  world w;
  const auto first = w.granted("ceo.data.plain");
  w.must(failing(first.run, "first"), "ceo.data.plain");
  BOOST_TEST(run_of(w, first.run) == "failed exit_code");
  // The default wait of this company is one millisecond; the tick finds the task workable again.
  std::vector<run_grant> grants = w.last.grants;
  while (grants.empty()) {
    w.must(w.report("ceo.data.plain", 1));
    grants = w.last.grants;
  }
  BOOST_TEST(grants[0].task.text == first.task.text);
  BOOST_TEST(grants[0].attempt == 2);
  BOOST_TEST(grants[0].run.text != first.run.text);
  BOOST_TEST(status(w.send(completing(first.run), "ceo.data.plain")) == "rejected stale_attempt");
  w.must(failing(grants[0].run, "second"), "ceo.data.plain");
  BOOST_TEST(w.task_status_of(first.task) == "failed");
  BOOST_TEST(w.ask("SELECT concat_ws('|', problem, origin, holder, cause_code, cause, severity) FROM cadre.escalation "
                   "WHERE company = $1") == "run_failed|ceo.data.plain|ceo.data|exit_code|second|error");
  BOOST_TEST(w.ask("SELECT string_agg(concat_ws(' ', a->>'attempt', a->>'code', a->>'error', a->>'stderr_tail'), '|') "
                   "FROM cadre.escalation, jsonb_array_elements(evidence->'attempts') a WHERE company = $1") ==
             "1 exit_code first tail of first|2 exit_code second tail of second");
}

BOOST_AUTO_TEST_CASE(of_many_runs_that_end_together_each_keeps_what_it_said) {
  world w;
  for (int n = 0; n < 4; ++n) w.must(w.task("ceo.data.plain"));
  w.must(w.report("ceo.data.plain", 4));
  const auto grants = w.last.grants;
  BOOST_REQUIRE(grants.size() == 4u);
  std::vector<command> ends;
  for (const auto* metrics : {R"({"n":1})", R"({"n":2}],"x":[3)", "", R"({"n":"'4'"})"}) {
    run_complete body;
    body.run = grants[ends.size()].run;
    body.metrics.text = metrics;
    body.alerts.text = "[]";
    ends.push_back(make(body, "ceo.data.plain"));
  }
  ends.push_back(ends.front());  // Sent twice.
  const auto made = w.engine->commit(ends);
  std::string said;
  for (const auto& o : made.outcomes) said += status(o) + ", ";
  BOOST_TEST(said == "committed, rejected bad_value, committed, committed, committed, ");
  const auto kept = [&](std::size_t n) {
    return w.ask("SELECT status || ' ' || coalesce(metrics::text, '-') FROM cadre.run WHERE company = $1 AND id = '" +
                 grants[n].run.text + "'");
  };
  BOOST_TEST(kept(0) == R"(succeeded {"n": 1})");
  BOOST_TEST(kept(1) == "active -");
  BOOST_TEST(kept(2) == "succeeded null");
  BOOST_TEST(kept(3) == R"(succeeded {"n": "'4'"})");
}

BOOST_AUTO_TEST_CASE(backoff_and_retry_after_hold_the_task_back) {
  auto company = make_company("c" + new_uuid().substr(24));
  agent_of(company, "ceo.data.plain").retry.wait = {milliseconds{3'600'000}, milliseconds{3'600'000}, 2.0, 0.0};
  world w{company};
  const auto grant = w.granted("ceo.data.plain");
  w.must(failing(grant.run, "first"), "ceo.data.plain");
  w.must(w.report("ceo.data.plain", 1));
  BOOST_TEST(w.last.grants.empty());
  BOOST_TEST(w.ask("SELECT run_after > now() + interval '59 min' FROM cadre.task WHERE company = $1") == "t");
  BOOST_REQUIRE(w.last.next_wakeup.has_value());
}

BOOST_AUTO_TEST_CASE(a_terminal_error_is_not_tried_again) {
  world w;
  const auto grant = w.granted("ceo.data.plain");
  w.must(failing(grant.run, "no such file", false), "ceo.data.plain");
  BOOST_TEST(w.task_status_of(grant.task) == "failed");
}

BOOST_AUTO_TEST_CASE(staged_outputs_of_a_failed_run_are_dropped) {
  world w;
  const auto grant = w.granted("ceo.data.ingest");
  output_add out;
  out.output = new_id<output_id>();
  out.run = grant.run;
  out.dataset = "hosts";
  out.rows = {{R"({"host":"a","tool":"t"})"}};
  w.must(out, "ceo.data.ingest");
  w.must(failing(grant.run, "late"), "ceo.data.ingest");
  BOOST_TEST(w.ask("SELECT status FROM cadre.output WHERE company = $1") == "dropped");
  out.first_row = 1;
  BOOST_TEST(status(w.send(out, "ceo.data.ingest")) == "rejected stale_attempt");
  BOOST_TEST(status(w.send(w.verdict(out.output, "ceo.ops.audit", true))) == "rejected refused");
}

BOOST_AUTO_TEST_CASE(an_expired_lease_queues_the_task_again_at_once) {
  world w;
  const auto grant = w.granted("ceo.data.plain");
  w.must(w.report("ceo.data.plain", 0, {grant.run}));
  w.tick_after(milliseconds{14'000});
  BOOST_TEST(run_of(w, grant.run) == "active");
  w.tick_after(milliseconds{16'000});
  BOOST_TEST(run_of(w, grant.run) == "expired lease_expired");
  BOOST_REQUIRE_EQUAL(w.last.revokes.size(), 1U);
  BOOST_TEST(w.last.revokes[0].run.text == grant.run.text);
  BOOST_TEST(w.task_status_of(grant.task) == "queued");
  // The node still works on it: it is told to stop, and its result is refused.
  w.must(w.report("ceo.data.solo", 0, {grant.run}));
  BOOST_REQUIRE_EQUAL(w.last.revokes.size(), 1U);
  BOOST_TEST(status(w.send(completing(grant.run), "ceo.data.plain")) == "rejected stale_attempt");
}

BOOST_AUTO_TEST_CASE(a_held_run_keeps_its_lease) {
  auto company = make_company("c" + new_uuid().substr(24));
  company.timing.run_lease = milliseconds{0};  // Less than half is left at once.
  world w{company};
  const auto grant = w.granted("ceo.data.plain");
  const auto before = w.ask("SELECT lease_until FROM cadre.run WHERE company = $1");
  company.timing.run_lease = milliseconds{15'000};
  BOOST_REQUIRE(w.engine->sync_company(company).has_value());
  w.must(w.report("ceo.data.plain", 0, {grant.run}));
  BOOST_TEST(w.ask("SELECT lease_until FROM cadre.run WHERE company = $1") != before);
  w.tick_after(milliseconds{10'000});
  BOOST_TEST(run_of(w, grant.run) == "active");
}

BOOST_AUTO_TEST_CASE(a_new_life_of_a_node_loses_the_runs_of_the_old_one_at_once) {
  world w;
  const auto grant = w.granted("ceo.data.plain");
  const auto old_life = w.life;
  w.life = new_id<node_life_id>();
  w.must(w.report("ceo.data.plain", 1));
  BOOST_TEST(run_of(w, grant.run) == "expired node_lost");
  BOOST_REQUIRE_EQUAL(w.last.grants.size(), 1U);
  BOOST_TEST(w.last.grants[0].task.text == grant.task.text);
  BOOST_TEST(w.last.grants[0].attempt == 2);
  w.life = old_life;
  BOOST_TEST(status(w.send(w.report("ceo.data.plain", 1))) == "rejected stale_epoch");
}

BOOST_AUTO_TEST_CASE(an_agent_that_is_gone_from_its_node_loses_its_runs) {
  world w;
  const auto grant = w.granted("ceo.data.plain");
  auto partial = w.report("ceo.data.solo", 0);
  partial.full = false;
  w.must(partial);
  BOOST_TEST(run_of(w, grant.run) == "active");
  w.must(w.report("ceo.data.solo", 0));
  BOOST_TEST(run_of(w, grant.run) == "expired node_lost");
}

BOOST_AUTO_TEST_CASE(an_agent_that_ends_loses_its_run) {
  world w;
  incarnation_start start;
  start.token = new_id<incarnation_token>();
  start.agent.text = "ceo.data.plain";
  start.node = "n1";
  start.node_life = w.life;
  const auto life = static_cast<epoch>(w.must(start).value);
  w.must(w.task("ceo.data.plain"));
  auto report = w.report("ceo.data.plain", 1);
  report.agents[0].incarnation = life;
  w.must(report);
  BOOST_REQUIRE_EQUAL(w.last.grants.size(), 1U);
  const auto grant = w.last.grants[0];
  incarnation_end end;
  end.token = start.token;
  end.reason = exit_reason::error;
  end.cause = "threw";
  w.must(end);
  BOOST_TEST(run_of(w, grant.run) == "expired crashed");
  BOOST_TEST(w.last.grants.empty());
  BOOST_TEST(w.ask("SELECT error FROM cadre.run WHERE company = $1").find("threw") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_grant_that_got_lost_is_sent_again_with_the_same_run) {
  world w;
  const auto grant = w.granted("ceo.data.plain");
  w.must(w.report("ceo.data.plain", 1));
  BOOST_REQUIRE_EQUAL(w.last.grants.size(), 1U);
  BOOST_TEST(w.last.grants[0].run.text == grant.run.text);
  BOOST_TEST(w.last.grants[0].payload.text == grant.payload.text);
  BOOST_TEST(w.last.grants[0].attempt == 1);
  w.must(w.report("ceo.data.plain", 0, {grant.run}));
  BOOST_TEST(w.last.grants.empty());
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.run WHERE company = $1") == "1");
}

BOOST_AUTO_TEST_CASE(nobody_gets_more_than_he_has_slots_for) {
  world w;
  std::vector<command> adds;
  for (int i = 0; i < 5; ++i) adds.push_back(make(w.task("ceo.data.plain")));
  w.engine->commit(adds);
  w.must(w.report("ceo.data.plain", 2));
  BOOST_REQUIRE_EQUAL(w.last.grants.size(), 2U);
  const auto first = w.last.grants;
  // Reported before the grants arrived: the slots are taken all the same.
  auto partial = w.report("ceo.data.plain", 2);
  partial.full = false;
  w.must(partial);
  BOOST_TEST(w.last.grants.empty());
  w.must(w.report("ceo.data.plain", 1, {first[0].run, first[1].run}));
  BOOST_TEST(w.last.grants.size() == 1U);
}

BOOST_AUTO_TEST_CASE(urgent_tasks_go_first_and_tasks_without_agent_go_to_their_mode) {
  world w;
  auto low = w.task("ceo.data.plain");
  low.priority = 3;
  auto high = w.task("");
  high.mode = "plain";
  high.priority = 0;
  auto other = w.task("ceo.data.solo");
  other.priority = 0;
  w.engine->commit({make(low), make(high), make(other)});
  w.must(w.report("ceo.data.plain", 1));
  BOOST_REQUIRE_EQUAL(w.last.grants.size(), 1U);
  BOOST_TEST(w.last.grants[0].task.text == high.id.text);
  BOOST_TEST(w.last.grants[0].agent.text == "ceo.data.plain");
  run_complete done;
  done.run = w.last.grants[0].run;
  w.last = w.engine->commit({make(done, "ceo.data.plain"), make(w.report("ceo.data.plain", 1))});
  BOOST_REQUIRE_EQUAL(w.last.grants.size(), 1U);
  BOOST_TEST(w.last.grants[0].task.text == low.id.text);
}

BOOST_AUTO_TEST_CASE(what_a_pause_held_back_is_granted_as_it_ends) {
  world w;
  agent_pause agent;
  agent.agent.text = "ceo.data.plain";
  mode_pause mode;
  mode.mode = "plain";
  w.must(agent);
  w.must(mode);
  const auto since = [&] {
    return w.ask(
        "SELECT a.paused_at::text || m.paused_at FROM cadre.agent a, cadre.mode m WHERE a.company = $1 AND m.company = "
        "$1 AND a.path = 'ceo.data.plain' AND m.name = 'plain'");
  };
  const auto first = since();
  w.must(agent);
  w.must(mode);
  BOOST_TEST(since() == first);
  w.must(w.task("ceo.data.plain"));
  auto both = w.report("ceo.data.plain", 1);
  both.agents.push_back(w.report("ceo.data.solo", 1).agents[0]);  // For whom there is nothing.
  w.must(both);
  BOOST_TEST(w.last.grants.empty());
  agent.paused = mode.paused = false;
  w.must(agent);
  BOOST_TEST(w.last.grants.empty());
  w.must(mode);
  BOOST_TEST(w.last.grants.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_silent_node_gets_no_work) {
  world w;
  w.must(w.report("ceo.data.plain", 1));
  w.tick_after(milliseconds{6'000});
  BOOST_TEST(w.ask("SELECT state FROM cadre.node WHERE company = $1 AND name = 'n1'") == "down");
  w.must(w.task("ceo.data.plain"));
  BOOST_TEST(w.last.grants.empty());
  w.must(w.report("ceo.data.plain", 1));
  BOOST_TEST(w.last.grants.size() == 1U);
  BOOST_TEST(w.ask("SELECT state FROM cadre.node WHERE company = $1 AND name = 'n1'") == "up");
}

BOOST_AUTO_TEST_CASE(a_grant_brings_the_brain_that_the_agent_asked_for) {
  auto company = make_company("c" + new_uuid().substr(24));
  agent_of(company, "ceo.data.plain").brain = {"rules"};
  world w{company};
  for (const auto* key : {"rules", "other"}) {
    brain_set set;
    set.id = new_id<command_id>();
    set.key = key;
    set.content.text = R"({"of":1})";
    w.must(set);
  }
  const auto brain = nlohmann::json::parse(w.granted("ceo.data.plain").brain.text);
  BOOST_TEST(brain.size() == 1U);
  BOOST_TEST(brain["rules"]["of"] == 1);
}

BOOST_AUTO_TEST_CASE(cancelling_an_active_task_revokes_its_run) {
  world w;
  const auto grant = w.granted("ceo.data.plain");
  task_cancel cancel;
  cancel.id = grant.task;
  cancel.reason = "not needed";
  w.must(cancel);
  BOOST_TEST(w.task_status_of(grant.task) == "stale");
  BOOST_TEST(run_of(w, grant.run) == "cancelled cancelled");
  BOOST_REQUIRE_EQUAL(w.last.revokes.size(), 1U);
  BOOST_TEST(w.last.revokes[0].agent.text == "ceo.data.plain");
  BOOST_TEST(status(w.send(completing(grant.run), "ceo.data.plain")) == "rejected stale_attempt");
}

BOOST_AUTO_TEST_CASE(a_run_belongs_to_its_agent) {
  world w;
  const auto grant = w.granted("ceo.data.plain");
  BOOST_TEST(status(w.send(completing(grant.run), "ceo.data.solo")) == "rejected refused");
  BOOST_TEST(status(w.send(completing(new_id<run_id>()), "ceo.data.plain")) == "rejected not_found");
  BOOST_TEST(status(w.send(completing(grant.run), "node.n1")) == "committed");
}

BOOST_AUTO_TEST_SUITE_END()
