#include "broken.hpp"
#include "config/load.hpp"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(plans)

namespace {

using namespace cadre::config;
using sample::all_texts;
using sample::changed;

company made(std::string_view yaml) {
  auto l = load_text(yaml, "f");
  BOOST_TEST_REQUIRE(l.ok(), all_texts(l.problems));
  return std::move(l.value);
}

/// `action subject: detail` of each step from the sample to the text.
std::vector<std::string> steps(std::string_view after, std::string_view before = sample::text) {
  std::vector<std::string> all;
  for (const auto& s : plan(made(before), made(after))) all.push_back(s.action + " " + s.subject + ": " + s.detail);
  return all;
}

void expect(const std::vector<std::string>& found, const std::vector<std::string>& expected) {
  BOOST_TEST(found == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(nothing_changes) {
  BOOST_TEST(steps(sample::text).empty());
}

BOOST_AUTO_TEST_CASE(agents_start_and_stop) {
  const auto more =
      changed("clock: {role", "second: {role: worker, run: {command: [sh]}, node: n2}\n          clock: {role");
  expect(steps(more), {"start ceo.ops.second: worker on n2"});
  expect(steps(sample::text, more), {"stop ceo.ops.second: was on n2"});
}

BOOST_AUTO_TEST_CASE(agents_restart_with_the_changed_keys) {
  expect(steps(changed("outputs: {price: {key: [symbol]}}",
                       "outputs: {price: {key: [symbol], mode: upsert}}\n            timeout: 9m")),
         {"restart ceo.data.ingest: timeout: 1m -> 9m; outputs.price.mode: replace -> upsert"});
  expect(
      steps(changed("ops:\n        role: manager", "ops:\n        role: manager\n        supervise: {intensity: 5}")),
      {"restart ceo.ops: supervise.intensity: 3 -> 5"});
  expect(steps(changed("ops:\n        role: manager", "ops:\n        role: manager\n        about: Keeps time")),
         {"update ceo.ops: about: none -> Keeps time"});
  expect(steps(changed("checks: [{unique: [symbol]}]", "checks: [{unique: [symbol]}, {max_drop: 0.5}]")),
         {"restart ceo.data.audit: checks: changed"});
  const auto audited = [](const std::string& by) { return changed("checks: [{unique: [symbol]}]", by); };
  const std::vector<std::string> kinds{"drift: {shift: 3}",
                                       "drift: {shift: 4}",
                                       "drift: {row_count: 30%}",
                                       "drift: {nulls: 30%}",
                                       "drift: {shift: 3, history: 5}",
                                       "total: {dataset: price}",
                                       "total: {dataset: price, tolerance: 5%}",
                                       "references: {column: a, dataset: price}",
                                       "references: {column: a, dataset: price, key: b}",
                                       "unique: [a]",
                                       "unique: [a], sample: {rows: 5}",
                                       "unique: [a], sample: {rows: 5, seed: 1}"};
  for (const auto& a : kinds)
    for (const auto& b : kinds)
      if (a != b)
        expect(steps(audited("checks: [{name: n, " + a + "}]"), audited("checks: [{name: n, " + b + "}]")),
               {"restart ceo.data.audit: checks: changed"});
  expect(steps(changed("audits: [ceo.data.ingest]", "audits: [ceo.data.ingest]\n            sample: {share: 10%}")),
         {"restart ceo.data.audit: sample: all rows -> 10%"});
}

BOOST_AUTO_TEST_CASE(what_may_be_secret_is_not_shown) {
  const auto before = changed("run: {command: [sh, -c, 'true']}", "run: {command: [sh], env: {TOKEN: hunter1}}");
  const auto after =
      changed("run: {command: [sh, -c, 'true']}", "run: {command: [sh, x], env: {TOKEN: hunter2, B: ''}}");
  expect(steps(after, before),
         {"restart ceo.data.fetch: run.command: changed; run.env.TOKEN: changed; run.env.B: added"});
}

BOOST_AUTO_TEST_CASE(nodes_and_moves) {
  // A further node at the end of the preferences moves nothing.
  const auto more = changed("n2: {roles: [work]}", "n2: {roles: [work]}\n  n3: {roles: [work]}");
  const auto with_more = steps(more);
  BOOST_REQUIRE(with_more.size() == 8u);
  BOOST_TEST(with_more[0] == "node-add n3: ");
  BOOST_TEST(with_more[1] == "update ceo: node: n1, n2 -> n1, n2, n3");
  const auto with_less = steps(sample::text, more);
  BOOST_REQUIRE(with_less.size() == 8u);
  BOOST_TEST(with_less[0] == "node-remove n3: ");
  BOOST_TEST(with_less[1] == "move ceo: node: n1, n2, n3 -> n1, n2");
  expect(steps(changed("n2: {roles: [work]}", "n2: {roles: [work], max_agents: 3}")),
         {"node-change n2: max_agents: 0 -> 3"});
  expect(steps(changed("run: {command: [sh, -c, 'true']}", "run: {command: [sh, -c, 'true']}\n            node: n2")),
         {"move ceo.data.fetch: node: n1, n2 -> n2"});
}

BOOST_AUTO_TEST_CASE(schedules_the_brief_and_the_company) {
  const auto with = [](const char* schedule) { return changed(sample::hourly, schedule); };
  expect(steps(with("hourly: {agent: ceo.data.ingest, cron: \"8 * * * *\", watcher: ceo.ops.clock, payload: 1}")),
         {"schedule-change hourly: cron: 7 * * * * -> 8 * * * *; payload: changed"});
  expect(
      steps(with("hourly: {agent: ceo.data.ingest, cron: \"7 * * * *\", watcher: ceo.ops.clock, tz: Asia/Tokyo, "
                 "overlap: allow, catch_up: {window: 1h, policy: all}, jitter: 1m, exclude: [2026-12-25, 2027-01-01], "
                 "starts: 2026-11-21T08:00:00Z, ends: 2026-11-22T08:00:00Z}")),
      {"schedule-change hourly: tz: UTC -> Asia/Tokyo; overlap: skip -> allow; catch_up.window: 1d -> 1h; "
       "catch_up.policy: once -> all; jitter: 0s -> 1m; exclude: none -> 2026-12-25, 2027-01-01; "
       "starts: none -> 2026-11-21T08:00:00.000000Z; ends: none -> 2026-11-22T08:00:00.000000Z"});
  expect(steps(with("daily: {agent: ceo.data.ingest, cron: \"7 * * * *\", watcher: ceo.ops.clock}")),
         {"schedule-remove hourly: ", "schedule-add daily: "});
  const auto no_brief = changed(sample::brief, "about: x");
  expect(steps(no_brief), {"update ceo: about: none -> x", "schedule-remove brief: "});
  expect(steps(sample::text, no_brief), {"update ceo: about: x -> none", "schedule-add brief: "});
  expect(steps(changed("@daily", "@weekly")), {"schedule-change brief: cron: @daily -> @weekly"});
  expect(steps(changed("fleet: {lease: 5s}", "fleet: {lease: 4s}\nproduction: true")),
         {"company-change acme: production: false -> true; fleet.lease: 5s -> 4s"});
  expect(steps(changed("fleet: {lease: 5s}", "fleet: {lease: 5s}\nretention: {tasks: forever, journal: 7d}")),
         {"company-change acme: retention.tasks: 90d -> forever; retention.journal: 30d -> 7d"});
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
