#include "broken.hpp"
#include "config/load.hpp"
#include "config/yaml_tree.hpp"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(yaml_text)

namespace {

using namespace cadre::config;
using sample::all_texts;

struct bad_text {
  const char* name;
  std::string yaml;
  int line;
  int column;
  const char* message;
};

std::string nested(int levels) {
  return "company: " + std::string(static_cast<std::size_t>(levels), '[') +
         std::string(static_cast<std::size_t>(levels), ']');
}

/// Each line doubles what the one before stands for.
std::string doubling(int lines) {
  std::string yaml = "a0: &a0 [x, x]\n";
  for (int i = 1; i < lines; ++i) {
    const auto before = std::to_string(i - 1);
    yaml += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + before + ", *a" + before + "]\n";
  }
  return yaml;
}

BOOST_AUTO_TEST_CASE(texts_that_are_refused_whole) {
  const std::vector<bad_text> cases{
      {"empty", "", 1, 1, "the file is empty"},
      {"only comments", "# nothing\n\n", 1, 1, "the file is empty"},
      {"null", "~\n", 1, 1, "the file is empty"},
      {"list", "- company\n", 1, 1, "found a list; allowed: a mapping of company, about"},
      {"text", "company\n", 1, 1, "found `company`; allowed: a mapping"},
      {"unclosed", "company: acme\nnodes: {a: [b\n", 3, 1, "not valid YAML"},
      {"tab", "company: acme\nnodes:\n\ta: b\n", 3, 3, "not valid YAML"},
      {"bad indent", "company: acme\n  nodes: x\n", 2, 8, "not valid YAML"},
      {"unknown alias", "company: *x\n", 1, 10, "not valid YAML"},
      {"two documents", "company: a\n---\ncompany: b\n", 2, 1, "a second document"},
      {"circle", "company: &a [*a]\n", 1, 14, "an alias may not stand inside its own anchor"},
      {"list as a key", "[a]: b\n", 1, 1, "a key must be a plain text"},
      {"merge of a text", "company: a\n<<: b\n", 2, 1, "`<<` takes a mapping"},
      {"control character", "company: a\x04\n", 1, 11, "not valid text"},
      {"not UTF-8", "company: \xff\n", 1, 10, "not valid text"},
      {"deep", nested(70), 1, 73, "at most 64 levels"},
      {"very deep", nested(100'000), 1, 73, "at most 64 levels"},
      {"doubling", doubling(30), 18, 6, "too many values after aliases are expanded"},
      {"large", std::string(1024 * 1024 + 1, ' '), 0, 0, "too large"},
  };
  for (const auto& c : cases) {
    const auto made = load_text(c.yaml, "f");
    BOOST_TEST_CONTEXT(c.name << all_texts(made.problems)) {
      BOOST_REQUIRE(made.problems.size() == 1u);
      BOOST_TEST(made.problems[0].line == c.line);
      BOOST_TEST(made.problems[0].column == c.column);
      BOOST_TEST(made.problems[0].message.find(c.message) != std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_CASE(depth_counts_what_an_alias_stands_for) {
  const auto deep = nested(40);
  const auto chain = "x: &x " + deep.substr(9) + "\ny: " + std::string(30, '[') + "*x" + std::string(30, ']') + "\n";
  const auto document = yaml::parse(chain);
  BOOST_REQUIRE(document.faults.size() == 1u);
  BOOST_TEST(document.faults[0].message.find("nested too deeply") == 0u);
  BOOST_TEST(document.faults[0].where.line == 2);
}

BOOST_AUTO_TEST_CASE(every_problem_is_found_and_in_order) {
  const auto made =
      load_text("compny: a\nnodes: {n: {roles: [contol]}}\norg: {ceo: {role: ceo, timeout: 5}}\nschedules: {s: {}}\n",
                "dir/f.yaml");
  std::vector<std::string> texts;
  for (const auto& p : made.problems) texts.push_back(p.text().substr(0, p.text().find_first_of(";,")));
  const std::vector<std::string> expected{
      "dir/f.yaml:1:1: compny: unknown key",
      "dir/f.yaml:1:1: company: is required and missing",
      "dir/f.yaml:2:1: nodes: no node has the role control",
      "dir/f.yaml:2:21: nodes.n.roles[0]: `contol`: not known",
      "dir/f.yaml:3:24: org.ceo.timeout: `5`: a duration needs a unit",
      "dir/f.yaml:4:13: schedules.s.agent: is required and missing",
      "dir/f.yaml:4:13: schedules.s.cron: is required and missing",
      "dir/f.yaml:4:13: schedules.s.watcher: is required and missing",
  };
  BOOST_TEST(texts == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(problems_are_bounded) {
  std::string yaml = "company: a\n";
  for (int i = 0; i < 5'000; ++i) yaml += "key-" + std::to_string(i) + ": 1\n";
  const auto made = load_text(yaml, "f");
  BOOST_REQUIRE(made.problems.size() == 1'001u);
  BOOST_TEST(made.problems.back().text() == "f: and 4002 more problems");
}

BOOST_AUTO_TEST_CASE(quotes_are_short_and_on_one_line) {
  const auto made = load_text("company: \"" + std::string(500, 'A') + "\\nB\"\n", "f");
  BOOST_REQUIRE(!made.ok());
  for (const auto& p : made.problems) BOOST_TEST(p.message.find('\n') == std::string::npos);
  BOOST_TEST(all_texts(made.problems).find("company: `" + std::string(60, 'A') + "...`") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
