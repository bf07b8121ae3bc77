#include "supervision_script.hpp"

#include <boost/test/unit_test.hpp>

using namespace cadre;
using namespace cadre::actors::supervision;
using namespace cadre::actors::supervision::script;
using enum restart_type;
using kind = on::order::kind;

/// Run-time orders and their answers (`REQUEST OUTCOME`); named after OTP's supervisor_SUITE where it has the case.
BOOST_AUTO_TEST_SUITE(supervision_children)

namespace {

std::string list(const stage& s) {
  std::string text;
  for (const auto& c : s.sut.which_children())
    text += (text.empty() ? "" : ", ") + c.id.text + " " + std::string{to_text(c.state)};
  return text;
}

std::array<std::size_t, 4> count(const stage& s) {
  const auto n = s.sut.count_children();
  return {n.specs, n.active, n.supervisors, n.workers};
}

using counts = std::array<std::size_t, 4>;

stage pool(restart_type type = permanent, std::int64_t intensity = 3) {
  stage s{flags(restart_strategy::dynamic, intensity), {kid("p", type)}};
  BOOST_TEST(s.start() == "up");
  return s;
}

std::string add(stage& s, std::uint64_t request = 0, const std::string& id = {}) {
  return s.feed(on::order{kind::add, {id}, {}, request});
}

}  // namespace

BOOST_AUTO_TEST_CASE(child_adm) {
  stage s{flags(), {kid("a"), kid("b")}};
  s.run_up({"a", "b"});
  BOOST_TEST(s.ask(1, kind::start, "a") == "1 running");
  BOOST_TEST(s.ask(2, kind::remove, "a") == "2 running");
  BOOST_TEST(s.ask(3, kind::terminate, "x") == "3 not_found");
  BOOST_TEST(s.ask(4, kind::start, "x") == "4 not_found");
  BOOST_TEST(s.ask(5, kind::remove, "x") == "5 not_found");
  BOOST_TEST(s.ask_add(6, kid("a")) == "6 already_started");
  BOOST_TEST(s.ask(7, kind::terminate, "a") == "stop a");
  BOOST_TEST(s.down("a", exit_reason::shutdown) == "7 ok");
  BOOST_TEST(s.ask(8, kind::terminate, "a") == "8 ok");
  BOOST_TEST(s.ask_add(9, kid("a")) == "9 already_present");
  BOOST_TEST(list(s) == "a stopped, b running");
  BOOST_TEST(s.ask(10, kind::start, "a") == "start a");
  BOOST_TEST(s.started("a") == "10 ok");
  s.order(kind::terminate, "a");
  s.down("a", exit_reason::shutdown);
  BOOST_TEST(s.ask(11, kind::remove, "a") == "11 ok");
  BOOST_TEST(s.ask_add(12, kid("a")) == "start a");
  BOOST_TEST(s.started("a") == "12 ok");
  // A new child is the last: it is stopped first.
  BOOST_TEST(list(s) == "b running, a running");
  BOOST_TEST(s.stop() == "stop a");
}

BOOST_AUTO_TEST_CASE(child_adm_simple) {
  auto s = pool();
  BOOST_TEST(add(s, 1) == "start p.1");
  BOOST_TEST(add(s, 2) == "start p.2");
  BOOST_TEST(s.started("p.2") == "2 ok");
  BOOST_TEST(s.started("p.1") == "1 ok");
  BOOST_TEST(s.ask(3, kind::start, "p.1") == "3 refused");
  BOOST_TEST(s.ask(4, kind::remove, "p.1") == "4 refused");
  BOOST_TEST(s.ask_add(5, kid("q")) == "5 refused");
  BOOST_TEST(s.ask(6, kind::terminate, "p.1") == "stop p.1");
  BOOST_TEST(s.down("p.1", exit_reason::shutdown) == "6 ok");
  BOOST_TEST(list(s) == "p.2 running");
  BOOST_TEST(add(s, 7, "p.2") == "7 already_started");
  BOOST_TEST(add(s, 8, "named") == "start named");
  BOOST_TEST(s.start_failed("named", "no") == "8 failed");
  BOOST_TEST(list(s) == "p.2 running");
}

BOOST_AUTO_TEST_CASE(count_children) {
  stage s{flags(), {kid("a"), branch("a.b"), kid("c", temporary), kid("d", transient)}};
  s.run_up({"a", "a.b", "c", "d"});
  BOOST_TEST((count(s) == counts{4, 4, 1, 3}));
  s.down("c");
  BOOST_TEST((count(s) == counts{3, 3, 1, 2}));
  s.down("d", exit_reason::normal);
  BOOST_TEST((count(s) == counts{3, 2, 1, 2}));
  auto p = pool();
  BOOST_TEST((count(p) == counts{1, 0, 0, 0}));
  add(p);
  add(p);
  p.started("p.1");
  BOOST_TEST((count(p) == counts{1, 1, 0, 2}));
}

