#include "agent_state_text.hpp"
#include "supervision_script.hpp"

#include <boost/test/unit_test.hpp>

using namespace cadre;
using namespace cadre::actors::supervision;
using namespace cadre::actors::supervision::script;
using enum restart_type;

BOOST_AUTO_TEST_SUITE(supervision_start_and_stop)

BOOST_AUTO_TEST_CASE(children_start_in_order_each_waiting_for_the_one_before) {
  stage s{flags(), {kid("a"), kid("b"), kid("c")}};
  BOOST_TEST(s.start() == "start a");
  BOOST_TEST(s.started("a") == "start b");
  BOOST_TEST(s.started("b") == "start c");
  BOOST_TEST(s.started("c") == "up");
}

BOOST_AUTO_TEST_CASE(a_supervisor_without_children_is_up_at_once) {
  stage s{flags(), {}};
  BOOST_TEST(s.start() == "up");
  BOOST_TEST(s.stop() == "finished shutdown");
}

BOOST_AUTO_TEST_CASE(children_stop_in_reverse_each_awaited) {
  stage s{flags(), {kid("a"), kid("b"), kid("c")}};
  s.run_up({"a", "b", "c"});
  BOOST_TEST(s.stop() == "stop c");
  BOOST_TEST(s.down("c", exit_reason::shutdown) == "stop b");
  BOOST_TEST(s.down("b", exit_reason::killed) == "stop a");
  BOOST_TEST(s.down("a", exit_reason::shutdown) == "finished shutdown");
  BOOST_TEST(s.sut.done());
  BOOST_TEST(s.start() == "");
}

BOOST_AUTO_TEST_CASE(a_child_that_ends_while_a_later_one_is_stopped_is_not_restarted) {
  stage s{flags(), {kid("a"), kid("b"), kid("c")}};
  s.run_up({"a", "b", "c"});
  BOOST_TEST(s.stop() == "stop c");
  BOOST_TEST(s.down("b") == "");
  BOOST_TEST(s.down("c", exit_reason::shutdown) == "stop a");
  BOOST_TEST(s.down("a", exit_reason::shutdown) == "finished shutdown");
}

BOOST_AUTO_TEST_CASE(a_stop_while_starting_stops_the_half_started_child_first) {
  stage s{flags(), {kid("a"), kid("b"), kid("c")}};
  s.start();
  s.started("a");
  BOOST_TEST(s.stop() == "stop b");
  BOOST_TEST(s.started("b") == "");
  BOOST_TEST(s.down("b", exit_reason::shutdown) == "stop a");
  BOOST_TEST(s.down("a", exit_reason::shutdown) == "finished shutdown");
}

BOOST_AUTO_TEST_CASE(a_stop_during_backoff_waits_for_no_timer) {
  stage s{flags(), {kid("a")}};
  s.run_up({"a"});
  s.down("a");
  s.start_failed("a", "again");
  BOOST_TEST(s.state("a") == agent_state::backoff);
  BOOST_TEST(s.stop() == "finished shutdown");
  BOOST_TEST(s.ring() == "");
}

BOOST_AUTO_TEST_CASE(a_stop_before_the_start_finishes_at_once) {
  stage s{flags(), {kid("a")}};
  BOOST_TEST(s.stop() == "finished shutdown");
}

BOOST_AUTO_TEST_CASE(the_first_start_of_a_leaf_that_fails_fails_the_supervisor_after_stopping_the_others) {
  stage s{flags(), {kid("a"), kid("b"), kid("c")}};
  s.start();
  s.started("a");
  BOOST_TEST(s.start_failed("b", "no disk") == "stop a");
  BOOST_TEST(s.down("a", exit_reason::shutdown) == "give_up: b: no disk");
}

