#include "schemas/text.hpp"

#include "schemas/json_text.hpp"
#include "schemas/limits.hpp"

#include <boost/test/unit_test.hpp>

namespace cadre {

using namespace std::string_literals;

BOOST_AUTO_TEST_SUITE(texts)

BOOST_AUTO_TEST_CASE(clean_text_is_utf8_without_nul) {
  for (const auto& text : {""s, "plain\n\t"s, "\u00e9"s, "\uFFFD"s, "\U0010FFFF"s, "\xED\x9F\xBF"s, "\xEE\x80\x80"s}) {
    BOOST_TEST(is_clean_text(text));
    BOOST_TEST(clean_text(text) == text);
  }
  const auto bad = "\uFFFD"s;
  const std::pair<std::string, std::string> repairs[] = {{"a\0b"s, "a" + bad + "b"},
                                                         {"\x80"s, bad},
                                                         {"\xC3"s, bad},
                                                         {"\xC0\xAF"s, bad + bad},
                                                         {"\xE0\x80\x80"s, bad + bad + bad},
                                                         {"\xED\xA0\x80"s, bad + bad + bad},
                                                         {"\xF4\x90\x80\x80"s, bad + bad + bad + bad},
                                                         {"\xF5x"s, bad + "x"},
                                                         {"\xE2\x82z"s, bad + bad + "z"},
                                                         {"ok \xF0\x9F\xA6"s, "ok " + bad + bad + bad}};
  for (const auto& [text, clean] : repairs) {
    BOOST_TEST(!is_clean_text(text));
    BOOST_TEST(clean_text(text) == clean);
  }
}

BOOST_AUTO_TEST_CASE(one_line_holds_no_control_character) {
  for (unsigned c = 0; c <= 0x9F; ++c) {
    if (c >= 0x20 && c < 0x7F) continue;
    const auto control =
        c < 0x80 ? std::string(1, static_cast<char>(c)) : "\xC2" + std::string(1, static_cast<char>(c));
    BOOST_TEST(one_line("a" + control + "b") == "a b");
    BOOST_TEST(one_line(control + control) == "  ");
  }
  // Neighbours of these, and characters with such a byte further on.
  for (const auto& text : {""s, "plain ~"s, "\u00a0"s, "\u00e9"s, "\u0420\u040f"s, "\u20ac"s, "\U0001F980"s, "a\xC2"s})
    BOOST_TEST(one_line(text) == text);
}

BOOST_AUTO_TEST_CASE(quotes_are_short_and_on_one_line) {
  BOOST_TEST(in_quotes("a\nb") == "\"a b\"");
  BOOST_TEST(in_quotes("\xC2\x9B;2J\x7F\x1B") == "\" ;2J  \"");
  BOOST_TEST(in_quotes(std::string(100, 'x')) == '"' + std::string(limits::quote_bytes_max, 'x') + "\"...");
  BOOST_TEST(in_quotes(std::string(59, 'x') + "\u00e9") == '"' + std::string(59, 'x') + "\"...");
  BOOST_TEST(in_quotes(std::string(100, '\x80')).size() < 4 * limits::quote_bytes_max);
}

BOOST_AUTO_TEST_CASE(json_problems_are_told) {
  for (const auto& text : {"null"s, "1"s, "\"\\u00e9\""s, "[]"s, " {\"a\": [1e308, -0.0]} "s, "\"\\\\u0000\""s})
    BOOST_TEST(json_problem(text) == "", text);
  for (const auto& text : {""s, "{"s, "[1,]"s, "nul"s, "1 2"s, "\"\xff\""s, "\"\\ud800\""s, "NaN"s, "1\0"s, "1\0 2"s})
    BOOST_TEST(json_problem(text).starts_with("not JSON: it goes wrong at byte "), text);
  BOOST_TEST(json_problem("1e999").find("too large for a double") != std::string::npos);
  BOOST_TEST(json_problem(R"({"a":"\u0000"})").find("U+0000") != std::string::npos);
  BOOST_TEST(json_problem(R"({"\u0000":1})").find("U+0000") != std::string::npos);

  const std::string deepest = std::string(limits::depth_max, '[') + std::string(limits::depth_max, ']');
  BOOST_TEST(json_problem(deepest) == "");
  BOOST_TEST(json_problem("[" + deepest + "]").find("nested more than") != std::string::npos);
  BOOST_TEST(json_problem(std::string(1'000'000, '[')).find("nested more than") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace cadre
