#include "supervision_fleet.hpp"

#include <boost/test/unit_test.hpp>

using namespace cadre;
using namespace cadre::actors::supervision;
using namespace cadre::actors::supervision::fleet;

BOOST_AUTO_TEST_SUITE(supervision_moves)

namespace {

constexpr auto lease = milliseconds{6'000};  ///< Lease and a beat.

/// A ceo on n1, else n3; its worker w on n2, else n3.
struct three_nodes : fleet::fleet_stage {
  three_nodes() {
    company->agents = {agent("ceo", {"n1", "n3"}, true), agent("ceo.w", {"n2", "n3"})};
    for (const auto* name : {"n1", "n2", "n3"}) node(name);
  }
  void begin() {
    lead("n1");
    advance(milliseconds{600});
    log->take();
  }
};

/// A branch on n2, else n3, with a worker on n1 and one that goes wherever the branch may.
struct branch_of_n2 : fleet::fleet_stage {
  branch_of_n2() {
    company->agents = {agent("ceo", {"n1"}, true), agent("ceo.data", {"n2", "n3"}, true), agent("ceo.data.far", {"n1"}),
                       agent("ceo.data.near", {"n2", "n3"})};
    for (const auto* name : {"n1", "n2", "n3"}) node(name);
    lead("n1");
    advance(milliseconds{600});
    log->take();
  }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_drained_node_s_agent_moves_and_comes_back, three_nodes) {
  begin();
  order("n2", "drain", "");
  advance(milliseconds{2'000});
  BOOST_TEST(log->take() == "-ceo.w@n2 +ceo.w@n3");
  order("n2", "undrain", "");
  advance(milliseconds{2'000});
  BOOST_TEST(log->take() == "-ceo.w@n3 +ceo.w@n2");
}

BOOST_FIXTURE_TEST_CASE(a_move_is_no_failure_and_counts_for_nothing, three_nodes) {
  company->agents[0].branch->intensity = 0;
  begin();
  for (int i = 0; i < 5; ++i) {
    order("n2", i % 2 == 0 ? "drain" : "undrain", "");
    advance(milliseconds{2'000});
  }
  BOOST_TEST(log->alive["ceo.w@n3"] == 1);
  BOOST_TEST(log->alive["ceo@n1"] == 1);
  BOOST_TEST(!log->twice);
}

BOOST_FIXTURE_TEST_CASE(what_runs_is_finished_before_the_move, three_nodes) {
  log->busy = {"ceo.w"};
  begin();
  order("n2", "drain", "");
  advance(milliseconds{60'000});
  BOOST_TEST(log->take() == "");
  say("ceo.w@n2", "quit");
  advance(milliseconds{2'000});
  BOOST_TEST(log->take() == "-ceo.w@n2 +ceo.w@n3");
}

BOOST_FIXTURE_TEST_CASE(without_another_node_it_stays_and_moves_once_there_is_one, three_nodes) {
  begin();
  crash_node("n3");
  advance(lease);
  order("n2", "drain", "");
  advance(milliseconds{2'000});
  BOOST_TEST(log->alive["ceo.w@n2"] == 1);
  log->take();
  node("n3");
  advance(milliseconds{2'000});
  BOOST_TEST(log->take() == "-ceo.w@n2 +ceo.w@n3");
}

BOOST_FIXTURE_TEST_CASE(an_agent_fails_back_to_the_node_it_prefers, three_nodes) {
  begin();
  crash_node("n2");
  advance(lease);
  BOOST_TEST(log->alive["ceo.w@n3"] == 1);
  log->take();
  node("n2");
  advance(milliseconds{2'000});
  BOOST_TEST(log->take() == "-ceo.w@n3 +ceo.w@n2");
}

BOOST_FIXTURE_TEST_CASE(with_failback_never_it_stays_where_it_is, three_nodes) {
  company->agents[1].failback = failback_rule::never;
  begin();
  crash_node("n2");
  advance(lease);
  log->take();
  node("n2");
  advance(lease);
  BOOST_TEST(log->take() == "");
  order("n3", "drain", "");
  advance(milliseconds{2'000});
  BOOST_TEST(log->take() == "-ceo.w@n3 +ceo.w@n2");
}

BOOST_FIXTURE_TEST_CASE(a_new_leader_finds_an_agent_that_runs_on_its_second_choice, three_nodes) {
  company->agents[1].failback = failback_rule::never;
  begin();
  crash_node("n2");
  advance(lease);
  node("n2");
  advance(milliseconds{2'000});
  BOOST_TEST(log->alive["ceo.w@n3"] == 1);
  log->take();
  crash_node("n1");
  log->take();
  lead("n3", 2);
  advance(lease);
  BOOST_TEST(log->take() == "+ceo@n3");
  BOOST_TEST(log->alive["ceo.w@n3"] == 1);
  BOOST_TEST(log->alive["ceo.w@n2"] == 0);
}

BOOST_FIXTURE_TEST_CASE(a_branch_moves_without_the_children_it_has_elsewhere, branch_of_n2) {
  order("n2", "drain", "");
  advance(milliseconds{4'000});
  BOOST_TEST(log->alive["ceo.data@n2"] == 0);
  BOOST_TEST(log->alive["ceo.data@n3"] == 1);
  BOOST_TEST(log->alive["ceo.data.near@n2"] == 0);
  BOOST_TEST(log->alive["ceo.data.near@n3"] == 1);
  BOOST_TEST(log->alive["ceo.data.far@n1"] == 1);
  const auto told = log->take();
  BOOST_TEST(told.find("ceo.data.far") == std::string::npos, told);
  BOOST_TEST(!log->twice);
}

BOOST_FIXTURE_TEST_CASE(a_stop_of_the_company_overtakes_a_move_that_waits, three_nodes) {
  log->busy = {"ceo.w"};
  begin();
  order("n2", "drain", "");
  advance(milliseconds{1'000});
  stop_company("n1");
  advance(milliseconds{3'000});
  BOOST_TEST(log->alive["ceo.w@n2"] == 0);
  BOOST_TEST(log->alive["ceo.w@n3"] == 0);
}

BOOST_AUTO_TEST_SUITE_END()