BOOST_AUTO_TEST_CASE(the_first_start_of_a_branch_that_fails_is_retried_and_later_siblings_live) {
  stage s{flags(restart_strategy::one_for_one, 1), {kid("a"), branch("a.b"), kid("a.c")}};
  s.start();
  s.started("a");
  BOOST_TEST(s.start_failed("a.b", "a.b.x: no disk") == "start a.b, start a.c");
  BOOST_TEST(s.start_failed("a.b", "other") == "");
  BOOST_TEST(s.state("a.b") == agent_state::quarantined);
  BOOST_TEST(s.reports.back().cause.message == "a.b.x: no disk");
  BOOST_TEST(s.started("a.c") == "up");
}

BOOST_AUTO_TEST_CASE(a_child_without_a_node_waits_and_holds_up_nobody) {
  stage s{flags(restart_strategy::one_for_one, 0), {kid("a"), kid("b"), kid("c")}};
  s.start();
  s.started("a");
  BOOST_TEST(s.unavailable("b") == "start c");
  BOOST_TEST(s.started("c") == "up");
  BOOST_TEST(s.state("b") == agent_state::waiting);
  BOOST_TEST(s.available("b") == "start b");
  BOOST_TEST(s.unavailable("b") == "");
  BOOST_TEST(s.available("b") == "start b");
  BOOST_TEST(s.started("b") == "");
  BOOST_TEST(s.state("b") == agent_state::running);
}

