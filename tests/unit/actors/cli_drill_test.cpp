#include "actors/cli/drill_report.hpp"
#include "schemas/json.hpp"

#include <boost/test/unit_test.hpp>

using namespace cadre::cli;
using namespace std::chrono_literals;
using ms = drill_watch::ms;

BOOST_AUTO_TEST_SUITE(cli_drill)

namespace {

/// Two nodes, one leads; an agent on each.
fleet_look healthy() {
  fleet_look look;
  look.database = true;
  look.leader = "one";
  look.leader_epoch = 3;
  look.leads = true;
  look.agents = {{"ceo", {"running", "one", 1}}, {"ceo.work", {"running", "two", 2}}};
  look.nodes_up = {{"one", "life-1"}, {"two", "life-2"}};
  look.speaking = look.nodes_up;
  look.pid = 20;
  return look;
}

strike node_two() {
  return {fault_kind::node, "two", 20, false};
}

/// Node two lives again, and its agent.
fleet_look after_node_two() {
  auto look = healthy();
  look.agents["ceo.work"].epoch = 9;
  look.nodes_up["two"] = look.speaking["two"] = "life-3";
  look.pid = 21;
  return look;
}

bool misses(const drill_watch& watch, const std::string& words) {
  for (const auto& m : watch.missing())
    if (m.find(words) != std::string::npos) return true;
  return false;
}

drill_report sound_report() {
  drill_report r;
  r.what = node_two();
  r.died = "node two (pid 20)";
  r.victims = {"ceo.work"};
  r.noticed = 120ms;
  r.recovered = 1'234ms;
  r.whole = 1'500ms;
  r.ledger_known = true;
  r.ledger.runs_retried = 4;
  return r;
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_nobody_noticed_is_not_recovered) {
  drill_watch watch{node_two(), healthy()};
  auto look = healthy();
  look.pid = 21;
  look.speaking["two"] = "life-3";
  watch.look(10ms, look);
  BOOST_TEST(!watch.noticed());
  BOOST_TEST(!watch.wants_commit());
  BOOST_TEST(misses(watch, "nobody noticed"));
  BOOST_TEST(misses(watch, "ceo.work has no new life"));
}

BOOST_AUTO_TEST_CASE(a_killed_node_comes_back_in_steps) {
  drill_watch watch{node_two(), healthy()};
  auto look = healthy();
  look.agents["ceo.work"].state = "backoff";
  look.speaking.erase("two");
  look.pid = 0;
  watch.look(100ms, look);
  BOOST_TEST((watch.noticed() == ms{100}));
  BOOST_TEST(misses(watch, "ceo.work is backoff"));

  look.agents["ceo.work"] = {"running", "one", 9};
  watch.look(200ms, look);
  BOOST_TEST(watch.wants_commit());
  BOOST_TEST(!watch.recovered());
  watch.committed(210ms);
  BOOST_TEST((watch.recovered() == ms{210}));
  watch.look(300ms, look);
  BOOST_TEST(!watch.whole());
  BOOST_TEST(misses(watch, "node two is silent"));

  watch.look(400ms, after_node_two());
  BOOST_TEST((watch.whole() == ms{400}));
  BOOST_TEST(watch.missing().empty());
  BOOST_TEST((watch.noticed() == ms{100}));
}

BOOST_AUTO_TEST_CASE(each_thing_that_is_missing_keeps_it_from_recovery) {
  const auto breaks = std::vector<std::pair<std::string, void (*)(fleet_look&)>>{
      {"the database does not answer", [](fleet_look& l) { l.database = false; }},
      {"nobody leads", [](fleet_look& l) { l.leads = false; }},
      {"ceo is quarantined", [](fleet_look& l) { l.agents["ceo"].state = "quarantined"; }},
      {"ceo is gone", [](fleet_look& l) { l.agents.erase("ceo"); }},
      {"2 runs wait", [](fleet_look& l) { l.stranded_runs = 2; }}};
  for (const auto& [words, spoil] : breaks) {
    drill_watch watch{node_two(), healthy()};
    auto look = after_node_two();
    watch.look(1ms, look);
    BOOST_TEST(watch.wants_commit(), words);
    spoil(look);
    watch.look(2ms, look);
    BOOST_TEST(!watch.wants_commit(), words);
    BOOST_TEST(misses(watch, words), words);
    watch.committed(3ms);
    BOOST_TEST(!watch.recovered(), words);
  }
}

BOOST_AUTO_TEST_CASE(a_killed_leader_needs_a_successor) {
  auto what = node_two();
  what.kind = fault_kind::leader;
  what.of_leader = true;
  auto before = healthy();
  before.leader = "two";
  drill_watch watch{what, before};
  auto look = after_node_two();
  watch.look(10ms, look);
  BOOST_TEST(misses(watch, "nobody leads"));
  look.leader_epoch = 4;
  watch.look(20ms, look);
  BOOST_TEST(watch.wants_commit());
}

BOOST_AUTO_TEST_CASE(a_frozen_node_keeps_its_agents_lives_but_must_speak_again) {
  drill_watch watch{{fault_kind::freeze, "two", 20, false}, healthy()};
  auto look = healthy();
  look.nodes_up.erase("two");
  look.stopped = true;
  watch.look(10ms, look);
  BOOST_TEST(watch.noticed().has_value());
  BOOST_TEST(watch.victims().empty());
  watch.committed(20ms);
  look.speaking.erase("two");
  watch.look(30ms, look);
  BOOST_TEST(misses(watch, "two is still stopped"));
  look.stopped = false;
  watch.look(40ms, look);
  BOOST_TEST(misses(watch, "node two is silent"));
  watch.look(50ms, healthy());
  BOOST_TEST((watch.whole() == ms{50}));
}

BOOST_AUTO_TEST_CASE(a_killed_server_is_noticed_by_its_process) {
  drill_watch watch{{fault_kind::bus, "", 7, false}, healthy()};
  auto look = healthy();
  look.pid = 7;
  watch.look(10ms, look);
  BOOST_TEST(!watch.noticed());
  look.pid = 0;
  watch.look(20ms, look);
  BOOST_TEST((watch.noticed() == ms{20}));
  watch.committed(30ms);
  watch.look(40ms, look);
  BOOST_TEST(misses(watch, "was not started again"));
  look.pid = 8;
  watch.look(50ms, look);
  BOOST_TEST((watch.whole() == ms{50}));
}

BOOST_AUTO_TEST_CASE(an_agent_alone_dies_with_an_agent) {
  drill_watch watch{{fault_kind::agent, "ceo.work", 0, false}, healthy()};
  BOOST_TEST((watch.victims() == std::set<std::string>{"ceo.work"}));
  auto look = healthy();
  look.agents["ceo"].epoch = 5;
  watch.look(10ms, look);
  BOOST_TEST(!watch.noticed());
  look.agents["ceo.work"].epoch = 6;
  watch.look(20ms, look);
  BOOST_TEST(watch.wants_commit());
}

BOOST_AUTO_TEST_CASE(a_report_passes_only_if_all_is_back_and_nothing_is_wrong) {
  BOOST_TEST(sound_report().passed());
  const std::vector<std::int64_t drill_ledger::*> counts{
      &drill_ledger::tasks_vanished,      &drill_ledger::commands_vanished, &drill_ledger::events_missing,
      &drill_ledger::escalations_astray,  &drill_ledger::tasks_ended_twice, &drill_ledger::outputs_doubled,
      &drill_ledger::rows_without_verdict};
  for (const auto count : counts) {
    auto r = sound_report();
    r.ledger.*count = 1;
    BOOST_TEST(!r.passed());
    BOOST_TEST(r.ledger.lost() + r.ledger.doubled() == 1);
  }
  for (auto drill_report::*time : {&drill_report::recovered, &drill_report::whole}) {
    auto r = sound_report();
    (r.*time).reset();
    BOOST_TEST(!r.passed());
  }
  auto r = sound_report();
  r.ledger_known = false;
  BOOST_TEST(!r.passed());
}

BOOST_AUTO_TEST_CASE(the_report_reads_well) {
  BOOST_TEST(text_of(sound_report()) ==
             "node two\n"
             "  died        node two (pid 20)\n"
             "  with it     ceo.work\n"
             "  noticed     after 0.12 s\n"
             "  recovered   after 1.23 s: every agent runs, somebody leads, a command commits\n"
             "  whole       after 1.50 s: every process is back\n"
             "  retried     4 runs\n"
             "  lost        0\n"
             "  done twice  0\n");
  auto bad = sound_report();
  bad.whole.reset();
  bad.missing = {"node two is silent"};
  bad.ledger.tasks_vanished = 2;
  bad.ledger.events_missing = 1;
  const auto text = text_of(bad);
  BOOST_TEST(text.find("whole       NOT within the time") != std::string::npos);
  BOOST_TEST(text.find("missing     node two is silent") != std::string::npos);
  BOOST_TEST(text.find("lost        3 (2 tasks that were there before, 1 events)") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_report_is_json_too) {
  const auto doc = json_of(sound_report());
  BOOST_TEST(doc["fault"] == "node");
  BOOST_TEST(doc["passed"] == true);
  BOOST_TEST(doc["recovered_ms"] == 1234);
  BOOST_TEST(doc["lost"] == 0);
  BOOST_TEST(ledger_from(doc).runs_retried == 4);
  drill_report skipped;
  skipped.what.kind = fault_kind::bus;
  skipped.skipped = "it was given to `up`";
  BOOST_TEST(skipped.passed());
  BOOST_TEST(json_of(skipped)["skipped"] == "it was given to `up`");
}

BOOST_AUTO_TEST_SUITE_END()
