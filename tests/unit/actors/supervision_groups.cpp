#include "agent_state_text.hpp"
#include "supervision_script.hpp"

#include <boost/test/unit_test.hpp>

using namespace cadre;
using namespace cadre::actors::supervision;
using namespace cadre::actors::supervision::script;
using enum restart_type;
using kind = on::order::kind;

BOOST_AUTO_TEST_SUITE(supervision_groups)

BOOST_AUTO_TEST_CASE(one_for_all_stops_the_others_in_reverse_and_starts_all_in_order) {
  stage s{flags(restart_strategy::one_for_all, 1), {kid("a"), kid("b"), kid("c")}};
  s.run_up({"a", "b", "c"});
  BOOST_TEST(s.down("b") == "stop c");
  BOOST_TEST(s.down("c", exit_reason::shutdown) == "stop a");
  BOOST_TEST(s.down("a", exit_reason::shutdown) == "start a");
  BOOST_TEST(s.started("a") == "start b");
  BOOST_TEST(s.started("b") == "start c");
  BOOST_TEST(s.started("c") == "");
  // The whole group counted once: this is the second, and one too many.
  BOOST_TEST(s.down("c") == "stop b");
}

BOOST_AUTO_TEST_CASE(rest_for_one_leaves_the_earlier_ones_alone) {
  stage s{flags(restart_strategy::rest_for_one), {kid("a"), kid("b"), kid("c")}};
  s.run_up({"a", "b", "c"});
  BOOST_TEST(s.down("b") == "stop c");
  BOOST_TEST(s.down("c", exit_reason::shutdown) == "start b");
  BOOST_TEST(s.started("b") == "start c");
  BOOST_TEST(s.state("a") == agent_state::running);
}

BOOST_AUTO_TEST_CASE(rest_for_one_grows_when_an_earlier_child_fails_meanwhile) {
  stage s{flags(restart_strategy::rest_for_one), {kid("a"), kid("b"), kid("c")}};
  s.run_up({"a", "b", "c"});
  BOOST_TEST(s.down("b") == "stop c");
  BOOST_TEST(s.down("a") == "");
  BOOST_TEST(s.down("c", exit_reason::shutdown) == "start a");
  BOOST_TEST(s.started("a") == "start b");
  BOOST_TEST(s.started("b") == "start c");
}

BOOST_AUTO_TEST_CASE(a_failing_start_restarts_the_group_after_a_pause) {
  stage s{flags(restart_strategy::one_for_all), {kid("a"), kid("b")}};
  s.run_up({"a", "b"});
  BOOST_TEST(s.down("b") == "stop a");
  BOOST_TEST(s.down("a", exit_reason::shutdown) == "start a");
  BOOST_TEST(s.started("a") == "start b");
  BOOST_TEST(s.start_failed("b", "no") == "timer * 100, stop a");
  BOOST_TEST(s.down("a", exit_reason::shutdown) == "");
  BOOST_TEST(s.ring() == "start a");
}

BOOST_AUTO_TEST_CASE(a_temporary_child_that_had_no_turn_yet_when_its_group_restarts_still_gets_it) {
  stage s{flags(restart_strategy::one_for_all), {kid("a"), kid("b"), kid("c", temporary)}};
  BOOST_TEST(s.start() == "start a");
  BOOST_TEST(s.started("a") == "start b");
  BOOST_TEST(s.down("a") == "stop b");
  BOOST_TEST(s.down("b", exit_reason::shutdown) == "start a");
  BOOST_TEST(s.started("a") == "start b");
  BOOST_TEST(s.started("b") == "start c");
}

BOOST_AUTO_TEST_CASE(a_temporary_child_taken_down_by_its_group_stays_down_and_an_ended_transient_one_comes_back) {
  stage s{flags(restart_strategy::one_for_all), {kid("a"), kid("b", temporary), kid("c", transient)}};
  s.run_up({"a", "b", "c"});
  BOOST_TEST(s.down("c", exit_reason::normal) == "");
  BOOST_TEST(s.down("a") == "stop b");
  BOOST_TEST(s.down("b", exit_reason::shutdown) == "start a");
  BOOST_TEST(s.started("a") == "start c");
  BOOST_TEST(s.started("c") == "");
  BOOST_TEST(s.state("b") == agent_state::stopped);
}

BOOST_AUTO_TEST_CASE(a_member_that_crashes_while_its_group_stops_is_not_counted) {
  stage s{flags(restart_strategy::one_for_all, 1), {kid("a"), kid("b"), kid("c")}};
  s.run_up({"a", "b", "c"});
  BOOST_TEST(s.down("b") == "stop c");
  BOOST_TEST(s.down("a") == "");
  BOOST_TEST(s.down("c", exit_reason::shutdown) == "start a");
}

