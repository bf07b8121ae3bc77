#include "actors/brief/brief.hpp"
#include "actors/brief/text.hpp"
#include "schemas/text.hpp"
#include "unit/actors/brief_world.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

namespace cadre::brief_world {

BOOST_AUTO_TEST_SUITE(brief_text)

BOOST_AUTO_TEST_CASE(a_text_becomes_one_line) {
  for (const auto& [text, tamed] : {std::pair{"", ""},
                                    {" a  b ", "a b"},
                                    {"a\n\n# b\r\n\tc\v\f", "a # b c"},
                                    {"\x1b[2Ja\x7f", "[2Ja"},
                                    {"a\xc2\x9b"
                                     "2Jb",
                                     "a 2Jb"},  // CSI of one character.
                                    {"a\xe2\x80\xa8"
                                     "b\xe2\x80\xa9"
                                     "c\xc2\x85"
                                     "d",
                                     "a b c d"},  // Line separators.
                                    {"abc\xe2\x80\xae"
                                     "fdp.exe",
                                     "abcfdp.exe"},  // Right to left override.
                                    {"\xe2\x81\xa6x\xe2\x81\xa9\xe2\x80\x8f\xd8\x9c", "x"},
                                    {"a\xe2\x80\x8b"
                                     "b\xef\xbb\xbf"
                                     "c\xc2\xad"
                                     "d",
                                     "abcd"},  // Of no width.
                                    {"\xf3\xa0\x81\x81"
                                     "a",
                                     "a"},  // A tag.
                                    {"\xd7\x90\xd7\x91", "\xd7\x90\xd7\x91"},
                                    {"e\xcc\x81\xcc\x82\xcc\x83\xcc\x84x", "e\xcc\x81\xcc\x82x"}})
    BOOST_CHECK_EQUAL(brief::tame(text, 1'000), tamed);
}

BOOST_AUTO_TEST_CASE(a_text_is_cut_between_characters_at_its_cost) {
  for (const std::string part : {"x", "\xe2\x82\xac", "\xf0\x9f\x94\xa5", "&", "<", "\"", "*", "ab "}) {
    std::string text;
    for (int i = 0; i < 500; ++i) text += part;
    for (std::size_t most : {0u, 1u, 2u, 3u, 4u, 5u, 7u, 50u, 51u, 52u, 53u}) {
      const auto cut = brief::tame(text, most);
      BOOST_CHECK(is_clean_text(cut));
      BOOST_CHECK(cut.ends_with("..."));
      for (const auto& form : {cut, brief::html_text(cut), brief::markdown_text(cut, true)})
        BOOST_CHECK_LE(form.size(), std::max<std::size_t>(most, 3) + 1);
    }
  }
  BOOST_CHECK_EQUAL(brief::tame("abcdef", 6), "abcdef");
  BOOST_CHECK_EQUAL(brief::tame("abcdefg", 6), "abc...");
}

BOOST_AUTO_TEST_CASE(nothing_of_a_text_is_markdown) {
  for (const auto& [text, written] : {std::pair{"run_failed at 3 * 4", "run_failed at 3 \\* 4"},
                                      {"_a_ __b__", "\\_a\\_ \\_\\_b\\_\\_"},
                                      {"[a](http://x)", "\\[a\\](http://x)"},
                                      {"![a](b)", "!\\[a\\](b)"},
                                      {"`a`", "\\`a\\`"},
                                      {"<b>1 < 2 && x<-1", "\\<b>1 < 2 && x<-1"},
                                      {"<!--", "\\<!--"},
                                      {"&lt; &#60;", "\\&lt; \\&#60;"},
                                      {"~~a~~ ~b", "\\~\\~a\\~\\~ ~b"},
                                      {"a\\*b c:\\d", "a\\\\\\*b c:\\d"}})
    BOOST_CHECK_EQUAL(brief::markdown_text(text, false), written);
  for (const auto& [text, written] : {std::pair{"# a", "\\# a"},
                                      {"> a", "\\> a"},
                                      {"- a", "\\- a"},
                                      {"+ a", "\\+ a"},
                                      {"1. a", "1\\. a"},
                                      {"12) a", "12\\) a"},
                                      {"12 a", "12 a"},
                                      {"a # b", "a # b"}})
    BOOST_CHECK_EQUAL(brief::markdown_text(text, true), written);
}

BOOST_AUTO_TEST_CASE(code_ends_where_it_should) {
  BOOST_CHECK_EQUAL(brief::markdown_code("a b"), "`a b`");
  BOOST_CHECK_EQUAL(brief::markdown_code("a `b`"), "`` a `b` ``");
  BOOST_CHECK_EQUAL(brief::markdown_code("```"), "```` ``` ````");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(brief_hostile)

BOOST_AUTO_TEST_CASE(a_text_stays_in_its_line) {
  const auto calm = brief::to_markdown(document_of(busy_with("x")));
  const auto page = brief::to_markdown(document_of(busy_with("x\n\n# Nothing to do\r\n- fine\v\f\x1b[2J\x7f")));
  BOOST_CHECK_EQUAL(lines(page), lines(calm));
  BOOST_CHECK_EQUAL(count(page, "\n# "), 0u);
  for (const char c : page) BOOST_REQUIRE(c == '\n' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f));
}

BOOST_AUTO_TEST_CASE(a_text_is_never_markup) {
  const auto document = document_of(busy_with("<script>alert('1')</script> & \"x\" <!-- <img src=x>"));
  const auto page = brief::to_html(document);
  for (const char* tag : {"<script", "</script", "<img", "<!--", "<a ", "href", "src=\"", "url("})
    BOOST_CHECK_EQUAL(count(page, tag), 0u);
  BOOST_CHECK_GT(count(page, "&lt;script&gt;"), 5u);
  BOOST_CHECK_EQUAL(count(page, " & "), 0u);
  // In Markdown each is escaped, or within code.
  bool code = false;
  const auto markdown = brief::to_markdown(document);
  for (std::size_t i = 1; i < markdown.size(); ++i) {
    if (markdown[i] == '\n') code = false;
    if (markdown[i] == '`') code = !code;
    if (!code && markdown.compare(i, 7, "<script") == 0) BOOST_CHECK_EQUAL(markdown[i - 1], '\\');
  }
}

BOOST_AUTO_TEST_CASE(the_name_of_a_company_is_never_markup) {
  auto s = snapshot("busy");
  s["as_of"][0]["company"] = "</title><script>";
  BOOST_CHECK_EQUAL(count(brief::to_html(document_of(s)), "<script"), 0u);
}

BOOST_AUTO_TEST_CASE(every_element_is_closed_in_its_item) {
  for (const auto& text : hostile_texts()) {
    const auto page = brief::to_html(document_of(busy_with(text)));
    std::size_t items = 0;
    for (std::size_t from = page.find("<li "); from != std::string::npos; from = page.find("<li ", from + 1)) {
      const auto item = page.substr(from, page.find("</li>", from) - from);
      for (const auto* tag : {"code", "bdi", "strong"})
        BOOST_CHECK_EQUAL(count(item, std::string{"<"} + tag), count(item, std::string{"</"} + tag + ">"));
      ++items;
    }
    BOOST_CHECK_GT(items, 10u);
  }
}

BOOST_AUTO_TEST_CASE(the_page_needs_nothing_from_elsewhere) {
  const auto page = brief::to_html(document_of(snapshot("busy")));
  for (const char* part : {"<script", "<style", "<link", "<img", "<table", "src=", "href=", "@import", "url("})
    BOOST_CHECK_MESSAGE(count(page, part) == 0, part);
  // A colour of text stands with that of its background, or the page is unreadable where it is shown dark.
  BOOST_CHECK_EQUAL(count(page, ";color:#"), count(page, "background-color:#"));
  BOOST_CHECK_GT(count(page, "background-color:#"), 0u);
  // And no severity is a colour alone.
  for (const char* word : {">CRITICAL<", ">WARNING<", ">ERROR<", ">OLD<", ">QUARANTINED<"})
    BOOST_CHECK_MESSAGE(count(page, word) == 1, word);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace cadre::brief_world
