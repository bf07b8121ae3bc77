#include "actors/supervision/kept_token.hpp"
#include "actors/supervision/place_set.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <set>
#include <string>

using namespace cadre;
using namespace cadre::actors::supervision;

/// What makes 100,000 entries small must lose nothing.
BOOST_AUTO_TEST_SUITE(supervision_small)

BOOST_AUTO_TEST_CASE(every_text_comes_back_from_a_kept_token) {
  const auto uuid = new_uuid();
  for (const std::string& text :
       {std::string{}, std::string{"t1"}, uuid, uuid + "x", std::string{"00000000-0000-0000-0000-000000000000"},
        std::string{"0190D7B6-8C5F-7ABC-8DEF-0123456789AB"}, std::string{"0190d7b6-8c5f-7abc-8def-0123456789ag"}}) {
    const kept_token kept{incarnation_token{text}};
    BOOST_TEST(kept.value().text == text);
    BOOST_TEST(kept.empty() == text.empty());
    BOOST_TEST((kept == incarnation_token{text}));
    BOOST_TEST((kept != incarnation_token{"another"}));
    BOOST_TEST((kept != incarnation_token{new_uuid()}));
  }
  BOOST_TEST((kept_token{incarnation_token{"0190D7B6-8C5F-7ABC-8DEF-0123456789AB"}} !=
              incarnation_token{"0190d7b6-8c5f-7abc-8def-0123456789ab"}));
}

BOOST_AUTO_TEST_CASE(a_place_set_is_an_ordered_set) {
  std::mt19937 dice{7};
  place_set sut;
  std::set<std::size_t> model;
  for (int step = 0; step < 20'000; ++step) {
    const std::size_t place = dice() % (step % 2'000 < 1'000 ? 300 : 60);
    if (dice() % 3 == 0) {
      sut.insert(place);
      model.insert(place);
    } else {
      sut.erase(place);
      model.erase(place);
    }
    if (dice() % 1'000 == 0) {
      sut.clear();
      model.clear();
    }
    BOOST_REQUIRE(sut.size() == model.size());
    BOOST_REQUIRE(sut.empty() == model.empty());
    if (model.empty()) continue;
    BOOST_REQUIRE(sut.first() == *model.begin());
    BOOST_REQUIRE(sut.last() == *model.rbegin());
  }
}

BOOST_AUTO_TEST_SUITE_END()
