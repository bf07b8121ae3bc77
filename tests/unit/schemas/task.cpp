#include "schemas/task.hpp"

#include <boost/test/unit_test.hpp>

#include <set>
#include <vector>

namespace cadre {

namespace {

std::vector<task_status> all() {
  std::vector<task_status> states;
  for (const auto& [state, name] : enum_names<task_status>::value) states.push_back(state);
  return states;
}

std::set<task_status> reachable_from(task_status start) {
  std::set<task_status> seen{start};
  std::vector<task_status> open{start};
  while (!open.empty()) {
    const task_status from = open.back();
    open.pop_back();
    for (const task_status to : all())
      if (may_become(from, to) && seen.insert(to).second) open.push_back(to);
  }
  return seen;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(task_transitions)

BOOST_AUTO_TEST_CASE(nothing_leaves_a_terminal_state) {
  for (const task_status from : all()) {
    bool leaves = false;
    for (const task_status to : all()) leaves = leaves || may_become(from, to);
    BOOST_TEST(leaves == !is_terminal(from), to_text(from));
  }
}

BOOST_AUTO_TEST_CASE(no_state_becomes_itself) {
  for (const task_status s : all()) BOOST_TEST(!may_become(s, s), to_text(s));
}

BOOST_AUTO_TEST_CASE(every_open_task_can_be_cancelled_or_superseded) {
  for (const task_status s : all()) {
    BOOST_TEST(may_become(s, task_status::stale) == !is_terminal(s), to_text(s));
    BOOST_TEST(may_become(s, task_status::superseded) == !is_terminal(s), to_text(s));
  }
}

BOOST_AUTO_TEST_CASE(every_state_is_reached_from_draft_and_can_end_well) {
  BOOST_TEST(reachable_from(task_status::draft).size() == all().size());
  for (const task_status s : all())
    if (!is_terminal(s)) BOOST_TEST(reachable_from(s).contains(task_status::complete), to_text(s));
}

BOOST_AUTO_TEST_CASE(nothing_returns_to_draft) {
  for (const task_status s : all()) BOOST_TEST(!may_become(s, task_status::draft), to_text(s));
}

BOOST_AUTO_TEST_CASE(work_starts_and_ends_only_through_its_gates) {
  for (const task_status s : all()) {
    BOOST_TEST(may_become(s, task_status::active) == (s == task_status::queued), to_text(s));
    BOOST_TEST(may_become(s, task_status::review) == (s == task_status::active), to_text(s));
    BOOST_TEST(may_become(s, task_status::approved) == (s == task_status::review), to_text(s));
    BOOST_TEST(may_become(s, task_status::complete) == (s == task_status::active || s == task_status::approved),
               to_text(s));
  }
  BOOST_TEST(!may_become(task_status::queued, task_status::failed));
  BOOST_TEST(!may_become(task_status::review, task_status::queued));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace cadre
