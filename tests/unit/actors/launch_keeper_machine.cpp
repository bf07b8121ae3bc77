#include "actors/launch/keeper_machine.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>

using namespace cadre::launch;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(launch_keeper_machine)

namespace {

const steady_point start{};

keeper_action starts(std::size_t child) {
  return {keeper_action::kind::start, child, 0};
}
keeper_action sends(std::size_t child, int signal) {
  return {keeper_action::kind::send_signal, child, signal};
}
using actions = keeper_machine::actions;

child_policy node() {
  return {2, 15s, SIGTERM, SIGKILL};
}
child_policy bus() {
  return {1, 10s, SIGTERM, SIGKILL};
}
child_policy database() {
  return {0, 30s, SIGINT, SIGQUIT};
}

/// Database, bus and two nodes, all running: children 0 to 3.
keeper_machine company() {
  keeper_machine machine;
  machine.add(database(), start);
  machine.add(bus(), start);
  machine.add(node(), start);
  machine.add(node(), start);
  return machine;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_new_child_is_started) {
  keeper_machine machine;
  BOOST_TEST((machine.add(database(), start) == actions{starts(0)}));
  BOOST_TEST((machine.add(node(), start) == actions{starts(1)}));
  BOOST_TEST(!machine.next_due());
}

BOOST_AUTO_TEST_CASE(a_dead_child_starts_again_after_a_pause) {
  auto machine = company();
  BOOST_TEST((machine.exited(2, start + 1s) == actions{}));
  BOOST_TEST((machine.pause(2) == 200ms));
  BOOST_TEST((machine.next_due() == start + 1200ms));
  BOOST_TEST((machine.tick(start + 1199ms) == actions{}));
  BOOST_TEST((machine.tick(start + 1200ms) == actions{starts(2)}));
  BOOST_TEST((machine.tick(start + 1300ms) == actions{}));
}

BOOST_AUTO_TEST_CASE(pauses_double_up_to_their_maximum) {
  keeper_machine machine;
  machine.add(node(), start);
  auto now = start;
  std::vector<milliseconds> pauses;
  for (int n = 0; n < 9; ++n) {
    machine.exited(0, now);
    pauses.push_back(machine.pause(0));
    now += machine.pause(0);
    machine.tick(now);
  }
  const std::vector<milliseconds> expected{200ms, 400ms, 800ms, 1600ms, 3200ms, 6400ms, 10s, 10s, 10s};
  BOOST_TEST((pauses == expected));
  BOOST_TEST(machine.deaths(0) == 9);
}

BOOST_AUTO_TEST_CASE(a_long_life_forgives_earlier_deaths) {
  keeper_machine machine;
  machine.add(node(), start);
  machine.exited(0, start);
  machine.tick(start + 200ms);
  machine.exited(0, start + 300ms);
  BOOST_TEST(machine.deaths(0) == 2);
  machine.tick(start + 1s);
  machine.exited(0, start + 11s);
  BOOST_TEST(machine.deaths(0) == 1);
  BOOST_TEST((machine.pause(0) == 200ms));
}

BOOST_AUTO_TEST_CASE(stops_stage_by_stage_from_the_top) {
  auto machine = company();
  BOOST_TEST((machine.stop(start) == actions{sends(2, SIGTERM), sends(3, SIGTERM)}));
  BOOST_TEST((machine.exited(3, start + 1s) == actions{}));
  BOOST_TEST((machine.exited(2, start + 2s) == actions{sends(1, SIGTERM)}));
  BOOST_TEST((machine.exited(1, start + 3s) == actions{sends(0, SIGINT)}));
  BOOST_TEST(!machine.stopped());
  BOOST_TEST((machine.exited(0, start + 4s) == actions{}));
  BOOST_TEST(machine.stopped());
  BOOST_TEST(!machine.next_due());
}

BOOST_AUTO_TEST_CASE(a_stubborn_child_is_forced_and_then_killed) {
  keeper_machine machine;
  machine.add(database(), start);
  machine.stop(start);
  BOOST_TEST((machine.tick(start + 29s) == actions{}));
  BOOST_TEST((machine.tick(start + 30s) == actions{sends(0, SIGQUIT)}));
  BOOST_TEST((machine.tick(start + 34s) == actions{}));
  BOOST_TEST((machine.tick(start + 35s) == actions{sends(0, SIGKILL)}));
  BOOST_TEST((machine.tick(start + 60s) == actions{}));
  machine.exited(0, start + 61s);
  BOOST_TEST(machine.stopped());
}

BOOST_AUTO_TEST_CASE(nothing_starts_again_while_stopping) {
  auto machine = company();
  machine.exited(2, start);
  machine.stop(start + 10ms);
  BOOST_TEST((machine.tick(start + 5s) == actions{}));
  machine.exited(3, start + 5s);
  machine.exited(1, start + 6s);
  BOOST_TEST((machine.exited(0, start + 7s) == actions{}));
  BOOST_TEST(machine.stopped());
  BOOST_TEST((machine.add(node(), start + 8s) == actions{}));
  BOOST_TEST(machine.stopped());
}

BOOST_AUTO_TEST_CASE(a_bus_that_dies_while_nodes_drain_does_not_hurry_the_database) {
  auto machine = company();
  machine.stop(start);
  BOOST_TEST((machine.exited(1, start + 1s) == actions{}));
  BOOST_TEST((machine.exited(2, start + 2s) == actions{}));
  BOOST_TEST((machine.exited(3, start + 3s) == actions{sends(0, SIGINT)}));
}

BOOST_AUTO_TEST_CASE(stop_now_forces_everyone_at_once) {
  auto machine = company();
  machine.stop(start);
  BOOST_TEST((machine.stop_now(start + 1s) ==
              actions{sends(0, SIGQUIT), sends(1, SIGKILL), sends(2, SIGKILL), sends(3, SIGKILL)}));
  BOOST_TEST((machine.stop_now(start + 1s) == actions{}));
  for (const std::size_t child : {2, 3, 1}) BOOST_TEST((machine.exited(child, start + 2s) == actions{}));
  BOOST_TEST((machine.tick(start + 6s) == actions{sends(0, SIGKILL)}));
  machine.exited(0, start + 7s);
  BOOST_TEST(machine.stopped());
}

BOOST_AUTO_TEST_CASE(stopping_an_empty_company_is_done_at_once) {
  keeper_machine machine;
  BOOST_TEST((machine.stop(start) == actions{}));
  BOOST_TEST(machine.stopped());
}

BOOST_AUTO_TEST_CASE(a_second_report_of_the_same_death_changes_nothing) {
  auto machine = company();
  machine.exited(2, start);
  machine.exited(2, start);
  BOOST_TEST(machine.deaths(2) == 1);
}

BOOST_AUTO_TEST_SUITE_END()
