#include "actors/brief/brief.hpp"

#include "schemas/json.hpp"
#include "schemas/text.hpp"
#include "unit/actors/brief_world.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <fstream>
#include <string>

namespace cadre::brief_world {

namespace {

void compare(const std::string& name, const std::string& bytes) {
  if (std::getenv("CADRE_UPDATE_GOLDEN") != nullptr) std::ofstream{folder / name, std::ios::binary} << bytes;
  BOOST_CHECK_MESSAGE(slurp(folder / name) == bytes,
                      name << " is not what is written now; if that is meant, run this suite with "
                              "CADRE_UPDATE_GOLDEN=1 and commit tests/golden/brief. Now:\n"
                           << bytes);
}

void compare_forms(const std::string& name, const json& snapshot) {
  const auto document = document_of(snapshot);
  compare(name + ".json", json::parse(document).dump(2) + "\n");
  compare(name + ".md", brief::to_markdown(document));
  compare(name + ".html", brief::to_html(document));
}

void check_is_one_page(const std::string& document) {
  const auto markdown = brief::to_markdown(document), html = brief::to_html(document);
  BOOST_CHECK_LE(lines(markdown), brief::page_lines_max);
  BOOST_CHECK_LE(lines(html), brief::page_lines_max + 40);
  BOOST_CHECK_LE(markdown.size(), brief::markdown_bytes_max);
  BOOST_CHECK_LE(html.size(), brief::html_bytes_max);
  BOOST_CHECK_LE(document.size(), brief::document_bytes_max);
  BOOST_CHECK(is_clean_text(markdown));
  BOOST_CHECK(is_clean_text(html));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(brief_golden)

BOOST_AUTO_TEST_CASE(a_first_brief) {
  compare_forms("first", snapshot("first"));
}

BOOST_AUTO_TEST_CASE(a_calm_day) {
  compare_forms("calm", snapshot("calm"));
}

BOOST_AUTO_TEST_CASE(a_busy_day) {
  compare_forms("busy", snapshot("busy"));
}

BOOST_AUTO_TEST_CASE(a_storm) {
  compare_forms("storm", storm());
}

BOOST_AUTO_TEST_CASE(the_same_snapshot_gives_the_same_brief) {
  const auto text = slurp(folder / "busy.snapshot.json");
  BOOST_CHECK(brief::compose(text) == brief::compose(text));
  const auto great = storm().dump();
  BOOST_CHECK(brief::compose(great) == brief::compose(great));
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
  const auto whole = snapshot("busy");
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
       {std::pair{"agents", "path"}, std::pair{"runs", "measured"}, std::pair{"decisions", "holders"},
        std::pair{"decisions", "severity"}, std::pair{"priorities", "row"}, std::pair{"open_tasks", "status"},
        std::pair{"open_tasks", "tasks"}, std::pair{"as_of", "at"}, std::pair{"runs", "failures"}}) {
    auto s = snapshot("busy");
    for (auto& row : s[part]) row.erase(column);
    const auto document = brief::compose(s.dump());
    BOOST_REQUIRE_MESSAGE(!document, part << "." << column << " was not missed");
    BOOST_CHECK(document.error().code == errc::bad_message);
  }
}

BOOST_AUTO_TEST_CASE(agents_in_order_are_no_trouble) {
  const auto d = json::parse(document_of(snapshot("busy")));
  BOOST_CHECK_EQUAL(d["version"], 1);
  BOOST_REQUIRE_EQUAL(d["trouble"].size(), 1u);
  BOOST_CHECK_EQUAL(d["trouble"][0]["path"], "ceo.data.ingest");
  BOOST_CHECK_EQUAL(d["totals"]["agents"], 4);
  // Agents that measured nothing are not listed.
  BOOST_CHECK_EQUAL(d["metrics"].size(), 2u);
  BOOST_CHECK_EQUAL(d["priorities"][0]["from"], "ceo.data.score");
  BOOST_CHECK(d["spend"].is_null());
}

BOOST_AUTO_TEST_CASE(failures_of_one_cause_are_one_entry) {
  const auto d = json::parse(document_of(snapshot("busy")));
  BOOST_REQUIRE_EQUAL(d["failures"].size(), 2u);
  const auto& both = d["failures"][0];
  BOOST_CHECK_EQUAL(both["error"], "exit code 1 after 12 lines of output");
  BOOST_CHECK(both["agents"] == json({"ceo.data.ingest", "ceo.data.mirror"}));
  BOOST_CHECK_EQUAL(both["runs"], 5);
  BOOST_CHECK_EQUAL(both["recovered"], 1);
  BOOST_CHECK_EQUAL(both["last_at"], "2026-11-21T05:10:00+00:00");
}

BOOST_AUTO_TEST_CASE(failures_with_other_words_are_other_causes) {
  auto s = snapshot("busy");
  s["runs"][0]["failures"][1]["error"] = "exit code 1 after 12 lines of input";
  BOOST_CHECK_EQUAL(json::parse(document_of(s))["failures"].size(), 3u);
}

BOOST_AUTO_TEST_CASE(the_cause_of_most_runs_comes_first) {
  auto s = snapshot("busy");
  s["runs"][0]["failures"][2]["runs"] = 50;
  const auto d = json::parse(document_of(s));
  BOOST_CHECK_EQUAL(d["failures"][0]["error_code"], "timed_out");
  s["runs"][0]["failures"][2]["runs"] = 4;
  BOOST_CHECK_EQUAL(json::parse(document_of(s))["failures"][0]["error_code"], "exit_code");
}

BOOST_AUTO_TEST_CASE(a_schedule_that_missed_twice_is_one_entry) {
  const auto d = json::parse(document_of(snapshot("busy")));
  BOOST_REQUIRE_EQUAL(d["missed_schedules"].size(), 2u);
  BOOST_CHECK_EQUAL(d["missed_schedules"][0]["schedule"], "nightly");
  BOOST_CHECK_EQUAL(d["missed_schedules"][0]["fires"], 2);
  BOOST_CHECK_EQUAL(d["missed_schedules"][0]["due_at"], "2026-11-21T02:00:00+00:00");
  // Of a long time away one row stands for many moments.
  auto s = snapshot("busy");
  s["missed_schedules"][2]["moments"] = 600;
  BOOST_CHECK_EQUAL(json::parse(document_of(s))["missed_schedules"][0]["fires"], 601);
}

BOOST_AUTO_TEST_CASE(who_has_not_begun_yet_is_no_trouble) {
  auto s = snapshot("calm");
  s["agents"][1]["state"] = "planned";
  BOOST_CHECK(json::parse(document_of(s))["trouble"].empty());
  s["agents"][1]["state"] = "waiting";
  BOOST_CHECK_EQUAL(json::parse(document_of(s))["trouble"].size(), 1u);
}

BOOST_AUTO_TEST_CASE(nodes_that_are_not_up_come_first) {
  auto s = snapshot("calm");
  s["nodes"][1]["state"] = "down";
  BOOST_CHECK_EQUAL(json::parse(document_of(s))["fleet"]["nodes"][0]["name"], "two");
}

BOOST_AUTO_TEST_CASE(a_page_says_from_when_on_it_lists) {
  auto s = snapshot("calm");
  const auto says = [&] {
    return brief::to_markdown(document_of(s)).find("What happened is listed from") != std::string::npos;
  };
  BOOST_CHECK(!says());
  s["as_of"][0]["since"] = "2026-10-01T06:00:00+00:00";
  BOOST_CHECK(says());
}

BOOST_AUTO_TEST_CASE(metrics_are_old_against_the_rhythm_of_their_agent) {
  const auto old = [](std::int64_t age_s, const json& every_s) {
    auto s = snapshot("busy");
    s["as_of"][0]["at"] = "2026-11-21T10:00:00+00:00";
    s["runs"][0]["measured"][0]["metrics_at"] = iso_before("2026-11-21T10:00:00Z", age_s);
    s["runs"][0]["measured"][0]["every_s"] = every_s;
    const auto d = json::parse(document_of(s));
    for (const auto& m : d["metrics"])
      if (m["path"] == "ceo.data.ingest") return m["stale"].get<bool>();
    throw std::logic_error{"its metrics are not there"};
  };
  BOOST_CHECK(!old(3 * 600 + 60, 600));
  BOOST_CHECK(old(3 * 600 + 61, 600));
  BOOST_CHECK(!old(3 * 3600, 3600));
  BOOST_CHECK(!old(50, 1));
  BOOST_CHECK(!old(1'000'000, nullptr));  // Who ran a few times has no rhythm.
}

BOOST_AUTO_TEST_CASE(what_is_old_comes_first_and_says_so) {
  const auto document = document_of(snapshot("busy"));
  BOOST_CHECK_EQUAL(json::parse(document)["metrics"][0]["path"], "ceo.data.ingest");
  auto s = snapshot("busy");
  s["runs"][0]["measured"][0]["every_s"] = 10'000;
  s["runs"][0]["measured"][1]["every_s"] = 60;
  const auto other = document_of(s);
  BOOST_CHECK_EQUAL(json::parse(other)["metrics"][0]["path"], "ceo.data.score");
  // Of those that are old the oldest.
  for (auto& m : s["runs"][0]["measured"]) m["every_s"] = 1;
  BOOST_CHECK_EQUAL(json::parse(document_of(s))["metrics"][0]["path"], "ceo.data.ingest");
  s["runs"][0]["measured"][1]["metrics_at"] = "2026-11-21T02:00:00+00:00";
  BOOST_CHECK_EQUAL(json::parse(document_of(s))["metrics"][0]["path"], "ceo.data.score");
  const auto page = brief::to_markdown(document);
  BOOST_CHECK_MESSAGE(page.find("ceo.data.ingest: packages=412 (was 400) seconds=1.5, **[old]**: 3 h ago, runs every "
                                "10 min\n") != std::string::npos,
                      page);
}

BOOST_AUTO_TEST_CASE(recommendations_are_few_and_texts) {
  auto s = snapshot("busy");
  s["runs"][0]["measured"][0]["recommendations"] = json::array({"a", 7, json::object(), "b", "c", "d", "e", "f"});
  const auto d = json::parse(document_of(s));
  BOOST_REQUIRE_EQUAL(d["recommendations"].size(), 5u);
  BOOST_CHECK_EQUAL(d["recommendations"][4]["text"], "e");
}

BOOST_AUTO_TEST_CASE(a_decision_says_whom_it_climbed_past_and_what_settles_it) {
  const auto document = document_of(snapshot("busy"));
  BOOST_CHECK(json::parse(document)["decisions"][2]["climbed_past"] == json({"ceo.ops", "ceo.platform"}));
  const auto page = brief::to_markdown(document);
  BOOST_CHECK_MESSAGE(page.find("climbed past ceo.ops, ceo.platform - /var") != std::string::npos, page);
  BOOST_CHECK_MESSAGE(
      page.find("`cadre escalation resolve 0190a6a1-0000-7000-8000 --note \"...\"`\n") != std::string::npos, page);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(brief_since_the_last)

BOOST_AUTO_TEST_CASE(decisions_are_told_apart_by_their_ids) {
  const auto d = json::parse(document_of(snapshot("busy")));
  BOOST_CHECK(d["since_last"]["decisions"] ==
              json({{"new", 1}, {"still_open", 2}, {"gone", 1}, {"again", 1}, {"exact", true}}));
  BOOST_CHECK_EQUAL(d["decisions"][0]["news"], "new");
  BOOST_CHECK_EQUAL(d["decisions"][1]["news"], "open");
  BOOST_CHECK_EQUAL(d["decisions"][2]["news"], "again");
}

BOOST_AUTO_TEST_CASE(in_a_storm_decisions_are_counted_by_the_database) {
  auto s = snapshot("busy");
  s["escalation_sums"][0]["in_inbox"] = 10'000;
  s["escalation_sums"][0]["new_in_inbox"] = 9'990;
  s["escalation_sums"][0]["settled"] = 7;
  const auto d = json::parse(document_of(s));
  BOOST_CHECK(d["since_last"]["decisions"] ==
              json({{"new", 9'990}, {"still_open", 10}, {"gone", 7}, {"again", 1}, {"exact", false}}));
  // And so is the one after it: of what it kept, not all was there.
  auto next = snapshot("busy");
  next["previous"][0]["kept"] = d["kept"];
  next["previous"][0]["kept"]["decisions"].erase(next["decisions"][0]["id"].get<std::string>());
  const auto after = json::parse(document_of(next));
  BOOST_CHECK_EQUAL(after["since_last"]["decisions"]["exact"], false);
  BOOST_CHECK_EQUAL(after["decisions"][0]["news"], "new");  // Raised since then.
  next["as_of"][0]["since"] = "2026-11-21T05:00:00+00:00";
  BOOST_CHECK_EQUAL(json::parse(document_of(next))["decisions"][0]["news"], "open");
}

BOOST_AUTO_TEST_CASE(what_a_brief_keeps_makes_the_next_one_say_that_nothing_changed) {
  auto s = snapshot("busy");
  const auto d = json::parse(document_of(s));
  BOOST_CHECK_EQUAL(d["since_last"]["nothing"], false);
  s["previous"] = json::array({{{"kept", d["kept"]}, {"metrics", d["metrics"]}}});
  for (const auto* list : {"missed_schedules", "changes"}) s[list] = json::array();
  s["runs"][0]["failures"] = json::array();
  const auto next = document_of(s);
  BOOST_CHECK_MESSAGE(json::parse(next)["since_last"]["nothing"] == true, json::parse(next)["since_last"].dump());
  const auto page = brief::to_markdown(next);
  BOOST_CHECK_MESSAGE(page.find("## Since the last brief\n\n- Nothing changed.\n") != std::string::npos, page);
}

BOOST_AUTO_TEST_CASE(each_change_alone_is_not_nothing) {
  auto same = snapshot("calm");
  same["previous"][0]["kept"] = json::parse(document_of(same))["kept"];
  const auto nothing = [](const json& s) { return json::parse(document_of(s))["since_last"]["nothing"].get<bool>(); };
  BOOST_REQUIRE(nothing(same));
  const auto busy = snapshot("busy");
  for (const auto* part : {"missed_schedules", "changes", "paused", "overdue_audits", "findings"}) {
    auto s = same;
    s[part] = busy[part];
    BOOST_CHECK_MESSAGE(!nothing(s), part);
  }
  auto s = same;
  s["agents"][1]["state"] = "backoff";
  BOOST_CHECK(!nothing(s));
  s = same;
  s["runs"] = busy["runs"];
  BOOST_CHECK(!nothing(s));
  for (const auto* status : {"blocked", "review", "draft", "approved", "waiting"}) {
    s = same;
    s["open_tasks"] = json::array({{{"status", status}, {"tasks", 1}, {"more", false}}});
    BOOST_CHECK_MESSAGE(!nothing(s), status);
  }
  for (const auto* status : {"queued", "active"}) {
    s = same;
    s["open_tasks"] = json::array({{{"status", status}, {"tasks", 1}, {"more", false}}});
    BOOST_CHECK_MESSAGE(nothing(s), status);
  }
  s = same;
  s["escalation_sums"][0]["open"] = 1;  // Somebody looks into it.
  BOOST_CHECK(!nothing(s));
}

BOOST_AUTO_TEST_CASE(each_change_of_what_was_kept_alone_is_not_nothing) {
  auto same = snapshot("calm");
  same["previous"][0]["kept"] = json::parse(document_of(same))["kept"];
  const auto since = [](const json& s) { return json::parse(document_of(s))["since_last"]; };
  const auto with_kept = [&](const char* part, const json& names) {
    auto s = same;
    s["previous"][0]["kept"][part] = names;
    s["previous"][0]["kept"][std::string{part} + "_total"] = names.size();
    return s;
  };
  /// One decision waits: only that.
  const auto one_waits = [](json s, int count) {
    s["escalation_sums"][0]["open"] = s["escalation_sums"][0]["in_inbox"] = 1;
    s["decision_counts"] = json::array({{{"id", "x"}, {"count", count}}});
    return s;
  };
  for (const auto& [s, changed] : {std::pair{one_waits(same, 1), "new"},
                                   {with_kept("decisions", {{"x", 1}}), "gone"},
                                   {one_waits(with_kept("decisions", {{"x", 1}}), 2), "again"}}) {
    const auto news = since(s);
    BOOST_CHECK_MESSAGE(news["nothing"] == false, changed);
    BOOST_CHECK_MESSAGE(news["counts"].empty(), changed << ": " << news.dump());
    for (const auto* key : {"new", "gone", "again"})
      BOOST_CHECK_EQUAL(news["decisions"][key], std::string{key} == changed ? 1 : 0);
  }
  BOOST_CHECK(since(one_waits(with_kept("decisions", {{"x", 1}}), 1))["nothing"] == true);
  const auto back = since(with_kept("trouble", {{"ceo.ops.watch", "backoff"}}));
  BOOST_CHECK(back["back"] == json({"ceo.ops.watch"}) && back["counts"].empty() && back["nothing"] == false);
  const auto resumed = since(with_kept("paused", {{"mode mail", "paused"}}));
  BOOST_CHECK(resumed["resumed"] == json({"mode mail"}) && resumed["counts"].empty() && resumed["nothing"] == false);
}

BOOST_AUTO_TEST_CASE(agents_and_pauses_come_and_go) {
  const auto page = brief::to_markdown(document_of(snapshot("busy")));
  for (const char* text : {"- Now not running: ceo.data.ingest (quarantined).\n", "- Running again: ceo.ops.clock.\n",
                           "- Paused: agent ceo.ops.mail.\n", "- Resumed: mode mail.\n", "overdue audits: 1 (was 3)"})
    BOOST_CHECK_MESSAGE(page.find(text) != std::string::npos, text << " is not in\n" << page);
}

BOOST_AUTO_TEST_CASE(of_a_list_that_was_cut_only_what_is_known_is_said) {
  auto s = snapshot("calm");
  for (int i = 0; i < 50; ++i) {
    auto a = s["agents"][1];
    a["path"] = "ceo.w-" + std::to_string(100 + i);
    a["state"] = "backoff";
    s["agents"].push_back(a);
  }
  const auto kept = json::parse(document_of(s))["kept"];
  BOOST_CHECK_EQUAL(kept["trouble"].size(), 30u);
  BOOST_CHECK_EQUAL(kept["trouble_total"], 50);
  s["previous"][0]["kept"] = kept;
  BOOST_CHECK_EQUAL(json::parse(document_of(s))["since_last"]["nothing"], true);
  s["agents"].erase(s["agents"].size() - 50);  // The first of the fifty, which was kept.
  const auto since = json::parse(document_of(s))["since_last"];
  BOOST_CHECK(since["back"] == json({"ceo.w-100"}));
  BOOST_CHECK(since["down"].empty());
  BOOST_CHECK(since["counts"] == json::array({{{"what", "agents not running"}, {"was", 50}, {"now", 49}}}));
}

BOOST_AUTO_TEST_CASE(a_brief_of_another_program_is_nothing_to_compare_with) {
  for (const auto& previous : {json::array(), json::array({json::object()}), json::array({{{"kept", 7}}}),
                               json::array({{{"kept", {{"decisions", "x"}, {"trouble", 7}, {"counts", {1}}}}}})}) {
    auto s = snapshot("busy");
    s["previous"] = previous;
    const auto d = json::parse(document_of(s));
    BOOST_CHECK_EQUAL(d["since_last"]["decisions"]["new"], 3);
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(brief_one_page)

BOOST_AUTO_TEST_CASE(a_storm_is_one_page) {
  const auto document = document_of(storm());
  check_is_one_page(document);
  const auto page = brief::to_markdown(document);
  // The section that matters most keeps most of its lines, and what is not shown is counted, with where it is.
  BOOST_CHECK_MESSAGE(page.find("- and 9990 more: `cadre inbox`\n") != std::string::npos, page);
  BOOST_CHECK_MESSAGE(page.find("- of all: 9000 x run_failed of 1000 agents, ") != std::string::npos, page);
  BOOST_CHECK_MESSAGE(page.find("raised = ") != std::string::npos, page);
  for (const auto* title : {"Needs a decision", "Since the last brief", "Agents not running", "What failed and why",
                            "Schedules late or missed", "Audits overdue", "Findings", "Paused", "Under investigation",
                            "What changed in canonical data", "Metrics", "Recommendations", "The fleet"})
    BOOST_CHECK_MESSAGE(page.find(std::string{"\n## "} + title + "\n") != std::string::npos, title);
}

BOOST_AUTO_TEST_CASE(a_storm_of_any_text_is_one_page) {
  for (const auto& text : hostile_texts()) check_is_one_page(document_of(storm(text)));
}

BOOST_AUTO_TEST_CASE(an_agent_with_thousands_of_metrics_has_one_line) {
  auto s = snapshot("busy");
  for (int i = 0; i < 5'000; ++i) s["runs"][0]["measured"][0]["metrics"]["m" + std::to_string(i)] = i;
  s["runs"][0]["measured"][0]["metrics_total"] = 5'002;
  const auto document = document_of(s);
  check_is_one_page(document);
  const auto page = brief::to_markdown(document);
  BOOST_CHECK_LT(longest_line(page), 2'000u);
  BOOST_CHECK_MESSAGE(page.find(" and 4994 more, ") != std::string::npos, page);
}

BOOST_AUTO_TEST_CASE(what_is_no_document_is_an_empty_page) {
  for (const char* text : {"", "{", "null", "7", "[1,2]", "{}", R"({"decisions":7,"totals":[],"metrics":{"a":1}})",
                           R"({"decisions":[7,null,"x",{"climbed_past":3}],"fleet":{"nodes":"x"},"tasks":{"a":"b"},)"
                           R"("metrics":[{"metrics":7}],"totals":{"decisions":-5,"failures":1e300}})"}) {
    check_is_one_page(text);
    BOOST_CHECK(brief::to_markdown(text).starts_with("# Brief of "));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace cadre::brief_world
