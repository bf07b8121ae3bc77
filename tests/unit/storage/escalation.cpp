#include "storage/decide/escalation.hpp"

#include <boost/test/unit_test.hpp>

#include <map>
#include <random>

using namespace cadre;
using namespace cadre::storage::decide;
using std::chrono::milliseconds;

namespace {

const timestamp start{1'000'000'000};

using org_table = std::map<std::string, holder_view>;

org_view view(const org_table& org) {
  return [&org](const agent_path& path) -> std::optional<holder_view> {
    const auto found = org.find(path.text);
    if (found == org.end()) return std::nullopt;
    auto holder = found->second;
    holder.manager = path.parent();
    return holder;
  };
}

holder_view holds(std::int64_t ms, escalation_policy then = escalation_policy::escalate) {
  holder_view h;
  h.investigate = milliseconds{ms};
  h.then = then;
  return h;
}

holder_view down() {
  auto h = holds(1'000);
  h.available = false;
  return h;
}

/// `raised ceo.data, moved ceo: open at ceo in inbox`.
std::string script(const escalation_step& s) {
  std::string text;
  for (const auto& h : s.hops)
    text += (text.empty() ? "" : ", ") + std::string{to_text(h.action)} + " " + h.holder.text;
  text += ": " + std::string{to_text(s.after.status)} + " at " + s.after.holder.text;
  if (s.after.in_inbox) text += " in inbox";
  if (!s.after.due.empty()) text += " for " + std::to_string((s.after.due - start).count() / 1'000);
  if (s.retry) text += " retry";
  return text;
}

standing open_at(const std::string& holder) {
  standing s;
  s.holder.text = holder;
  s.due = start;
  return s;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(escalation)

BOOST_AUTO_TEST_CASE(a_problem_goes_to_the_manager) {
  const org_table org{{"ceo", holds(0)}, {"ceo.data", holds(600)}, {"ceo.data.w", holds(0)}};
  BOOST_TEST(script(raise_escalation(view(org), {"ceo.data.w"}, false, start)) ==
             "raised ceo.data: open at ceo.data for 600");
  BOOST_TEST(script(raise_escalation(view(org), {"ceo.data"}, false, start)) == "raised ceo: open at ceo in inbox");
  BOOST_TEST(script(raise_escalation(view(org), {"ceo"}, false, start)) == "raised ceo: open at ceo in inbox");
}

BOOST_AUTO_TEST_CASE(who_has_no_time_or_is_down_does_not_keep_it) {
  org_table org{
      {"ceo", down()}, {"ceo.a", holds(50)}, {"ceo.a.b", down()}, {"ceo.a.b.c", holds(0)}, {"ceo.a.b.c.w", holds(0)}};
  BOOST_TEST(script(raise_escalation(view(org), {"ceo.a.b.c.w"}, false, start)) ==
             "raised ceo.a.b.c, moved ceo.a.b, skipped ceo.a.b, moved ceo.a: open at ceo.a for 50");
  org["ceo.a"] = down();
  BOOST_TEST(script(raise_escalation(view(org), {"ceo.a.b.c.w"}, false, start)) ==
             "raised ceo.a.b.c, moved ceo.a.b, skipped ceo.a.b, moved ceo.a, skipped ceo.a, moved ceo: "
             "open at ceo in inbox");
}

BOOST_AUTO_TEST_CASE(policies_apply_when_the_time_is_over) {
  org_table org{{"ceo", holds(0)}, {"ceo.a", holds(7)}, {"ceo.a.b", holds(5)}, {"ceo.a.b.w", holds(0)}};
  BOOST_TEST(script(escalation_due(view(org), open_at("ceo.a.b"), true, start)) == "moved ceo.a: open at ceo.a for 7");
  BOOST_TEST(script(escalation_due(view(org), open_at("ceo.a"), true, start)) == "moved ceo: open at ceo in inbox");
  org["ceo.a.b"] = holds(5, escalation_policy::resolve);
  BOOST_TEST(script(escalation_due(view(org), open_at("ceo.a.b"), true, start)) ==
             "resolved ceo.a.b: resolved at ceo.a.b");
  org["ceo.a.b"] = holds(5, escalation_policy::retry);
  BOOST_TEST(script(escalation_due(view(org), open_at("ceo.a.b"), true, start)) ==
             "retried ceo.a.b, resolved ceo.a.b: resolved at ceo.a.b retry");
  BOOST_TEST(script(escalation_due(view(org), open_at("ceo.a.b"), false, start)) == "moved ceo.a: open at ceo.a for 7");
  org["ceo.a.b"].available = false;
  BOOST_TEST(script(escalation_due(view(org), open_at("ceo.a.b"), true, start)) ==
             "skipped ceo.a.b, moved ceo.a: open at ceo.a for 7");
  org.erase("ceo.a.b");
  BOOST_TEST(script(escalation_due(view(org), open_at("ceo.a.b"), true, start)) == "moved ceo.a: open at ceo.a for 7");
  org["ceo.a"] = holds(0, escalation_policy::resolve);
  BOOST_TEST(script(escalation_due(view(org), open_at("ceo.a.b"), true, start)) ==
             "moved ceo.a, resolved ceo.a: resolved at ceo.a");
}

BOOST_AUTO_TEST_CASE(people_end_it) {
  const org_table org{{"ceo", holds(0)}, {"ceo.a", holds(7)}};
  const auto seen = acknowledge_escalation(open_at("ceo.a"), "anna", "on it");
  BOOST_TEST(script(seen) == "acknowledged ceo.a: acknowledged at ceo.a");
  BOOST_TEST(acknowledge_escalation(seen.after, "anna", "").hops.empty());
  BOOST_TEST(escalation_due(view(org), seen.after, true, start).hops.empty());
  const auto done = resolve_escalation(seen.after, "anna", "fixed");
  BOOST_TEST(script(done) == "resolved ceo.a: resolved at ceo.a");
  BOOST_TEST(done.resolved_by == "anna");
  BOOST_TEST(done.note == "fixed");
  BOOST_TEST(resolve_escalation(done.after, "bert", "").hops.empty());
  BOOST_TEST(acknowledge_escalation(done.after, "bert", "").hops.empty());
}

BOOST_AUTO_TEST_CASE(every_escalation_ends_in_the_inbox_or_is_settled) {
  std::mt19937 random{11};
  for (int round = 0; round < 5'000; ++round) {
    org_table org;
    std::string path = "ceo";
    const auto depth = 1 + random() % 8;
    for (std::size_t i = 0; i < depth; ++i) {
      auto h = holds(static_cast<std::int64_t>(random() % 3), static_cast<escalation_policy>(random() % 3));
      h.available = random() % 4 != 0;
      if (i == 0 || random() % 6 != 0) org[path] = h;
      path += ".x";
    }
    org[path] = holds(0);
    auto step = raise_escalation(view(org), {path}, random() % 2 == 0, start);
    std::size_t hops = step.hops.size();
    for (int dues = 0; step.after.status == escalation_status::open && !step.after.in_inbox; ++dues) {
      BOOST_REQUIRE_LE(dues, 8);
      BOOST_REQUIRE(!step.after.due.empty());
      const auto before = step.after.holder;
      step = escalation_due(view(org), step.after, random() % 2 == 0, step.after.due);
      BOOST_REQUIRE(!step.hops.empty());
      hops += step.hops.size();
      if (step.after.status == escalation_status::open)
        BOOST_REQUIRE_MESSAGE(before.is_below(step.after.holder), before.text << " -> " << step.after.holder.text);
    }
    BOOST_REQUIRE(step.after.due.empty());
    BOOST_REQUIRE_LE(hops, 2 * depth + 2);
  }
}

BOOST_AUTO_TEST_SUITE_END()
