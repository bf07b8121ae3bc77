#include "actors/findings/watch_rules.hpp"

#include "actors/findings/documents.hpp"
#include "actors/leader/dead_man.hpp"
#include "config/calendar.hpp"
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
  r["cron"] = "0 * * * *";
  BOOST_TEST(late(r) == "expected");
  r["tz"] = "Europe/Berlin";
  BOOST_TEST(late(r) == "");
}

BOOST_AUTO_TEST_CASE(a_moment_is_missing_only_after_the_jitter) {
  auto c = company();
  c.schedules[0].jitter = 30min;
  const auto fire_at = config::calendar::make(c.schedules[0])->fire_at(noon);
  BOOST_REQUIRE((noon + 1s < fire_at));
  auto r = row(0s);
  r["planned_until"] = (noon + -1s).us;
  const auto missing = [&](timestamp now) {
    r["now"] = now.us;
    return watch_rules{c}.look(json::array({r}).dump()).at(agent_path{"ceo.audit"}).late.size();
  };
  BOOST_TEST(missing(fire_at + 119s) == 0U);
  BOOST_TEST(missing(fire_at + 120s) == 1U);
}

BOOST_AUTO_TEST_CASE(a_step_has_as_long_as_it_may_take_at_most) {
  auto c = company();
  c.agents[2].retry.wait = {40s, 60s, 2.0, 0.5};
  // Three times a minute, waits of 40 s and 60 s (and not 80), each half as long again, and the grace.
  BOOST_TEST(time_for(c, c.schedules[0], "finished").count() == (180 + 60 + 90 + 120) * 1'000);
  auto quick = c.agents[3];
  quick.path.text = "ceo.audit-2";
  quick.within = 100s;
  c.agents.push_back(quick);
  BOOST_TEST(time_for(c, c.schedules[0], "effect").count() == (300 + 120) * 1'000);
}

BOOST_AUTO_TEST_CASE(the_brief_is_watched_as_a_schedule) {
  const auto c = company();
  auto r = row(1h);
  r["name"] = "brief";
  r["cron"] = "0 6 * * *";
  r["planned_until"] = (noon + 48h).us;
  r["open"] = json::array({fire("effect", 0s)});
  const auto found = watch_rules{c}.look(json::array({r}).dump());
  BOOST_REQUIRE_EQUAL(found.size(), 1U);
  const auto& of = found.at(agent_path{"ceo.audit"});
  BOOST_REQUIRE_EQUAL(of.late.size(), 1U);
  BOOST_TEST(of.late[0].subject == "brief");
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

/// The nodes that look for ceo.audit, which lives on `home` (empty: it is down), as each of a to d decides it. `last`:
/// who looked last; empty: the one who should.
std::string lookers(const std::string& home, const std::string& leader, const std::vector<std::string>& up,
                    watch_look last = {}) {
  if (last.node.empty() && !up.empty())
    last.node = *std::min_element(up.begin(), up.end(), [&](const auto& a, const auto& b) {
      return std::pair{a == leader, a} < std::pair{b == leader, b};
    });
  watch_places places{leader, up, {}, {{agent_path{"ceo.audit"}, last}}};
  if (!home.empty()) places.homes[agent_path{"ceo.audit"}] = home;
  std::string names;
  for (const char* node : {"a", "b", "c", "d"})
    if (looks_for(agent_path{"ceo.audit"}, node == home, node, places)) names += node;
  return names;
}

BOOST_AUTO_TEST_CASE(a_watcher_looks_where_it_lives_unless_that_is_where_the_leader_is) {
  BOOST_TEST(lookers("b", "a", {"a", "b", "c"}) == "b");
  BOOST_TEST(lookers("b", "b", {"c", "a", "b"}) == "a");
  BOOST_TEST(lookers("a", "a", {"a", "b", "c"}) == "b");
  BOOST_TEST(lookers("a", "a", {"c", "a"}) == "c");  // b is down, or drains.
  BOOST_TEST(lookers("a", "a", {"a"}) == "a");
  BOOST_TEST(lookers("a", "a", {}) == "a");
  BOOST_TEST(lookers("a", "", {"a", "b"}) == "a");
}

BOOST_AUTO_TEST_CASE(where_a_stand_in_does_not_look_the_watcher_does) {
  const std::vector<std::string> up{"a", "b", "c"};
  BOOST_TEST(lookers("a", "a", up, {"b", 10'000ms}) == "b");
  BOOST_TEST(lookers("a", "a", up, {"b", 10'001ms}) == "ab");
  BOOST_TEST(lookers("a", "a", up, {"a", 0ms}) == "ab");  // It goes on until the stand-in looks.
  BOOST_TEST(lookers("c", "a", up, {"c", 60'000ms}) == "c");
  BOOST_TEST(lookers("", "a", up, {"b", 60'000ms}) == "");
  BOOST_TEST(looks_for(agent_path{"ceo.audit"}, true, "a", {"a", up, {}, {}}));
}

BOOST_AUTO_TEST_CASE(nobody_looks_for_a_watcher_that_is_down) {
  BOOST_TEST(lookers("", "a", {"a", "b"}) == "");
  BOOST_TEST(lookers("", "", {"a", "b"}) == "");
  BOOST_TEST(lookers("", "a", {"a"}) == "");
}

BOOST_AUTO_TEST_CASE(what_the_leader_does_not_know_yet_about_who_lives_here_counts) {
  // It has just begun to live on the leader's node, and on another.
  const std::map<agent_path, watch_look> looks{{agent_path{"ceo.audit"}, {"b", 0ms}}};
  BOOST_TEST(!looks_for(agent_path{"ceo.audit"}, true, "a", {"a", {"a", "b"}, {}, looks}));
  BOOST_TEST(looks_for(agent_path{"ceo.audit"}, true, "b", {"a", {"a", "b"}, {}, looks}));
}

BOOST_AUTO_TEST_CASE(places_are_read_whether_somebody_leads_or_not) {
  const auto some = read_watch_places(
      R"({"leader":"a","nodes":["a","b"],"homes":{"ceo.audit":"b"},"looks":{"ceo.audit":{"node":"a","age_ms":17}}})");
  BOOST_TEST(some.leader == "a");
  BOOST_TEST((some.nodes == std::vector<std::string>{"a", "b"}));
  BOOST_TEST(some.homes.at(agent_path{"ceo.audit"}) == "b");
  BOOST_TEST(some.looks.at(agent_path{"ceo.audit"}).node == "a");
  BOOST_TEST((some.looks.at(agent_path{"ceo.audit"}).age == 17ms));
  const auto none = read_watch_places(R"({"leader":null,"nodes":[],"homes":{},"looks":{}})");
  BOOST_TEST((none.leader.empty() && none.nodes.empty() && none.homes.empty() && none.looks.empty()));
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
