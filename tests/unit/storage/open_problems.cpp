#include "storage/writer/open_problems.hpp"

#include <boost/test/unit_test.hpp>

using namespace cadre;
using cadre::storage::writer::open_problem;
using cadre::storage::writer::open_problems;

namespace {

open_problem problem_of(const std::string& origin) {
  open_problem p;
  p.id = new_id<escalation_id>();
  p.origin.text = origin;
  return p;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(open_problems_of_a_company)

BOOST_AUTO_TEST_CASE(a_problem_is_found_until_it_is_removed) {
  open_problems problems;
  const auto p = problem_of("ceo.a");
  problems.add("x", p);
  BOOST_REQUIRE(problems.find("x") != nullptr);
  BOOST_TEST(problems.find("x")->id.text == p.id.text);
  BOOST_TEST(problems.fingerprint_of(p.id) == "x");
  problems.remove(p.id);
  problems.remove(p.id);
  BOOST_TEST((problems.find("x") == nullptr));
  BOOST_TEST(problems.fingerprint_of(p.id) == "");
  BOOST_TEST(problems.size() == 0U);
}

BOOST_AUTO_TEST_CASE(each_origin_has_room_for_so_many) {
  open_problems problems;
  std::vector<open_problem> all;
  for (std::size_t i = 0; i < open_problems::per_origin_max; ++i) {
    BOOST_TEST(problems.has_room({"ceo.a"}));
    all.push_back(problem_of("ceo.a"));
    problems.add("x" + std::to_string(i), all.back());
  }
  BOOST_TEST(!problems.has_room({"ceo.a"}));
  BOOST_TEST(problems.has_room({"ceo.b"}));
  auto more = problem_of("ceo.a");
  more.more = true;
  problems.add("ceo.a:and_more", more);
  problems.remove(all[3].id);
  BOOST_TEST(problems.has_room({"ceo.a"}));
  problems.remove(more.id);
  problems.add("y", problem_of("ceo.a"));
  BOOST_TEST(!problems.has_room({"ceo.a"}));
}

BOOST_AUTO_TEST_CASE(what_was_settled_counts_for_a_while_and_has_room_of_its_own) {
  open_problems problems;
  const auto settled = [](std::int64_t until) {
    auto p = problem_of("ceo.a");
    p.counts_until.us = until;
    return p;
  };
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(open_problems::per_origin_max); ++i) {
    BOOST_TEST(problems.has_room({"ceo.a"}, true));
    problems.add("x" + std::to_string(i), settled(100 + i));
  }
  BOOST_TEST(!problems.has_room({"ceo.a"}, true));
  BOOST_TEST(problems.has_room({"ceo.a"}));
  problems.forget_settled({100});
  BOOST_TEST((problems.find("x0") == nullptr));
  BOOST_TEST((problems.find("x1") != nullptr));
  BOOST_TEST(problems.has_room({"ceo.a"}, true));
  // It came up again and is open now: it stays, whatever the time.
  auto open = problem_of("ceo.a");
  open.id = problems.find("x1")->id;
  problems.add("x1", open);
  problems.add("x2", problem_of("ceo.a"));
  problems.forget_settled({1'000});
  BOOST_TEST(problems.size() == 2U);
  BOOST_TEST(problems.find("x1")->is_open());
  BOOST_TEST(problems.find("x2")->is_open());
}

BOOST_AUTO_TEST_CASE(so_many_are_known_that_were_settled) {
  open_problems problems;
  for (std::size_t i = 0; i < open_problems::settled_max + 10; ++i) {
    auto p = problem_of("ceo.a" + std::to_string(i));
    p.counts_until.us = 100 + static_cast<std::int64_t>(i);
    problems.add("x" + std::to_string(i), p);
    const auto early = problems.forget_settled({1});
    BOOST_REQUIRE_EQUAL(early.size(), i < open_problems::settled_max ? 0U : 1U);
    if (!early.empty()) BOOST_REQUIRE_EQUAL(early[0].first, "x" + std::to_string(i - open_problems::settled_max));
  }
  BOOST_TEST(problems.size() == open_problems::settled_max);
  BOOST_TEST((problems.find("x0") == nullptr));
  BOOST_TEST((problems.find("x" + std::to_string(open_problems::settled_max)) != nullptr));
}

BOOST_AUTO_TEST_CASE(what_is_put_back_goes_when_its_time_is_over) {
  open_problems problems;
  auto first = problem_of("ceo.a"), second = problem_of("ceo.a");
  first.counts_until.us = 100;
  second.counts_until.us = 200;
  problems.add("x", first);
  problems.add("y", second);
  problems.remove(first.id);
  problems.add("x", first);
  BOOST_TEST(problems.forget_settled({150}).empty());
  BOOST_TEST((problems.find("x") == nullptr));
  BOOST_TEST((problems.find("y") != nullptr));
}

BOOST_AUTO_TEST_CASE(raises_are_remembered_for_as_long_as_there_is_room) {
  open_problems problems;
  const escalation_id first{"first"}, second{"second"};
  problems.remember(first);
  problems.remember(second);
  problems.remember(second);
  BOOST_TEST(problems.remembers(first));
  for (std::size_t i = 2; i < open_problems::counted_max; ++i) problems.remember(escalation_id{std::to_string(i)});
  BOOST_TEST(problems.remembers(first));
  problems.remember(escalation_id{"one more"});
  BOOST_TEST(!problems.remembers(first));
  BOOST_TEST(problems.remembers(second));
  problems.forget(second);
  BOOST_TEST(!problems.remembers(second));
}

BOOST_AUTO_TEST_SUITE_END()
