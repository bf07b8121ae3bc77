#include "actors/findings/watch_rules.hpp"

#include "actors/findings/documents.hpp"
#include "actors/leader/dead_man.hpp"
#include "schemas/json.hpp"

#include <boost/test/unit_test.hpp>

namespace watching {

using namespace cadre;
using namespace cadre::actors;
using namespace std::chrono_literals;
using nlohmann::json;

config::company company() {
  config::company c;
  c.name = "acme";
  const auto add = [&](const std::string& path, agent_role role) -> config::agent& {
    config::agent a;
    a.path.text = path;
    a.role = role;
    return c.agents.emplace_back(std::move(a));
  };
  add("ceo", agent_role::ceo);
  add("ceo.data", agent_role::manager);
  auto& ingest = add("ceo.data.ingest", agent_role::worker);
  ingest.timeout = 60s;
  ingest.retry.attempts = 3;
  ingest.retry.wait = {1s, 60s, 2.0, 0.0};
  auto& audit = add("ceo.audit", agent_role::auditor);
  audit.audits = {ingest.path};
  audit.within = 300s;
  add("ceo.data.scrape-1", agent_role::worker);
  add("ceo.data.scrape-2", agent_role::worker);
  config::schedule s;
  s.name = "hourly";
  s.agent.text = "ceo.data.ingest";
  s.cron = "0 * * * *";
  s.grace = 120s;
  s.watcher.text = "ceo.audit";
  c.schedules.push_back(s);
  c.brief = config::brief_rule{"0 6 * * *", "UTC", agent_path{"ceo.audit"}};
  return c;
}

constexpr timestamp noon{1'795'262'400'000'000};  // 2026-11-21 12:00 UTC

/// What the database says of the schedule `hourly` at so long after noon, planned for the next hour.
json row(std::chrono::microseconds after_noon) {
  return {{"name", "hourly"},
          {"agent", "ceo.data.ingest"},
          {"watcher", "ceo.audit"},
          {"cron", "0 * * * *"},
          {"tz", "UTC"},
          {"paused", false},
          {"agent_paused", false},
          {"now", (noon + after_noon).us},
          {"grace", 120'000'000},
          {"planned_until", (noon + 2h).us},
          {"leader_since", (noon + -24h).us},
          {"open", nullptr},
          {"missed", nullptr}};
}

json fire(const std::string& step, std::chrono::microseconds since, bool held = false) {
  return {{"due", to_iso(noon)}, {"due_us", noon.us}, {"kind", "cron"},
          {"outcome", "x"},      {"reason", ""},      {"next_step", step},
          {"held", held},        {"task", nullptr},   {"waits_since", (noon + since).us}};
}

/// The steps that are late, as the finding has them; empty: none.
std::string late(const json& r) {
  const auto c = company();
  const watch_rules rules{c};
  const auto found = rules.look(json::array({r}).dump());
  BOOST_REQUIRE_EQUAL(found.size(), 1U);
  const auto& of = found.at(agent_path{"ceo.audit"});
  BOOST_TEST(of.schedules.size() == 1U);
  std::string text;
  for (const auto& l : of.late) {
    BOOST_TEST(l.origin.text == "ceo.data.ingest");
    const auto evidence = json::parse(l.evidence.text);
    for (const auto& f : evidence["fires"]) text += (text.empty() ? "" : " ") + f["missing"].get<std::string>();
  }
  return text;
}

std::string late(const std::string& step, std::chrono::microseconds after_noon, bool held = false) {
  auto r = row(after_noon);
  r["open"] = json::array({fire(step, 0s, held)});
  return late(r);
}

BOOST_AUTO_TEST_SUITE(watch_rules_of_schedules)

BOOST_AUTO_TEST_CASE(everybody_who_watches_is_known_once) {
  const auto c = company();
  const watch_rules rules{c};
  BOOST_REQUIRE_EQUAL(rules.watchers().size(), 1U);
  BOOST_TEST(rules.watchers()[0].text == "ceo.audit");
}

BOOST_AUTO_TEST_CASE(a_fire_is_late_when_the_time_of_its_next_step_is_over) {
  BOOST_TEST(late(row(30min)) == "");
  BOOST_TEST(late("fired", 119s) == "");
  BOOST_TEST(late("fired", 120s) == "fired");
  BOOST_TEST(late("started", 119s) == "");
  BOOST_TEST(late("started", 120s) == "started");
  BOOST_TEST(late("finished", 302s) == "");  // Three times a minute, waits of 1 s and 2 s, and the grace.
  BOOST_TEST(late("finished", 303s) == "finished");
  BOOST_TEST(late("effect", 419s) == "");  // The auditor's five minutes, and the grace.
  BOOST_TEST(late("effect", 420s) == "effect");
}

BOOST_AUTO_TEST_CASE(what_waits_by_intent_is_not_late) {
  BOOST_TEST(late("fired", 1h, true) == "");
  auto r = row(1h);
  r["open"] = json::array({fire("started", 0s)});
  r["agent_paused"] = true;
  BOOST_TEST(late(r) == "");
}

BOOST_AUTO_TEST_CASE(a_leader_that_just_began_gets_a_moment) {
  auto r = row(1h);
  r["open"] = json::array({fire("fired", 0s)});
  r["leader_since"] = (noon + 1h + -1s).us;
  BOOST_TEST(late(r) == "");
  r["leader_since"] = nullptr;
  BOOST_TEST(late(r) == "");
  r["leader_since"] = (noon + 1h + -2s).us;
  BOOST_TEST(late(r) == "fired");
}

BOOST_AUTO_TEST_CASE(a_moment_that_the_ledger_does_not_have_is_missing) {
  auto r = row(119s);
  r["planned_until"] = (noon + -1s).us;
  BOOST_TEST(late(r) == "");
  r["now"] = (noon + 120s).us;
  BOOST_TEST(late(r) == "expected");
  r["paused"] = true;
  BOOST_TEST(late(r) == "");
  r["paused"] = false;
  r["cron"] = "5 * * * *";  // The leader has another config than this node.
  BOOST_TEST(late(r) == "");
}

BOOST_AUTO_TEST_CASE(missed_ones_count_with_all_that_is_late_in_one_finding) {
  auto r = row(1h);
  r["missed"] = json::array({{{"due", to_iso(noon)}, {"reason", "nobody led"}, {"outcome", "missed"}}});
  r["open"] = json::array({fire("fired", 0s)});
  BOOST_TEST(late(r) == "fired fired");
  const auto c = company();
  const auto found = watch_rules{c}.look(json::array({r}).dump());
  const auto& l = found.at(agent_path{"ceo.audit"}).late;
  BOOST_REQUIRE_EQUAL(l.size(), 1U);
  BOOST_TEST(
      l[0].what ==
      "schedule hourly: the fire due at 2026-11-21T12:00:00 is not fired, it was missed: nobody led (and 1 more)");
}

BOOST_AUTO_TEST_SUITE_END()

/// `line name`, schedules with an `s`.
std::string dead_names(const std::string& text) {
  std::string names;
  for (const auto& d : audit_document(text, company()))
    names += (names.empty() ? "" : ", ") + std::to_string(d.line) + (d.is_schedule ? "s " : " ") + d.name;
  return names;
}

BOOST_AUTO_TEST_SUITE(documents_audited)

BOOST_AUTO_TEST_CASE(names_of_agents_that_exist_are_fine_wherever_they_stand) {
  BOOST_TEST(dead_names("Ask ceo.data.ingest, or (ceo.audit). `ceo.data`: its manager.\nceo.data.scrape is a pool.") ==
             "");
  BOOST_TEST(dead_names("Subscribe to cadre.acme.esc.ceo.data.> or myceo.data.x") == "");
  BOOST_TEST(dead_names("See ceo.md, docs/ceo.gone.x and ceo alone.") == "");
  BOOST_TEST(dead_names("") == "");
}

BOOST_AUTO_TEST_CASE(agents_that_do_not_exist_are_named_once_with_their_line) {
  BOOST_TEST(dead_names("x\nceo.data.inges stops.\nceo.data.inges again, ceo.sales.") ==
             "2 ceo.data.inges, 3 ceo.sales");
  const auto found = audit_document("ceo.data.inges", company());
  BOOST_REQUIRE_EQUAL(found.size(), 1U);
  BOOST_TEST(found[0].hint.find("ceo.data.ingest") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(schedules_are_words_in_backticks_beside_that_word_or_in_a_command) {
  BOOST_TEST(dead_names("The schedule `hourly`, and the `brief` schedule. `nothing` else.") == "");
  BOOST_TEST(dead_names("The schedule `daily` and the `weekly` Schedule\ncadre schedule trigger monthly --yes") ==
             "1s daily, 1s weekly, 2s monthly");
  BOOST_TEST(dead_names("cadre schedule list; cadre schedule show --json; Schedules `and more`") == "");
}

BOOST_AUTO_TEST_SUITE_END()

using moment = dead_man::time_point;

BOOST_AUTO_TEST_SUITE(dead_man_pings)

BOOST_AUTO_TEST_CASE(it_is_pinged_at_its_pace_while_all_is_well) {
  dead_man m{{"http://x", 5min, 10s, 3}};
  const moment begin{1h};
  BOOST_TEST(m.due(true, begin));
  BOOST_TEST(!m.due(false, begin));
  const auto said = m.answered({}, begin);
  BOOST_REQUIRE(said.has_value());
  BOOST_TEST(static_cast<int>(said->code) == static_cast<int>(errc::none));
  BOOST_TEST(!m.due(true, begin + 5min - 1ms));
  BOOST_TEST(m.wait(begin + 4min).count() == 60'000);
  BOOST_TEST(m.due(true, begin + 5min));
}

BOOST_AUTO_TEST_CASE(a_failure_is_tried_again_sooner_and_said_after_all_attempts) {
  dead_man m{{"http://x", 5min, 10s, 3}};
  moment now{1h};
  const result<void> no = fail(errc::unreachable, "no answer");
  BOOST_TEST(!m.answered(no, now).has_value());
  BOOST_TEST(m.wait(now).count() == 1'000);
  BOOST_TEST(!m.answered(no, now).has_value());
  BOOST_TEST(m.wait(now).count() == 2'000);
  for (int i = 0; i < 20; ++i) {
    const auto said = m.answered(no, now);
    BOOST_REQUIRE(said.has_value());
    BOOST_TEST(said->message == "no answer");
    BOOST_TEST(m.wait(now) <= 5min);
  }
  BOOST_TEST(m.wait(now) == 5min);
  BOOST_TEST(m.answered({}, now)->message == "");
  BOOST_TEST(!m.answered(no, now).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace watching
