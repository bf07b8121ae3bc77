#include "agent_state_text.hpp"
#include "supervision_fleet.hpp"

#include <boost/test/unit_test.hpp>

using namespace cadre;
using namespace cadre::actors::supervision;
using namespace cadre::actors::supervision::fleet;

BOOST_AUTO_TEST_SUITE(supervision_host)

namespace {

/// One node: a ceo with a manager of two workers, and one more worker.
struct one_node : fleet::fleet_stage {
  one_node() {
    company->agents = {agent("ceo", {"n1"}, true), agent("ceo.data", {"n1"}, true), agent("ceo.data.ingest", {"n1"}),
                       agent("ceo.data.audit", {"n1"}), agent("ceo.ops", {"n1"})};
    node("n1");
  }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_company_starts_in_order_and_stops_in_reverse, one_node) {
  lead("n1");
  BOOST_TEST(log->take() == "+ceo@n1 +ceo.data@n1 +ceo.data.ingest@n1 +ceo.data.audit@n1 +ceo.ops@n1");
  for (const auto* path : {"ceo", "ceo.data", "ceo.data.ingest", "ceo.data.audit", "ceo.ops"}) {
    BOOST_REQUIRE(last_report(path) != nullptr);
    BOOST_TEST(last_report(path)->state == agent_state::running);
    BOOST_TEST(last_report(path)->node == "n1");
  }
  stop_company("n1");
  BOOST_TEST(log->take() == "-ceo.ops@n1 -ceo.data.audit@n1 -ceo.data.ingest@n1 -ceo.data@n1 -ceo@n1");
  BOOST_TEST(last_report("ceo.data.audit")->state == agent_state::stopped);
}

BOOST_FIXTURE_TEST_CASE(a_crash_restarts_that_child_alone_and_keeps_the_text_of_the_exception, one_node) {
  lead("n1");
  log->take();
  log->reports.clear();
  say("ceo.data.ingest@n1", "the disk is full");
  BOOST_TEST(log->take() == "-ceo.data.ingest@n1 +ceo.data.ingest@n1");
  BOOST_REQUIRE(!log->reports.empty());
  BOOST_TEST(log->reports.front().cause == "the disk is full");
  BOOST_TEST(log->reports.front().state == agent_state::backoff);
  BOOST_TEST(last_report("ceo.data.ingest")->state == agent_state::running);
  BOOST_TEST(last_report("ceo.data.ingest")->restarts == 1);
}

BOOST_FIXTURE_TEST_CASE(the_second_restart_waits_for_its_backoff, one_node) {
  lead("n1");
  say("ceo.data.ingest@n1", "a");
  log->take();
  say("ceo.data.ingest@n1", "b");
  BOOST_TEST(log->take() == "-ceo.data.ingest@n1");
  advance(milliseconds{190});
  BOOST_TEST(log->take() == "");
  advance(milliseconds{20});
  BOOST_TEST(log->take() == "+ceo.data.ingest@n1");
}

BOOST_FIXTURE_TEST_CASE(failure_climbs_until_its_branch_is_quarantined_with_the_first_cause, one_node) {
  lead("n1");
  company->agents[1].branch->intensity = 0;  // The next branch supervisor of ceo.data reads it.
  order("n1", "restart", "ceo.data");
  advance(milliseconds{50});
  log->take();
  say("ceo.data.ingest@n1", "one");
  say("ceo.data.ingest@n1", "two");
  advance(milliseconds{1'000});
  say("ceo.data.ingest@n1", "three");
  advance(milliseconds{1'000});
  for (int i = 0; i < 8 && last_report("ceo.data")->state != agent_state::quarantined; ++i) {
    if (log->alive["ceo.data.ingest@n1"] == 1) say("ceo.data.ingest@n1", "later");
    advance(milliseconds{2'000});
  }
  BOOST_TEST(last_report("ceo.data")->state == agent_state::quarantined);
  BOOST_TEST(last_report("ceo.data")->cause == "ceo.data.ingest: one");
  BOOST_TEST(last_report("ceo.data.audit")->state == agent_state::quarantined);
  BOOST_TEST(log->alive["ceo.ops@n1"] == 1);
  BOOST_TEST(log->alive["ceo@n1"] == 1);
  BOOST_TEST(log->alive["ceo.data@n1"] == 0);
  log->take();
  order("n1", "restart", "ceo.data");
  BOOST_TEST(log->take() == "+ceo.data@n1 +ceo.data.ingest@n1 +ceo.data.audit@n1");
  BOOST_TEST(last_report("ceo.data.audit")->state == agent_state::running);
}

BOOST_FIXTURE_TEST_CASE(what_a_person_terminates_stays_down_until_it_is_started, one_node) {
  lead("n1");
  log->take();
  order("n1", "terminate", "ceo.data.ingest");
  BOOST_TEST(log->take() == "-ceo.data.ingest@n1");
  advance(milliseconds{10'000});
  BOOST_TEST(log->take() == "");
  BOOST_TEST(last_report("ceo.data.ingest")->state == agent_state::stopped);
  order("n1", "start", "ceo.data.ingest");
  BOOST_TEST(log->take() == "+ceo.data.ingest@n1");
  // A manager's order means all below it, in reverse.
  order("n1", "terminate", "ceo.data");
  BOOST_TEST(log->take() == "-ceo.data.audit@n1 -ceo.data.ingest@n1 -ceo.data@n1");
  order("n1", "start", "ceo.data");
  BOOST_TEST(log->take() == "+ceo.data@n1 +ceo.data.ingest@n1 +ceo.data.audit@n1");
}

BOOST_FIXTURE_TEST_CASE(a_child_that_ignores_the_stop_is_killed_after_its_time, one_node) {
  log->stubborn = {"ceo.ops"};
  lead("n1");
  log->take();
  stop_company("n1");
  advance(milliseconds{950});
  BOOST_TEST(log->take() == "");
  advance(milliseconds{100});
  BOOST_TEST(log->take() == "-ceo.ops@n1 -ceo.data.audit@n1 -ceo.data.ingest@n1 -ceo.data@n1 -ceo@n1");
}

BOOST_FIXTURE_TEST_CASE(a_child_that_does_not_answer_after_its_start_is_killed_and_fails_its_branch, one_node) {
  log->silent = {"ceo.data.ingest"};
  lead("n1");
  BOOST_TEST(log->take() == "+ceo@n1 +ceo.data@n1 +ceo.data.ingest@n1");
  advance(milliseconds{30'050});
  BOOST_TEST(log->take() == "-ceo.data.ingest@n1 -ceo.data@n1 +ceo.ops@n1 +ceo.data@n1 +ceo.data.ingest@n1");
  BOOST_TEST(last_report("ceo.ops")->state == agent_state::running);
}

BOOST_FIXTURE_TEST_CASE(a_child_that_cannot_be_spawned_quarantines_its_branch_and_not_the_company, one_node) {
  log->broken = {"ceo.data.audit"};
  lead("n1");
  advance(milliseconds{2'000});
  BOOST_TEST(last_report("ceo.data")->state == agent_state::quarantined);
  BOOST_TEST(last_report("ceo.data")->cause == "ceo.data.audit: no such program");
  BOOST_TEST(log->alive["ceo.ops@n1"] == 1);
  BOOST_TEST(log->alive["ceo.data.ingest@n1"] == 0);
}

BOOST_FIXTURE_TEST_CASE(a_killed_agent_is_restarted_and_an_order_restarts_without_counting, one_node) {
  lead("n1");
  log->take();
  order("n1", "kill", "ceo.ops");
  BOOST_TEST(log->take() == "-ceo.ops@n1 +ceo.ops@n1");
  for (int i = 0; i < 5; ++i) {
    order("n1", "restart", "ceo.ops");
    BOOST_TEST(log->take() == "-ceo.ops@n1 +ceo.ops@n1");
  }
  BOOST_TEST(last_report("ceo.ops")->restarts == 1);
}

BOOST_FIXTURE_TEST_CASE(a_clean_end_restarts_a_permanent_child_and_not_a_transient_one, one_node) {
  company->agents[2].restart = restart_type::transient;
  lead("n1");
  log->take();
  say("ceo.data.ingest@n1", "quit");
  BOOST_TEST(log->take() == "-ceo.data.ingest@n1");
  say("ceo.ops@n1", "quit");
  BOOST_TEST(log->take() == "-ceo.ops@n1 +ceo.ops@n1");
}

BOOST_FIXTURE_TEST_CASE(the_same_company_comes_up_whole_under_any_interleaving_of_crashes, one_node) {
  lead("n1");
  std::mt19937 dice{7};
  for (unsigned seed = 1; seed <= 200; ++seed) {
    interleave(seed);
    auto at = log->present.begin();
    std::advance(at, std::uniform_int_distribution<std::size_t>{0, log->present.size() - 1}(dice));
    if (log->alive[at->first] == 1) say(at->first, "crash");
    advance(milliseconds{61'000}, milliseconds{500});
  }
  for (const auto& [id, lives_now] : log->alive) BOOST_TEST(lives_now == 1, id << " has " << lives_now << " lives");
  BOOST_TEST(!log->twice);
}

BOOST_AUTO_TEST_CASE(a_config_that_contradicts_itself_ends_the_actor_at_once) {
  test::deterministic d;
  failure why;
  auto host = d.sys.spawn(node_host, node_host_config{});
  host->attach_functor([&](const caf::error& e) { why = cause_of(e, d.sys); });
  d.run();
  BOOST_TEST((why.code == errc::bad_value));
}

BOOST_AUTO_TEST_SUITE_END()
