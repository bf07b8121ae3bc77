#include "storage/writer/work_queue.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <set>

BOOST_AUTO_TEST_SUITE(work_queue_order)

namespace {

using namespace cadre;
using namespace cadre::storage::writer;

queue_place at(std::int64_t us) {
  return {{us}, {std::to_string(us)}, {}};
}

std::string next(work_queue& q, const std::string& own = "a", const std::string& shared = "@m") {
  const auto place = q.take(own, shared, [](const std::string&) { return true; });
  return place ? place->task.text : "-";
}

std::vector<work_queue::gap> gaps_of(work_queue& q, const std::string& lane) {
  std::vector<work_queue::gap> found;
  q.add_gaps(lane, found);
  return found;
}

/// A queue whose lanes are known to be empty.
work_queue known(std::size_t kept_max = 100) {
  work_queue q{kept_max};
  for (const auto* lane : {"a", "@m"})
    for (const auto& gap : gaps_of(q, lane)) q.fill(gap, {}, false);
  return q;
}

BOOST_AUTO_TEST_CASE(the_most_urgent_then_the_oldest_of_both_lanes) {
  auto q = known();
  q.add("a", 2, at(5));
  q.add("@m", 2, at(4));
  q.add("a", 0, at(9));
  q.add("@m", 3, at(1));
  for (const auto* expected : {"9", "4", "5", "1", "-"}) BOOST_TEST(next(q) == expected);
}

BOOST_AUTO_TEST_CASE(one_in_sixteen_is_the_oldest_whatever_its_priority) {
  auto q = known(1'000);
  q.add("a", 3, at(1));
  for (std::int64_t n = 2; n < 100; ++n) q.add("a", 0, at(n));
  for (std::uint64_t n = 1; n < work_queue::aged_every; ++n) BOOST_TEST(next(q) != "1");
  BOOST_TEST(next(q) == "1");
}

BOOST_AUTO_TEST_CASE(what_is_not_known_is_a_gap_until_it_was_read) {
  work_queue q{2};
  BOOST_TEST(gaps_of(q, "a").size() == 4u);
  q.add("a", 1, at(7));  // In the database, as all else.
  BOOST_TEST(q.held() == 0u);
  for (const auto& gap : gaps_of(q, "a"))
    q.fill(gap, gap.priority == 1 ? std::vector{at(7), at(8)} : std::vector<queue_place>{}, gap.priority == 1);
  BOOST_TEST(gaps_of(q, "a").empty());
  q.add("a", 1, at(9));  // After what is held, and there may be more.
  q.add("a", 1, at(3));  // Before: it was tried again.
  BOOST_TEST(next(q, "a", "a") == "3");
  BOOST_TEST(next(q, "a", "a") == "7");
  // Only two are held: 8 made room for 3, and is read again.
  BOOST_REQUIRE(gaps_of(q, "a").size() == 1u);
  BOOST_TEST((gaps_of(q, "a").front().after == at(7)));
  q.forget();
  BOOST_TEST(gaps_of(q, "a").size() == 4u);
}

BOOST_AUTO_TEST_CASE(it_holds_no_more_than_it_may_and_loses_nothing) {
  // A database beside it, read where the queue asks for it: all tasks come out, each once, in their order.
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      std::mt19937_64 dice{seed};
      const auto pick = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>{0, n - 1}(dice); };
      work_queue q{1 + pick(4)};
      std::map<std::string, std::map<std::int64_t, std::set<queue_place>>> ready;
      std::int64_t clock = 0;
      for (int step = 0; step < 300; ++step) {
        const std::string lane = pick(2) != 0 ? "a" : "@m";
        const auto priority = static_cast<std::int64_t>(pick(4));
        const auto what = pick(10);
        if (what < 5) {
          // A new one, or an old one that is tried again.
          const auto place = at(pick(4) != 0 || clock == 0 ? ++clock + 1'000'000 : static_cast<std::int64_t>(++clock));
          ready[lane][priority].insert(place);
          q.add(lane, priority, place);
        } else if (what == 9) {
          q.forget();
        } else {
          for (const auto* asked : {"a", "@m"})
            for (const auto& gap : gaps_of(q, asked)) {
              std::vector<queue_place> rows;
              for (const auto& place : ready[asked][gap.priority])
                if (gap.after < place && rows.size() < q.kept_max()) rows.push_back(place);
              q.fill(gap, rows, rows.size() >= q.kept_max());
            }
          const auto task = q.take("a", "@m", [](const std::string&) { return true; });
          std::size_t left = 0;
          bool found = false;
          for (auto& [name, shelves] : ready)
            for (auto& [p, places] : shelves) {
              if (task && !found) found = std::erase_if(places, [&](const auto& place) { return place == *task; }) > 0;
              left += places.size();
            }
          if (task)
            BOOST_REQUIRE(found);
          else
            BOOST_REQUIRE(left == 0u);
        }
        BOOST_REQUIRE(q.held() <= q.kept_max() * 8);
      }
    }
  }
}

