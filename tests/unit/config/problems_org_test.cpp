#include "broken.hpp"
#include "scratch.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

BOOST_AUTO_TEST_SUITE(org_problems)

namespace {

using namespace cadre::config;
using namespace sample;

BOOST_AUTO_TEST_CASE(shape_of_the_org) {
  const auto two = load_text(std::string(sample::text) + "  x: 1\n", "f");
  BOOST_TEST(!two.ok());
  const auto said = [](const std::string& yaml) { return all_texts(load_text(yaml, "f").problems); };
  BOOST_TEST(said("company: a\nnodes: {n: {roles: [control]}}\norg: {ceo: {role: ceo}, boss: {role: ceo}}")
                 .find("f:3:1: org: has 2 agents; allowed: exactly one root") != std::string::npos);
  BOOST_TEST(said("company: a\nnodes: {n: {roles: [control]}}\norg: {}").find("f:3:1: org: has 0 agents") !=
             std::string::npos);
  BOOST_TEST(said("company: a\nnodes: {n: {roles: [control]}}\norg:\n").find("f:3:1: org: has 0 agents") !=
             std::string::npos);
  BOOST_TEST(said("company: a\nnodes: {n: {roles: [control]}}").find("f:1:1: org: is required") != std::string::npos);
  BOOST_TEST(said("company: a\nnodes: {n: {roles: [control]}}\norg: {ceo: {role: ceo}}") == "");
  BOOST_TEST(said("company: a\nnodes: {n: {roles: [control]}}\norg: {ceo: {role: manager}}") ==
             "\n  f:3:13: org.ceo.role: the root of the org must have the role ceo");
}

BOOST_AUTO_TEST_CASE(bad_names_of_agents) {
  expect({"clock: {role: worker, run: {command: [sh]}}",
          "clock: {role: worker, run: {command: [sh]}}\n          ~big_one: {role: worker, run: {command: [sh]}}",
          "org.ceo.reports.ops.reports.big_one",
          "the name `big_one`: not a valid name; allowed: lower-case letters, digits and dashes"});
  const std::string name(63, 'a');
  const auto manager = ": {role: manager, reports: {";
  const auto chain =
      name + manager + name + manager + name + manager + "bb: {~role: worker, run: {command: [sh]}}}}}}}}";
  const auto key = "org.ceo.reports.ops.reports." + name + ".reports." + name + ".reports." + name + ".reports.bb.role";
  expect({"clock: {role: worker, run: {command: [sh]}}",
          ("clock: {role: worker, run: {command: [sh]}}\n          " + chain).c_str(), key.c_str(),
          "is too long; allowed: 200 characters"});
}

BOOST_AUTO_TEST_CASE(runs) {
  const std::string at = "org.ceo.reports.data.reports.fetch.run";
  const auto bad = [&](const char* by, const char* key, const char* message) {
    expect({fetch_run, by, (at + key).c_str(), message});
  };
  bad("~run: {}", "", "give exactly one of command, check and bus");
  bad("run: {command: [sh], ~bus: {}}", ".bus", "give exactly one of command, check and bus");
  bad("run: {~bus: sh}", ".bus", "found `sh`; allowed: a mapping of heartbeat, programs_max");
  bad("run: {bus: {~heartbeat: 1ms}}", ".bus.heartbeat", "from 100ms to 1m");
  bad("run: {bus: {~beat: 1s}}", ".bus.beat", "unknown key");
  bad("run: {bus: {~programs_max: 0}}", ".bus.programs_max", "from 1 to 1000");
  bad("run: {bus: {}, ~open_files_max: 32}", ".open_files_max", "has no meaning beside bus");
  bad("run: {bus: {}, ~env: {A: b}}", ".env", "has no meaning beside bus");
  bad("~run: sh", "", "found `sh`; allowed: a mapping of command, check, env");
  bad("run: {~command: []}", ".command", "the list has 0 items; allowed: 1 to 256");
  bad("run: {~command: sh -c true}", ".command", "allowed: a list: a program and its arguments");
  bad("run: {command: [~'']}", ".command[0]", "the program is empty");
  bad("run: {command: [~no-such-program-here]}", ".command[0]", "there is no program `no-such-program-here` in PATH");
  bad("run: {command: [sh, ~[a]]}", ".command[1]", "found a list");
  bad("run: {~check: true}", ".check", "only an auditor has checks to run");
  bad("run: {command: [sh], ~check: false}", ".check", "`false`: not allowed here; allowed: true");
  bad("run: {command: [sh], ~model: x}", ".model", "not supported yet; allowed: command, check");
  bad("run: {command: [sh], ~comand: x}", ".comand", "did you mean `command`?");
  bad("run: {command: [sh], env: {~1A: x}}", ".env.1A", "not a name of an environment variable");
  bad("run: {command: [sh], env: {~CADRE_RUN: x}}", ".env.CADRE_RUN", "set by Cadre itself");
  bad("run: {command: [sh], env: {~A: [x]}}", ".env.A", "found a list; allowed: a text");
  bad("run: {command: [sh], ~env: [x]}", ".env", "allowed: a mapping of names to texts");
  bad("run: {command: [sh], ~output_bytes_max: 1KB}", ".output_bytes_max", "unknown unit `KB`");
  bad("run: {command: [sh], ~output_bytes_max: 2GiB}", ".output_bytes_max", "a size from 1KiB to 1GiB");
  bad("run: {command: [sh], ~output_bytes_max: 64KiB}", ".output_bytes_max",
      "a line (512KiB) may not be longer than all output (64KiB)");
  bad("run: {command: [sh], ~line_bytes_max: 2MiB}", ".line_bytes_max", "from 1KiB to 1MiB");
  bad("run: {command: [sh], ~memory_bytes_max: 4096}", ".memory_bytes_max", "too small for any program");
  bad("run: {command: [sh], ~open_files_max: 3}", ".open_files_max", "from 16 to 1048576");
}

BOOST_AUTO_TEST_CASE(programs_with_a_slash_are_relative_to_the_file) {
  const scratch folder;
  folder.write("ingest", "#!/bin/sh\n");
  std::filesystem::create_directory(folder.path() / "sub");
  const auto file = folder.path() / "cadre.yaml";
  const auto load_with = [&](const std::string& program) {
    return load_text(changed(fetch_run, "run: {command: [" + program + "]}"), file.string());
  };
  auto made = load_with("./ingest");
  BOOST_REQUIRE(made.problems.size() == 1u);
  BOOST_TEST(made.problems[0].message.find((folder.path() / "ingest").string() + " may not be executed") == 0u);
  std::filesystem::permissions(folder.path() / "ingest", std::filesystem::perms::owner_all);
  BOOST_TEST(load_with("./ingest").ok());
  BOOST_TEST(load_with("sub/../ingest").ok());
  BOOST_TEST(load_with("/bin/sh").ok());
  made = load_with("sub/none");
  BOOST_REQUIRE(made.problems.size() == 1u);
  BOOST_TEST(made.problems[0].message.find((folder.path() / "sub/none").string() + " does not exist") == 0u);
  BOOST_TEST(made.problems[0].line == 21);
  made = load_with("./sub");
  BOOST_REQUIRE(made.problems.size() == 1u);
  BOOST_TEST(made.problems[0].message.find("is not a file") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(outputs_and_audits) {
  const std::string ingest = "org.ceo.reports.data.reports.ingest.outputs";
  const std::string audit = "org.ceo.reports.data.reports.audit";
  const auto out = [&](const char* by, const char* key, const char* message) {
    expect({ingest_out, by, (ingest + key).c_str(), message});
  };
  out("outputs: {~price: {}}", ".price.key", "a dataset of the mode replace needs the columns");
  out("outputs: {~price: {mode: upsert}}", ".price.key", "a dataset of the mode upsert needs");
  out("outputs: {price: {~key: []}}", ".price.key", "may be empty only with the mode append");
  out("outputs: {price: {key: [a], ~mode: merge}}", ".price.mode", "allowed: replace, upsert, append");
  out("outputs: {price: {key: [a, ~a]}}", ".price.key[1]", "given twice");
  out("outputs: {~Price: {key: [a]}}", ".Price", "the name `Price`: not a valid name");
  out("~outputs: [price]", "", "found a list; allowed: a mapping of names to mappings");
  const auto aud = [&](const char* what, const char* by, const char* key, const char* message) {
    expect({what, by, (audit + key).c_str(), message});
  };
  expect({fetch_run, "run: {command: [sh]}\n            outputs: {~news: {mode: append}}",
          "org.ceo.reports.data.reports.fetch.outputs.news",
          "dataset news of ceo.data.fetch has no auditor: nothing it writes can become canonical"});
  const char* audits = "audits: [ceo.data.ingest]";
  aud(audits, "audits: [ceo.data.ingest, ~ceo.data.injest]", ".audits[1]",
      "there is no agent `ceo.data.injest`; did you mean `ceo.data.ingest`?");
  aud(audits, "audits: [ceo.data.ingest, ~ceo.data.audit]", ".audits[1]", "it audits itself");
  aud(audits, "audits: [ceo.data.ingest, ~ceo.ops]", ".audits[1]", "ceo.ops is a manager and writes nothing");
  aud(audits, "audits: [ceo.data.ingest, ~ceo.data.ingest]", ".audits[1]", "given twice");
  aud(checks, "checks: [{unique: [symbol], ~dataset: prices}]", ".checks[0].dataset",
      "no audited worker writes a dataset `prices`; did you mean `price`?; allowed: price");
}

/// A second auditor beside the sample's, which is right.
void expect_of_second(const char* by, const char* key, const char* message) {
  expect({"clock: {", (std::string(by) + "\n          clock: {").c_str(),
          (std::string("org.ceo.reports.ops.reports.second") + key).c_str(), message});
}

BOOST_AUTO_TEST_CASE(auditors) {
  expect_of_second("~second: {role: auditor, checks: [{unique: [a]}]}", ".audits", "is required of an auditor");
  expect_of_second("second: {role: auditor, ~audits: [], checks: [{unique: [a]}]}", ".audits", "the list has 0 items");
  expect_of_second("~second: {role: auditor, audits: [ceo.data.ingest]}", ".checks", "neither checks nor a run");
  expect_of_second("second: {role: auditor, audits: [ceo.data.ingest], run: {~check: true}}", ".run.check",
                   "the auditor declares no checks");
  expect_of_second(
      "second: {role: auditor, audits: [ceo.data.ingest], checks: [{unique: [a]}], run: {command: [sh], ~check: true}}",
      ".run.check", "give exactly one of command, check and bus");
  expect_of_second("second: {role: auditor, audits: [ceo.data.ingest], checks: [{unique: [a]}], run: {~bus: {}}}",
                   ".run.bus", "an auditor takes no programs over the bus");
  expect_of_second("second: {role: auditor, audits: [~ceo.data.audit], checks: [{unique: [a]}]}", ".audits[0]",
                   "ceo.data.audit is an auditor and writes nothing");
  expect_of_second("second: {role: auditor, audits: [ceo.data.ingest], ~within: 0s, checks: [{unique: [a]}]}",
                   ".within", "from 10ms to 30d");
  expect_of_second("second: {role: auditor, audits: [ceo.data.ingest], checks: [{unique: [a]}], ~outputs: {}}",
                   ".outputs", "not allowed for the role auditor; it is for manager and worker");
}

BOOST_AUTO_TEST_CASE(an_auditor_may_not_report_to_whom_it_audits) {
  expect(
      {"ops:\n        role: manager\n        reports:",
       "ops:\n        role: manager\n        run: {command: [sh]}\n        reports:\n          inner: {role: auditor, "
       "audits: [~ceo.ops], checks: [{unique: [a]}]}",
       "org.ceo.reports.ops.reports.inner.audits[0]", "the auditor reports to ceo.ops, which it audits"});
  const auto made = load_text(
      changed("ops:\n        role: manager\n",
              "ops:\n        role: manager\n        run: {command: [sh]}\n        outputs: {plan: {key: [a]}}\n"),
      "f");
  BOOST_REQUIRE(made.problems.size() == 1u);
  BOOST_TEST(made.problems[0].message.find("dataset plan of ceo.ops has no auditor") == 0u);
}

BOOST_AUTO_TEST_CASE(declared_checks) {
  const std::string at = "org.ceo.reports.data.reports.audit.checks";
  const auto bad = [&](const char* by, const char* key, const char* message) {
    expect({checks, by, (at + key).c_str(), message});
  };
  bad("~checks: {unique: [a]}", "", "found a mapping; allowed: a list of mappings");
  bad("checks: [~unique]", "[0]", "found `unique`; allowed: a mapping of name, dataset");
  bad("checks: [~{}]", "[0]",
      "the check says nothing; give exactly one of unique, not_null, range, max_drop, schema, references, total, "
      "drift, sql");
  bad("checks: [{unique: [a], ~not_null: [a]}]", "[0].not_null",
      "the check says unique and not_null; give exactly one");
  bad("checks: [{~unique: []}]", "[0].unique", "the list has 0 items; allowed: 1 to 32");
  bad("checks: [{~uniqe: [a], sql: select 1}]", "[0].uniqe", "did you mean `unique`?");
  bad("checks: [{~range: {min: 0}}]", "[0].range.column", "is required and missing");
  bad("checks: [{~range: {column: a}}]", "[0].range.min", "a range needs min, max or both");
  bad("checks: [{range: {column: a, ~min: 2, max: 1}}]", "[0].range.min", "is above max");
  bad("checks: [{range: {column: a, ~min: low}}]", "[0].range.min", "`low`: not a number");
  bad("checks: [{~max_drop: 20}]", "[0].max_drop", "`20`: not a share");
  bad("checks: [{~schema: text}]", "[0].schema", "not a JSON Schema");
  bad("checks: [{~sql: DELETE FROM cadre.task}]", "[0].sql", "a check starts with SELECT or WITH");
  bad("checks: [{~drift: {}}]", "[0].drift", "drift of nothing; give row_count, nulls or shift");
  bad("checks: [{drift: {row_count: 30%, ~columns: [a]}}]", "[0].drift.columns", "nothing looks at columns");
  bad("checks: [{drift: {~shift: 0}}]", "[0].drift.shift", "allowed: a number from 0.1 to 1000");
  bad("checks: [{drift: {shift: 3, ~history: 51}}]", "[0].drift.history", "allowed: a whole number from 1 to 50");
  bad("checks: [{references: {column: a, ~dataset: prices}}]", "[0].references.dataset",
      "nobody writes a dataset `prices`; did you mean `price`?");
  bad("checks: [{~references: {dataset: price}}]", "[0].references.column", "is required and missing");
  bad("checks: [{total: {~dataset: orders}}]", "[0].total.dataset", "nobody writes a dataset `orders`");
  bad("checks: [{total: {dataset: price, ~key: a}}]", "[0].total.key", "give column, or leave it out to count rows");
  bad("checks: [{unique: [a], ~sample: {}}]", "[0].sample", "give exactly one of rows and share");
  bad("checks: [{unique: [a], sample: {rows: 1, ~share: 10%}}]", "[0].sample.share",
      "give exactly one of rows and share");
  bad("checks: [{unique: [a], sample: {~share: 0}}]", "[0].sample.share", "a sample of nothing");
  bad("checks: [{unique: [a], sample: {~rows: 0}}]", "[0].sample.rows", "allowed: a whole number from 1");
  bad("checks: [{max_drop: 20%, ~sample: {rows: 1}}]", "[0].sample", "looks at the output as a whole");
  bad("checks: [{~sql: selection}]", "[0].sql", "a check starts with SELECT or WITH");
  bad("checks: [{name: a, unique: [a]}, {~name: a, unique: [b]}]", "[1].name",
      "another check of this auditor has the same name");
}

BOOST_AUTO_TEST_CASE(restarts_as_otp_demands) {
  const char* ops = "ops:\n        role: manager";
  const char* clock = "clock: {role: worker, run: {command: [sh]}}";
  const auto branch = changed(ops, "ops:\n        role: manager\n        supervise: {auto_shutdown: any_significant}");
  const auto problems_with = [&](const std::string& worker) {
    return load_text(changed(branch, clock, worker), "f").problems;
  };
  BOOST_TEST(problems_with(clock).empty());
  BOOST_TEST(
      problems_with("clock: {role: worker, run: {command: [sh]}, restart: transient, significant: true}").empty());
  BOOST_TEST(
      problems_with("clock: {role: worker, run: {command: [sh]}, restart: temporary, significant: true}").empty());
  const auto permanent = problems_with("clock: {role: worker, run: {command: [sh]}, significant: true}");
  BOOST_REQUIRE(permanent.size() == 1u);
  BOOST_TEST(permanent[0].key == "org.ceo.reports.ops.reports.clock.significant");
  BOOST_TEST(permanent[0].message.find("a significant child may not be permanent") == 0u);
  expect({"role: ceo\n", "role: ceo\n    ~significant: true\n    restart: transient\n", "org.ceo.significant",
          "the root reports to nobody"});
}

BOOST_AUTO_TEST_CASE(needs_in_a_circle) {
  auto yaml = changed(fetch_run, "run: {command: [sh]}\n            needs: [ceo.ops.clock]");
  yaml = changed(yaml, "clock: {role: worker, run: {command: [sh]}}",
                 "clock: {role: worker, run: {command: [sh]}, needs: [ceo.data.ingest]}");
  BOOST_TEST(load_text(yaml, "f").ok());
  yaml = changed(yaml, ingest_out, std::string(ingest_out) + "\n            needs: [ceo.data.fetch]");
  const auto made = load_text(yaml, "f");
  BOOST_REQUIRE(made.problems.size() == 1u);
  BOOST_TEST(made.problems[0].message.find("ceo.data.ingest -> ceo.data.fetch -> ceo.ops.clock -> ceo.data.ingest") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(modes) {
  const auto bad = [&](const char* by, const char* key, const char* message) {
    expect({"schedules:", by, key, message});
  };
  bad("modes:\n  ~ingst: {concurrency: 2}\nschedules:", "modes.ingst", "did you mean `ingest`?");
  bad("modes:\n  ingest: {~per_key: 0}\nschedules:", "modes.ingest.per_key", "from 1 to");
  bad("modes:\n  ingest: {~concurrency: -1}\nschedules:", "modes.ingest.concurrency", "from 0 to");
  bad("modes:\n  ingest: {~limit: 1}\nschedules:", "modes.ingest.limit", "unknown key");
}

BOOST_AUTO_TEST_CASE(the_times_of_schedules) {
  // The keys stand in a schedule that is otherwise right; the problem is at `key` of it, or below.
  const auto bad = [&](const std::string& with, const std::string& key, const char* message) {
    expect({hourly, "hourly: {agent: ceo.data.ingest, watcher: ceo.ops.clock, " + with + "}", "schedules.hourly." + key,
            message});
  };
  bad("~cron: '61 0 0 7 * *'", "cron", "`61 0 0 7 * *`: second `61`: allowed: 0 to 59");
  bad("~cron: '0 0 1W * *'", "cron", "W (the nearest working day) is not supported");
  bad("cron: '@daily', ~tz: Europe/Roma", "tz",
      "`Europe/Roma`: not a time zone of the IANA database; did you mean "
      "`Europe/Rome`?; allowed: UTC, or names such as Europe/Rome");
  bad("cron: '@daily', ~tz: rome", "tz", "did you mean `Europe/Rome`?");
  bad("cron: '@daily', ~tz: america/new_york", "tz", "did you mean `America/New_York`?");
  bad("cron: '@daily', ~tz: UTC+2", "tz", "not a time zone");
  bad("cron: '@daily', ~tz: right/UTC", "tz", "not a time zone");
  bad("cron: '@daily', ~tz: ../../../../etc/localtime", "tz", "not a time zone");
  bad("cron: '@daily', ~tz: /usr/share/zoneinfo/UTC", "tz", "not a time zone");
  bad("cron: '@daily', ~overlap: skp", "overlap", "did you mean `skip`?");
  bad("cron: '@daily', ~overlap: buffer", "overlap", "allowed: skip, buffer_one, buffer_all, cancel_other, allow");
  bad("cron: '@daily', catch_up: {~window: 0s}", "catch_up.window", "from 1s to 31d");
  bad("cron: '@daily', catch_up: {~policy: latest}", "catch_up.policy", "allowed: skip, once, all");
  bad("cron: '@daily', catch_up: {~windw: 1h}", "catch_up.windw", "did you mean `window`?");
  bad("cron: '@daily', ~catch_up: all", "catch_up", "allowed: a mapping of window, policy");
  bad("cron: '@daily', ~jitter: 61m", "jitter", "from 0s to 1h");
  bad("cron: '*/5 * * * *', ~jitter: 5m", "jitter",
      "5m lets a fire overtake the next; allowed: less than 5m, the time between two moments");
  bad("cron: '0,1 9 * * *', ~jitter: 60s", "jitter", "less than 1m");
  bad("cron: '@daily', exclude: [2026-12-25, ~2026-02-29]", "exclude[1]",
      "`2026-02-29`: not a day of the calendar; write year-month-day, for example 2026-12-25");
  bad("cron: '@daily', exclude: [~25.12.2026]", "exclude[0]", "not a day of the calendar");
  bad("cron: '@daily', exclude: [2026-12-25, ~2026-12-25]", "exclude[1]", "given twice");
  bad("cron: '@daily', ~exclude: 2026-12-25", "exclude", "allowed: a list of days");
  bad("cron: '@daily', ~starts: 2026-12-25", "starts",
      "not a moment from 1970 on; allowed: a date and a time with its zone");
  bad("cron: '@daily', ~starts: 2026-12-25T08:00:00", "starts", "with its zone, for example 2026-11-21T08:00:00Z");
  bad("cron: '@daily', ~ends: 1969-12-31T23:59:59Z", "ends", "not a moment from 1970 on");
  bad("cron: '@daily', starts: 2026-12-25T00:00:00Z, ~ends: 2026-12-25T00:00:00Z", "ends",
      "2026-12-25T00:00:00.000000Z is not later than starts, 2026-12-25T00:00:00.000000Z");
  bad("~cron: '@daily', starts: 2026-12-25T00:00:01Z, ends: 2026-12-26T00:00:00Z", "cron",
      "nothing is ever due: starts, ends and exclude leave no moment of `@daily`");
  bad("~cron: '@daily', starts: 2026-12-25T00:00:00Z, ends: 2026-12-26T00:00:00Z, exclude: [2026-12-25]", "cron",
      "nothing is ever due");
  expect({brief, "brief: {cron: '@daily', ~tz: Mars/Base, watcher: ceo.ops.clock}", "org.ceo.brief.tz",
          "`Mars/Base`: not a time zone"});
}

BOOST_AUTO_TEST_CASE(schedules_and_the_brief) {
  const auto bad = [&](const char* by, const char* key, const char* message) { expect({hourly, by, key, message}); };
  bad("~hourly: {agent: ceo.data.ingest, cron: '@daily'}", "schedules.hourly.watcher", "is required and missing");
  bad("~hourly: {cron: '@daily', watcher: ceo.ops.clock}", "schedules.hourly.agent", "is required and missing");
  bad("hourly: {~agent: ceo.data.x, cron: '@daily', watcher: ceo.ops.clock}", "schedules.hourly.agent",
      "there is no agent `ceo.data.x`");
  bad("hourly: {~agent: ceo.data, cron: '@daily', watcher: ceo.ops.clock}", "schedules.hourly.agent",
      "ceo.data has no run");
  bad("hourly: {agent: ceo.data.ingest, cron: '@daily', ~watcher: ceo.ops.clok}", "schedules.hourly.watcher",
      "did you mean `ceo.ops.clock`?");
  bad("hourly: {agent: ceo.ops.clock, cron: '@daily', ~watcher: ceo.ops.clock}", "schedules.hourly.watcher",
      "it watches itself");
  bad("hourly: {agent: ceo.data.ingest, ~cron: '60 * * * *', watcher: ceo.ops.clock}", "schedules.hourly.cron",
      "`60 * * * *`: minute `60`: allowed: 0 to 59");
  bad("hourly: {agent: ceo.data.ingest, cron: '@daily', ~grace: 0s, watcher: ceo.ops.clock}", "schedules.hourly.grace",
      "from 1s to 7d");
  bad("hourly: {agent: ceo.data.ingest, cron: '@daily', ~priority: P4, watcher: ceo.ops.clock}",
      "schedules.hourly.priority", "allowed: 0 to 3, or P0");
  bad("~brief: {agent: ceo.data.ingest, cron: '@daily', watcher: ceo.ops.clock}", "schedules.brief",
      "taken by the ceo's brief");
  expect({brief, "~brief: {cron: '@daily'}", "org.ceo.brief.watcher", "is required and missing"});
  expect({brief, "brief: {cron: '@daily', ~watcher: ceo}", "org.ceo.brief.watcher", "it watches itself"});
  expect({brief, "brief: {cron: '@daily', ~watcher: ceo.x}", "org.ceo.brief.watcher", "there is no agent `ceo.x`"});
  expect({brief, "brief: {~cron: '0 0 30 2 *', watcher: ceo.ops.clock}", "org.ceo.brief.cron", "never comes true"});
  expect({"ops:\n        role: manager",
          "ops:\n        role: manager\n        ~brief: {cron: '@daily', watcher: ceo.ops.clock}",
          "org.ceo.reports.ops.brief", "not allowed for the role manager; it is for ceo"});
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