BOOST_AUTO_TEST_CASE(a_lost_node_restarts_the_group_without_counting) {
  stage s{flags(restart_strategy::one_for_all, 0), {kid("a"), kid("b")}};
  s.run_up({"a", "b"});
  BOOST_TEST(s.down("b", exit_reason::noconnection) == "stop a");
  BOOST_TEST(s.down("a", exit_reason::shutdown) == "start a");
  BOOST_TEST(s.started("a") == "start b");
  BOOST_TEST(s.unavailable("b") == "");
  BOOST_TEST(s.available("b") == "start b");
}

BOOST_AUTO_TEST_CASE(a_quarantined_branch_stays_down_when_its_group_restarts) {
  stage s{flags(restart_strategy::one_for_all, 0), {kid("a"), branch("a.b")}};
  s.run_up({"a", "a.b"});
  BOOST_TEST(s.down("a.b") == "");
  BOOST_TEST(s.down("a", exit_reason::noconnection) == "start a");
  BOOST_TEST(s.started("a") == "");
  BOOST_TEST(s.state("a.b") == agent_state::quarantined);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(supervision_orders)

BOOST_AUTO_TEST_CASE(terminate_stops_and_start_brings_back_without_counting) {
  stage s{flags(restart_strategy::one_for_one, 0), {kid("a")}};
  s.run_up({"a"});
  BOOST_TEST(s.order(kind::terminate, "a") == "stop a");
  BOOST_TEST(s.down("a", exit_reason::killed) == "");
  BOOST_TEST(s.state("a") == agent_state::stopped);
  BOOST_TEST(s.order(kind::start, "a") == "start a");
  s.started("a");
  BOOST_TEST(s.order(kind::start, "a") == "");
  BOOST_TEST(s.order(kind::restart, "a") == "stop a");
  BOOST_TEST(s.order(kind::restart, "a") == "");
  BOOST_TEST(s.down("a", exit_reason::shutdown) == "start a");
  BOOST_TEST(s.order(kind::restart, "unknown") == "");
}

BOOST_AUTO_TEST_CASE(terminate_during_backoff_voids_the_timer_and_restart_skips_it) {
  stage s{flags(restart_strategy::one_for_one, 9), {kid("a"), kid("b")}};
  s.run_up({"a", "b"});
  s.down("a");
  BOOST_TEST(s.start_failed("a", "x") == "timer a 100");
  BOOST_TEST(s.order(kind::terminate, "a") == "");
  BOOST_TEST(s.ring() == "");
  s.down("b");
  BOOST_TEST(s.start_failed("b", "x") == "timer b 100");
  BOOST_TEST(s.order(kind::restart, "b") == "start b");
  BOOST_TEST(s.ring() == "");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(supervision_auto_shutdown)

BOOST_AUTO_TEST_CASE(any_significant_child_that_ends_by_itself_ends_the_supervisor) {
  auto f = flags();
  f.auto_shutdown = auto_shutdown::any_significant;
  auto b = kid("b", transient);
  b.significant = true;
  stage s{f, {kid("a"), b}};
  s.run_up({"a", "b"});
  BOOST_TEST(s.down("b") == "start b");
  s.started("b");
  BOOST_TEST(s.down("b", exit_reason::normal) == "stop a");
  BOOST_TEST(s.down("a", exit_reason::shutdown) == "finished shutdown");
}

BOOST_AUTO_TEST_CASE(all_significant_waits_for_the_last_of_them_and_orders_do_not_count) {
  auto f = flags();
  f.auto_shutdown = auto_shutdown::all_significant;
  auto a = kid("a", transient);
  auto b = kid("b", temporary);
  a.significant = b.significant = true;
  stage s{f, {a, b, kid("c")}};
  s.run_up({"a", "b", "c"});
  BOOST_TEST(s.down("b") == "");
  BOOST_TEST(s.order(kind::restart, "a") == "stop a");
  BOOST_TEST(s.down("a", exit_reason::shutdown) == "start a");
  s.started("a");
  BOOST_TEST(s.down("a", exit_reason::shutdown) == "stop c");
}

BOOST_AUTO_TEST_CASE(contradictory_specs_are_refused) {
  const auto ok = [](supervisor_flags f, child_spec c) { return check(f, {c}).has_value(); };
  auto c = kid("a", transient);
  auto f = flags();
  BOOST_TEST(ok(f, c));
  c.significant = true;
  BOOST_TEST(!ok(f, c));
  f.auto_shutdown = auto_shutdown::any_significant;
  BOOST_TEST(ok(f, c));
  c.restart = permanent;
  BOOST_TEST(!ok(f, c));
  c.significant = false;
  f.intensity = -1;
  BOOST_TEST(!ok(f, c));
  f = flags(restart_strategy::dynamic);
  BOOST_TEST(ok(f, c));
  BOOST_TEST(!check(f, {}).has_value());
  BOOST_TEST(!check(f, {kid("a"), kid("b")}).has_value());
  BOOST_TEST(!check(flags(), {c, c}).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