BOOST_AUTO_TEST_CASE(do_not_save_child_specs_for_temporary_children) {
  stage s{flags(), {kid("a", temporary)}};
  s.run_up({"a"});
  s.down("a");
  BOOST_TEST(list(s) == "");
  BOOST_TEST(s.ask(1, kind::start, "a") == "1 not_found");
  BOOST_TEST(s.ask_add(2, kid("a", temporary)) == "start a");
  s.started("a");
  BOOST_TEST(s.ask(3, kind::terminate, "a") == "stop a");
  BOOST_TEST(s.down("a", exit_reason::shutdown) == "3 ok");
  // One that was added leaves nothing behind; one of the config stays visible to people.
  BOOST_TEST(!s.sut.state_of({"a"}).has_value());
}

BOOST_AUTO_TEST_CASE(an_ordered_start_that_fails_changes_nothing) {
  stage s{flags(restart_strategy::one_for_one, 0), {kid("a"), branch("b")}};
  s.run_up({"a", "b"});
  s.order(kind::terminate, "a");
  s.down("a", exit_reason::shutdown);
  BOOST_TEST(s.ask(1, kind::start, "a") == "start a");
  BOOST_TEST(s.start_failed("a", "no disk") == "1 failed");
  BOOST_TEST((s.state("a") == agent_state::stopped));
  s.down("b");
  BOOST_TEST((s.state("b") == agent_state::quarantined));
  s.ask(2, kind::start, "b");
  BOOST_TEST(s.start_failed("b", "no disk") == "2 failed");
  BOOST_TEST((s.state("b") == agent_state::quarantined));
  BOOST_TEST(s.ask_add(3, kid("c")) == "start c");
  BOOST_TEST(s.start_failed("c", "no disk") == "3 failed");
  BOOST_TEST(!s.sut.state_of({"c"}).has_value());
  BOOST_TEST(!s.sut.done());
}

BOOST_AUTO_TEST_CASE(between_two_attempts_orders_see_a_restart) {
  stage s{flags(restart_strategy::one_for_one, 9), {kid("a")}};
  s.run_up({"a"});
  s.down("a");
  BOOST_TEST(s.start_failed("a", "no") == "timer a 100");
  BOOST_TEST(s.ask(1, kind::start, "a") == "1 restarting");
  BOOST_TEST(s.ask(2, kind::remove, "a") == "2 restarting");
  BOOST_TEST(s.ask_add(3, kid("a")) == "3 already_present");
  BOOST_TEST(s.ask(4, kind::terminate, "a") == "4 ok");
  BOOST_TEST(s.ring() == "");
}

BOOST_AUTO_TEST_CASE(orders_that_overtake_each_other_are_all_answered) {
  stage s{flags(), {kid("a")}};
  s.run_up({"a"});
  BOOST_TEST(s.ask(1, kind::restart, "a") == "stop a");
  BOOST_TEST(s.ask(2, kind::terminate, "a") == "");
  BOOST_TEST(s.ask(3, kind::start, "a") == "");
  BOOST_TEST(s.down("a", exit_reason::shutdown) == "2 ok, start a");
  BOOST_TEST(s.started("a") == "1 ok, 3 ok");
  BOOST_TEST(s.ask(4, kind::restart, "a") == "stop a");
  BOOST_TEST(s.stop() == "");
  BOOST_TEST(s.ask(5, kind::start, "a") == "5 cancelled");
  BOOST_TEST(s.down("a", exit_reason::shutdown) == "4 cancelled, finished shutdown");
}

BOOST_AUTO_TEST_CASE(contradictory_additions_are_refused) {
  stage s{flags(), {}};
  s.start();
  auto c = kid("a", transient);
  c.significant = true;
  BOOST_TEST(s.ask_add(1, c) == "1 refused");
  BOOST_TEST(s.feed(on::order{kind::add, {"a"}, {}, 2}) == "2 refused");
  BOOST_TEST(list(s) == "");
}

BOOST_AUTO_TEST_CASE(an_added_child_belongs_to_the_groups) {
  stage s{flags(restart_strategy::rest_for_one), {kid("a"), kid("b")}};
  s.run_up({"a", "b"});
  s.ask_add(0, kid("c"));
  s.started("c");
  BOOST_TEST(s.down("b") == "stop c");
  BOOST_TEST(s.ask_add(1, kid("d")) == "");
  BOOST_TEST(s.down("c", exit_reason::shutdown) == "start b");
  BOOST_TEST(s.started("b") == "start c");
  BOOST_TEST(s.started("c") == "start d");
  BOOST_TEST(s.started("d") == "1 ok");
}