BOOST_AUTO_TEST_CASE(children_whose_node_appears_start_in_order) {
  stage s{flags(), {kid("a"), kid("b"), kid("c")}};
  s.start();
  s.unavailable("a");
  s.unavailable("b");
  s.unavailable("c");
  BOOST_TEST(s.available("c") == "start c");
  BOOST_TEST(s.available("b") == "");
  BOOST_TEST(s.available("a") == "");
  BOOST_TEST(s.started("c") == "start a");
  BOOST_TEST(s.started("a") == "start b");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(supervision_restart_types)

BOOST_AUTO_TEST_CASE(each_type_meets_each_exit_reason) {
  struct row {
    restart_type type;
    exit_reason why;
    std::string then;
    agent_state state;
  };
  using enum exit_reason;
  using as = agent_state;
  const std::vector<row> table{
      {permanent, normal, "start a", as::starting},
      {permanent, exit_reason::shutdown, "start a", as::starting},
      {permanent, error, "start a", as::starting},
      {permanent, killed, "start a", as::starting},
      {permanent, noconnection, "", as::waiting},
      {transient, normal, "", as::stopped},
      {transient, exit_reason::shutdown, "", as::stopped},
      {transient, error, "start a", as::starting},
      {transient, killed, "start a", as::starting},
      {transient, noconnection, "", as::waiting},
      {temporary, normal, "", as::stopped},
      {temporary, exit_reason::shutdown, "", as::stopped},
      {temporary, error, "", as::stopped},
      {temporary, killed, "", as::stopped},
      {temporary, noconnection, "", as::stopped},
  };
  for (const auto& r : table) {
    stage s{flags(), {kid("a", r.type), kid("b")}};
    s.run_up({"a", "b"});
    BOOST_TEST_CONTEXT(to_text(r.type) << " after " << to_text(r.why)) {
      BOOST_TEST(s.down("a", r.why) == r.then);
      BOOST_TEST(s.state("a") == r.state);
      BOOST_TEST(s.state("b") == agent_state::running);
    }
  }
}

BOOST_AUTO_TEST_CASE(with_intensity_0_a_clean_end_of_a_transient_child_is_no_failure_but_its_crash_is) {
  stage s{flags(restart_strategy::one_for_one, 0), {kid("a", transient), kid("b", transient)}};
  s.run_up({"a", "b"});
  BOOST_TEST(s.down("a", exit_reason::normal) == "");
  BOOST_TEST(s.down("b") == "give_up: b: boom");
}

BOOST_AUTO_TEST_CASE(a_down_of_an_older_life_is_ignored) {
  stage s{flags(), {kid("a")}};
  s.run_up({"a"});
  BOOST_TEST(s.feed(on::down{{"a"}, {"older"}, exit_reason::error, {}}) == "");
  BOOST_TEST(s.state("a") == agent_state::running);
}

BOOST_AUTO_TEST_CASE(an_adopted_child_runs_under_its_own_token) {
  stage s{flags(), {kid("a")}};
  s.start();
  BOOST_TEST(s.feed(on::started{{"a"}, {"other"}, true}) == "up");
  BOOST_TEST(s.feed(on::down{{"a"}, {"life"}, exit_reason::error, {}}) == "");
  BOOST_TEST(s.feed(on::down{{"a"}, {"other"}, exit_reason::error, {}}) == "start a");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(supervision_intensity)

BOOST_AUTO_TEST_CASE(exactly_intensity_restarts_are_allowed_and_one_more_gives_up) {
  stage s{flags(restart_strategy::one_for_one, 2), {kid("a"), kid("b")}};
  s.run_up({"a", "b"});
  BOOST_TEST(s.down("b", exit_reason::error, "first") == "start b");
  s.started("b");
  BOOST_TEST(s.down("b", exit_reason::error, "second") == "timer b 100");
  BOOST_TEST(s.ring() == "start b");
  s.started("b");
  BOOST_TEST(s.down("b", exit_reason::error, "third") == "stop a");
  BOOST_TEST(s.down("a", exit_reason::shutdown) == "give_up: b: first");
  BOOST_TEST((s.gave_up.code == errc::crashed));
}

BOOST_AUTO_TEST_CASE(the_window_slides) {
  stage s{flags(restart_strategy::one_for_one, 1), {kid("a"), kid("b")}};
  s.run_up({"a", "b"});
  BOOST_TEST(s.down("a") == "start a");
  s.started("a");
  s.wait(milliseconds{10'001});
  BOOST_TEST(s.down("b") == "start b");
  s.started("b");
  s.wait(milliseconds{10'000});
  BOOST_TEST(s.down("a") == "stop b");
}

BOOST_AUTO_TEST_CASE(restarts_of_all_children_count_together) {
  stage s{flags(restart_strategy::one_for_one, 1), {kid("a"), kid("b")}};
  s.run_up({"a", "b"});
  s.down("a", exit_reason::error, "of a");
  s.started("a");
  BOOST_TEST(s.down("b", exit_reason::error, "of b") == "stop a");
  BOOST_TEST(s.down("a", exit_reason::shutdown) == "give_up: b: of b");
}

BOOST_AUTO_TEST_CASE(a_failed_restart_counts_again_and_keeps_the_first_cause) {
  stage s{flags(restart_strategy::one_for_one, 2), {kid("a")}};
  s.run_up({"a"});
  BOOST_TEST(s.down("a", exit_reason::error, "disk full") == "start a");
  BOOST_TEST(s.start_failed("a", "no port") == "timer a 100");
  BOOST_TEST(s.ring() == "start a");
  BOOST_TEST(s.start_failed("a", "no port") == "give_up: a: disk full");
}

BOOST_AUTO_TEST_CASE(a_lost_node_never_counts) {
  stage s{flags(restart_strategy::one_for_one, 0), {kid("a")}};
  s.run_up({"a"});
  for (int i = 0; i < 5; ++i) {
    BOOST_TEST(s.down("a", exit_reason::noconnection) == "");
    BOOST_TEST(s.available("a") == "start a");
    s.started("a");
  }
  BOOST_TEST(s.reports.back().restarts == 0);
}

BOOST_AUTO_TEST_CASE(a_move_counts_for_nothing_and_forgives_nothing) {
  stage s{flags(restart_strategy::one_for_one, 1), {kid("a")}};
  s.run_up({"a"});
  BOOST_TEST(s.down("a") == "start a");
  s.started("a");
  BOOST_TEST(s.order(on::order::kind::move, "a") == "stop a");
  BOOST_TEST(s.down("a", exit_reason::shutdown, "") == "start a");
  BOOST_TEST(s.order(on::order::kind::move, "a") == "");
  s.started("a");
  BOOST_TEST(s.reports.back().restarts == 1);
  s.down("a");
  BOOST_TEST(s.gave_up.message == "a: boom");
}

BOOST_AUTO_TEST_CASE(a_child_with_another_supervisor_by_now_is_not_reported_as_stopped) {
  stage s{flags(restart_strategy::one_for_one, 1), {kid("a"), kid("b")}};
  s.run_up({"a", "b"});
  s.stop();
  s.reports.clear();
  s.feed(on::down{{"b"}, {}, exit_reason::noconnection, {errc::deposed, "b has another supervisor by now"}});
  BOOST_TEST(s.reports.empty());
  s.down("a", exit_reason::shutdown, "");
  BOOST_TEST(s.reports.size() == 1U);
  BOOST_TEST((s.reports.back().state == agent_state::stopped));
}

BOOST_AUTO_TEST_CASE(the_pause_grows_to_its_maximum_and_a_stable_life_resets_it) {
  auto f = flags(restart_strategy::one_for_one, 100);
  stage s{f, {kid("a")}};
  s.run_up({"a"});
  BOOST_TEST(s.down("a") == "start a");
  for (const auto* expected :
       {"timer a 100", "timer a 200", "timer a 400", "timer a 800", "timer a 1000", "timer a 1000"}) {
    s.started("a");
    BOOST_TEST(s.down("a") == expected);
    BOOST_TEST(s.ring() == "start a");
  }
  s.started("a");
  s.wait(f.period);
  BOOST_TEST(s.down("a") == "start a");
}

BOOST_AUTO_TEST_CASE(jitter_varies_the_pause_by_its_share) {
  for (const auto& [drawn, expected] : {std::pair{0.0, "timer a 80"}, std::pair{0.75, "timer a 110"}}) {
    auto f = flags();
    f.wait.jitter = 0.2;
    stage s{f, {kid("a")}, [x = drawn] { return x; }};
    s.run_up({"a"});
    s.down("a");
    BOOST_TEST(s.start_failed("a", "x") == expected);
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(supervision_quarantine)

BOOST_AUTO_TEST_CASE(a_branch_that_gave_up_too_often_is_quarantined_and_its_siblings_live_on) {
  stage s{flags(restart_strategy::one_for_one, 1), {kid("a"), branch("a.b"), kid("a.c")}};
  s.run_up({"a", "a.b", "a.c"});
  s.down("a.b", exit_reason::error, "a.b.x: the first");
  s.started("a.b");
  BOOST_TEST(s.down("a.b", exit_reason::error, "a.b.x: the second") == "");
  BOOST_TEST(s.state("a.b") == agent_state::quarantined);
  BOOST_TEST(s.reports.back().state == agent_state::quarantined);
  BOOST_TEST(s.reports.back().cause.message == "a.b.x: the first");
  BOOST_TEST((s.reports.back().cause.code == errc::crashed));
  BOOST_TEST(s.state("a.c") == agent_state::running);
  // Its failures do not stand in the way of a sibling's restart.
  BOOST_TEST(s.down("a.c") == "start a.c");
}

BOOST_AUTO_TEST_CASE(a_restart_order_lifts_a_quarantine_and_forgets_the_past) {
  stage s{flags(restart_strategy::one_for_one, 1), {branch("a.b")}};
  s.run_up({"a.b"});
  s.down("a.b");
  s.started("a.b");
  s.down("a.b");
  BOOST_TEST(s.order(on::order::kind::restart, "a.b") == "start a.b");
  s.started("a.b");
  BOOST_TEST(s.down("a.b") == "start a.b");
}

BOOST_AUTO_TEST_CASE(the_root_quarantines_leaves_too) {
  auto f = flags(restart_strategy::one_for_one, 0);
  f.root = true;
  stage s{f, {kid("a"), kid("b")}};
  s.start();
  BOOST_TEST(s.start_failed("a", "no") == "start b");
  BOOST_TEST(s.state("a") == agent_state::quarantined);
  s.started("b");
  BOOST_TEST(s.down("b") == "");
  BOOST_TEST(s.stop() == "finished shutdown");
}

BOOST_AUTO_TEST_SUITE_END()
