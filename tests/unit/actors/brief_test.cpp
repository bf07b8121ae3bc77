#include "actors/brief/brief.hpp"

#include "schemas/json.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

using namespace cadre;
using nlohmann::json;

namespace {

const std::filesystem::path folder = std::filesystem::path{CADRE_SOURCE_DIR} / "tests" / "golden" / "brief";

std::string slurp(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

void compare(const std::string& name, const std::string& bytes) {
  if (std::getenv("CADRE_UPDATE_GOLDEN") != nullptr) std::ofstream{folder / name, std::ios::binary} << bytes;
  BOOST_CHECK_MESSAGE(slurp(folder / name) == bytes,
                      name << " is not what is written now; if that is meant, run this suite with "
                              "CADRE_UPDATE_GOLDEN=1 and commit tests/golden/brief. Now:\n"
                           << bytes);
}

json snapshot() {
  return json::parse(slurp(folder / "snapshot.json"));
}

std::string document_of(const json& parts) {
  const auto document = brief::compose(parts.dump());
  BOOST_REQUIRE_MESSAGE(document, (document ? "" : document.error().message));
  return *document;
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) ++n;
  return n;
}

std::size_t lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

std::size_t longest_line(const std::string& text) {
  std::size_t longest = 0;
  for (std::size_t from = 0; from < text.size();) {
    const auto end = std::min(text.find('\n', from), text.size());
    longest = std::max(longest, end - from);
    from = end + 1;
  }
  return longest;
}

/// Every text in `value` that an agent or a person chose is replaced.
void replace_texts(json& value, const std::string& text) {
  if (value.is_string()) {
    value = text;
  } else if (value.is_structured()) {
    for (auto& part : value) replace_texts(part, text);
  }
}

/// A snapshot in which each text that is not a moment, an id or a state is `text`.
json with_texts(const std::string& text) {
  auto s = snapshot();
  for (auto& [part, rows] : s.items()) {
    if (part == "as_of" || part == "tasks") continue;
    for (auto& row : rows)
      for (auto& [key, value] : row.items())
        if (key != "id" && !key.ends_with("_at") && key != "at") replace_texts(value, text);
  }
  for (auto& a : s["agents"])
    if (a["metrics"].is_object()) a["metrics"] = json{{text, text}};
  return s;
}

/// Every list of the snapshot, repeated to `rows` entries.
json storm(const json& from, std::size_t rows) {
  auto s = from;
  for (const char* part : {"decisions", "under_investigation", "failures", "missed_schedules", "overdue_audits",
                           "changes", "agents", "priorities", "nodes"}) {
    const auto few = s[part];
    s[part] = json::array();
    for (std::size_t i = 0; i < rows; ++i) s[part].push_back(few[i % few.size()]);
  }
  return s;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(brief_golden)

BOOST_AUTO_TEST_CASE(the_page_is_written_as_ever) {
  const auto document = document_of(snapshot());
  compare("brief.json", json::parse(document).dump(2) + "\n");
  compare("brief.md", brief::to_markdown(document));
  compare("brief.html", brief::to_html(document));
}

BOOST_AUTO_TEST_CASE(the_same_snapshot_gives_the_same_brief) {
  const auto text = slurp(folder / "snapshot.json");
  BOOST_CHECK(brief::compose(text) == brief::compose(text));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(brief_compose)

BOOST_AUTO_TEST_CASE(what_is_no_snapshot_is_a_bad_message) {
  for (const char* text : {"", "null", "[]", "7", "{", "{}", "\xff"}) {
    const auto document = brief::compose(text);
    BOOST_REQUIRE_MESSAGE(!document, text);
    BOOST_CHECK(document.error().code == errc::bad_message);
    BOOST_CHECK(!document.error().message.empty());
  }
}

BOOST_AUTO_TEST_CASE(every_part_is_needed) {
  const auto whole = snapshot();
  for (const auto& [part, rows] : whole.items()) {
    auto s = whole;
    s.erase(part);
    const auto document = brief::compose(s.dump());
    BOOST_REQUIRE_MESSAGE(!document, part << " was not missed");
    BOOST_CHECK(document.error().code == errc::bad_message);
    BOOST_CHECK_MESSAGE(document.error().message.find(part) != std::string::npos, document.error().message);
  }
}

BOOST_AUTO_TEST_CASE(a_row_without_a_column_is_a_bad_message) {
  for (const auto& [part, column] :
       {std::pair{"agents", "path"}, std::pair{"agents", "metrics"}, std::pair{"agents", "recommendations"},
        std::pair{"priorities", "row"}, std::pair{"priorities", "worker"}, std::pair{"tasks", "status"},
        std::pair{"tasks", "tasks"}, std::pair{"as_of", "company"}}) {
    auto s = snapshot();
    for (auto& row : s[part]) row.erase(column);
    const auto document = brief::compose(s.dump());
    BOOST_REQUIRE_MESSAGE(!document, part << "." << column << " was not missed");
    BOOST_CHECK(document.error().code == errc::bad_message);
  }
}

BOOST_AUTO_TEST_CASE(agents_in_order_are_no_trouble) {
  const auto d = json::parse(document_of(snapshot()));
  BOOST_REQUIRE_EQUAL(d["agents"]["trouble"].size(), 1u);
  BOOST_CHECK_EQUAL(d["agents"]["trouble"][0]["path"], "ceo.data.ingest");
  BOOST_CHECK_EQUAL(d["agents"]["total"], 3);
  // Agents that measured nothing are not listed.
  BOOST_CHECK_EQUAL(d["metrics"].size(), 1u);
  BOOST_CHECK_EQUAL(d["priorities"][0]["from"], "ceo.data.score");
}

BOOST_AUTO_TEST_CASE(recommendations_are_few_and_texts) {
  auto s = snapshot();
  s["agents"][0]["recommendations"] = json::array({"a", 7, json::object(), "b", "c", "d", "e", "f"});
  const auto d = json::parse(document_of(s));
  BOOST_REQUIRE_EQUAL(d["recommendations"].size(), 5u);
  BOOST_CHECK_EQUAL(d["recommendations"][4]["text"], "e");
}

BOOST_AUTO_TEST_CASE(a_company_at_its_first_hour_has_a_brief) {
  auto s = snapshot();
  for (auto& [part, rows] : s.items())
    if (part != "as_of" && part != "escalation_sums") rows = json::array();
  s["as_of"][0]["since"] = "-infinity";
  const auto document = document_of(s);
  const auto page = brief::to_markdown(document);
  BOOST_CHECK_MESSAGE(page.find("the first one.") != std::string::npos, page);
  BOOST_CHECK_MESSAGE(page.find("## Needs a decision\n\n- Nothing.\n") != std::string::npos, page);
  BOOST_CHECK_EQUAL(count(page, "\n## "), 2u);
  BOOST_CHECK_EQUAL(count(brief::to_html(document), "<h2"), 2u);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(brief_hostile)

BOOST_AUTO_TEST_CASE(a_text_stays_in_its_line) {
  const auto calm = brief::to_markdown(document_of(with_texts("x")));
  const auto page = brief::to_markdown(document_of(with_texts("x\n\n# Nothing to do\r\n- fine\v\f\x1b[2J\x7f")));
  BOOST_CHECK_EQUAL(lines(page), lines(calm));
  BOOST_CHECK_EQUAL(count(page, "\n# "), 0u);
  for (const char c : page) BOOST_REQUIRE(c == '\n' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f));
}

BOOST_AUTO_TEST_CASE(a_text_is_never_markup) {
  const auto document = document_of(with_texts("<script>alert('1')</script> & \"x\" <!-- <img src=x>"));
  const auto page = brief::to_html(document);
  for (const char* tag : {"<script", "</script", "<img", "<!--"}) BOOST_CHECK_EQUAL(count(page, tag), 0u);
  BOOST_CHECK_GT(count(page, "&lt;script&gt;"), 5u);
  BOOST_CHECK_EQUAL(count(page, " & "), 0u);
}

BOOST_AUTO_TEST_CASE(the_name_of_a_company_is_never_markup) {
  auto s = snapshot();
  s["as_of"][0]["company"] = "</title><script>";
  BOOST_CHECK_EQUAL(count(brief::to_html(document_of(s)), "<script"), 0u);
}

BOOST_AUTO_TEST_CASE(code_is_closed_in_the_line_in_which_it_opens) {
  for (const char* text : {"`", "``", "a ` b", "```\n", "`<b>`"}) {
    const auto page = brief::to_html(document_of(with_texts(text)));
    std::size_t items = 0;
    for (std::size_t from = page.find("<li>"); from != std::string::npos; from = page.find("<li>", from + 1)) {
      const auto item = page.substr(from, page.find("</li>", from) - from);
      BOOST_CHECK_EQUAL(count(item, "<code>"), count(item, "</code>"));
      ++items;
    }
    BOOST_CHECK_GT(items, 10u);
    BOOST_CHECK_EQUAL(count(page, "<b>"), 0u);
  }
}

BOOST_AUTO_TEST_CASE(a_huge_text_is_cut_between_characters) {
  for (const std::size_t shift : {0u, 1u, 2u}) {
    std::string huge(shift, 'x');
    for (int i = 0; i < 3'000; ++i) huge += "€";
    const auto document = document_of(with_texts(huge));
    for (const auto& page : {brief::to_markdown(document), brief::to_html(document)}) {
      BOOST_CHECK_LT(page.size(), 30'000u);
      // Only valid UTF-8 can be written as JSON.
      BOOST_CHECK_NO_THROW((void)json(page).dump());
    }
  }
}

BOOST_AUTO_TEST_CASE(the_page_stays_a_page_under_a_storm) {
  const auto document = document_of(storm(snapshot(), 2'000));
  const auto page = brief::to_markdown(document);
  BOOST_CHECK_LE(lines(page), 130u);
  BOOST_CHECK_LT(longest_line(page), 2'000u);
  BOOST_CHECK_LT(page.size(), 40'000u);
  BOOST_CHECK_LT(brief::to_html(document).size(), 60'000u);
  BOOST_CHECK_MESSAGE(page.find("- and 1992 more: `cadre inbox`\n") != std::string::npos, page);
}

BOOST_AUTO_TEST_CASE(an_agent_with_thousands_of_metrics_has_one_line) {
  auto s = snapshot();
  for (int i = 0; i < 5'000; ++i) s["agents"][1]["metrics"]["m" + std::to_string(i)] = i;
  const auto page = brief::to_markdown(document_of(s));
  BOOST_CHECK_LT(longest_line(page), 2'000u);
  BOOST_CHECK_MESSAGE(page.find("more (at 2026-11-21 03:00)\n") != std::string::npos, page);
}

BOOST_AUTO_TEST_SUITE_END()
