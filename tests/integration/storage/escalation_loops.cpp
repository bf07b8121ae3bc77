#include "loops.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <vector>

using namespace storage_test;

namespace loops {

/// The manager of `plain` has a program, and ten minutes for what he gets.
config::company with_investigators() {
  auto company = company_where_data(600'000, escalation_policy::escalate);
  auto& data = agent_of(company, "ceo.data");
  data.run.how = config::run_spec::mode::command;
  data.run.command = {"./look"};
  data.timeout = milliseconds{3'600'000};
  return company;
}

/// As that, with a manager `ceo.data.sub` between, who has a program and ten minutes too, and a worker of his.
config::company with_a_level_below() {
  auto company = with_investigators();
  auto sub = agent_of(company, "ceo.data"), worker = agent_of(company, "ceo.data.plain");
  sub.path.text = "ceo.data.sub";
  sub.mode = "sub";
  worker.path.text = "ceo.data.sub.w";
  worker.mode = "w";
  company.agents.push_back(sub);
  company.agents.push_back(worker);
  return company;
}

escalation_raise odd_of(const std::string& origin) {
  auto r = odd();
  r.origin.text = origin;
  return r;
}

struct errand_world : loop_world {
  errand_world() : loop_world{with_investigators()} {}
  explicit errand_world(const config::company& c) : loop_world{c} {}

  /// A problem of `plain` that its manager begins to look into, and a task for `agent` that his run adds.
  std::pair<run_grant, task_id> looked_into(const std::string& agent) {
    must(odd());
    const auto looks = looks_of("ceo.data");
    return {looks, added_by(looks, agent)};
  }
  /// The run of a manager's investigation, which begins.
  run_grant looks_of(const std::string& manager) {
    must(report(manager, 1));
    BOOST_REQUIRE_EQUAL(last.grants.size(), 1U);
    return last.grants[0];
  }
  /// The run of an errand, once its agent is free.
  run_grant begun(const std::string& agent, const task_id& errand) {
    must(report(agent, 1));
    BOOST_REQUIRE_EQUAL(last.grants.size(), 1U);
    BOOST_TEST(last.grants[0].task.text == errand.text);
    return last.grants[0];
  }

  task_id added_by(const run_grant& grant, const std::string& agent) {
    auto add = task(agent);
    add.run = grant.run;
    must(add, grant.agent.text);
    return add.id;
  }
  void settle(const run_grant& grant) {
    must(escalation_decide{grant.run, escalation_action::resolve, {}, 0, "it is being mended"}, grant.agent.text);
    run_complete done;
    done.run = grant.run;
    must(done, grant.agent.text);
  }
  std::string errands() {
    return ask("SELECT count(*) FROM cadre.escalation, jsonb_object_keys(errands) WHERE company = $1");
  }
  std::string hops(const std::string& problem) {
    return ask(
        "SELECT string_agg(h.action || ' ' || h.holder, ', ' ORDER BY h.hop) FROM cadre.escalation_hop h JOIN "
        "cadre.escalation e ON e.company = h.company AND e.id = h.escalation WHERE h.company = $1 AND e.problem "
        "= '" +
        problem + "'");
  }
};

}  // namespace loops

using loops::loop_world;
using loops::odd;

BOOST_AUTO_TEST_SUITE(escalation_loops)

BOOST_AUTO_TEST_CASE(a_storm_that_is_settled_at_once_is_one_escalation_with_a_count) {
  loop_world w{loops::company_where_data(0, escalation_policy::resolve)};
  constexpr int batches = 20, each = 500;
  std::vector<command> last_batch;
  for (int b = 0; b < batches; ++b) {
    std::vector<command> commands;
    for (int i = 0; i < each; ++i) commands.push_back(make(odd()));
    w.commit_all(commands);
    if (b % 5 == 4) w.take_over();
    last_batch = commands;
  }
  BOOST_TEST(w.all() == "resolved ceo.data 10000");
  // Repeats by senders that did not hear of it, and a hop each time the count doubled.
  w.commit_all(last_batch);
  BOOST_TEST(w.all() == "resolved ceo.data 10000");
  BOOST_TEST(w.ask("SELECT count(*) <= 16 FROM cadre.escalation_hop WHERE company = $1") == "t");
  BOOST_TEST(w.ask("SELECT reason FROM cadre.escalation_hop WHERE company = $1 ORDER BY hop DESC LIMIT 1")
                 .find("raised 8500 times; the last: it broke") == 0U);
  *w.now = *w.now + std::chrono::hours{1};
  w.must(odd());
  w.must(odd());
  BOOST_TEST(w.all() == "resolved ceo.data 10000, resolved ceo.data 2");
}

BOOST_AUTO_TEST_CASE(many_problems_that_are_settled_at_once_fold) {
  loop_world w{loops::company_where_data(0, escalation_policy::resolve)};
  for (int b = 0; b < 4; ++b) {
    std::vector<command> commands;
    for (int i = 0; i < 250; ++i) commands.push_back(make(odd("odd " + std::to_string(b * 250 + i))));
    w.commit_all(commands);
    w.take_over();
  }
  BOOST_TEST(w.sums() == "21 1000");
  BOOST_TEST(w.ask("SELECT concat_ws(' ', status, count, jsonb_array_length(evidence->'folded')) FROM cadre.escalation "
                   "WHERE company = $1 AND problem = 'and_more'") == "resolved 980 50");
  BOOST_TEST(w.ask("SELECT cause FROM cadre.escalation WHERE company = $1 AND problem = 'and_more'")
                 .find("more than 20 problems of ceo.data.plain were settled at once") == 0U);
}

BOOST_AUTO_TEST_CASE(what_is_settled_counts_only_what_would_be_settled_too) {
  loop_world w{loops::company_where_data(0, escalation_policy::resolve)};
  w.must(odd());
  const auto second = odd();
  w.must(second);
  agent_pause pause;
  pause.agent = {"ceo.data"};
  w.must(pause);
  w.must(second);  // Its sender did not hear that it was counted.
  BOOST_TEST(w.all() == "resolved ceo.data 2");
  w.must(odd());
  BOOST_TEST(w.all() == "resolved ceo.data 2, open ceo 1");
  pause.paused = false;
  w.must(pause);
  w.must(odd());
  BOOST_TEST(w.all() == "resolved ceo.data 2, open ceo 2");
}

BOOST_AUTO_TEST_CASE(what_is_settled_counts_only_what_the_same_agent_would_settle) {
  auto company = loops::with_a_level_below();
  for (const auto* manager : {"ceo.data", "ceo.data.sub"})
    agent_of(company, manager).on_escalation = {milliseconds{0}, escalation_policy::resolve};
  loop_world w{company};
  w.must(loops::odd_of("ceo.data.sub.w"));
  agent_pause pause;
  pause.agent = {"ceo.data.sub"};
  w.must(pause);
  w.must(loops::odd_of("ceo.data.sub.w"));
  BOOST_TEST(w.all() == "resolved ceo.data.sub 1, resolved ceo.data 1");
  w.take_over();
  w.must(loops::odd_of("ceo.data.sub.w"));
  BOOST_TEST(w.all() == "resolved ceo.data.sub 1, resolved ceo.data 2");
  pause.paused = false;
  w.must(pause);
  w.must(loops::odd_of("ceo.data.sub.w"));
  w.must(loops::odd_of("ceo.data.sub.w"));
  BOOST_TEST(w.all() == "resolved ceo.data.sub 1, resolved ceo.data 2, resolved ceo.data.sub 2");
}

BOOST_AUTO_TEST_CASE(what_an_open_one_replaced_is_settled_for_good) {
  for (const bool successor : {false, true}) {
    loop_world w{loops::company_where_data(0, escalation_policy::resolve)};
    w.must(odd());
    agent_pause pause;
    pause.agent = {"ceo.data"};
    w.must(pause);
    const auto open = odd();
    w.must(open);
    w.must(escalation_resolve{open.id, "anna", "mended"});
    pause.paused = false;
    w.must(pause);
    if (successor) w.take_over();
    w.must(odd());
    BOOST_TEST(w.all() == "resolved ceo.data 1, resolved ceo 1, resolved ceo.data 1");
  }
}

BOOST_AUTO_TEST_CASE(a_refused_neighbour_gives_back_what_was_replaced) {
  loop_world w{loops::company_where_data(0, escalation_policy::resolve)};
  w.must(odd());
  agent_pause pause;
  pause.agent = {"ceo.data"};
  brief_add poison;
  poison.id = new_id<brief_id>();
  poison.body.text = "{";
  // The second is counted into what is settled, though the third took the place of that in what was taken back.
  w.last = w.engine->commit({make(odd()), make(pause), make(odd()), make(poison)});
  BOOST_TEST(storage_test::status(w.last.outcomes[3]) != "committed");
  BOOST_TEST(w.all() == "resolved ceo.data 2, open ceo 1");
}

BOOST_AUTO_TEST_CASE(settled_problems_whose_time_is_over_take_no_room) {
  loop_world w{loops::company_where_data(0, escalation_policy::resolve)};
  for (int i = 0; i < 20; ++i) w.must(odd("odd " + std::to_string(i)));
  *w.now = *w.now + std::chrono::hours{1};
  w.must(odd("one more"));
  BOOST_TEST(w.sums() == "21 21");
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.escalation WHERE company = $1 AND problem = 'and_more'") == "0");
}

BOOST_AUTO_TEST_CASE(a_refused_neighbour_does_not_change_what_is_settled) {
  loop_world w{loops::company_where_data(0, escalation_policy::resolve)};
  brief_add poison;
  poison.id = new_id<brief_id>();
  poison.body.text = "{";
  std::vector<command> commands;
  for (int i = 0; i < 9; ++i) commands.push_back(make(odd()));
  commands.insert(commands.begin() + 4, make(poison));
  w.last = w.engine->commit(commands);
  BOOST_TEST(storage_test::status(w.last.outcomes[4]) != "committed");
  BOOST_TEST(w.all() == "resolved ceo.data 9");
}

BOOST_AUTO_TEST_CASE(a_task_of_an_investigation_that_fails_is_a_step_of_its_escalation) {
  loops::errand_world w;
  const auto [looks, errand] = w.looked_into("ceo.data.plain");
  BOOST_TEST(w.errands() == "1");
  w.take_over();
  BOOST_TEST(w.fail_one("ceo.data.plain").text == errand.text);
  BOOST_TEST(w.all() == "open ceo 1");
  BOOST_TEST(w.hops("odd") == "raised ceo.data, investigating ceo.data, undecided ceo.data, moved ceo");
  BOOST_TEST(w.ask("SELECT reason FROM cadre.escalation_hop WHERE company = $1 AND action = 'undecided'") ==
             "task " + errand.text +
                 ", which its investigation added, came to nothing: run_failed of ceo.data.plain: exit code 3");
  BOOST_TEST(w.task_status_of(looks.task) == "stale");
  BOOST_TEST(w.errands() == "0");
}

BOOST_AUTO_TEST_CASE(after_it_is_settled_a_new_one_begins_above_who_had_it) {
  loops::errand_world w;
  const auto [looks, errand] = w.looked_into("ceo.data.plain");
  w.settle(looks);
  BOOST_TEST(w.all() == "resolved ceo.data 1");
  w.fail_one("ceo.data.plain");
  BOOST_TEST(w.all() == "resolved ceo.data 1, open ceo 1");
  BOOST_TEST(w.hops("run_failed") == "raised ceo");
  BOOST_TEST(w.errands() == "0");
  // Of no investigation: to the manager, as always.
  w.must(w.task("ceo.data.logs"));
  BOOST_TEST(w.errands() == "0");
}

BOOST_AUTO_TEST_CASE(the_repetition_of_an_errand_is_one_too) {
  auto company = loops::with_a_level_below();
  auto& data = agent_of(company, "ceo.data");
  data.run = {};
  data.on_escalation = {milliseconds{0}, escalation_policy::retry};
  loops::errand_world w{company};
  w.must(loops::odd_of("ceo.data.sub.w"));
  const auto looks = w.looks_of("ceo.data.sub");
  const auto first = w.added_by(looks, "ceo.data.sub.w"), second = w.added_by(looks, "ceo.data.sub.w");
  w.settle(looks);
  BOOST_TEST(w.fail_one("ceo.data.sub.w").text == first.text);
  BOOST_TEST(w.hops("run_failed") == "raised ceo.data, retried ceo.data, resolved ceo.data");
  BOOST_TEST(w.fail_one("ceo.data.sub.w").text == second.text);
  BOOST_TEST(w.all() == "resolved ceo.data.sub 1, resolved ceo.data 2");
  BOOST_TEST(w.ask("SELECT string_agg(DISTINCT e.problem, ',') FROM cadre.escalation e, jsonb_object_keys(errands) "
                   "WHERE company = $1") == "run_failed");
  BOOST_TEST(w.errands() == "2");
  w.take_over();
  // Neither comes to ceo.data.sub as a new one, who would look into it and add a task once more.
  w.fail_one("ceo.data.sub.w");
  BOOST_TEST(w.all() == "resolved ceo.data.sub 1, resolved ceo.data 2, open ceo 1");
  w.fail_one("ceo.data.sub.w");
  BOOST_TEST(w.all() == "resolved ceo.data.sub 1, resolved ceo.data 2, open ceo 2");
  BOOST_TEST(w.errands() == "0");
}

BOOST_AUTO_TEST_CASE(who_has_an_errand_run_again_by_hand_has_it_above_as_well) {
  loops::errand_world w{loops::with_a_level_below()};
  w.must(loops::odd_of("ceo.data.sub.w"));
  const auto looks = w.looks_of("ceo.data.sub");
  w.added_by(looks, "ceo.data.sub.w");
  w.settle(looks);
  w.fail_one("ceo.data.sub.w");
  BOOST_TEST(w.all() == "resolved ceo.data.sub 1, open ceo.data 1");
  w.take_over();
  escalation_act again;
  again.id.text = w.ask("SELECT id FROM cadre.escalation WHERE company = $1 AND status = 'open'");
  again.action = escalation_action::retry;
  again.by = "anna";
  w.must(again);
  BOOST_TEST(w.errands() == "1");
  w.fail_one("ceo.data.sub.w");
  BOOST_TEST(w.all() == "resolved ceo.data.sub 1, resolved ceo.data 1, open ceo 1");
}

BOOST_AUTO_TEST_CASE(whose_errand_it_was_had_his_turn_and_not_who_has_it_now) {
  loops::errand_world w{loops::with_a_level_below()};
  w.must(loops::odd_of("ceo.data.sub.w"));
  const auto looks = w.looks_of("ceo.data.sub");
  for (int i = 0; i < 2; ++i) w.added_by(looks, "ceo.data.sub.w");
  run_complete undecided;
  undecided.run = looks.run;
  w.must(undecided, "ceo.data.sub");
  const auto above = w.looks_of("ceo.data");
  w.take_over();
  w.fail_one("ceo.data.sub.w");
  w.fail_one("ceo.data.sub.w");
  BOOST_TEST(w.all() == "open ceo.data 3");
  BOOST_TEST(w.task_status_of(above.task) != "stale");
  BOOST_TEST(w.ask("SELECT investigation FROM cadre.escalation WHERE company = $1") == above.task.text);
  BOOST_TEST(w.hops("odd") ==
             "raised ceo.data.sub, investigating ceo.data.sub, undecided ceo.data.sub, moved ceo.data, investigating "
             "ceo.data, repeated ceo.data");
  BOOST_TEST(w.ask("SELECT reason FROM cadre.escalation_hop WHERE company = $1 AND action = 'repeated'")
                 .find("which its investigation added, came to nothing: run_failed of ceo.data.sub.w: exit code 3") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(in_the_inbox_the_failures_of_errands_are_counted) {
  loops::errand_world w;
  const auto [looks, errand] = w.looked_into("ceo.data.plain");
  for (int i = 0; i < 8; ++i) w.added_by(looks, "ceo.data.plain");
  for (int i = 0; i < 9; ++i) w.fail_one("ceo.data.plain");
  BOOST_TEST(w.all() == "open ceo 9");
  BOOST_TEST(w.hops("odd") ==
             "raised ceo.data, investigating ceo.data, undecided ceo.data, moved ceo, repeated ceo, repeated ceo, "
             "repeated ceo");
  BOOST_TEST(w.errands() == "0");
}

BOOST_AUTO_TEST_CASE(an_errand_whose_last_verdict_is_good_is_over) {
  auto company = loops::with_investigators();
  auto& outputs = agent_of(company, "ceo.data.logs").outputs;
  outputs.push_back(outputs.front());
  outputs.back().dataset = "more";
  loops::errand_world w{company};
  const auto [looks, errand] = w.looked_into("ceo.data.logs");
  const auto grant = w.looks_of("ceo.data.logs");
  BOOST_TEST(grant.task.text == errand.text);
  std::vector<output_id> made;
  for (const auto* dataset : {"lines", "more"}) {
    output_add out;
    out.output = made.emplace_back(new_id<output_id>());
    out.run = grant.run;
    out.dataset = dataset;
    out.rows = {{R"({"host":"a","tool":"t"})"}};
    w.must(out, "ceo.data.logs");
  }
  run_complete done;
  done.run = grant.run;
  w.must(done, "ceo.data.logs");
  w.must(w.verdict(made[0], "ceo.ops.audit", false));
  BOOST_TEST(w.all() == "open ceo 1");
  BOOST_TEST(w.errands() == "1");
  w.must(w.verdict(made[1], "ceo.ops.audit", true));
  BOOST_TEST(w.errands() == "0");
}

BOOST_AUTO_TEST_CASE(who_gave_it_away_had_it_too) {
  loops::errand_world w;
  const auto [looks, errand] = w.looked_into("ceo.data.plain");
  w.must(escalation_decide{looks.run, escalation_action::delegate, {"ceo.data.logs"}, 600'000, "yours"}, "ceo.data");
  run_complete done;
  done.run = looks.run;
  w.must(done, "ceo.data");
  BOOST_TEST(w.all() == "open ceo.data.logs 1");
  escalation_resolve resolve;
  resolve.id.text = w.ask("SELECT id FROM cadre.escalation WHERE company = $1");
  w.must(resolve);
  BOOST_TEST(w.fail_one("ceo.data.plain").text == errand.text);
  BOOST_TEST(w.hops("run_failed") == "raised ceo");
}

BOOST_AUTO_TEST_CASE(what_an_errand_adds_is_one_too_and_alerts_begin_above) {
  loops::errand_world w;
  const auto [looks, errand] = w.looked_into("ceo.data.solo");
  const auto first = w.begun("ceo.data.solo", errand);
  const auto second = w.added_by(first, "ceo.data.plain");
  BOOST_TEST(w.errands() == "2");
  run_complete done;
  done.run = first.run;
  done.alerts.text = R"([{"problem":"hot","message":"m"}])";
  w.must(done, "ceo.data.solo");
  BOOST_TEST(w.hops("hot") == "raised ceo");
  BOOST_TEST(w.errands() == "1");
  BOOST_TEST(w.fail_one("ceo.data.plain").text == second.text);
  BOOST_TEST(w.hops("odd") == "raised ceo.data, investigating ceo.data, undecided ceo.data, moved ceo");
  BOOST_TEST(w.errands() == "0");
}

BOOST_AUTO_TEST_CASE(who_is_no_investigation_adds_plain_tasks) {
  loops::errand_world w;
  const auto [looks, errand] = w.looked_into("ceo.data.plain");
  auto forged = w.task("ceo.data.solo");
  forged.run = looks.run;
  w.must(forged, "ceo.ops");
  w.must(w.report("ceo.data.solo", 1));
  const auto usual = w.added_by(w.last.grants[0], "ceo.data.logs");
  BOOST_TEST(w.errands() == "1");
  task_cancel cancel;
  cancel.id = errand;
  w.must(cancel);
  BOOST_TEST(w.errands() == "0");
  BOOST_TEST(w.all() == "open ceo.data 1");
}

BOOST_AUTO_TEST_CASE(so_many_tasks_of_an_escalation_go_on_at_once) {
  loops::errand_world w;
  const auto [looks, errand] = w.looked_into("ceo.data.plain");
  std::vector<command> adds;
  for (int i = 0; i < 105; ++i) {
    auto add = w.task("ceo.data.plain");
    add.run = looks.run;
    adds.push_back(make(add, "ceo.data"));
  }
  w.last = w.engine->commit(adds);
  BOOST_TEST(std::count_if(w.last.outcomes.begin(), w.last.outcomes.end(),
                           [](const auto& o) { return storage_test::status(o) == "rejected refused"; }) == 6);
  BOOST_TEST(w.errands() == "100");
  w.last = w.engine->commit({adds[0]});
  BOOST_TEST(storage_test::status(w.last.outcomes[0]) == "committed");
}

BOOST_AUTO_TEST_CASE(an_errand_that_two_auditors_fail_passes_it_up_once) {
  loops::errand_world w;
  const auto [looks, errand] = w.looked_into("ceo.data.pair");
  const auto out = w.sealed(w.begun("ceo.data.pair", errand), "pairs");
  w.must(w.verdict(out, "ceo.ops.audit", false));
  BOOST_TEST(w.all() == "open ceo 1");
  BOOST_TEST(w.errands() == "1");
  w.must(w.verdict(out, "ceo.ops.audit2", false));
  BOOST_TEST(w.all() == "open ceo 2");
  BOOST_TEST(w.errands() == "0");
}

BOOST_AUTO_TEST_SUITE_END()
