#include "actors/supervision/node_registry.hpp"
#include "agent_state_text.hpp"
#include "supervision_fleet.hpp"

#include <boost/test/unit_test.hpp>

using namespace cadre;
using namespace cadre::actors::supervision;
using namespace cadre::actors::supervision::fleet;

BOOST_AUTO_TEST_SUITE(supervision_nodes)

namespace {

/// A ceo on n1; a branch on n2 with a worker on n1 and one on n2; a worker of the ceo on n2.
struct two_nodes : fleet::fleet_stage {
  two_nodes() {
    company->agents = {agent("ceo", {"n1"}, true), agent("ceo.data", {"n2"}, true), agent("ceo.data.far", {"n1"}),
                       agent("ceo.data.near", {"n2"}), agent("ceo.ops", {"n2"})};
    node("n1");
    node("n2");
  }
};

constexpr auto lease = milliseconds{6'000};  ///< Lease and a beat.

}  // namespace

BOOST_FIXTURE_TEST_CASE(children_elsewhere_start_in_order_and_stop_in_reverse, two_nodes) {
  lead("n1");
  BOOST_TEST(log->take() == "+ceo@n1 +ceo.data@n2 +ceo.data.far@n1 +ceo.data.near@n2 +ceo.ops@n2");
  BOOST_TEST(last_report("ceo.data.far")->node == "n1");
  stop_company("n1");
  BOOST_TEST(log->take() == "-ceo.ops@n2 -ceo.data.near@n2 -ceo.data.far@n1 -ceo.data@n2 -ceo@n1");
}

BOOST_FIXTURE_TEST_CASE(a_crash_elsewhere_reaches_its_supervisor_with_its_text, two_nodes) {
  lead("n1");
  log->take();
  log->reports.clear();
  say("ceo.ops@n2", "far away");
  BOOST_TEST(log->take() == "-ceo.ops@n2 +ceo.ops@n2");
  BOOST_REQUIRE(!log->reports.empty());
  BOOST_TEST(log->reports.front().cause == "far away");
}

BOOST_FIXTURE_TEST_CASE(a_down_notice_is_repeated_until_it_is_acknowledged, two_nodes) {
  lead("n1");
  log->take();
  net->kinds_to_lose = {"child_down"};
  say("ceo.ops@n2", "x");
  advance(milliseconds{3'000});
  BOOST_TEST(log->take() == "-ceo.ops@n2");
  BOOST_TEST(net->sent["child_down"] > 1);
  net->kinds_to_lose.clear();
  advance(milliseconds{3'000});
  BOOST_TEST(log->take() == "+ceo.ops@n2");
  const auto sent = net->sent["child_down"];
  advance(milliseconds{5'000});
  BOOST_TEST(net->sent["child_down"] == sent);
}

BOOST_FIXTURE_TEST_CASE(a_start_whose_answer_is_lost_is_repeated_and_makes_no_second_life, two_nodes) {
  run();
  net->replies_to_lose = 1;
  lead("n1");
  advance(milliseconds{5'000});
  BOOST_TEST(log->take() == "+ceo@n1 +ceo.data@n2 +ceo.data.far@n1 +ceo.data.near@n2 +ceo.ops@n2");
  BOOST_TEST(!log->twice);
}

BOOST_FIXTURE_TEST_CASE(a_node_that_falls_silent_and_returns_keeps_its_lives, two_nodes) {
  company->agents[0].branch->intensity = 0;
  lead("n1");
  log->take();
  net->cut = {"n2"};
  advance(lease);
  BOOST_TEST(last_report("ceo.ops")->state == agent_state::waiting);
  BOOST_TEST((last_report("ceo.ops")->reason == exit_reason::noconnection));
  BOOST_TEST(last_report("ceo.data")->state == agent_state::waiting);
  net->cut.clear();
  advance(milliseconds{2'000});
  BOOST_TEST(log->take() == "");
  BOOST_TEST(last_report("ceo.ops")->state == agent_state::running);
  BOOST_TEST(last_report("ceo.ops")->restarts == 0);
  BOOST_TEST(last_report("ceo.data")->state == agent_state::running);
  BOOST_TEST(!log->twice);
}

BOOST_FIXTURE_TEST_CASE(a_silence_shorter_than_the_lease_changes_nothing, two_nodes) {
  lead("n1");
  log->take();
  log->reports.clear();
  net->cut = {"n2"};
  advance(milliseconds{4'000});
  net->cut.clear();
  advance(milliseconds{2'000});
  BOOST_TEST(log->take() == "");
  BOOST_TEST(log->reports.size() == 0u);
}

BOOST_FIXTURE_TEST_CASE(a_node_that_comes_back_with_a_new_life_gets_its_children_again_uncounted, two_nodes) {
  company->agents[0].branch->intensity = 0;
  lead("n1");
  crash_node("n2");
  log->take();
  node("n2");
  advance(milliseconds{6'000});
  // The worker on n1 outlived its supervisor and was adopted by the next one.
  BOOST_TEST(log->take() == "+ceo.data@n2 +ceo.data.near@n2 +ceo.ops@n2");
  BOOST_TEST(log->alive["ceo.data.far@n1"] == 1);
  BOOST_TEST(last_report("ceo.data.far")->state == agent_state::running);
  say("ceo.data.far@n1", "x");
  advance(milliseconds{100});
  BOOST_TEST(log->take() == "-ceo.data.far@n1 +ceo.data.far@n1");
}

BOOST_FIXTURE_TEST_CASE(a_child_whose_node_is_not_there_yet_holds_up_nobody, fleet::fleet_stage) {
  company->agents = {agent("ceo", {"n1"}, true), agent("ceo.a", {"n2"}), agent("ceo.b", {"n2"}),
                     agent("ceo.c", {"n1"})};
  node("n1");
  lead("n1");
  // Until it has listened for a while, n1 can't know that n2 is not there.
  BOOST_TEST(log->take() == "+ceo@n1");
  advance(milliseconds{1'100});
  BOOST_TEST(log->take() == "+ceo.c@n1");
  BOOST_TEST(last_report("ceo.a")->state == agent_state::waiting);
  node("n2");
  advance(milliseconds{1'000});
  BOOST_TEST(log->take() == "+ceo.a@n2 +ceo.b@n2");
}

BOOST_FIXTURE_TEST_CASE(children_of_a_lost_node_start_on_the_next_of_their_nodes_and_the_stray_is_stopped,
                        fleet::fleet_stage) {
  company->agents = {agent("ceo", {"n1"}, true), agent("ceo.a", {"n2", "n3"})};
  company->agents[1].failback = failback_rule::never;
  for (const auto* name : {"n1", "n2", "n3"}) node(name);
  lead("n1");
  BOOST_TEST(log->take() == "+ceo@n1 +ceo.a@n2");
  net->cut = {"n2"};
  advance(lease);
  BOOST_TEST(log->take() == "+ceo.a@n3");
  net->cut.clear();
  advance(milliseconds{2'000});
  BOOST_TEST(log->take() == "-ceo.a@n2");
  BOOST_TEST(last_report("ceo.a")->node == "n3");
  BOOST_TEST(last_report("ceo.a")->state == agent_state::running);
}

BOOST_FIXTURE_TEST_CASE(a_node_that_is_stopped_hands_its_children_over, fleet::fleet_stage) {
  company->agents = {agent("ceo", {"n1"}, true), agent("ceo.m", {"n2", "n1"}, true), agent("ceo.m.a", {"n3"}),
                     agent("ceo.b", {"n2", "n3"})};
  for (const auto* name : {"n1", "n2", "n3"}) node(name);
  lead("n1");
  log->take();
  caf::anon_send_exit(net->hosts.at("n2"), caf::exit_reason::user_shutdown);
  advance(milliseconds{1'000});
  BOOST_TEST(log->alive["ceo.m@n1"] == 1);
  BOOST_TEST(log->alive["ceo.b@n3"] == 1);
  BOOST_TEST(log->alive["ceo.m@n2"] == 0);
  BOOST_TEST(log->alive["ceo.b@n2"] == 0);
  // Its child on n3 was adopted, not restarted.
  const auto lines = log->take();
  BOOST_TEST(lines.find("ceo.m.a") == std::string::npos);
  BOOST_TEST(last_report("ceo.m.a")->restarts == 0);
  net->hosts.erase("n2");
}

BOOST_FIXTURE_TEST_CASE(a_down_that_nobody_could_hear_is_told_when_the_silent_node_is_heard_again, two_nodes) {
  lead("n1");
  log->take();
  net->mute = {"n1"};
  advance(lease);
  say("ceo.ops@n2", "while n1 was mute");
  advance(milliseconds{1'000});
  BOOST_TEST(log->take() == "-ceo.ops@n2");
  net->mute.clear();
  advance(milliseconds{2'000});
  BOOST_TEST(log->take() == "+ceo.ops@n2");
  BOOST_TEST(last_report("ceo.ops")->restarts == 1);
}

BOOST_FIXTURE_TEST_CASE(nodes_that_stop_together_do_not_wait_for_each_other, two_nodes) {
  lead("n1");
  int gone = 0;
  for (const auto& [name, host] : net->hosts) host->attach_functor([&](const caf::error&) { ++gone; });
  for (const auto& [name, host] : net->hosts) caf::anon_send_exit(host, caf::exit_reason::user_shutdown);
  net->kinds_to_lose = {"child_down"};
  advance(milliseconds{100});
  BOOST_TEST(gone == 2);
  for (const auto& [id, alive] : log->alive) BOOST_TEST(alive == 0, id << " is left");
}

BOOST_FIXTURE_TEST_CASE(an_order_of_a_deposed_leader_is_refused, two_nodes) {
  lead("n1", 5);
  log->take();
  node_heartbeat beat;
  beat.node = "n9";
  beat.life = {"n9-1"};
  beat.leader_epoch = 6;
  caf::anon_send(net->hosts.at("n2"), incoming_heartbeat{beat});
  run();
  child_start order;
  order.child = {"ceo.ops"};
  order.token = {"t"};
  order.leader_epoch = 5;
  order.supervisor.node = "n1";
  order.supervisor.life = {"n1-1"};
  wire_link link{"n1", net};
  result<message> answer = fail(errc::none, "");
  const auto listen = [](caf::event_based_actor*, result<message>* heard) -> caf::behavior {
    return {[=](const control_answer& in) { *heard = in.answer; }};
  };
  auto probe = sys.spawn(listen, &answer);
  at_end(probe);
  link.request("n2", order, milliseconds{100}, 1, probe);
  run();
  BOOST_REQUIRE(answer.has_value());
  BOOST_REQUIRE(std::holds_alternative<error_reply>(*answer));
  BOOST_TEST((std::get<error_reply>(*answer).error.code == errc::stale_epoch));
}

BOOST_FIXTURE_TEST_CASE(a_new_root_adopts_what_the_old_one_left, two_nodes) {
  lead("n1", 1);
  log->take();
  caf::anon_send(net->hosts.at("n1"), step_down{});
  run();
  BOOST_TEST(log->take() == "");
  lead("n2", 2);
  advance(milliseconds{2'000});
  BOOST_TEST(log->take() == "");
  stop_company("n2");
  advance(milliseconds{500});
  BOOST_TEST(log->take() == "-ceo.ops@n2 -ceo.data.near@n2 -ceo.data.far@n1 -ceo.data@n2 -ceo@n1");
}

BOOST_FIXTURE_TEST_CASE(a_full_node_gets_no_more_and_what_waits_gets_the_place_that_is_free, fleet::fleet_stage) {
  company->agents = {agent("ceo", {"n1"}, true), agent("ceo.a", {"n2"}), agent("ceo.b", {"n2", "n3"}),
                     agent("ceo.c", {"n2"})};
  for (auto& a : company->agents) a.failback = failback_rule::never;
  company->agents[1].restart = restart_type::temporary;
  for (const auto* name : {"n1", "n2", "n3"}) company->nodes.push_back({name, {node_role::work}, 0});
  company->nodes[1].max_agents = 1;
  for (const auto* name : {"n1", "n2", "n3"}) node(name);
  lead("n1");
  advance(milliseconds{1'000});
  BOOST_TEST(log->take() == "+ceo@n1 +ceo.a@n2 +ceo.b@n3");
  BOOST_TEST(last_report("ceo.c")->state == agent_state::waiting);
  say("ceo.a@n2", "quit");
  advance(milliseconds{1'000});
  BOOST_TEST(log->take() == "-ceo.a@n2 +ceo.c@n2");
  BOOST_TEST(last_report("ceo.c")->state == agent_state::running);
}

BOOST_FIXTURE_TEST_CASE(twins_of_a_branch_come_to_rest_as_one, fleet::fleet_stage) {
  company->agents = {agent("ceo", {"n1"}, true), agent("ceo.m", {"n2", "n3"}, true), agent("ceo.m.a", {"n2", "n3"})};
  for (auto& a : company->agents) a.failback = failback_rule::never;
  for (const auto* name : {"n1", "n2", "n3"}) node(name);
  lead("n1");
  advance(milliseconds{1'000});
  BOOST_TEST(log->take() == "+ceo@n1 +ceo.m@n2 +ceo.m.a@n2");
  net->cut = {"n2"};
  advance(lease);
  BOOST_TEST(log->take() == "+ceo.m@n3 +ceo.m.a@n3");
  // Whoever could have remembered the lives on n2 is gone when it is heard again.
  crash_node("n1");
  node("n1");
  lead("n1", 2);
  advance(milliseconds{2'000});
  log->take();
  net->cut.clear();
  advance(milliseconds{3'000});
  BOOST_TEST(log->alive["ceo.m@n2"] == 0);
  BOOST_TEST(log->alive["ceo.m.a@n2"] == 0);
  BOOST_TEST(log->alive["ceo.m@n3"] == 1);
  BOOST_TEST(log->alive["ceo.m.a@n3"] == 1);
  BOOST_TEST(!log->twice);
}

BOOST_AUTO_TEST_CASE(the_registry_judges_by_the_monotonic_clock_and_forgives_its_own_pauses) {
  using clock = node_registry::time_point;
  const auto at = [](int ms) { return clock{std::chrono::hours{1}} + milliseconds{ms}; };
  node_registry sut{"me", {"me-1"}, milliseconds{1'000}};
  node_heartbeat beat;
  beat.node = "n";
  beat.life = {"n-1"};
  BOOST_TEST(sut.heard(beat, at(0)).size() == 1u);
  BOOST_TEST(sut.heard(beat, at(100)).size() == 0u);
  BOOST_TEST(sut.is_there("n"));
  sut.tick(at(400));
  sut.tick(at(800));
  BOOST_TEST(sut.tick(at(1'100)).size() == 0u);
  BOOST_TEST(sut.tick(at(1'101)).size() == 1u);
  BOOST_TEST(!sut.is_there("n"));
  BOOST_TEST(sut.heard(beat, at(1'200)).size() == 1u);
  BOOST_TEST(sut.tick(at(9'000)).size() == 0u);
  beat.life = {"n-2"};
  const auto changes = sut.heard(beat, at(9'100));
  BOOST_REQUIRE(changes.size() == 2u);
  BOOST_TEST((changes[0].what == node_change::kind::lost && changes[0].life.text == "n-1"));
  BOOST_TEST((changes[1].what == node_change::kind::found && changes[1].life.text == "n-2"));
  beat.life = {"n-1"};
  BOOST_TEST(sut.heard(beat, at(9'200)).size() == 0u);
  BOOST_TEST(sut.life_of("n").text == "n-2");
  BOOST_TEST(sut.first_open({"x", "n", "me"}) == "n");
  beat.life = {"n-2"};
  beat.draining = true;
  sut.heard(beat, at(9'300));
  BOOST_TEST(sut.first_open({"x", "n", "me"}) == "me");
}

BOOST_AUTO_TEST_SUITE_END()
