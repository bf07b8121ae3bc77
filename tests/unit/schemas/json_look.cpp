#include "schemas/codec/json_scan.hpp"
#include "schemas/json.hpp"
#include "schemas/json_text.hpp"
#include "schemas/limits.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <string>
#include <vector>

/// What the quick look is certain of, nlohmann's parser must take too: otherwise it lets through what spoils the store.
namespace cadre {

namespace {

using namespace std::string_literals;

bool sure(std::string_view text) {
  return codec::surely_json(text, limits::depth_max);
}

const std::vector<std::string> good{"null",
                                    "true",
                                    " false ",
                                    "0",
                                    "-0",
                                    "12.5e-3",
                                    "1E+9",
                                    "-7.25",
                                    "\"\"",
                                    "[]",
                                    "{}",
                                    "[ ]",
                                    "{ }",
                                    R"({"a":[1,2,{"b":null}],"c":"d \" \\ \/ \b\f\n\r\t \u00e9 \uABCD","":[[],{}]})",
                                    "\"eight by eight by eight, and a tail\"",
                                    "\"\xc3\xa9 \xf0\x9f\x98\x80 \x7f\"",
                                    "\t[\r\n1 , \"x\" ]\n",
                                    "\""s + std::string(1000, 'x') + "\"",
                                    std::string(100, '9')};

}  // namespace

BOOST_AUTO_TEST_SUITE(json_look)

BOOST_AUTO_TEST_CASE(it_is_certain_of_what_is_usual) {
  for (const auto& text : good) {
    BOOST_TEST(sure(text), text);
    BOOST_TEST(nlohmann::json::accept(text), text);
  }
}

BOOST_AUTO_TEST_CASE(it_is_never_certain_of_what_is_wrong) {
  for (const auto& text : {""s,
                           " "s,
                           "nul"s,
                           "nullx"s,
                           "01"s,
                           "-"s,
                           "-01"s,
                           "1."s,
                           ".5"s,
                           "1e"s,
                           "1e+"s,
                           "+1"s,
                           "0x1"s,
                           "[1,]"s,
                           "[,1]"s,
                           "[1"s,
                           "[1}"s,
                           "{\"a\"}"s,
                           "{\"a\":}"s,
                           "{\"a\":1,}"s,
                           "{a:1}"s,
                           "{\"a\":1]"s,
                           "{1:1}"s,
                           "\""s,
                           "\"a"s,
                           "\"\\\""s,
                           "\"\\x\""s,
                           "\"\\u12\""s,
                           "\"\\u12g4\""s,
                           "\"\n\""s,
                           "\"\x1f\""s,
                           "\"\0\""s,
                           "1\0"s,
                           "\"\\u0000\""s,
                           "\"\\ud800\""s,
                           "\"\\udfff\""s,
                           "\"\xff\""s,
                           "\"\xc3\""s,
                           "\"\xed\xa0\x80\""s,
                           "\"\xc0\x80\""s,
                           "1 2"s,
                           "[1 2]"s,
                           "\xc3\xa9"s,
                           "1e999"s,
                           std::string(400, '9'),
                           "[1]]"s,
                           "\"1234567\x01\""s,
                           "\"1234567\\\""s}) {
    BOOST_TEST(!sure(text), text);
  }
}

BOOST_AUTO_TEST_CASE(depth_is_bounded_as_in_the_whole_scan) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  BOOST_TEST(sure(nested(limits::depth_max)));
  BOOST_TEST(json_problem(nested(limits::depth_max)).empty());
  BOOST_TEST(!sure(nested(limits::depth_max + 1)));
  BOOST_TEST(!json_problem(nested(limits::depth_max + 1)).empty());
  BOOST_TEST(!sure(std::string(100'000, '[')));
  std::string objects;
  for (std::size_t i = 0; i < limits::depth_max; ++i) objects += "{\"a\":";
  BOOST_TEST(sure(objects + "1" + std::string(limits::depth_max, '}')));
  BOOST_TEST(!sure("[" + objects + "1" + std::string(limits::depth_max, '}') + "]"));
}

BOOST_AUTO_TEST_CASE(where_it_is_certain_the_library_agrees) {
  std::mt19937 random{20261121};
  const std::string letters = "\"\"\"\\\\u0000{}[]::,,--++..eE019 atrufalsn\t\n\xc3\xa9\xf0\x9f\x98\x80\xed\xa0";
  std::size_t certain = 0;
  for (int i = 0; i < 300'000; ++i) {
    std::string text = good[random() % (good.size() - 2)];
    for (auto changes = random() % 4; changes > 0 && !text.empty(); --changes) {
      const auto at = random() % text.size();
      const char c = letters[random() % letters.size()];
      switch (random() % 3) {
        case 0:
          text[at] = c;
          break;
        case 1:
          text.insert(at, 1, c);
          break;
        default:
          text.erase(at, 1 + random() % 3);
      }
    }
    if (!sure(text)) continue;
    ++certain;
    BOOST_REQUIRE_MESSAGE(nlohmann::json::accept(text), "iteration " << i << ": " << text);
    BOOST_REQUIRE_MESSAGE(nlohmann::json::parse(text).dump().find("\\u0000") == std::string::npos, text);
  }
  BOOST_TEST(certain > 50'000u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace cadre
