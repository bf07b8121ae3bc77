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
