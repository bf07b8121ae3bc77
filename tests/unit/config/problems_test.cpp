#include "broken.hpp"

BOOST_AUTO_TEST_SUITE(problems)

namespace {

using namespace cadre::config;
using namespace sample;

BOOST_AUTO_TEST_CASE(the_sample_has_none) {
  const auto made = load_text(sample::text, "cadre.yaml");
  BOOST_TEST(made.ok(), all_texts(made.problems));
}

BOOST_AUTO_TEST_CASE(keys_and_values) {
  for (const broken& b : std::initializer_list<broken>{
           {"company: acme", "about: x", "company", "is required and missing"},
           {"company: acme", "~company: Acme", "company", "`Acme`: not a valid name; allowed: lower-case letters"},
           {"company: acme", "~company:", "company", "no value is given"},
           {"company: acme", "~company: [a]", "company", "found a list"},
           {"company: acme", "company: acme\n~compny: x", "compny",
            "unknown key; did you mean `company`?; allowed: company, about"},
           {"company: acme", "company: acme\n~production: yes", "production",
            "`yes`: not allowed here; allowed: true or false"},
           {"company: acme", "company: acme\n~about: ''", "about", "empty"},
           {"company: acme", "company: acme\n~company: b", "company",
            "given twice in this mapping; the first is in line 1"},
           {"fleet: {lease: 5s}", "fleet: {~lease: 5}", "fleet.lease",
            "`5`: a duration needs a unit; add ms, s, m, h or d, for example 5s"},
           {"fleet: {lease: 5s}", "fleet: {~lease: 1ms}", "fleet.lease",
            "out of bounds; allowed: a duration from 200ms to 5m"},
           {"fleet: {lease: 5s}", "fleet: {~lease: soon}", "fleet.lease", "not a duration"},
           {"fleet: {lease: 5s}", "fleet: {lease: 10s, ~run_lease: 5s}", "fleet.run_lease",
            "run_lease 5s is below lease 10s"},
           {"fleet: {lease: 5s}", "fleet: {~lease: 20s}", "fleet.lease", "run_lease 15s is below lease 20s"},
           {"fleet: {lease: 5s}", "retention: {~tasks: for ever}", "retention.tasks",
            "not known; did you mean `forever`?; allowed: forever, or a duration from 1d to 3650d"},
           {"fleet: {lease: 5s}", "retention: {~journal: 1h}", "retention.journal", "out of bounds"},
           {"fleet: {lease: 5s}", "retention: {tasks: 30d, ~runs: 31d}", "retention.runs",
            "runs would be kept longer than their tasks (30d)"},
           {"fleet: {lease: 5s}", "retention: {~tasks: 30d}", "retention.tasks", "runs would be kept longer"},
           {"fleet: {lease: 5s}", "retention: {tasks: 30d, ~runs: forever}", "retention.runs", "kept longer"},
           {"fleet: {lease: 5s}", "~fleet: 5s", "fleet", "found `5s`; allowed: a mapping of lease, run_lease"},
           {defaults, "defaults: {~concurrency: many}", "defaults.concurrency",
            "not a whole number; allowed: a whole number from 1 to 1000"},
           {defaults, "defaults: {~concurrency: 0}", "defaults.concurrency", "out of bounds"},
           {defaults, "defaults: {~restart: allways}", "defaults.restart", "`allways`: not known; allowed: permanent"},
           {defaults, "defaults: {~restart: permanet}", "defaults.restart", "did you mean `permanent`?"},
           {defaults, "defaults: {~shutdown: brutal_kil}", "defaults.shutdown", "did you mean `brutal_kill`?"},
           {defaults, "defaults: {~shutdown: 10}", "defaults.shutdown", "needs a unit"},
           {defaults, "defaults: {~shutdown: 2h}", "defaults.shutdown", "from 1ms to 1h"},
           {defaults, "defaults: {supervise: {~strategy: dynamik}}", "defaults.supervise.strategy",
            "did you mean `dynamic`?"},
           {defaults, "defaults: {supervise: {~intensity: 1001}}", "defaults.supervise.intensity", "from 0 to 1000"},
           {defaults, "defaults: {supervise: {~intensity: -1}}", "defaults.supervise.intensity", "from 0 to 1000"},
           {defaults, "defaults: {supervise: {~period: 0s}}", "defaults.supervise.period", "from 1ms to 1d"},
           {defaults, "defaults: {supervise: {~auto_shutdown: always}}", "defaults.supervise.auto_shutdown",
            "never, any_significant, all_significant"},
           {defaults, "defaults: {supervise: {backoff: {~max: 100ms}}}", "defaults.supervise.backoff.max",
            "max 100ms is below initial 200ms"},
           {defaults, "defaults: {supervise: {backoff: {~initial: 1m}}}", "defaults.supervise.backoff.initial",
            "max 30s is below initial 1m"},
           {defaults, "defaults: {supervise: {backoff: {~factor: 0.5}}}", "defaults.supervise.backoff.factor",
            "a number from 1 to 100"},
           {defaults, "defaults: {retry: {backoff: {~jitter: 1.5}}}", "defaults.retry.backoff.jitter",
            "a number from 0 to 1"},
           {defaults, "defaults: {retry: {backoff: {~jitter: .nan}}}", "defaults.retry.backoff.jitter", "not a number"},
           {defaults, "defaults: {retry: {~attempts: 0}}", "defaults.retry.attempts", "from 1 to 100"},
           {defaults, "defaults: {on_escalation: {~then: retyr}}", "defaults.on_escalation.then",
            "did you mean `retry`?"},
       })
    expect(b);
}

BOOST_AUTO_TEST_CASE(nodes) {
  for (const broken& b : std::initializer_list<broken>{
           {"n2: {roles: [work]}", "n2: {roles: [~wrok]}", "nodes.n2.roles[0]", "did you mean `work`?"},
           {"n1: {roles: [control, work]}", "n1: {roles: [control, ~control]}", "nodes.n1.roles[1]",
            "given twice in this list"},
           {"n2: {roles: [work]}", "n2: {~roles: []}", "nodes.n2.roles", "the list has 0 items; allowed: 1 to 4"},
           {"n2: {roles: [work]}", "n2: {~roles: work}", "nodes.n2.roles", "found `work`; allowed: a list of control"},
           {"n2: {roles: [work]}", "~n2: {}", "nodes.n2.roles", "is required and missing"},
           {"n2: {roles: [work]}", "~N2: {roles: [work]}", "nodes.N2", "the name `N2`: not a valid name"},
           {"n2: {roles: [work]}", "n2: {roles: [work], ~max_agents: -1}", "nodes.n2.max_agents", "from 0 to 1000000"},
       })
    expect(b);
  expect({"nodes:\n  n1: {roles: [control, work]}", "~nodes:\n  n1: {roles: [gateway, work]}", "nodes",
          "no node has the role control"});
}

BOOST_AUTO_TEST_CASE(pools) {
  const std::string data = "data:\n        role: manager\n";
  const auto at = [](const std::string& key) { return "org.ceo.reports." + key; };
  for (const broken& b : std::initializer_list<broken>{
           {fetch_run, "run: {command: [sh]}\n            ~instances: 0", at("data.reports.fetch.instances"),
            "from 1 to 1000"},
           {"clock: {role: worker, run: {command: [sh]}}",
            "clock: {role: worker, run: {command: [sh]}}\n          pool: {role: manager, ~instances: 2}",
            at("ops.reports.pool.instances"), "not allowed for the role manager; it is for worker"},
           {"clock: {role: worker, run: {command: [sh]}}",
            "clock: {role: worker, run: {command: [sh]}}\n          a: {role: worker, instances: 3, run: {command: "
            "[sh]}}\n"
            "          ~a-3: {role: worker, run: {command: [sh]}}",
            at("ops.reports.a-3"), "has the name of a member of the pool ceo.ops.a"},
           {data, data + "        supervise: {~strategy: dynamic}\n", at("data.supervise.strategy"),
            "exactly one report, with instances"},
           {"ops:\n        role: manager\n", "ops:\n        role: manager\n        supervise: {~strategy: dynamic}\n",
            at("ops.supervise.strategy"), "exactly one report, with instances"},
           {fetch_run, "run: {command: [sh]}\n            needs: [~ceo.data.fetch-1]\n            instances: 2",
            at("data.reports.fetch.needs[0]"), "did you mean `ceo.data.fetch`?"},
       })
    expect(b);
  const auto said = all_texts(
      load_text(sample::changed(ingest_out, "instances: 2\n            " + std::string(ingest_out)), "f").problems);
  BOOST_TEST(said.find("outputs.price.mode: canonical rows belong") != std::string::npos, said);
  BOOST_TEST(said.find("schedules.hourly.agent: ceo.data.ingest is a pool") != std::string::npos, said);
}

BOOST_AUTO_TEST_CASE(agents) {
  for (const broken& b : std::initializer_list<broken>{
           {"ops:\n        role: manager", "ops:\n        ~role: ceo", "org.ceo.reports.ops.role",
            "only the root of the org is the ceo"},
           {"ops:\n        role: manager", "ops:\n        ~role: manger", "org.ceo.reports.ops.role",
            "did you mean `manager`?"},
           {"ops:\n        role: manager", "~ops:\n        about: x", "org.ceo.reports.ops.role",
            "is required and missing"},
           {"fetch:\n            role: worker\n            run: {command: [sh, -c, 'true']}",
            "~fetch:\n            role: worker", "org.ceo.reports.data.reports.fetch.run", "is required of a worker"},
           {fetch_run, "run: {command: [sh]}\n            ~reports: {}", "org.ceo.reports.data.reports.fetch.reports",
            "not allowed for the role worker; it is for ceo and manager"},
           {fetch_run, "run: {command: [sh]}\n            ~supervise: {}",
            "org.ceo.reports.data.reports.fetch.supervise", "not allowed for the role worker"},
           {fetch_run, "run: {command: [sh]}\n            ~audits: []", "org.ceo.reports.data.reports.fetch.audits",
            "it is for auditor"},
           {fetch_run, "run: {command: [sh]}\n            ~failback: later",
            "org.ceo.reports.data.reports.fetch.failback", "allowed: never"},
           {fetch_run, "run: {command: [sh]}\n            ~timout: 5m", "org.ceo.reports.data.reports.fetch.timout",
            "did you mean `timeout`?"},
           {fetch_run, "run: {command: [sh]}\n            ~mode: A B", "org.ceo.reports.data.reports.fetch.mode",
            "not a valid name"},
           {fetch_run, "run: {command: [sh]}\n            ~node: n3", "org.ceo.reports.data.reports.fetch.node",
            "no node is named `n3`"},
           {fetch_run, "run: {command: [sh]}\n            ~node: []", "org.ceo.reports.data.reports.fetch.node",
            "the list has 0 items"},
           {fetch_run, "run: {command: [sh]}\n            node: [n1, ~n1]",
            "org.ceo.reports.data.reports.fetch.node[1]", "given twice"},
           {fetch_run, "run: {command: [sh]}\n            needs: [~ceo.data.fetsh]",
            "org.ceo.reports.data.reports.fetch.needs[0]",
            "there is no agent `ceo.data.fetsh`; did you mean `ceo.data.fetch`?"},
           {fetch_run, "run: {command: [sh]}\n            needs: [~ceo.ops]",
            "org.ceo.reports.data.reports.fetch.needs[0]", "ceo.ops has no run"},
           {fetch_run, "run: {command: [sh]}\n            needs: [~ceo.data.fetch]",
            "org.ceo.reports.data.reports.fetch.needs[0]", "circle: ceo.data.fetch -> ceo.data.fetch"},
           {fetch_run, "run: {command: [sh]}\n            needs: [~Ceo]", "org.ceo.reports.data.reports.fetch.needs[0]",
            "not an agent's path"},
           {fetch_run, "run: {command: [sh]}\n            ~needs: ceo.ops", "org.ceo.reports.data.reports.fetch.needs",
            "allowed: a list of agents' paths"},
           {fetch_run, "run: {command: [sh]}\n            brain: [~'']", "org.ceo.reports.data.reports.fetch.brain[0]",
            "empty"},
           {fetch_run, "run: {command: [sh]}\n            ~significant: true\n            restart: transient",
            "org.ceo.reports.data.reports.fetch.significant", "the branch of ceo.data has auto_shutdown never"},
       })
    expect(b);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
