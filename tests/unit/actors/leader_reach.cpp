#include "actors/leader/reach.hpp"
#include "actors/leader/writer_intake.hpp"

#include <boost/test/unit_test.hpp>

using cadre::actors::reach;
using namespace std::chrono_literals;

namespace {

constexpr reach::time_point reach_start{1'000s};

struct node {
  reach machine{2s};
  reach::time_point now = reach_start, heard = reach_start;
  bool bus = true, aside = false;

  reach::rights after(std::chrono::milliseconds time) {
    now += time;
    return machine.look(bus, heard, aside, now);
  }
};

bool same(const reach::rights& a, const reach::rights& b) {
  return a == b;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(leader_reach, node)

BOOST_AUTO_TEST_CASE(with_bus_and_database_it_may_all) {
  BOOST_TEST(same(after(0s), {true, true, true}));
}

BOOST_AUTO_TEST_CASE(without_the_bus_it_runs_no_more_at_once_and_reigns_no_more_soon_after) {
  after(0s);
  bus = false;
  heard = reach_start + 1h;
  BOOST_TEST(same(after(500ms), {false, true, true}));
  BOOST_TEST(same(after(1ms), {false, false, true}));
  bus = true;
  BOOST_TEST(same(after(1ms), {true, true, true}));
  bus = false;
  BOOST_TEST(same(after(500ms), {false, true, true}));
}

BOOST_AUTO_TEST_CASE(before_it_ever_had_the_bus_it_may_not_reign) {
  bus = false;
  BOOST_TEST(same(after(0s), {false, false, true}));
}

BOOST_AUTO_TEST_CASE(while_the_database_is_silent_it_takes_no_commands_and_reigns_on) {
  BOOST_TEST(same(after(2s), {true, true, true}));
  BOOST_TEST(same(after(1ms), {true, true, false}));
  heard = now;
  BOOST_TEST(same(after(1ms), {true, true, true}));
}

BOOST_AUTO_TEST_CASE(it_stands_aside_for_another_but_not_for_ever) {
  aside = true;
  heard = reach_start + 1h;
  BOOST_TEST(same(after(1s), {false, false, true}));
  BOOST_TEST(same(after(6s), {false, false, true}));
  BOOST_TEST(same(after(1ms), {true, true, true}));
  aside = false;
  after(1s);
  aside = true;
  BOOST_TEST(same(after(1s), {false, false, true}));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(intake)

namespace {

using namespace cadre;
using namespace cadre::actors;

incoming_commands some(std::size_t count, bool new_tasks) {
  incoming_commands batch;
  for (std::size_t n = 0; n < count; ++n) {
    command c;
    if (new_tasks)
      c.body = task_add{};
    else
      c.body = run_complete{};
    batch.commands.push_back(c);
  }
  return batch;
}

/// Commands of each batch taken; those of new tasks are negative.
std::vector<int> taken(writer_intake& intake) {
  std::vector<int> sizes;
  for (const auto& b : intake.take())
    sizes.push_back(static_cast<int>(b.commands.size()) * (only_adds_tasks(b.commands) ? -1 : 1));
  return sizes;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_flood_of_new_tasks_lets_all_else_pass) {
  writer_intake intake{{.commands_max = 20, .new_tasks_max = 10, .new_tasks_min = 4}};
  for (int n = 0; n < 5; ++n) intake.add(some(5, true));
  intake.add(some(3, false));
  BOOST_TEST(intake.waiting() == 28u);
  BOOST_TEST((taken(intake) == std::vector{3, -5, -5}));
  BOOST_TEST((taken(intake) == std::vector{-5, -5}));
  BOOST_TEST((taken(intake) == std::vector{-5}));
  BOOST_TEST(intake.empty());
  BOOST_TEST(intake.waiting() == 0u);
}

BOOST_AUTO_TEST_CASE(and_new_tasks_have_their_part_whatever_else_comes) {
  writer_intake intake{{.commands_max = 20, .new_tasks_max = 10, .new_tasks_min = 4}};
  for (int n = 0; n < 5; ++n) intake.add(some(8, false));
  intake.add(some(4, true));
  BOOST_TEST((taken(intake) == std::vector{8, 8, -4}));
  BOOST_TEST((taken(intake) == std::vector{8, 8}));
  // Nor is the whole more than it may be.
  writer_intake full{{.commands_max = 20, .new_tasks_max = 10, .new_tasks_min = 4}};
  for (int n = 0; n < 5; ++n) full.add(some(5, false));
  full.add(some(4, true));
  BOOST_TEST((taken(full) == std::vector{5, 5, 5, -4}));
}

BOOST_AUTO_TEST_CASE(what_comes_with_a_new_task_makes_it_urgent) {
  writer_intake intake{{.commands_max = 20, .new_tasks_max = 10, .new_tasks_min = 4}};
  auto mixed = some(2, true);
  mixed.commands.push_back(some(1, false).commands[0]);
  intake.add(some(4, true));
  intake.add(std::move(mixed));
  BOOST_TEST((taken(intake) == std::vector{3, -4}));
}

BOOST_AUTO_TEST_CASE(a_batch_over_the_bound_goes_alone_and_whole) {
  writer_intake intake{{.commands_max = 20, .new_tasks_max = 10, .new_tasks_min = 4}};
  intake.add(some(50, true));
  intake.add(some(50, false));
  BOOST_TEST((taken(intake) == std::vector{50, -50}));
  BOOST_TEST(intake.empty());
}

BOOST_AUTO_TEST_SUITE_END()