queue_place keyed(std::int64_t us, const std::string& key) {
  auto place = at(us);
  place.key = key;
  return place;
}

std::string next_but(work_queue& q, const std::string& full) {
  const auto place = q.take("a", "@m", [&](const std::string& key) { return key != full; });
  return place ? place->task.text : "-";
}

BOOST_AUTO_TEST_CASE(a_key_without_room_keeps_nobody_waiting_and_comes_back_where_it_stood) {
  auto q = known();
  q.add("a", 1, keyed(1, "m/k"));
  q.add("a", 1, keyed(2, "m/k"));
  q.add("@m", 1, at(3));
  q.add("a", 1, keyed(4, "m/other"));
  BOOST_TEST(next_but(q, "m/k") == "3");
  BOOST_TEST(next_but(q, "m/k") == "4");
  BOOST_TEST(next_but(q, "m/k") == "-");
  BOOST_REQUIRE(q.keys_aside() == std::vector<std::string>{"m/k"});
  BOOST_TEST(q.held() == 2u);
  q.add("a", 1, at(5));
  q.release("m/k", 1);
  BOOST_TEST(next_but(q, "") == "1");
  BOOST_TEST(next_but(q, "") == "5");
  q.release("m/k", 1);
  BOOST_TEST(next_but(q, "") == "2");
  BOOST_TEST(q.keys_aside().empty());
}

BOOST_AUTO_TEST_CASE(more_of_a_key_than_may_be_put_aside_are_read_again) {
  auto q = known(10'000);
  const auto many = static_cast<std::int64_t>(work_queue::aside_max) + 5;
  for (std::int64_t n = 1; n <= many; ++n) q.add("a", 2, keyed(n, "m/k"));
  BOOST_TEST(next_but(q, "m/k") == "-");
  BOOST_TEST(q.held() == work_queue::aside_max);
  BOOST_TEST(gaps_of(q, "a").empty());
  q.release("m/k", many);
  // All of the lane is asked for again, so that the five are found.
  BOOST_TEST(gaps_of(q, "a").size() == 4u);
}

BOOST_AUTO_TEST_CASE(a_lane_that_has_more_is_read_before_what_comes_after_a_key_without_room) {
  work_queue q{2};
  for (const auto& gap : gaps_of(q, "@m")) q.fill(gap, {}, false);
  for (const auto& gap : gaps_of(q, "a"))
    q.fill(gap, gap.priority == 1 ? std::vector{keyed(1, "m/k")} : std::vector<queue_place>{}, gap.priority == 1);
  q.add("a", 3, at(9));
  // Behind the one that may not begin the database has more of its priority: 9 is less urgent than those.
  BOOST_TEST(next_but(q, "m/k") == "-");
  for (const auto& gap : gaps_of(q, "a")) q.fill(gap, {at(2)}, false);
  BOOST_TEST(next_but(q, "m/k") == "2");
  BOOST_TEST(next_but(q, "m/k") == "9");
}

}  // namespace

BOOST_AUTO_TEST_SUITE_END()
