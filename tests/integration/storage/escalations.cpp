#include "fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>

using namespace storage_test;

namespace esc {

using json = nlohmann::json;

escalation_raise raising(const std::string& origin, const std::string& problem, const std::string& fingerprint = {}) {
  escalation_raise r;
  r.id = new_id<escalation_id>();
  r.origin.text = origin;
  r.problem = problem;
  r.fingerprint = fingerprint;
  r.cause = {errc::internal, "it broke"};
  r.evidence.text = R"({"rows":3})";
  return r;
}

/// As make_company, with a program of its own for the manager ceo.data, who has ten minutes to look into what he gets.
config::company with_investigator() {
  auto company = make_company("c" + new_uuid().substr(24));
  auto& data = agent_of(company, "ceo.data");
  data.run.how = config::run_spec::mode::command;
  data.run.command = {"./look"};
  data.timeout = milliseconds{3'600'000};
  data.retry.attempts = 3;
  data.on_escalation = {milliseconds{600'000}, escalation_policy::escalate};
  return company;
}

struct esc_world : world {
  using world::world;

  std::string standing(const std::string& id) {
    return ask(
        "SELECT concat_ws(' ', status, holder, in_inbox, count) FROM cadre.escalation WHERE company = $1 AND id = '" +
        id + "'");
  }
  std::string hops(const std::string& id) {
    return ask(
        "SELECT string_agg(action || ' ' || holder, ', ' ORDER BY hop) FROM cadre.escalation_hop "
        "WHERE company = $1 AND escalation = '" +
        id + "'");
  }
  std::string reason_of(const std::string& id, const std::string& action) {
    return ask("SELECT reason FROM cadre.escalation_hop WHERE company = $1 AND escalation = '" + id +
               "' AND action = '" + action + "'");
  }
  std::string investigation_of(const std::string& id) {
    return ask("SELECT investigation FROM cadre.escalation WHERE company = $1 AND id = '" + id + "'");
  }

  /// Raises a problem of ceo.data.plain and has the manager's agent begin to look into it.
  std::pair<escalation_raise, run_grant> looked_into() {
    const auto r = raising("ceo.data.plain", "odd");
    must(r);
    must(report("ceo.data", 1));
    BOOST_REQUIRE_EQUAL(last.grants.size(), 1U);
    return {r, last.grants[0]};
  }
  outcome decide(const run_grant& grant, escalation_action action, const std::string& to = {}, std::int64_t ms = 0) {
    return send(escalation_decide{grant.run, action, {to}, ms, "because"}, grant.agent.text);
  }
  outcome done(const run_grant& grant, const std::string& alerts = "[]") {
    run_complete c;
    c.run = grant.run;
    c.alerts.text = alerts;
    return must(c, grant.agent.text);
  }
  escalation_act wish(const escalation_raise& r, escalation_action action, const std::string& to = {},
                      std::int64_t ms = 0) {
    return {r.id, action, {to}, ms, "anna", "so be it"};
  }
  outcome commit_all(std::vector<command> commands) {
    last = engine->commit(commands);
    for (const auto& o : last.outcomes)
      BOOST_REQUIRE_MESSAGE(o.status == outcome_status::committed, status(o) << ": " << o.error.message);
    return last.outcomes.back();
  }

  /// What must hold whatever was done.
  void check_books() {
    BOOST_TEST(ask("SELECT (SELECT count(*) FROM cadre.escalation_hop WHERE company = $1 AND action = 'raised') = "
                   "(SELECT count(*) FROM cadre.escalation WHERE company = $1 AND status = 'resolved') + "
                   "(SELECT count(*) FROM cadre.escalation WHERE company = $1 AND status <> 'resolved' "
                   " AND (in_inbox OR due_at IS NOT NULL OR status = 'acknowledged'))") == "t");
    // Each hop was told once, in order, and their numbers are 1 to n.
    BOOST_TEST(ask("SELECT count(*) FROM (SELECT data->>'id' AS id, (data->>'hop')::bigint AS hop, row_number() OVER "
                   "(PARTITION BY data->>'id' ORDER BY seq) AS n FROM cadre.event WHERE company = $1 AND "
                   "what = 'escalation_moved') e WHERE hop <> n") == "0");
    BOOST_TEST(ask("SELECT (SELECT count(*) FROM cadre.event WHERE company = $1 AND what = 'escalation_moved') = "
                   "(SELECT count(*) FROM cadre.escalation_hop WHERE company = $1)") == "t");
  }
};

}  // namespace esc

using esc::esc_world;

BOOST_AUTO_TEST_SUITE(escalations)

using enum cadre::escalation_action;

BOOST_AUTO_TEST_CASE(a_manager_s_agent_looks_into_it_and_settles_it) {
  esc_world w{esc::with_investigator()};
  const auto [r, grant] = w.looked_into();
  BOOST_TEST(grant.op == "investigate");
  BOOST_TEST(grant.agent.text == "ceo.data");
  BOOST_TEST((grant.deadline - w.engine->clock()).count() <= 600'000'000);
  const auto payload = esc::json::parse(grant.payload.text);
  BOOST_TEST(payload["escalation"] == r.id.text);
  BOOST_TEST(payload["evidence"]["rows"] == 3);
  BOOST_TEST(payload["cause"]["message"] == "it broke");
  BOOST_TEST(payload["hops"].size() == 2U);
  BOOST_TEST(w.ask("SELECT concat_ws('|', title, priority, status) FROM cadre.task WHERE company = $1") ==
             "investigate odd of ceo.data.plain|0|active");
  BOOST_TEST(status(w.decide(grant, resolve)) == "committed");
  BOOST_TEST(w.standing(r.id.text) == "open ceo.data f 1");
  w.done(grant);
  BOOST_TEST(w.hops(r.id.text) == "raised ceo.data, investigating ceo.data, resolved ceo.data");
  BOOST_TEST(w.ask("SELECT concat_ws('|', status, resolved_by, note, investigation IS NULL) FROM cadre.escalation "
                   "WHERE company = $1") == "resolved|ceo.data|because|t");
  BOOST_TEST(w.task_status_of(grant.task) == "complete");
  const auto again = esc::raising("ceo.data.plain", "odd");
  BOOST_TEST(w.must(again).ref == again.id.text);
  w.check_books();
}

BOOST_AUTO_TEST_CASE(an_investigation_that_comes_to_nothing_is_a_hop_with_its_reason) {
  esc_world w{esc::with_investigator()};
  {
    const auto [r, grant] = w.looked_into();
    w.done(grant, R"([{"level":"error","problem":"own","message":"an alert of the investigation"}])");
    BOOST_TEST(w.hops(r.id.text) == "raised ceo.data, investigating ceo.data, undecided ceo.data, moved ceo");
    BOOST_TEST(w.reason_of(r.id.text, "undecided") == "its investigation ended without a decision");
    w.must(escalation_resolve{r.id, "anna", "x"});
  }
  {
    const auto [r, grant] = w.looked_into();
    run_fail failed;
    failed.run = grant.run;
    failed.error = {errc::exit_code, "exit code 3"};
    w.must(failed, "ceo.data");
    BOOST_TEST(w.standing(r.id.text) == "open ceo t 1");
    BOOST_TEST(w.reason_of(r.id.text, "undecided") == "its investigation failed: exit_code: exit code 3");
    BOOST_TEST(w.task_status_of(grant.task) == "failed");
    w.must(escalation_resolve{r.id, "anna", "x"});
  }
  {
    const auto [r, grant] = w.looked_into();
    BOOST_TEST(status(w.decide(grant, resolve)) == "committed");
    w.tick_after(milliseconds{601'000});
    BOOST_TEST(w.standing(r.id.text) == "open ceo t 1");
    BOOST_REQUIRE_EQUAL(w.last.revokes.size(), 1U);
    BOOST_TEST(w.last.revokes[0].run.text == grant.run.text);
    BOOST_TEST(w.task_status_of(grant.task) == "stale");
    w.must(escalation_resolve{r.id, "anna", "x"});
  }
  {
    const auto [r, grant] = w.looked_into();
    BOOST_TEST(status(w.decide(grant, reassign, "ceo.data.solo")) == "committed");
    w.done(grant);
    BOOST_TEST(w.reason_of(r.id.text, "undecided") ==
               "its decision to reassign can't be followed: there is no failed task to run again");
    BOOST_TEST(w.standing(r.id.text) == "open ceo t 1");
  }
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.escalation WHERE company = $1 AND problem <> 'odd'") == "0");
  w.check_books();
}

BOOST_AUTO_TEST_CASE(a_node_that_dies_does_not_end_an_investigation) {
  esc_world w{esc::with_investigator()};
  const auto [r, grant] = w.looked_into();
  w.must(w.report("ceo.data", 0, {grant.run}));
  w.take_over();
  incarnation_start start;
  start.token = new_id<incarnation_token>();
  start.agent = {"ceo.data"};
  start.node = "n1";
  start.node_life = w.life;
  w.must(start);
  auto report = w.report("ceo.data", 1);
  report.agents[0].incarnation = static_cast<epoch>(w.last.outcomes[0].value);
  w.must(report);
  BOOST_REQUIRE_EQUAL(w.last.grants.size(), 1U);
  const auto second = w.last.grants[0];
  BOOST_TEST(second.task.text == grant.task.text);
  BOOST_TEST(second.op == "investigate");
  w.must(escalation_decide{second.run, snooze, {}, 60'000, "in a minute"}, "ceo.data", second.incarnation);
  run_complete c;
  c.run = second.run;
  w.must(c, "ceo.data", second.incarnation);
  BOOST_TEST(w.hops(r.id.text) == "raised ceo.data, investigating ceo.data, snoozed ceo.data");
  w.tick_after(milliseconds{61'000});
  BOOST_TEST(w.hops(r.id.text) ==
             "raised ceo.data, investigating ceo.data, snoozed ceo.data, woken ceo.data, investigating ceo.data");
  BOOST_TEST(w.investigation_of(r.id.text) != grant.task.text);
  w.check_books();
}

BOOST_AUTO_TEST_CASE(who_looks_into_it_does_not_do_the_work) {
  auto company = esc::with_investigator();
  config::output_spec spec;
  spec.dataset = "own";
  spec.mode = output_mode::append;
  agent_of(company, "ceo.data").outputs.push_back(spec);
  esc_world w{company};
  const auto [r, grant] = w.looked_into();
  output_add out;
  out.output = new_id<output_id>();
  out.run = grant.run;
  out.dataset = "own";
  out.rows = {{R"({"a":1})"}};
  BOOST_TEST(status(w.send(out, "ceo.data")) == "rejected refused");
  BOOST_TEST(status(w.send(escalation_decide{grant.run, resolve, {}, 0, ""}, "ceo.ops")) == "rejected refused");
  const auto other = w.granted("ceo.data.plain");
  BOOST_TEST(status(w.decide(other, resolve)) == "rejected refused");
  BOOST_TEST(status(w.decide(run_grant{}, resolve)) == "rejected stale_attempt");
}

BOOST_AUTO_TEST_CASE(who_acts_ends_the_investigation) {
  esc_world w{esc::with_investigator()};
  const auto [r, grant] = w.looked_into();
  escalation_ack ack;
  ack.id = r.id;
  ack.by = "anna";
  w.must(ack);
  BOOST_REQUIRE_EQUAL(w.last.revokes.size(), 1U);
  BOOST_TEST(w.task_status_of(grant.task) == "stale");
  BOOST_TEST(w.investigation_of(r.id.text) == "-");
  BOOST_TEST(w.standing(r.id.text) == "acknowledged ceo.data f 1");
  task_cancel cancel;
  cancel.id.text = grant.task.text;
  w.must(cancel);
  BOOST_TEST(w.hops(r.id.text) == "raised ceo.data, investigating ceo.data, acknowledged ceo.data");
  w.check_books();
}

BOOST_AUTO_TEST_CASE(cancelling_the_task_passes_it_up) {
  esc_world w{esc::with_investigator()};
  const auto [r, grant] = w.looked_into();
  task_cancel cancel;
  cancel.id = grant.task;
  cancel.reason = "no time for this";
  w.must(cancel);
  BOOST_TEST(w.standing(r.id.text) == "open ceo t 1");
  BOOST_TEST(w.reason_of(r.id.text, "undecided") == "its investigation failed: cancelled: no time for this");
  w.check_books();
}

BOOST_AUTO_TEST_CASE(people_and_the_holder_may_act_and_a_repeat_changes_nothing) {
  esc_world w;
  const auto r = esc::raising("ceo.data.plain", "odd");
  w.must(r);
  const auto asleep = make(w.wish(r, snooze, "", 3'600'000));
  BOOST_TEST(status(w.send(asleep)) == "committed");
  BOOST_TEST(status(w.send(asleep)) == "committed");
  BOOST_TEST(w.hops(r.id.text) == "raised ceo.data, snoozed ceo.data");
  w.tick_after(milliseconds{3'000'000});
  BOOST_TEST(w.standing(r.id.text) == "open ceo.data f 1");
  w.take_over();
  w.tick_after(milliseconds{3'601'000});
  BOOST_TEST(w.hops(r.id.text) == "raised ceo.data, snoozed ceo.data, woken ceo.data");
  BOOST_TEST(status(w.send(w.wish(r, delegate, "ceo.ops"), "ceo.data.solo")) == "rejected refused");
  BOOST_TEST(status(w.send(w.wish(r, delegate, "ceo.op"))) == "rejected not_found");
  BOOST_TEST(w.last.outcomes[0].error.message.find("did you mean `ceo.ops`?") != std::string::npos);
  w.must(w.wish(r, delegate, "ceo.ops", 60'000), "ceo.data");
  BOOST_TEST(w.standing(r.id.text) == "open ceo.ops f 1");
  w.tick_after(milliseconds{4'000'000});
  BOOST_TEST(w.standing(r.id.text) == "open ceo t 1");
  BOOST_TEST(status(w.send(w.wish(r, escalate))) == "rejected illegal_transition");
  w.must(w.wish(r, resolve));
  BOOST_TEST(w.hops(r.id.text) ==
             "raised ceo.data, snoozed ceo.data, woken ceo.data, delegated ceo.ops, moved ceo, resolved ceo");
  w.check_books();
}

BOOST_AUTO_TEST_CASE(a_failed_task_is_given_to_another_agent) {
  auto company = make_company("c" + new_uuid().substr(24));
  agent_of(company, "ceo.data.plain").retry.attempts = 1;
  agent_of(company, "ceo.data.solo").retry.attempts = 7;
  agent_of(company, "ceo.data.solo").mode = "plain";
  esc_world w{company};
  const auto grant = w.granted("ceo.data.plain");
  run_fail failed;
  failed.run = grant.run;
  failed.error = {errc::exit_code, "3"};
  w.must(failed, "ceo.data.plain");
  escalation_raise r;
  r.id.text = w.ask("SELECT id FROM cadre.escalation WHERE company = $1");
  BOOST_TEST(status(w.send(w.wish(r, reassign, "ceo.data.plain"))) == "rejected refused");
  BOOST_TEST(status(w.send(w.wish(r, reassign, "ceo.data.logs"))) == "rejected refused");
  w.must(w.wish(r, reassign, "ceo.data.solo"));
  BOOST_TEST(w.ask("SELECT concat_ws(' ', agent, attempts_max, retry_of = '" + grant.task.text +
                   "', title) FROM cadre.task WHERE company = $1 AND status = 'queued'") ==
             "ceo.data.solo 7 t work for ceo.data.plain");
  w.must(w.report("ceo.data.solo", 1));
  BOOST_REQUIRE_EQUAL(w.last.grants.size(), 1U);
  BOOST_TEST(w.hops(r.id.text) == "raised ceo.data, reassigned ceo.data, resolved ceo.data");
  w.check_books();
}

BOOST_AUTO_TEST_CASE(who_is_paused_or_quarantined_gives_up_what_he_holds) {
  esc_world w;
  const auto held = esc::raising("ceo.data.plain", "odd");
  w.must(held);
  agent_pause pause;
  pause.agent = {"ceo.data"};
  w.must(pause);
  w.tick_after(milliseconds{1'000});
  BOOST_TEST(w.hops(held.id.text) == "raised ceo.data, skipped ceo.data, moved ceo");
  BOOST_TEST(w.reason_of(held.id.text, "skipped") == "ceo.data is paused");
  const auto later = esc::raising("ceo.data.plain", "odder");
  w.must(later);
  BOOST_TEST(w.hops(later.id.text) == "raised ceo.data, skipped ceo.data, moved ceo");
  pause.paused = false;
  w.must(pause);
  agent_report lost;
  lost.id = new_id<command_id>();
  lost.agent = {"ceo.data"};
  lost.node = "n1";
  lost.state = agent_state::waiting;
  w.must(lost);
  const auto last = esc::raising("ceo.data.plain", "oddest");
  w.must(last);
  BOOST_TEST(w.reason_of(last.id.text, "skipped") == "ceo.data can run nowhere");
  w.check_books();
}

BOOST_AUTO_TEST_CASE(a_storm_of_one_problem_is_counted_exactly_across_takeovers) {
  esc_world w;
  constexpr int batches = 20, each = 500;
  std::vector<command> last_batch;
  for (int b = 0; b < batches; ++b) {
    std::vector<command> commands;
    for (int i = 0; i < each; ++i) commands.push_back(make(esc::raising("ceo.data.plain", "odd")));
    if (b == 7) std::get<escalation_raise>(commands[3].body).level = severity::critical;
    w.commit_all(commands);
    if (b % 5 == 4) w.take_over();
    last_batch = commands;
  }
  const auto total = std::to_string(batches * each);
  const std::string one =
      "SELECT concat_ws(' ', count(*), sum(count), max(severity)) FROM cadre.escalation "
      "WHERE company = $1";
  BOOST_TEST(w.ask(one) == "1 " + total + " critical");
  // The senders did not hear that it committed, and repeat it to the next leader: it remembers the latest of them.
  BOOST_TEST(std::to_string(w.commit_all(last_batch).value) == total);
  BOOST_TEST(w.ask(one) == "1 " + total + " critical");
  BOOST_TEST(w.ask("SELECT count(*) <= 16 FROM cadre.escalation_hop WHERE company = $1") == "t");
  w.check_books();
}

BOOST_AUTO_TEST_CASE(a_storm_of_many_problems_folds_and_loses_none) {
  esc_world w;
  constexpr int batches = 20, each = 500;
  for (int b = 0; b < batches; ++b) {
    std::vector<command> commands;
    for (int i = 0; i < each; ++i)
      commands.push_back(make(esc::raising("ceo.data.plain", "odd", "odd " + std::to_string(b * each + i))));
    w.commit_all(commands);
    if (b % 5 == 0) w.take_over();
  }
  BOOST_TEST(w.ask("SELECT concat_ws(' ', count(*), sum(count)) FROM cadre.escalation WHERE company = $1") ==
             "21 " + std::to_string(batches * each));
  BOOST_TEST(w.ask("SELECT concat_ws(' ', count, jsonb_array_length(evidence->'folded'), evidence->'folded'->0->>"
                   "'fingerprint') FROM cadre.escalation WHERE company = $1 AND problem = 'and_more'") ==
             std::to_string(batches * each - 20) + " 50 odd 20");
  // Other origins have places of their own, and a known one is still counted where it stands.
  w.must(esc::raising("ceo.data.solo", "odd", "of another"));
  w.must(esc::raising("ceo.data.plain", "odd", "odd 3"));
  BOOST_TEST(w.ask("SELECT concat_ws(' ', count(*), sum(count)) FROM cadre.escalation WHERE company = $1 AND "
                   "fingerprint IN ('odd 3', 'of another')") == "2 3");
  escalation_resolve settled;
  settled.id.text = w.ask("SELECT id FROM cadre.escalation WHERE company = $1 AND fingerprint = 'odd 3'");
  w.must(settled);
  w.must(esc::raising("ceo.data.plain", "odd", "a new one"));
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.escalation WHERE company = $1 AND fingerprint = 'a new one'") == "1");
  w.check_books();
}

BOOST_AUTO_TEST_CASE(what_the_writer_finds_itself_always_has_its_place) {
  auto company = make_company("c" + new_uuid().substr(24));
  agent_of(company, "ceo.data.plain").retry.attempts = 1;
  esc_world w{company};
  for (int i = 0; i < 25; ++i) w.must(esc::raising("ceo.data.plain", "odd", "odd " + std::to_string(i)));
  const auto grant = w.granted("ceo.data.plain");
  run_fail failed;
  failed.run = grant.run;
  failed.error = {errc::exit_code, "3"};
  w.must(failed, "ceo.data.plain");
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.escalation WHERE company = $1 AND problem = 'run_failed'") == "1");
  // An alert has a name that a program chose.
  const auto second = w.granted("ceo.data.plain");
  run_complete done;
  done.run = second.run;
  done.alerts.text = R"([{"problem":"new-1","message":"m"},{"problem":"new-2","message":"m"}])";
  w.must(done, "ceo.data.plain");
  BOOST_TEST(w.ask("SELECT concat_ws(' ', count(*), max(count) FILTER (WHERE problem = 'and_more')) FROM "
                   "cadre.escalation WHERE company = $1") == "22 7");
  w.check_books();
}

BOOST_AUTO_TEST_CASE(a_refused_neighbour_changes_no_count) {
  esc_world w;
  const auto first = esc::raising("ceo.data.plain", "odd");
  w.must(first);
  brief_add poison;
  poison.id = new_id<brief_id>();
  poison.body.text = "{";
  std::vector<command> commands;
  for (int i = 0; i < 9; ++i) {
    commands.push_back(make(esc::raising("ceo.data.plain", "odd")));
    if (i == 4) commands.push_back(make(poison));
  }
  escalation_resolve settled;
  settled.id = first.id;
  commands.push_back(make(settled));
  commands.push_back(make(esc::raising("ceo.data.plain", "odd")));
  w.last = w.engine->commit(commands);
  BOOST_TEST(std::count_if(w.last.outcomes.begin(), w.last.outcomes.end(),
                           [](const auto& o) { return o.status == outcome_status::committed; }) == 11);
  BOOST_TEST(w.ask("SELECT string_agg(status || ' ' || count, ', ' ORDER BY raised_at) FROM cadre.escalation WHERE "
                   "company = $1") == "resolved 10, open 1");
  // A resend of one that was counted into the settled one opens nothing.
  w.must(commands[2].body);
  BOOST_TEST(w.ask("SELECT string_agg(status || ' ' || count, ', ' ORDER BY raised_at) FROM cadre.escalation WHERE "
                   "company = $1") == "resolved 10, open 1");
  w.check_books();
}

namespace {

/// Milliseconds to fail `count` tasks of the agent, `each` in a transaction.
double time_to_fail(esc_world& w, const std::string& agent, int count, int each) {
  std::vector<command> adds;
  for (int i = 0; i < count; ++i) adds.push_back(make(w.task(agent)));
  w.commit_all(adds);
  std::vector<run_id> runs;
  auto report = w.report(agent, count);
  while (static_cast<int>(runs.size()) < count) {
    w.must(report);
    for (const auto& grant : w.last.grants) runs.push_back(grant.run);
    std::sort(runs.begin(), runs.end());
    runs.erase(std::unique(runs.begin(), runs.end()), runs.end());
    report.agents[0].held = runs;
    report.agents[0].free_slots = count - static_cast<std::int64_t>(runs.size());
  }
  report.agents[0].free_slots = 0;
  w.must(report);
  std::vector<std::vector<command>> batches;
  for (int i = 0; i < count; ++i) {
    if (i % each == 0) batches.emplace_back();
    run_fail failed;
    failed.run = runs[static_cast<std::size_t>(i)];
    failed.error = {errc::exit_code, "exit code 3"};
    failed.stderr_tail = "no disk";
    batches.back().push_back(make(failed, agent));
  }
  const auto began = std::chrono::steady_clock::now();
  for (const auto& batch : batches) w.commit_all(batch);
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_storm_of_failures_costs_little_more_than_the_failures) {
  const char* asked = std::getenv("CADRE_STORM");
  const int count = asked == nullptr ? 2'000 : std::atoi(asked);
  auto company = make_company("c" + new_uuid().substr(24));
  agent_of(company, "ceo.data.plain").retry.attempts = 1;
  for (const auto* patient : {"ceo.data.solo", "ceo.data.logs"}) {
    auto& retry_rule = agent_of(company, patient).retry;
    retry_rule.attempts = 100;
    retry_rule.wait.initial = retry_rule.wait.max = milliseconds{3'600'000};
  }
  esc_world w{company};
  const auto without = time_to_fail(w, "ceo.data.solo", count, 500);
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.escalation WHERE company = $1") == "0");
  const auto with = time_to_fail(w, "ceo.data.plain", count, 500);
  BOOST_TEST(w.ask("SELECT concat_ws(' ', count(*), sum(count)) FROM cadre.escalation WHERE company = $1") ==
             "1 " + std::to_string(count));
  // The tables grow meanwhile: what a failure costs afterwards, without an escalation.
  const auto afterwards = time_to_fail(w, "ceo.data.logs", count, 500);
  std::vector<command> raises;
  for (int i = 0; i < count; ++i) raises.push_back(make(esc::raising("ceo.data.plain", "odd")));
  const auto began = std::chrono::steady_clock::now();
  w.commit_all(raises);
  const auto raised = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count();
  const auto each = [&](double ms) { return ms * 1'000 / count; };
  BOOST_TEST_MESSAGE("of each of " << count << " failures, in us: " << each(without) << " tried again, " << each(with)
                                   << " escalated, " << each(afterwards) << " tried again afterwards; " << each(raised)
                                   << " of a raise alone");
  BOOST_TEST(raised < without / 4);
  w.check_books();
}

BOOST_AUTO_TEST_SUITE_END()
