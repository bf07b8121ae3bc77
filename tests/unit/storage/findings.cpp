#include "storage/decide/findings.hpp"

#include "schemas/finding.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <set>

namespace findings_decided {

using namespace cadre;
using storage::decide::find_circles;
using storage::decide::merge_findings;
using storage::decide::open_finding;
using storage::decide::wait_edge;

finding_seen seen(const std::string& subject) {
  return {subject, agent_path{"ceo.a"}, "it is " + subject, {}};
}

open_finding open(const std::string& subject, std::int64_t deadline = 100, bool escalated = true) {
  return {"id-" + subject, subject, {deadline}, "e-" + subject, escalated};
}

/// `+fresh =still ~again -gone`, by subject.
std::string changes(
    const std::vector<open_finding>& before, const std::vector<finding_seen>& now, timestamp at,
    const std::function<bool(std::string_view)>& covers = [](std::string_view) { return true; }) {
  const auto c = merge_findings(before, now, covers, at);
  std::string text;
  for (const auto i : c.fresh) text += " +" + now[i].subject;
  for (const auto& [o, s] : c.still)
    text += " =" + before[o].subject + (before[o].subject == now[s].subject ? "" : "!");
  for (const auto i : c.again) text += " ~" + before[c.still[i].first].subject;
  for (const auto i : c.gone) text += " -" + before[i].subject;
  return text.empty() ? text : text.substr(1);
}

std::string circles(const std::vector<wait_edge>& edges) {
  std::string text;
  for (const auto& circle : find_circles(edges)) {
    for (const auto& name : circle) text += name;
    text += ' ';
  }
  return text;
}

BOOST_AUTO_TEST_SUITE(findings_merge)

BOOST_AUTO_TEST_CASE(what_is_new_is_opened_and_what_is_gone_is_cleared) {
  BOOST_TEST(changes({}, {}, {1}) == "");
  BOOST_TEST(changes({}, {seen("b"), seen("a")}, {1}) == "+b +a");
  BOOST_TEST(changes({open("a"), open("b")}, {seen("b"), seen("c")}, {1}) == "+c =b -a");
  BOOST_TEST(changes({open("a")}, {}, {1}) == "-a");
}

BOOST_AUTO_TEST_CASE(one_subject_counts_once) {
  BOOST_TEST(changes({}, {seen("a"), seen("a")}, {1}) == "+a");
  BOOST_TEST(changes({open("a")}, {seen("a"), seen("a")}, {1}) == "=a");
}

BOOST_AUTO_TEST_CASE(what_was_not_looked_at_stays) {
  BOOST_TEST(changes({open("a"), open("b")}, {seen("c")}, {1}, [](std::string_view s) { return s == "b"; }) == "+c -b");
}

BOOST_AUTO_TEST_CASE(one_that_somebody_resolved_and_that_is_still_there_is_raised_again_after_its_deadline) {
  BOOST_TEST(changes({open("a", 100, false)}, {seen("a")}, {99}) == "=a");
  BOOST_TEST(changes({open("a", 100, false)}, {seen("a")}, {100}) == "=a ~a");
  BOOST_TEST(changes({open("a", 100, true)}, {seen("a")}, {100}) == "=a");
}

BOOST_AUTO_TEST_CASE(circles_are_found_once_whoever_waits_for_them) {
  BOOST_TEST(circles({}) == "");
  BOOST_TEST(circles({{"a", "b"}, {"b", "c"}, {"a", "c"}}) == "");
  BOOST_TEST(circles({{"b", "a"}, {"a", "b"}}) == "ab ");
  BOOST_TEST(circles({{"x", "c"}, {"c", "b"}, {"b", "a"}, {"a", "c"}, {"a", "y"}}) == "acb ");
  BOOST_TEST(circles({{"a", "b"}, {"b", "a"}, {"c", "d"}, {"d", "c"}, {"a", "c"}}) == "ab cd ");
  BOOST_TEST(circles({{"a", "a"}}) == "a ");
}

BOOST_AUTO_TEST_CASE(a_chain_of_any_length_is_walked) {
  std::vector<wait_edge> edges;
  for (int i = 0; i < 50'000; ++i) edges.push_back({std::to_string(i), std::to_string(i + 1)});
  BOOST_TEST(find_circles(edges).size() == 0U);
  edges.push_back({"50000", "0"});
  BOOST_REQUIRE_EQUAL(find_circles(edges).size(), 1U);
  BOOST_TEST(find_circles(edges)[0].size() == 50'001U);
}

/// Against the definition: something is in a circle if it reaches itself.
BOOST_AUTO_TEST_CASE(random_graphs_have_a_circle_where_something_reaches_itself) {
  std::mt19937 random{20261121};
  for (int round = 0; round < 500; ++round) {
    const int nodes = 1 + static_cast<int>(random() % 7);
    bool reach[7][7] = {};
    std::vector<wait_edge> edges;
    for (unsigned e = random() % 10; e > 0; --e) {
      const auto from = random() % static_cast<unsigned>(nodes);
      const auto on = random() % static_cast<unsigned>(nodes);
      edges.push_back({std::to_string(from), std::to_string(on)});
      reach[from][on] = true;
    }
    for (int k = 0; k < nodes; ++k)
      for (int i = 0; i < nodes; ++i)
        for (int j = 0; j < nodes; ++j) reach[i][j] = reach[i][j] || (reach[i][k] && reach[k][j]);
    bool any = false;
    for (int i = 0; i < nodes; ++i) any = any || reach[i][i];
    const auto found = find_circles(edges);
    BOOST_TEST(found.empty() == !any);
    for (const auto& circle : found)
      for (std::size_t i = 0; i < circle.size(); ++i) {
        const auto& next = circle[(i + 1) % circle.size()];
        BOOST_TEST(std::any_of(edges.begin(), edges.end(),
                               [&](const auto& e) { return e.from == circle[i] && e.on == next; }));
      }
  }
}

BOOST_AUTO_TEST_CASE(every_kind_says_what_to_do_by_when) {
  std::set<std::string_view> names;
  for (const auto& kind : finding_kinds) {
    BOOST_TEST(names.insert(kind.name).second);
    BOOST_TEST(!kind.to_do.empty());
    BOOST_TEST(kind.mend_in.count() > 0);
    BOOST_TEST((kind.source != finding_source::leader || kind.every.count() > 0));
    BOOST_TEST(find_finding_kind(kind.name) == &kind);
  }
  BOOST_TEST(find_finding_kind("nothing") == nullptr);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace findings_decided