BOOST_AUTO_TEST_CASE(removing_an_earlier_child_keeps_a_group_whole) {
  stage s{flags(restart_strategy::rest_for_one), {kid("a"), kid("b"), kid("c"), kid("d")}};
  s.run_up({"a", "b", "c", "d"});
  s.order(kind::terminate, "a");
  s.down("a", exit_reason::shutdown);
  BOOST_TEST(s.down("c") == "stop d");
  BOOST_TEST(s.ask(1, kind::remove, "a") == "1 ok");
  BOOST_TEST(s.down("d", exit_reason::shutdown) == "start c");
  BOOST_TEST(s.started("c") == "start d");
  BOOST_TEST((s.state("b") == agent_state::running));
}

BOOST_AUTO_TEST_CASE(simple_one_for_one_shutdown) {
  auto s = pool();
  for (int i = 0; i < 3; ++i) add(s);
  s.started("p.1");
  s.started("p.2");
  // All at once, the one that is still starting included.
  BOOST_TEST(s.stop() == "stop p.3, stop p.2, stop p.1");
  BOOST_TEST(s.down("p.2", exit_reason::shutdown) == "");
  BOOST_TEST(s.down("p.3", exit_reason::shutdown) == "");
  BOOST_TEST(s.down("p.1", exit_reason::shutdown) == "finished shutdown");
}

BOOST_AUTO_TEST_CASE(a_pool_starts_its_members_in_order_and_then_is_a_pool_like_any) {
  stage s{flags(restart_strategy::dynamic), {kid("p")}, [] { return 0.5; }, {kid("m"), kid("p-1"), kid("p-2")}};
  BOOST_TEST(s.start() == "start m");
  BOOST_TEST(s.started("m") == "start p-1");
  BOOST_TEST(s.started("p-1") == "start p-2");
  BOOST_TEST(s.started("p-2") == "up");
  BOOST_TEST(list(s) == "m running, p-1 running, p-2 running");
  BOOST_TEST(s.down("p-1") == "start p-1");
  s.started("p-1");
  BOOST_TEST(s.ask(1, kind::terminate, "p-2") == "stop p-2");
  BOOST_TEST(s.down("p-2", exit_reason::shutdown) == "1 ok");
  BOOST_TEST(list(s) == "m running, p-1 running");
  BOOST_TEST(s.ask(2, kind::start, "p-2") == "2 refused");
  BOOST_TEST(s.ask(3, kind::add, "p-1") == "3 already_started");
  BOOST_TEST(s.ask(4, kind::add, "p-2") == "start p-2");
  BOOST_TEST(s.started("p-2") == "4 ok");
  BOOST_TEST(s.stop() == "stop p-2, stop p-1, stop m");
}

BOOST_AUTO_TEST_CASE(members_are_for_pools_and_no_two_are_the_same) {
  const auto dynamic = flags(restart_strategy::dynamic);
  BOOST_TEST(check(dynamic, {kid("p")}, {kid("p-1"), kid("p-2")}).has_value());
  BOOST_TEST(!check(dynamic, {kid("p")}, {kid("p-1"), kid("p-1")}).has_value());
  BOOST_TEST(!check(flags(), {kid("p")}, {kid("p-1")}).has_value());
}

BOOST_AUTO_TEST_CASE(simple_one_for_one_significant) {
  auto f = flags(restart_strategy::dynamic);
  f.auto_shutdown = auto_shutdown::all_significant;
  auto p = kid("p", transient);
  p.significant = true;
  stage s{f, {p}};
  s.start();
  add(s);
  add(s);
  add(s);
  for (const auto* id : {"p.1", "p.2", "p.3"}) s.started(id);
  s.order(kind::terminate, "p.1");
  BOOST_TEST(s.down("p.1", exit_reason::shutdown) == "");
  BOOST_TEST(s.down("p.2", exit_reason::normal) == "");
  BOOST_TEST(s.down("p.3", exit_reason::error) == "start p.3");
  s.started("p.3");
  BOOST_TEST(s.down("p.3", exit_reason::normal) == "finished shutdown");
}

BOOST_AUTO_TEST_CASE(simple_one_for_one_scale_many_temporary_children) {
  auto s = pool(temporary);
  for (int i = 1; i <= 2'000; ++i) {
    const auto id = "p." + std::to_string(i);
    BOOST_REQUIRE(add(s) == "start " + id);
    s.started(id);
    BOOST_REQUIRE(s.down(id) == "");
  }
  // Nothing is kept of those that ended.
  BOOST_TEST(list(s) == "");
  BOOST_TEST(!s.sut.state_of({"p.1"}).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
