#include "fixture.hpp"
#include "storage/event_log.hpp"

#include <boost/test/unit_test.hpp>

using namespace storage_test;

namespace {

/// Everything that a repeat must not change, as one text.
std::string fingerprint(world& w) {
  std::string all;
  for (const std::string table :
       {"task",    "task_dependency", "run",           "journal",      "output",      "output_row",     "audit_due",
        "verdict", "promotion",       "canonical",     "output_stats", "escalation",  "escalation_hop", "fire",
        "brief",   "brain",           "brain_history", "incarnation",  "agent_event", "agent",          "event"})
    all += w.ask("SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM cadre." + table +
                 " t WHERE company = $1") +
           " " + table + "\n";
  return all;
}

/// Sends it twice more and expects the same answer and no change.
void check_repeat(world& w, const command& c, const std::string& kind) {
  const auto first = w.send(c);
  BOOST_TEST(status(first) == "committed", kind << ": " << first.error.message);
  const auto before = fingerprint(w);
  for (int i = 0; i < 2; ++i) {
    const auto again = w.send(c);
    BOOST_TEST(status(again) == "committed", kind << ": " << again.error.message);
    BOOST_TEST(again.value == first.value, kind);
    BOOST_TEST(again.ref == first.ref, kind);
  }
  BOOST_TEST(fingerprint(w) == before, kind);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(commands)

BOOST_AUTO_TEST_CASE(every_command_may_be_repeated) {
  world w;
  const auto repeat = [&w](command_body body, const std::string& from = "cli") {
    const auto kind = std::visit([](const auto& b) { return std::string{b.kind}; }, body);
    check_repeat(w, make(std::move(body), from), kind);
  };
  auto add = w.task("ceo.data.plain");
  repeat(add);
  task_cancel cancel;
  cancel.id = add.id;
  repeat(cancel);
  task_retry retry;
  retry.id = add.id;
  retry.new_id = new_id<task_id>();
  repeat(retry);
  cancel.id = retry.new_id;
  w.must(cancel);

  const auto grant = w.granted("ceo.data.ingest");
  journal_add line;
  line.run = grant.run;
  line.line = 3;
  line.agent = grant.agent;
  line.level = "info";
  line.text = "learned";
  repeat(line);
  run_progress progress;
  progress.run = grant.run;
  progress.progress.text = "1";
  repeat(progress);
  output_add out;
  out.output = new_id<output_id>();
  out.run = grant.run;
  out.dataset = "hosts";
  out.rows = {{R"({"host":"a","tool":"t"})"}};
  repeat(out);
  run_complete done;
  done.run = grant.run;
  done.alerts.text = R"([{"problem":"p","message":"m"}])";
  repeat(done);
  repeat(out);
  check_repeat(w, make(w.verdict(out.output, "ceo.ops.audit", true), "ceo.ops.audit", w.life_of("ceo.ops.audit")),
               "verdict_add");

  run_fail failed;
  failed.run = w.granted("ceo.data.ingest").run;
  failed.error = {errc::exit_code, "exit code 3"};
  failed.retryable = false;
  repeat(failed);

  escalation_raise raise;
  raise.id = new_id<escalation_id>();
  raise.origin.text = "ceo.data.solo";
  raise.problem = "odd";
  raise.cause = {errc::internal, "it broke"};
  repeat(raise);
  const auto first = raise.id;
  raise.id = new_id<escalation_id>();
  repeat(raise);
  escalation_ack ack;
  ack.id = first;
  ack.by = "anna";
  repeat(ack);
  escalation_resolve resolve;
  resolve.id = first;
  resolve.by = "anna";
  resolve.note = "done";
  repeat(resolve);

  incarnation_start start;
  start.token = new_id<incarnation_token>();
  start.agent.text = "ceo.data.solo";
  start.node = "n1";
  start.node_life = w.life;
  repeat(start);
  incarnation_end end;
  end.token = start.token;
  end.reason = exit_reason::error;
  end.cause = "threw";
  repeat(end);
  agent_report report;
  report.id = new_id<command_id>();
  report.agent.text = "ceo.data.solo";
  report.node = "n1";
  report.state = agent_state::quarantined;
  report.cause = "threw";
  repeat(report);
  repeat(w.report("ceo.data.solo", 0));
  brief_add brief;
  brief.id = new_id<brief_id>();
  brief.markdown = "# Brief";
  repeat(brief);
  brain_set brain;
  brain.id = new_id<command_id>();
  brain.key = "k";
  brain.content.text = "1";
  repeat(brain);
  repeat(schedule_pause{"hourly", true, "anna", "a holiday"});
  repeat(schedule_trigger{new_id<command_id>(), "hourly", now(), "anna"});
  repeat(schedule_backfill{new_id<command_id>(), "hourly", w.engine->clock() + -std::chrono::hours{3},
                           w.engine->clock() + -std::chrono::hours{1}, "anna"});
  repeat(schedule_tick{w.engine->clock()});
  clock_tick tick;
  tick.at = w.engine->clock();
  repeat(tick);
}

BOOST_AUTO_TEST_CASE(the_end_of_a_replaced_life_elsewhere_does_not_stop_the_agent) {
  world w;
  const auto live = [&](const std::string& node) {
    incarnation_start start;
    start.token = new_id<incarnation_token>();
    start.agent.text = "ceo.data.solo";
    start.node = node;
    start.node_life = w.life;
    w.must(start);
  };
  const auto stopped = [&](const std::string& node) {
    agent_report report;
    report.id = new_id<command_id>();
    report.agent.text = "ceo.data.solo";
    report.node = node;
    report.state = agent_state::stopped;
    report.reason = exit_reason::shutdown;
    w.must(report);
    return w.ask("SELECT state || ' ' || node FROM cadre.agent WHERE company = $1 AND path = 'ceo.data.solo'");
  };
  live("n1");
  live("n2");
  BOOST_TEST(stopped("n1") == "running n2");
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.agent_event WHERE company = $1 AND agent = 'ceo.data.solo'") == "1");
  BOOST_TEST(stopped("n2") == "stopped n2");
  live("n1");
  BOOST_TEST(stopped("n1") == "stopped n1");
}

namespace {

agent_report told(const std::string& agent, agent_state state) {
  agent_report report;
  report.id = new_id<command_id>();
  report.agent.text = agent;
  report.node = "n1";
  report.state = state;
  report.reason = exit_reason::noconnection;
  return report;
}

std::string state_of(world& w, const std::string& agent) {
  return w.ask("SELECT state FROM cadre.agent WHERE company = $1 AND path = '" + agent + "'");
}

/// A life of the agent on n1; its epoch.
epoch begin_life(world& w, const std::string& agent) {
  incarnation_start start;
  start.token = new_id<incarnation_token>();
  start.agent.text = agent;
  start.node = "n1";
  start.node_life = w.life;
  return static_cast<epoch>(w.must(start).value);
}

/// n1 reports the agent with this incarnation; the epochs of which lives of it are told that they are over.
std::vector<epoch> report_life(world& w, const std::string& agent, epoch incarnation) {
  auto report = w.report(agent, 0);
  report.agents.front().incarnation = incarnation;
  w.must(report);
  std::vector<epoch> over;
  for (const auto& r : w.last.replaced) over.push_back(r.newest);
  return over;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_report_that_had_to_be_repeated_is_no_news_after_its_successor) {
  world w;
  const auto starting = told("ceo.data.solo", agent_state::starting);
  const auto running = told("ceo.data.solo", agent_state::running);
  w.must(running);
  w.must(starting);
  BOOST_TEST(state_of(w, "ceo.data.solo") == "running");
  BOOST_TEST(w.ask("SELECT string_agg(state, ' ' ORDER BY id) FROM cadre.agent_event WHERE company = $1 AND agent = "
                   "'ceo.data.solo'") == "starting running");
}

BOOST_AUTO_TEST_CASE(an_agent_that_lists_itself_runs_whatever_was_said_last) {
  world w;
  const auto mine = begin_life(w, "ceo.data.solo");
  for (const auto state : {agent_state::starting, agent_state::backoff, agent_state::waiting}) {
    w.must(told("ceo.data.solo", state));
    BOOST_TEST(report_life(w, "ceo.data.solo", mine).empty());
    BOOST_TEST(state_of(w, "ceo.data.solo") == "running");
  }
  // An older life proves nothing, nor one that ended.
  const auto newer = begin_life(w, "ceo.data.solo");
  w.must(told("ceo.data.solo", agent_state::starting));
  report_life(w, "ceo.data.solo", mine);
  BOOST_TEST(state_of(w, "ceo.data.solo") == "starting");
  incarnation_end end;
  end.token.text = w.ask("SELECT token FROM cadre.incarnation WHERE company = $1 ORDER BY epoch DESC LIMIT 1");
  w.must(end);
  report_life(w, "ceo.data.solo", newer);
  BOOST_TEST(state_of(w, "ceo.data.solo") == "starting");
}

BOOST_AUTO_TEST_CASE(a_life_that_its_supervisors_gave_up_is_told_to_end) {
  world w;
  const auto mine = begin_life(w, "ceo.data.solo");
  for (const auto state : {agent_state::stopped, agent_state::quarantined}) {
    w.must(told("ceo.data.solo", state));
    // It may be on its way out.
    BOOST_TEST(report_life(w, "ceo.data.solo", mine).empty());
    pqxx::connection c{w.db.superuser()};
    pqxx::work tx{c};
    tx.exec_params("UPDATE cadre.agent SET changed_at = changed_at - interval '1 hour' WHERE company = $1",
                   w.company.name);
    tx.commit();
    BOOST_TEST(report_life(w, "ceo.data.solo", mine) == std::vector<epoch>{mine + 1}, boost::test_tools::per_element());
    BOOST_TEST(state_of(w, "ceo.data.solo") == std::string{to_text(state)});
  }
}

BOOST_AUTO_TEST_CASE(an_idempotency_key_names_the_first_task) {
  world w;
  auto first = w.task("ceo.data.plain");
  first.idempotency_key = "order-7";
  auto second = w.task("ceo.data.plain");
  second.idempotency_key = "order-7";
  w.last = w.engine->commit({make(first), make(second), make(first)});
  for (const auto& o : w.last.outcomes) {
    BOOST_TEST(status(o) == "committed");
    BOOST_TEST(o.ref == first.id.text);
  }
  BOOST_TEST(w.last.events.size() == 1U);
  BOOST_TEST(w.must(second).ref == first.id.text);
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.task WHERE company = $1") == "1");
}

BOOST_AUTO_TEST_CASE(poisoned_commands_fail_alone_in_a_batch_of_a_thousand) {
  world w;
  std::vector<command> commands;
  for (int i = 0; i < 1'000; ++i) {
    auto add = w.task("ceo.data.plain");
    if (i == 17 || i == 500 || i == 999) add.payload.text = "{not json";
    if (i == 600) add.agent.text = "ceo.data.plan";
    commands.push_back(make(add));
    if (i % 100 == 0) {
      brief_add brief;
      brief.id = new_id<brief_id>();
      brief.body.text = i == 300 ? "{" : "{}";
      commands.push_back(make(brief));
    }
  }
  w.last = w.engine->commit(commands);
  BOOST_REQUIRE_EQUAL(w.last.outcomes.size(), commands.size());
  std::vector<std::string> refused;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    BOOST_TEST(w.last.outcomes[i].command.text == commands[i].id.text);
    if (w.last.outcomes[i].status != outcome_status::committed) refused.push_back(status(w.last.outcomes[i]));
  }
  const std::vector<std::string> expected{"rejected bad_value", "rejected bad_value", "rejected bad_value",
                                          "rejected not_found", "rejected bad_value"};
  BOOST_TEST(refused == expected, boost::test_tools::per_element());
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.task WHERE company = $1") == "996");
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.brief WHERE company = $1") == "9");
  BOOST_TEST(w.ask("SELECT count(*) = max(seq) FROM cadre.event WHERE company = $1") == "t");
  BOOST_TEST(w.last.events.size() == 1'005U);
  BOOST_TEST(w.last.events.back().seq == 1'005);
}

BOOST_AUTO_TEST_CASE(memory_goes_back_with_the_statements) {
  world w;
  incarnation_start start;
  start.token = new_id<incarnation_token>();
  start.agent.text = "ceo.data.plain";
  start.node = "n1";
  start.node_life = w.life;
  brief_add poison;
  poison.id = new_id<brief_id>();
  poison.body.text = "{";
  // The start is applied, taken back with its neighbours, and applied again.
  w.last = w.engine->commit(
      {make(start), make(w.report("ceo.data.plain", 1)), make(w.task("ceo.data.plain")), make(poison)});
  BOOST_TEST(w.last.outcomes[0].value == 1);
  BOOST_TEST(status(w.last.outcomes[3]) == "rejected bad_value");
  BOOST_TEST(w.last.grants.empty());  // The report is of the life before the start.
  auto report = w.report("ceo.data.plain", 1);
  report.agents[0].incarnation = 1;
  w.must(report);
  BOOST_REQUIRE_EQUAL(w.last.grants.size(), 1U);
  BOOST_TEST(w.last.grants[0].incarnation == 1U);
  start.token = new_id<incarnation_token>();
  BOOST_TEST(w.must(start).value == 2);
}

BOOST_AUTO_TEST_CASE(a_start_that_was_long_on_its_way_fences_off_nobody) {
  world w;
  incarnation_start late;
  late.token = new_id<incarnation_token>();
  late.agent.text = "ceo.data.plain";
  late.node = "n2";
  late.node_life = w.life;
  auto present = late;
  present.token = new_id<incarnation_token>();
  const auto granted = w.must(present).value;
  BOOST_TEST(status(w.send(late)) == "rejected stale_epoch");
  BOOST_TEST(w.must(present).value == granted);
  BOOST_TEST(w.ask("SELECT epoch FROM cadre.agent WHERE company = $1 AND path = 'ceo.data.plain'") ==
             std::to_string(granted));
}

BOOST_AUTO_TEST_CASE(an_older_life_is_refused_and_recorded) {
  world w;
  incarnation_start start;
  start.agent.text = "ceo.data.plain";
  start.node = "n1";
  start.node_life = w.life;
  start.token = new_id<incarnation_token>();
  const auto first = w.must(start).value;
  const auto line = [&] {
    journal_add add;
    add.run = new_id<run_id>();
    add.agent = start.agent;
    add.level = "info";
    return add;
  };
  BOOST_TEST(status(w.send(line(), "ceo.data.plain", static_cast<epoch>(first))) == "committed");
  BOOST_TEST(w.last.replaced.empty());
  start.token = new_id<incarnation_token>();
  const auto second = w.must(start).value;
  BOOST_TEST(second > first);
  BOOST_REQUIRE_EQUAL(w.last.replaced.size(), 1U);
  BOOST_TEST(w.last.replaced[0].agent.text == "ceo.data.plain");
  BOOST_TEST(w.last.replaced[0].newest == static_cast<epoch>(second));
  BOOST_TEST(status(w.send(line(), "ceo.data.plain", static_cast<epoch>(first))) == "rejected stale_epoch");
  BOOST_TEST(status(w.send(line(), "ceo.data.plain")) == "rejected stale_epoch");
  BOOST_TEST(status(w.send(line(), "ceo.data.plain", static_cast<epoch>(second + 1))) == "rejected stale_epoch");
  BOOST_TEST(status(w.send(line(), "ceo.data.plain", static_cast<epoch>(second))) == "committed");
  // The life of another agent.
  BOOST_TEST(status(w.send(line(), "ceo.data.solo", static_cast<epoch>(first))) == "rejected stale_epoch");
  BOOST_TEST(w.ask("SELECT string_agg(concat_ws(' ', sender, incarnation, kind), ', ' ORDER BY sender, incarnation) "
                   "FROM cadre.stale_command WHERE company = $1") ==
             "ceo.data.plain 0 journal_add, ceo.data.plain 1 journal_add, ceo.data.plain 3 journal_add, "
             "ceo.data.solo 1 journal_add");
  BOOST_TEST(w.ask("SELECT end_reason FROM cadre.incarnation WHERE company = $1 AND epoch = 1") == "replaced");
}

BOOST_AUTO_TEST_CASE(events_are_read_by_another_session) {
  world w;
  storage::event_log log{w.db.url(storage::writer_role), w.company.name};
  BOOST_TEST(log.last().value() == 0);
  w.must(w.task("ceo.data.plain"));
  w.must(w.task("ceo.data.solo"));
  BOOST_TEST(log.last().value() == 2);
  const auto events = log.after(1, 10).value();
  BOOST_REQUIRE_EQUAL(events.size(), 1U);
  BOOST_TEST(events[0].seq == 2);
  BOOST_TEST(events[0].subject == "cadre." + w.company.name + ".task.solo");
  BOOST_TEST(events[0].at.us == w.last.events[0].at.us);
  BOOST_TEST(log.after(0, 1).value().size() == 1U);
}

BOOST_AUTO_TEST_CASE(unknown_targets_are_named_with_what_was_meant) {
  world w;
  auto add = w.task("ceo.data.plian");
  const auto o = w.send(add);
  BOOST_TEST(status(o) == "rejected not_found");
  BOOST_TEST(o.error.message.find("ceo.data.plain") != std::string::npos);
  BOOST_TEST(status(w.send(w.task("ceo.data"))) == "rejected refused");
  add = w.task("");
  add.mode = "nobody";
  BOOST_TEST(status(w.send(add)) == "rejected not_found");
  add.mode = "";
  BOOST_TEST(status(w.send(add)) == "rejected bad_value");
  add = w.task("ceo.data.plain");
  add.priority = 4;
  BOOST_TEST(status(w.send(add)) == "rejected bad_value");
  add = w.task("ceo.data.plain");
  add.depends_on = {new_id<task_id>()};
  BOOST_TEST(status(w.send(add)) == "rejected not_found");
}

BOOST_AUTO_TEST_CASE(a_busy_server_applies_nothing_and_can_be_asked_again) {
  world w;
  pqxx::connection c{w.db.superuser()};
  w.ask("ALTER ROLE cadre_writer SET lock_timeout = '50ms'");
  world hasty;
  w.ask("ALTER ROLE cadre_writer RESET lock_timeout");
  const auto mine = make(hasty.task("ceo.data.plain"));
  {
    pqxx::work tx{c};
    tx.exec("LOCK TABLE cadre.task IN ACCESS EXCLUSIVE MODE");
    BOOST_TEST(status(hasty.send(mine)) == "busy");
    BOOST_TEST(!hasty.last.lost_leadership);
  }
  BOOST_TEST(status(hasty.send(mine)) == "committed");
}

BOOST_AUTO_TEST_CASE(while_nothing_can_be_written_no_lease_runs_out) {
  world w;
  pqxx::connection c{w.db.superuser()};
  w.ask("ALTER ROLE cadre_writer SET lock_timeout = '50ms'");
  world hasty;
  w.ask("ALTER ROLE cadre_writer RESET lock_timeout");
  const auto grant = hasty.granted("ceo.data.plain");
  const auto lease_over = hasty.engine->clock() + hasty.company.timing.run_lease;
  {
    pqxx::work tx{c};
    tx.exec("LOCK TABLE cadre.task IN ACCESS EXCLUSIVE MODE");
    BOOST_TEST(status(hasty.send(hasty.task("ceo.data.plain"))) == "busy");  // After 50 ms.
  }
  clock_tick tick;
  tick.at = lease_over + milliseconds{20};
  hasty.must(tick);
  BOOST_TEST(hasty.task_status_of(grant.task) == "active");
  tick.at = hasty.engine->clock() + 2 * hasty.company.timing.run_lease;
  hasty.must(tick);
  BOOST_TEST(hasty.task_status_of(grant.task) != "active");
}

BOOST_AUTO_TEST_SUITE_END()
