#include "actors/watch/health.hpp"

#include <boost/test/unit_test.hpp>

using namespace cadre;
using namespace cadre::actors;
using namespace std::chrono_literals;

namespace {

constexpr steady_time start{1'000s};

/// A node that is well: led, committing, answering. Looks come every half second.
struct node {
  health_machine machine{{}, start};
  steady_time now = start;
  vital_signs signs{.ping_waits_since = {},
                    .silent = {},
                    .bus_connected = true,
                    .leader_heard = start,
                    .committed = start,
                    .database_lost = {},
                    .database_heard = {},
                    .draining = false};
  bool led = true;
  bool commits = true;
  int changes = 0;

  void live(std::chrono::milliseconds time) {
    for (const auto end = now + time; now < end;) {
      now += 500ms;
      if (led) signs.leader_heard = now;
      if (commits) signs.committed = now;
      changes += machine.look(signs, now) ? 1 : 0;
    }
  }
  [[nodiscard]] std::string line() const { return to_line(machine.report(), now); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(watch_health, node)

BOOST_AUTO_TEST_CASE(a_node_that_is_well_is_ok_and_says_nothing) {
  live(60s);
  BOOST_TEST(line() == "ok");
  BOOST_TEST(machine.alive());
  BOOST_TEST(changes == 0);
  BOOST_TEST((machine.report().since == start));
}

BOOST_AUTO_TEST_CASE(a_ping_without_an_answer_is_a_stall_until_it_is_answered) {
  live(1s);
  signs.ping_waits_since = now;
  live(4'500ms);
  BOOST_TEST(line() == "ok");
  live(500ms);
  BOOST_TEST(line() == "stalled: scheduler for 5 s");
  BOOST_TEST(!machine.alive());
  live(10s);
  BOOST_TEST(line() == "stalled: scheduler for 15 s");
  BOOST_TEST((now - machine.report().since == 10s));
  signs.ping_waits_since.reset();
  live(500ms);
  BOOST_TEST(line() == "ok");
  BOOST_TEST(machine.alive());
  BOOST_TEST(changes == 2);
}

BOOST_AUTO_TEST_CASE(an_agent_that_stopped_answering_is_named) {
  signs.silent = {{agent_path{"ceo.b"}, start}, {agent_path{"ceo.a"}, start + 10s}};
  live(30s);
  BOOST_TEST(line() == "stalled: agent ceo.b for 30 s");
  BOOST_TEST(!machine.alive());
  live(10s);
  BOOST_TEST(line() == "stalled: agent ceo.a for 30 s, agent ceo.b for 40 s");
  BOOST_TEST(changes == 2);
}

BOOST_AUTO_TEST_CASE(a_lost_bus_is_degraded_at_once_and_a_restart_would_not_help) {
  live(1s);
  signs.bus_connected = false;
  led = commits = false;
  live(500ms);
  BOOST_TEST(line() == "degraded: bus for 0 s");
  BOOST_TEST(machine.alive());
  // The leader is not heard without the bus; the database is not to blame.
  live(30s);
  BOOST_TEST(line() == "degraded: bus for 30 s, no_leader for 30 s");
  signs.bus_connected = true;
  led = true;
  live(500ms);
  BOOST_TEST(line() == "ok");
  live(9'000ms);
  BOOST_TEST(line() == "ok");
  live(500ms);
  BOOST_TEST(line() == "degraded: database for 10 s");
  commits = true;
  live(500ms);
  BOOST_TEST(line() == "ok");
}

BOOST_AUTO_TEST_CASE(a_leader_that_is_not_heard_of_is_missed) {
  live(1s);
  led = commits = false;
  live(9'500ms);
  BOOST_TEST(line() == "ok");
  live(500ms);
  BOOST_TEST(line() == "degraded: no_leader for 10 s");
  live(60s);
  BOOST_TEST(line() == "degraded: no_leader for 70 s");
}

BOOST_AUTO_TEST_CASE(a_database_that_is_away_is_named_beside_what_follows_from_it) {
  live(1s);
  led = commits = false;
  live(500ms);
  for (int i = 0; i < 10; ++i) {
    signs.database_lost = now;  // The node tries to reach it, in vain, every other second.
    live(2s);
  }
  BOOST_TEST(line() == "degraded: database for 20 s, no_leader for 20 s");
  BOOST_TEST(machine.alive());
  led = true;
  live(500ms);
  BOOST_TEST(line() == "degraded: database for 20 s");
  commits = true;
  signs.database_heard = now;
  live(500ms);
  BOOST_TEST(line() == "ok");
}

BOOST_AUTO_TEST_CASE(a_database_that_fails_now_and_then_is_one_trouble_until_it_is_well_for_a_while) {
  live(1s);
  for (int i = 0; i < 10; ++i) {
    signs.database_lost = now;
    live(500ms);
    signs.database_heard = now;
    live(1s);
  }
  BOOST_TEST(line() == "degraded: database for 15 s");
  BOOST_TEST(changes == 1);
  live(500ms);
  BOOST_TEST(line() == "ok");
}

BOOST_AUTO_TEST_CASE(others_who_commit_do_not_hide_that_this_node_reaches_no_database) {
  live(1s);
  signs.database_lost = now;
  live(10s);
  BOOST_TEST(line() == "degraded: database for 10 s");
  BOOST_TEST(changes == 1);
}

BOOST_AUTO_TEST_CASE(a_database_that_was_heard_of_and_falls_silent_is_named) {
  signs.database_heard = start + 1s;
  live(10'500ms);
  BOOST_TEST(line() == "ok");
  live(500ms);
  BOOST_TEST(line() == "degraded: database for 10 s");
  BOOST_TEST(machine.alive());
  signs.database_heard = now;
  live(500ms);
  BOOST_TEST(line() == "ok");
}

BOOST_AUTO_TEST_CASE(without_the_bus_the_database_is_not_asked_and_its_silence_means_nothing) {
  signs.database_heard = start;
  signs.bus_connected = false;
  led = commits = false;
  live(30s);
  BOOST_TEST(line() == "degraded: bus for 29 s, no_leader for 30 s");
  signs.bus_connected = true;
  led = commits = true;
  live(9'500ms);
  BOOST_TEST(line() == "ok");
  live(500ms);
  BOOST_TEST(line() == "degraded: database for 10 s");
}

BOOST_AUTO_TEST_CASE(a_failure_that_nobody_repeats_is_forgotten) {
  live(1s);
  led = commits = false;
  live(500ms);
  signs.database_lost = now;
  live(14'500ms);
  BOOST_TEST(line() == "degraded: database for 14 s, no_leader for 15 s");
  live(500ms);
  BOOST_TEST(line() == "degraded: no_leader for 15 s");
}

BOOST_AUTO_TEST_CASE(a_node_that_was_frozen_blames_nobody) {
  signs.ping_waits_since = start;
  signs.silent = {{agent_path{"ceo.a"}, start}};
  live(1s);
  now += 1h;  // SIGSTOP, or a laptop that slept.
  machine.look(signs, now);
  BOOST_TEST(line() == "ok");
  // What is silent from then on counts.
  led = commits = false;
  live(5s);
  BOOST_TEST(line() == "stalled: scheduler for 5 s");
}

BOOST_AUTO_TEST_CASE(draining_hides_no_stall_from_systemd) {
  signs.draining = true;
  live(500ms);
  BOOST_TEST(line() == "draining");
  BOOST_TEST(machine.alive());
  signs.ping_waits_since = now;
  live(5s);
  BOOST_TEST(line() == "draining: scheduler for 5 s");
  BOOST_TEST(!machine.alive());
}

BOOST_AUTO_TEST_CASE(healthz_is_json) {
  live(1s);
  BOOST_TEST(to_json(machine.report(), now) == R"({"reasons":[],"since_ms":1000,"state":"ok"})");
  signs.silent = {{agent_path{"ceo.a"}, start}};
  live(30s);
  BOOST_TEST(to_json(machine.report(), now) ==
             R"({"reasons":[{"about":"ceo.a","since_ms":31000,"what":"agent"}],"since_ms":1000,"state":"stalled"})");
}

BOOST_AUTO_TEST_SUITE_END()
