#include "config/load.hpp"

#include "broken.hpp"
#include "config/yaml_tree.hpp"
#include "sample.hpp"
#include "scratch.hpp"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(loading)

namespace {

using namespace cadre::config;
using cadre::agent_path;
using sample::all_texts;
using sample::changed;

/// The company of a text that has no problems.
company good(std::string_view yaml, const std::string& file = "cadre.yaml") {
  auto made = load_text(yaml, file);
  BOOST_TEST_REQUIRE(made.ok(), all_texts(made.problems));
  return std::move(made.value);
}

const agent& at(const company& c, const std::string& path) {
  const agent* found = c.find_agent({path});
  BOOST_REQUIRE_MESSAGE(found != nullptr, path);
  return *found;
}

BOOST_AUTO_TEST_CASE(order_paths_and_lookups) {
  const auto c = good(sample::text);
  std::vector<std::string> paths;
  for (const auto& a : c.agents) paths.push_back(a.path.text);
  const std::vector<std::string> expected{
      "ceo", "ceo.data", "ceo.data.ingest", "ceo.data.fetch", "ceo.data.audit", "ceo.ops", "ceo.ops.clock"};
  BOOST_TEST(paths == expected, boost::test_tools::per_element());
  BOOST_TEST(c.find_agent({"ceo.x"}) == nullptr);
  BOOST_TEST(c.find_node("n2")->name == "n2");
  BOOST_TEST(c.find_node("n3") == nullptr);
  BOOST_TEST(c.reports_of({"ceo"}).size() == 2u);
  BOOST_TEST(c.reports_of({"ceo.data"})[2]->path.text == "ceo.data.audit");
  BOOST_TEST(c.reports_of({"ceo.ops.clock"}).empty());
  BOOST_REQUIRE(c.auditors_of({"ceo.data.ingest"}).size() == 1u);
  BOOST_TEST(c.auditors_of({"ceo.data.ingest"})[0]->path.text == "ceo.data.audit");
  BOOST_TEST(c.auditors_of({"ceo.data.fetch"}).empty());
}

BOOST_AUTO_TEST_CASE(a_pool_becomes_its_members) {
  const auto yaml = changed(changed(changed("outputs: {price: {key: [symbol]}}",
                                            "instances: 3\n            outputs: {price: {mode: append}}"),
                                    sample::fetch_run, "run: {command: [sh]}\n            needs: [ceo.data.ingest]"),
                            "hourly: {agent: ceo.data.ingest,", "hourly: {agent: ceo.data.fetch,");
  const auto c = good(yaml);
  const std::vector<agent_path> members{{"ceo.data.ingest-1"}, {"ceo.data.ingest-2"}, {"ceo.data.ingest-3"}};
  BOOST_TEST(c.find_agent({"ceo.data.ingest"}) == nullptr);
  BOOST_TEST(c.reports_of({"ceo.data"}).size() == 5u);
  for (std::size_t i = 0; i < members.size(); ++i) {
    const auto& member = at(c, members[i].text);
    BOOST_TEST(c.reports_of({"ceo.data"})[i]->path.text == members[i].text);
    BOOST_TEST(member.mode == "ingest");
    BOOST_TEST(member.instances == 0);
    BOOST_TEST(member.outputs.size() == 1u);
  }
  BOOST_TEST((at(c, "ceo.data.audit").audits == members));
  BOOST_TEST((at(c, "ceo.data.fetch").needs == members));
}

BOOST_AUTO_TEST_CASE(defaults_of_the_table_are_those_of_the_types) {
  const auto c = good(changed("defaults: {timeout: 1m}\n", ""));
  const auto& w = at(c, "ceo.data.ingest");
  const agent plain;
  const supervise branch;
  BOOST_TEST((w.timeout == plain.timeout));
  BOOST_TEST((w.shutdown.time == plain.shutdown.time));
  BOOST_TEST((w.shutdown.how == plain.shutdown.how));
  BOOST_TEST((w.restart == plain.restart));
  BOOST_TEST(w.concurrency == plain.concurrency);
  BOOST_TEST(w.retry.attempts == plain.retry.attempts);
  BOOST_TEST((w.retry.wait.initial == plain.retry.wait.initial));
  BOOST_TEST((w.retry.wait.max == plain.retry.wait.max));
  BOOST_TEST(w.retry.wait.factor == plain.retry.wait.factor);
  BOOST_TEST(w.retry.wait.jitter == plain.retry.wait.jitter);
  BOOST_TEST(w.run.output_bytes_max == plain.run.output_bytes_max);
  BOOST_TEST(w.run.line_bytes_max == plain.run.line_bytes_max);
  BOOST_TEST(w.run.memory_bytes_max == plain.run.memory_bytes_max);
  BOOST_TEST(w.run.open_files_max == plain.run.open_files_max);
  BOOST_TEST((w.outputs[0].mode == output_spec{}.mode));
  BOOST_TEST(!w.branch);
  BOOST_TEST(w.mode == "ingest");
  BOOST_TEST((at(c, "ceo.data.audit").within == plain.within));
  const auto& m = at(c, "ceo.data");
  BOOST_REQUIRE(m.branch);
  BOOST_TEST((m.branch->strategy == branch.strategy));
  BOOST_TEST(m.branch->intensity == branch.intensity);
  BOOST_TEST((m.branch->period == branch.period));
  BOOST_TEST((m.branch->shutdown_when == branch.shutdown_when));
  BOOST_TEST((m.branch->wait.initial == branch.wait.initial));
  BOOST_TEST((m.branch->wait.max == branch.wait.max));
  BOOST_TEST(m.branch->wait.factor == branch.wait.factor);
  BOOST_TEST(m.branch->wait.jitter == branch.wait.jitter);
  BOOST_TEST((m.on_escalation.investigate == escalation_rule{}.investigate));
  BOOST_TEST((m.on_escalation.then == escalation_rule{}.then));
  BOOST_TEST((c.timing.lease == fleet{}.lease));
  BOOST_TEST((c.timing.run_lease == fleet{}.run_lease));
  BOOST_TEST((c.retention == retention_rule{}));
  const auto& s = c.schedules.at(0);
  BOOST_TEST((s.grace == schedule{}.grace));
  BOOST_TEST(s.priority == schedule{}.priority);
  BOOST_TEST(s.tz == "UTC");
  BOOST_TEST((s.overlap == schedule{}.overlap));
  BOOST_TEST((s.catch_up == schedule{}.catch_up));
  BOOST_TEST((s.jitter == schedule{}.jitter));
  BOOST_TEST(s.exclude.empty());
  BOOST_TEST(s.starts.empty());
  BOOST_TEST(s.ends.empty());
  BOOST_TEST(s.payload.is_null());
  BOOST_REQUIRE(c.brief);
  BOOST_TEST(c.brief->cron == "@daily");
  BOOST_TEST(c.brief->watcher.text == "ceo.ops.clock");
  BOOST_TEST(!c.production);
}

BOOST_AUTO_TEST_CASE(agents_inherit_key_by_key) {
  auto yaml =
      changed("defaults: {timeout: 1m}",
              "defaults: {timeout: 1m, shutdown: infinity, restart: transient, concurrency: 4, retry: {attempts: 7}, "
              "supervise: {intensity: 9, backoff: {initial: 1s}}, on_escalation: {then: retry}}");
  yaml = changed(yaml, "run: {command: [sh, -c, 'true']}",
                 "run: {command: [sh]}\n            timeout: 2m\n            retry: {backoff: {max: 9s}}\n"
                 "            shutdown: brutal_kill");
  yaml = changed(yaml, "ops:\n        role: manager",
                 "ops:\n        role: manager\n        supervise: {strategy: one_for_all, backoff: {max: 5s}}\n"
                 "        on_escalation: {investigate: 3m}");
  const auto c = good(yaml);
  const auto& ingest = at(c, "ceo.data.ingest");
  BOOST_TEST(ingest.timeout.count() == 60'000);
  BOOST_TEST((ingest.shutdown.how == shutdown_time::mode::infinity));
  BOOST_TEST((ingest.restart == cadre::restart_type::transient));
  BOOST_TEST(ingest.concurrency == 4);
  const auto& fetch = at(c, "ceo.data.fetch");
  BOOST_TEST(fetch.timeout.count() == 120'000);
  BOOST_TEST(fetch.retry.attempts == 7);
  BOOST_TEST(fetch.retry.wait.max.count() == 9'000);
  BOOST_TEST(fetch.retry.wait.initial.count() == 1'000);
  BOOST_TEST((fetch.shutdown.how == shutdown_time::mode::brutal_kill));
  const auto& ops = at(c, "ceo.ops");
  BOOST_TEST((ops.branch->strategy == cadre::restart_strategy::one_for_all));
  BOOST_TEST(ops.branch->intensity == 9);
  BOOST_TEST(ops.branch->wait.initial.count() == 1'000);
  BOOST_TEST(ops.branch->wait.max.count() == 5'000);
  BOOST_TEST(ops.on_escalation.investigate.count() == 180'000);
  BOOST_TEST((ops.on_escalation.then == cadre::escalation_policy::retry));
}

BOOST_AUTO_TEST_CASE(nodes_of_an_agent) {
  const std::vector<std::string> workers{"n1", "n2"};
  BOOST_TEST(at(good(sample::text), "ceo").nodes == workers, boost::test_tools::per_element());
  auto yaml = changed("n1: {roles: [control, work]}", "n1: {roles: [control]}");
  const std::vector<std::string> second{"n2"};
  BOOST_TEST(at(good(yaml), "ceo.data").nodes == second, boost::test_tools::per_element());
  yaml = changed(yaml, "n2: {roles: [work]}", "n2: {roles: [egress]}");
  BOOST_TEST(at(good(yaml), "ceo.data").nodes == workers, boost::test_tools::per_element());
  yaml = changed(yaml, "run: {command: [sh, -c, 'true']}", "run: {command: [sh]}\n            node: n2");
  BOOST_TEST(at(good(yaml), "ceo.data.fetch").nodes == second, boost::test_tools::per_element());
  yaml = changed(yaml, "node: n2", "node: [n2, n1]");
  const std::vector<std::string> both{"n2", "n1"};
  BOOST_TEST(at(good(yaml), "ceo.data.fetch").nodes == both, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(checks_across_datasets_and_outputs) {
  const auto c = good(changed("checks: [{unique: [symbol]}]", R"(sample: {share: 10%, seed: 7}
            checks:
              - {references: {column: symbol, dataset: price}}
              - {references: {column: a, dataset: price, key: b}}
              - {total: {dataset: price}}
              - {total: {column: a, dataset: price, key: b, tolerance: 5%}}
              - {drift: {row_count: 30%, nulls: 0.1, shift: 2.5, columns: [a, b], history: 20}}
              - {drift: {shift: 3}}
              - {unique: [a], sample: {rows: 100}})"));
  const auto& auditor = at(c, "ceo.data.audit");
  BOOST_TEST((auditor.sample.share == 0.1 && auditor.sample.seed == 7 && auditor.sample.rows == 0));
  const auto& checks = auditor.checks;
  BOOST_REQUIRE(checks.size() == 7u);
  using kind = check_spec::kind;
  BOOST_TEST((checks[0].type == kind::references && checks[0].columns.at(0) == "symbol"));
  BOOST_TEST((checks[0].other_dataset == "price" && checks[0].other_column == "symbol"));
  BOOST_TEST(checks[0].name == "price has symbol");
  BOOST_TEST((checks[1].columns.at(0) == "a" && checks[1].other_column == "b"));
  BOOST_TEST((checks[2].type == kind::total && checks[2].columns.empty() && checks[2].tolerance == 0.0));
  BOOST_TEST(checks[2].name == "total of price");
  BOOST_TEST((checks[3].columns.at(0) == "a" && checks[3].other_column == "b" && checks[3].tolerance == 0.05));
  const auto& drift = checks[4].drift;
  BOOST_TEST((checks[4].type == kind::drift && *drift.row_change == 0.3 && *drift.null_change == 0.1));
  BOOST_TEST((*drift.shift == 2.5 && drift.history == 20 && checks[4].columns.size() == 2u));
  BOOST_TEST((!checks[5].drift.row_change && !checks[5].drift.null_change && checks[5].drift.history == 10));
  BOOST_TEST((checks[6].sample.rows == 100 && checks[5].sample.all()));
}

BOOST_AUTO_TEST_CASE(every_kind_of_check) {
  const auto c = good(changed("checks: [{unique: [symbol]}]", R"(checks:
              - {unique: [a, b]}
              - {name: mine, dataset: price, not_null: [a]}
              - {range: {column: a, min: -1.5}}
              - {max_drop: 20%}
              - {dataset: price, schema: {type: object, required: [a], properties: {a: {minimum: 1}}}}
              - {sql: "  with x as (select 1) select 2"}
              - {sql: SELECT 1})"));
  const auto& checks = at(c, "ceo.data.audit").checks;
  BOOST_REQUIRE(checks.size() == 7u);
  using kind = check_spec::kind;
  BOOST_TEST((checks[0].type == kind::unique && checks[0].columns.size() == 2u));
  BOOST_TEST(checks[0].name == "unique a, b");
  BOOST_TEST((checks[1].type == kind::not_null && checks[1].dataset == "price" && checks[1].name == "mine"));
  BOOST_TEST(
      (checks[2].type == kind::range && checks[2].columns.at(0) == "a" && *checks[2].min == -1.5 && !checks[2].max));
  BOOST_TEST((checks[3].type == kind::max_drop && checks[3].max_drop_fraction == 0.2));
  BOOST_TEST(checks[4].schema.text == R"({"properties":{"a":{"minimum":1}},"required":["a"],"type":"object"})");
  BOOST_TEST(checks[4].name == "price: schema");
  BOOST_TEST((checks[5].type == kind::sql && checks[5].name == "sql"));
  BOOST_TEST(checks[6].name == "sql #2");
  BOOST_TEST((at(c, "ceo.data.audit").run.how == run_spec::mode::check));
}

BOOST_AUTO_TEST_CASE(payloads_become_json) {
  const auto c =
      good(changed("\"7 * * * *\", watcher: ceo.ops.clock}\n", R"("7 * * * *", watcher: ceo.ops.clock, priority: P0,
    payload: {a: 1, b: "1", c: [true, ~, 2.5, yes, 1e400, .inf], d: {}, e: +3, f: '', g: null, h: -7, i: +-1}}
)"
                                                               ""));
  const auto& s = c.schedules.at(0);
  BOOST_TEST(s.priority == 0);
  BOOST_TEST(
      s.payload.text ==
      R"({"a":1,"b":"1","c":[true,null,2.5,"yes","1e400",".inf"],"d":{},"e":3,"f":"","g":null,"h":-7,"i":"+-1"})");
}

BOOST_AUTO_TEST_CASE(times_of_schedules) {
  const auto c = good(changed("\"7 * * * *\", watcher: ceo.ops.clock}\n", R"("0 7 9 L * *", watcher: ceo.ops.clock,
    tz: Europe/Rome, overlap: cancel_other, catch_up: {window: 2h, policy: all}, jitter: 30s,
    exclude: [2026-12-31, 2026-12-25], starts: 2026-11-01T00:00:00+01:00, ends: 2027-01-01T00:00:00Z}
)"));
  const auto& s = c.schedules.at(0);
  BOOST_TEST(s.cron == "0 7 9 L * *");
  BOOST_TEST(s.tz == "Europe/Rome");
  BOOST_TEST((s.overlap == overlap_policy::cancel_other));
  BOOST_TEST((s.catch_up == catch_up_rule{std::chrono::hours{2}, catch_up_policy::all}));
  BOOST_TEST((s.jitter == std::chrono::seconds{30}));
  using namespace std::chrono;
  BOOST_TEST((s.exclude == std::vector{year{2026} / 12 / 31, year{2026} / 12 / 25}));
  BOOST_TEST(to_iso(s.starts) == "2026-10-31T23:00:00.000000Z");
  BOOST_TEST(to_iso(s.ends) == "2027-01-01T00:00:00.000000Z");
  const auto partly = good(changed("\"7 * * * *\", watcher: ceo.ops.clock}\n",
                                   "\"7 * * * *\", watcher: ceo.ops.clock, catch_up: {policy: skip}}\n"));
  BOOST_TEST((partly.schedules.at(0).catch_up == catch_up_rule{catch_up_rule{}.window, catch_up_policy::skip}));
}

BOOST_AUTO_TEST_CASE(anchors_aliases_and_merges) {
  auto yaml = changed("n1: {roles: [control, work]}", "n1: &node {roles: [control, work], max_agents: 5}");
  yaml = changed(yaml, "n2: {roles: [work]}",
                 "n2: {<<: *node, max_agents: 7}\n  n3: *node\n  n4: {<<: [{roles: [egress]}, *node]}");
  const auto c = good(yaml);
  BOOST_TEST(c.find_node("n2")->max_agents == 7);
  BOOST_TEST(c.find_node("n2")->has(cadre::node_role::control));
  BOOST_TEST(c.find_node("n3")->max_agents == 5);
  BOOST_TEST(!c.find_node("n4")->has(cadre::node_role::control));
  BOOST_TEST(c.find_node("n4")->max_agents == 5);
}

BOOST_AUTO_TEST_CASE(references) {
  const scratch folder;
  folder.write("token", "s3cret\n");
  folder.write("binary", "\xff\xfe");
  folder.write("large", std::string(65 * 1024, 'x'));
  const auto file = (folder.path() / "cadre.yaml").string();
  ::setenv("CADRE_TEST_WHAT", "world", 1);
  ::unsetenv("CADRE_TEST_NONE");
  const auto with = [&](const std::string& about) {
    return load_text(changed("company: acme", "company: acme\nabout: " + about), file);
  };
  BOOST_TEST(with("hello ${env:CADRE_TEST_WHAT}, ${file:token}!").value.about == "hello world, s3cret!");
  BOOST_TEST(with("\"${env:CADRE_TEST_WHAT}\"").value.about == "world");
  BOOST_TEST(with("$${env:CADRE_TEST_WHAT} ${HOME} $$").value.about == "${env:CADRE_TEST_WHAT} ${HOME} $$");
  const std::pair<const char*, const char*> bad[] = {
      {"${env:CADRE_TEST_NONE}", "the environment variable CADRE_TEST_NONE is not set"},
      {"${file:none}", "/none: no such file"},
      {"${file:.}", "not a regular file"},
      {"${file:binary}", "not UTF-8"},
      {"${file:large}", "too large; at most 65536 bytes"},
      {"\"${env:X\"", "is never closed by `}`"},
  };
  for (const auto& [about, part] : bad) {
    const auto made = with(about);
    BOOST_TEST_CONTEXT(about << all_texts(made.problems)) {
      BOOST_REQUIRE(made.problems.size() == 1u);
      BOOST_TEST(made.problems[0].message.find(part) != std::string::npos);
      BOOST_TEST(made.problems[0].key == "about");
      BOOST_TEST(made.problems[0].line == 2);
      BOOST_TEST(made.problems[0].column == 8);
    }
  }
  // A replaced value is never told, and is a text in a payload.
  for (const auto* change : {"company: ${file:token}!", "company: acme\nproduction: ${file:token}",
                             "company: acme\nfleet: {lease: \"1${file:token}\"}"}) {
    auto yaml = changed("fleet: {lease: 5s}\n", "");
    const auto made = load_text(changed(yaml, "company: acme", change), file);
    BOOST_REQUIRE(made.problems.size() == 1u);
    BOOST_TEST(made.problems[0].text().find("s3cret") == std::string::npos);
    BOOST_TEST(made.problems[0].text().find("${file:token}") != std::string::npos);
  }
  ::setenv("CADRE_TEST_WHAT", "17", 1);
  const auto c = good(changed("\"7 * * * *\", watcher: ceo.ops.clock}\n",
                              "\"7 * * * *\", watcher: ceo.ops.clock, payload: [\"${env:CADRE_TEST_WHAT}\"],\n    "
                              "priority: 1, grace: \"${env:CADRE_TEST_WHAT}s\"}\n"));
  BOOST_TEST(c.schedules[0].payload.text == R"(["17"])");
  BOOST_TEST(c.schedules[0].grace.count() == 17'000);
}

BOOST_AUTO_TEST_CASE(files) {
  const scratch folder;
  folder.write("cadre.yaml", std::string(sample::text));
  const auto path = (folder.path() / "cadre.yaml").string();
  const auto made = load_file(path);
  BOOST_TEST(made.ok(), all_texts(made.problems));
  BOOST_TEST(made.value.file == path);
  BOOST_TEST(made.value.folder == folder.path().string());
  const auto none = load_file((folder.path() / "none.yaml").string());
  BOOST_REQUIRE(none.problems.size() == 1u);
  BOOST_TEST(none.problems[0].text() == (folder.path() / "none.yaml").string() + ": no such file");
  BOOST_TEST(!load_file(folder.path().string()).ok());
  folder.write("large.yaml", "#" + std::string(1024 * 1024, 'x'));
  const auto large = load_file((folder.path() / "large.yaml").string());
  BOOST_REQUIRE(large.problems.size() == 1u);
  BOOST_TEST(large.problems[0].message.find("too large") == 0u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
