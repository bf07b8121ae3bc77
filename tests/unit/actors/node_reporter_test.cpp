#include "actors/node/node_reporter.hpp"

#include "agent_actor_desk.hpp"

#include <algorithm>
#include <string>

using namespace cadre;
using namespace cadre::actors;
using namespace cadre::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(node_reporter_test)

namespace {

/// A life that passes on what it is told to say.
caf::behavior mouth(caf::event_based_actor* self, const caf::actor& reporter) {
  return {[=](const capacity_note& n) { self->send(reporter, n); }};
}

struct reporter_fixture : desk_fixture {
  reporter_fixture() {
    node_identity who;
    who.name = "one";
    who.life = named_id<node_life_id>("life");
    who.host = "host";
    who.pid = 42;
    who.version = "1";
    reporter = sys.spawn(node_reporter, commands, who, 1'000ms);
    at_end(reporter);
    run();
  }

  caf::actor life() {
    auto a = sys.spawn(mouth, reporter);
    at_end(a);
    return a;
  }

  void say(const caf::actor& life, const std::string& path, std::int64_t free, bool gone = false,
           const std::string& token = "") {
    capacity_note n;
    n.capacity.agent.text = path;
    n.capacity.incarnation = 1;
    n.capacity.free_slots = free;
    n.token.text = path + token;
    n.gone = gone;
    caf::anon_send(life, n);
    run();
  }

  /// `full a=1 b=2` of the n-th report.
  std::string report(std::size_t n) const {
    const auto& r = d.body<node_report>(n);
    std::vector<std::string> agents;
    for (const auto& a : r.agents) agents.push_back(' ' + a.agent.text + '=' + std::to_string(a.free_slots));
    std::sort(agents.begin(), agents.end());
    std::string out = r.full ? "full" : "part";
    for (const auto& a : agents) out += a;
    return out;
  }

  caf::actor reporter;
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_node_that_starts_reports_itself, reporter_fixture) {
  BOOST_REQUIRE(d.got.size() == 1u);
  BOOST_TEST(report(0) == "full");
  BOOST_TEST(d.got[0].from == "node.one");
  const auto& r = d.body<node_report>(0);
  BOOST_TEST(r.node == "one");
  BOOST_TEST(r.life.text == named_id<node_life_id>("life").text);
  BOOST_TEST(r.host == "host");
  BOOST_TEST(r.pid == 42);
  BOOST_TEST(r.rss_bytes > 0);
}

BOOST_FIXTURE_TEST_CASE(one_report_is_on_its_way_and_changes_go_with_the_next, reporter_fixture) {
  const auto a = life();
  const auto b = life();
  say(a, "ceo.a", 1);
  say(a, "ceo.a", 2);
  say(b, "ceo.b", 1);
  BOOST_TEST(d.got.size() == 1u);
  commit(0);
  BOOST_REQUIRE(d.got.size() == 2u);
  BOOST_TEST(report(1) == "part ceo.a=2 ceo.b=1");
  commit(1);
  BOOST_TEST(d.got.size() == 2u);
  say(b, "ceo.b", 0);
  BOOST_TEST(report(2) == "part ceo.b=0");
}

BOOST_FIXTURE_TEST_CASE(all_of_it_is_told_each_interval_and_to_a_new_leader, reporter_fixture) {
  const auto a = life();
  commit(0);
  say(a, "ceo.a", 1);
  commit(1);
  advance(990ms);
  BOOST_TEST(d.got.size() == 2u);
  advance(10ms);
  BOOST_REQUIRE(d.got.size() == 3u);
  BOOST_TEST(report(2) == "full ceo.a=1");
  commit(2);
  caf::anon_send(reporter, leader_seen_atom_v);
  run();
  BOOST_REQUIRE(d.got.size() == 4u);
  BOOST_TEST(report(3) == "full ceo.a=1");
}

BOOST_FIXTURE_TEST_CASE(a_report_that_was_not_heard_is_followed_by_a_full_one, reporter_fixture) {
  const auto a = life();
  commit(0);
  say(a, "ceo.a", 1);
  BOOST_TEST(report(1) == "part ceo.a=1");
  answer(1, outcome_status::in_doubt);
  advance(1'000ms);
  BOOST_REQUIRE(d.got.size() == 3u);
  BOOST_TEST(report(2) == "full ceo.a=1");
}

BOOST_FIXTURE_TEST_CASE(a_life_that_takes_its_leave_is_gone_at_once, reporter_fixture) {
  const auto a = life();
  commit(0);
  say(a, "ceo.a", 1);
  commit(1);
  say(a, "ceo.a", 0, true, "another life's token");
  BOOST_TEST(d.got.size() == 2u);
  say(a, "ceo.a", 0, true);
  BOOST_REQUIRE(d.got.size() == 3u);
  BOOST_TEST(report(2) == "full");
}

BOOST_FIXTURE_TEST_CASE(the_entry_of_a_dead_life_vanishes, reporter_fixture) {
  const auto a = life();
  const auto b = life();
  commit(0);
  say(a, "ceo.a", 1);
  commit(1);
  say(b, "ceo.b", 1);
  commit(2);
  caf::anon_send_exit(a, caf::exit_reason::kill);
  run();
  BOOST_REQUIRE(d.got.size() == 4u);
  BOOST_TEST(report(3) == "full ceo.b=1");
}

BOOST_FIXTURE_TEST_CASE(the_end_of_an_earlier_life_does_not_hide_its_successor, reporter_fixture) {
  const auto first = life();
  const auto second = life();
  commit(0);
  say(first, "ceo.a", 1);
  commit(1);
  say(second, "ceo.a", 2, false, "2");
  BOOST_TEST(report(2) == "part ceo.a=2");
  commit(2);
  say(first, "ceo.a", 0, true);
  caf::anon_send_exit(first, caf::exit_reason::kill);
  run();
  BOOST_TEST(d.got.size() == 3u);
  advance(1'000ms);
  BOOST_REQUIRE(d.got.size() == 4u);
  BOOST_TEST(report(3) == "full ceo.a=2");
}

BOOST_FIXTURE_TEST_CASE(what_supervisors_did_is_told_until_it_is_heard, reporter_fixture) {
  commit(0);
  agent_report quarantined;
  quarantined.id = new_id<command_id>();
  quarantined.agent = {"ceo.a"};
  quarantined.state = agent_state::quarantined;
  caf::anon_send(reporter, quarantined);
  run();
  BOOST_REQUIRE(d.got.size() == 2u);
  BOOST_TEST(d.body<agent_report>(1).id.text == quarantined.id.text);
  answer(1, outcome_status::busy);
  BOOST_TEST(d.got.size() == 2u);
  advance(1'000ms);
  const auto told = [this] {
    return std::count_if(d.got.begin(), d.got.end(),
                         [](const command& c) { return std::holds_alternative<agent_report>(c.body); });
  };
  BOOST_TEST(told() == 2);
  for (std::size_t n = 2; n < d.got.size(); ++n)
    if (std::holds_alternative<agent_report>(d.got[n].body)) commit(n);
  advance(3'000ms);
  BOOST_TEST(told() == 2);
}

BOOST_AUTO_TEST_SUITE_END()
