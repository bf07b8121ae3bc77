#include "fixture.hpp"
#include "schemas/finding.hpp"
#include "storage/read/finding_queries.hpp"
#include "storage/read/reader.hpp"

#include <boost/test/unit_test.hpp>

/// Each kind of finding planted, found, raised, and cleared again; and nothing found where nothing is wrong.
namespace findings_found {

using namespace storage_test;
using nlohmann::json;

/// ceo.data.solo of the fixture has no auditor: here everybody has.
config::company audited_company(const std::string& name) {
  auto c = make_company(name);
  agent_of(c, "ceo.ops.audit2").audits.push_back(agent_path{"ceo.data.solo"});
  agent_of(c, "ceo.data").on_escalation.investigate = milliseconds{600'000};
  return c;
}

struct scene {
  std::string name = "c" + new_uuid().substr(24);
  database db{{name}};
  world w{audited_company(name), db};
  std::unique_ptr<storage::reader> source;
  timestamp at = w.engine->clock();

  scene() {
    auto opened = storage::reader::open(db.url(storage::reader_role));
    BOOST_REQUIRE_MESSAGE(opened.has_value(), (opened ? "" : opened.error().message));
    source = std::move(*opened);
    for (const auto& a : w.company.agents) live(a.path.text);
  }

  void live(const std::string& who, agent_state state = agent_state::running) {
    agent_report r;
    r.id = new_id<command_id>();
    r.agent.text = who;
    r.node = "n1";
    r.state = state;
    r.reason = state == agent_state::running ? exit_reason::normal : exit_reason::error;
    r.cause = state == agent_state::running ? "" : "threw: first";
    w.must(r);
  }

  void sql(const std::string& text) { w.ask(text); }

  /// Looks for a kind, `later` from now, and has it reported: the subjects, with commas between.
  std::string look(std::string_view kind, milliseconds later = std::chrono::minutes{1}) {
    at = std::max(at + std::chrono::microseconds{1}, w.engine->clock() + later);
    const auto rows = source->rows(storage::queries::findings_of(*find_finding_kind(kind), w.company, at));
    BOOST_REQUIRE_MESSAGE(rows.has_value(), kind << ": " << (rows ? "" : rows.error().message));
    findings_report report;
    report.finding = kind;
    report.at = at;
    std::string subjects;
    for (const auto& row : json::parse(*rows)) {
      report.seen.push_back(
          {row["subject"], {row["origin"].get<std::string>()}, row["what"], {row["evidence"].dump()}});
      subjects += (subjects.empty() ? "" : ",") + report.seen.back().subject;
    }
    w.must(report, "leader");
    return subjects;
  }

  std::string findings(const std::string& columns = "kind || ' ' || subject || ' ' || owner") {
    return w.ask("SELECT coalesce(string_agg(" + columns +
                 ", ', ' ORDER BY kind, subject), '') FROM cadre.finding WHERE company = $1 AND cleared_at IS NULL");
  }

  std::string escalations(const std::string& status = "open") {
    return w.ask(
        "SELECT coalesce(string_agg(problem || ' ' || holder, ', ' ORDER BY problem), '') FROM "
        "cadre.escalation WHERE company = $1 AND status = '" +
        status + "'");
  }
};

BOOST_AUTO_TEST_SUITE(findings)

BOOST_AUTO_TEST_CASE(a_company_without_faults_has_none) {
  scene s;
  watch_report eyes;
  eyes.watcher.text = "ceo.ops.audit";
  eyes.node = "n1";
  eyes.at = s.w.engine->clock() + std::chrono::minutes{10};
  eyes.schedules = {"hourly"};
  s.w.must(eyes, "node.n1");
  s.w.must(
      s.w.verdict(s.w.produced("ceo.data.ingest", "hosts", {R"({"host":"a","tool":"x"})"}), "ceo.ops.audit", true));
  for (const auto& kind : finding_kinds)
    if (!storage::queries::findings_of(kind, s.w.company, s.at).sql.empty())
      BOOST_TEST(s.look(kind.name) == "", kind.name);
  BOOST_TEST(s.findings() == "");
  BOOST_TEST(s.escalations() == "");
}

BOOST_AUTO_TEST_CASE(one_is_raised_once_and_resolved_when_it_is_gone) {
  scene s;
  s.live("ceo.ops.audit", agent_state::quarantined);
  BOOST_TEST(s.look("schedule_unwatched") == "hourly");
  BOOST_TEST(s.findings() == "schedule_unwatched hourly ceo.ops");
  BOOST_TEST(s.escalations() == "quarantined ceo.ops, schedule_unwatched ceo.ops");
  const auto first = s.findings("first_seen || ' ' || deadline - first_seen || ' ' || raised");
  BOOST_TEST(s.look("schedule_unwatched") == "hourly");
  BOOST_TEST(s.findings("first_seen || ' ' || deadline - first_seen || ' ' || raised") == first);
  BOOST_TEST(first.find("04:00:00 1") != std::string::npos, first);
  BOOST_TEST(s.w.ask("SELECT count FROM cadre.escalation WHERE company = $1 AND problem = 'schedule_unwatched'") ==
             "1");
  s.live("ceo.ops.audit");
  BOOST_TEST(s.look("schedule_unwatched") == "");
  BOOST_TEST(s.findings() == "");
  BOOST_TEST(s.escalations("resolved") == "schedule_unwatched ceo.ops");
  s.live("ceo.ops.audit", agent_state::stopped);
  BOOST_TEST(s.look("schedule_unwatched") == "hourly");
  BOOST_TEST(s.w.ask("SELECT count(*) FROM cadre.finding WHERE company = $1") == "2");
}

BOOST_AUTO_TEST_CASE(a_report_that_comes_late_changes_nothing) {
  scene s;
  s.live("ceo.ops.audit", agent_state::quarantined);
  s.look("schedule_unwatched");
  findings_report late;
  late.finding = "schedule_unwatched";
  late.at = s.at + std::chrono::microseconds{-1};
  s.w.must(late, "leader");
  BOOST_TEST(s.findings() == "schedule_unwatched hourly ceo.ops");
  late.at = s.at + std::chrono::microseconds{1};
  late.whole = false;
  s.w.must(late, "leader");
  BOOST_TEST(s.findings() == "schedule_unwatched hourly ceo.ops");
  late.finding = "fire_late";
  BOOST_TEST(status(s.w.send(late, "leader")) == "rejected refused");
  late.finding = "nothing";
  BOOST_TEST(status(s.w.send(late, "leader")) == "rejected bad_value");
}

BOOST_AUTO_TEST_CASE(one_that_a_person_resolved_and_that_stays_is_raised_again_when_its_time_is_over) {
  scene s;
  s.live("ceo.ops.audit", agent_state::stopped);
  s.look("schedule_unwatched");
  escalation_resolve resolve;
  resolve.id.text = s.w.ask("SELECT id FROM cadre.escalation WHERE company = $1 AND problem = 'schedule_unwatched'");
  resolve.by = "anna";
  s.w.must(resolve);
  s.look("schedule_unwatched");
  BOOST_TEST(s.escalations() == "");
  BOOST_TEST(s.look("schedule_unwatched", std::chrono::hours{5}) == "hourly");
  BOOST_TEST(s.escalations() == "schedule_unwatched ceo.ops");
  BOOST_TEST(s.findings("raised::text") == "2");
}

BOOST_AUTO_TEST_CASE(agents_that_nobody_looks_after) {
  scene s;
  const std::string all = "ceo.data.ingest,ceo.data.logs,ceo.data.merge,ceo.data.pair,ceo.data.plain,ceo.data.solo";
  s.live("ceo.data", agent_state::stopped);
  BOOST_TEST(s.look("orphan", milliseconds{0}) == "");
  BOOST_TEST(s.look("orphan") == all);
  s.live("ceo.data");
  BOOST_TEST(s.look("orphan") == "");
  s.sql("UPDATE cadre.agent SET retired = true WHERE company = $1 AND path = 'ceo.data'");
  BOOST_TEST(s.look("orphan") == all);
  s.sql("UPDATE cadre.agent SET retired = false WHERE company = $1 AND path = 'ceo.data'");
  BOOST_TEST(s.look("orphan") == "");
  s.sql("UPDATE cadre.node SET state = 'down', since = clock_timestamp() WHERE company = $1 AND name = 'n1'");
  s.sql("UPDATE cadre.agent SET node = 'n1' WHERE company = $1 AND path = 'ceo.data.plain'");
  BOOST_TEST(s.look("orphan").find("ceo.data.plain") != std::string::npos);
  BOOST_TEST(s.findings("what").find("said to run on n1, which is down") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_quarantine_is_raised_where_it_happens_and_not_twice) {
  scene s;
  s.live("ceo.data.plain", agent_state::quarantined);
  BOOST_TEST(s.look("quarantined") == "ceo.data.plain");
  BOOST_TEST(s.w.ask("SELECT count(*) FROM cadre.escalation WHERE company = $1") == "1");
  BOOST_TEST(s.findings("(escalation IS NOT NULL) || ' ' || own") == "true false");
  s.live("ceo.data.plain");
  BOOST_TEST(s.look("quarantined") == "");
  BOOST_TEST(s.findings() == "");
  BOOST_TEST(s.escalations() == "quarantined ceo.data");  // That is not for the finding to settle.
}

BOOST_AUTO_TEST_CASE(what_was_cleared_long_ago_goes_once_a_day) {
  scene s;
  s.sql(
      "INSERT INTO cadre.finding (company, id, kind, subject, origin, owner, what, first_seen, last_seen, deadline, "
      "cleared_at) SELECT $1, gen_random_uuid(), 'orphan', 's' || d, 'ceo', 'ceo', 'nobody', at, at, at, at FROM "
      "(SELECT d, clock_timestamp() - d * interval '1 day' AS at FROM unnest(ARRAY[1, 399, 401]) d) x RETURNING 1");
  const auto left = [&] {
    return s.w.ask("SELECT string_agg(subject, ' ' ORDER BY subject) FROM cadre.finding WHERE company = $1");
  };
  s.look("orphan");
  BOOST_TEST(left() == "s1 s399 s401");
  s.look("dataflow_silent");
  BOOST_TEST(left() == "s1 s399");
}

BOOST_AUTO_TEST_CASE(a_role_or_a_mode_of_which_nobody_lives) {
  scene s;
  s.live("ceo.ops.audit", agent_state::quarantined);
  BOOST_TEST(s.look("role_without_agent") == "mode audit");
  s.live("ceo.ops.audit2", agent_state::stopped);
  BOOST_TEST(s.look("role_without_agent") == "mode audit,mode audit2,role auditor");
  s.live("ceo.ops.audit2");
  BOOST_TEST(s.look("role_without_agent") == "mode audit");
}

BOOST_AUTO_TEST_CASE(tasks_that_nobody_can_claim) {
  scene s;
  s.w.must(s.w.task("ceo.data.plain"));
  task_add any;
  any.id = new_id<task_id>();
  any.mode = "logs";
  s.w.must(any);
  BOOST_TEST(s.look("unclaimable_tasks") == "");
  s.live("ceo.data.plain", agent_state::stopped);
  s.live("ceo.data.logs", agent_state::quarantined);
  BOOST_TEST(s.look("unclaimable_tasks") == "@logs,ceo.data.plain");
  BOOST_TEST(s.findings("owner") == "ceo.data, ceo.data");
  s.live("ceo.data.plain");
  s.live("ceo.data.logs");
  BOOST_TEST(s.look("unclaimable_tasks") == "");
  BOOST_TEST(s.escalations("resolved") == "unclaimable_tasks ceo.data, unclaimable_tasks ceo.data");
}

BOOST_AUTO_TEST_CASE(blocked_tasks_whose_unblocker_is_gone) {
  scene s;
  const auto add = s.w.task("ceo.data.plain");
  s.w.must(add);
  const auto blocked_on = [&](const std::string& who) {
    s.sql("UPDATE cadre.task SET status = 'blocked', blocked_reason = 'waits', blocked_on = '" + who +
          "' WHERE company = $1 AND id = '" + add.id.text + "'");
  };
  blocked_on("ceo.data");
  BOOST_TEST(s.look("blocked_for_good") == "");
  s.live("ceo.data", agent_state::quarantined);
  BOOST_TEST(s.look("blocked_for_good") == "ceo.data");
  s.live("ceo.data");
  blocked_on("ceo.gone");
  BOOST_TEST(s.look("blocked_for_good") == "ceo.gone");
  BOOST_TEST(s.findings() == "blocked_for_good ceo.gone ceo");
}

BOOST_AUTO_TEST_CASE(auditors_that_owe_verdicts) {
  scene s;
  const auto output = s.w.produced("ceo.data.ingest", "hosts", {R"({"host":"a","tool":"x"})"});
  BOOST_TEST(s.look("audit_overdue") == "");
  BOOST_TEST(s.look("audit_overdue", std::chrono::minutes{6}) == "ceo.ops.audit");
  BOOST_TEST(s.look("auditor_without_verdicts", std::chrono::minutes{6}) == "ceo.ops.audit");
  s.w.must(s.w.verdict(output, "ceo.ops.audit", true));
  BOOST_TEST(s.look("audit_overdue", std::chrono::minutes{6}) == "");
  BOOST_TEST(s.look("auditor_without_verdicts", std::chrono::minutes{6}) == "");
  BOOST_TEST(s.findings() == "");
  BOOST_TEST(s.look("audit_of_audits", std::chrono::hours{24 * 3}) == "");
  s.sql("SET session_replication_role = replica");  // A verdict never changes.
  s.sql("UPDATE cadre.verdict SET at = at - interval '30 days' WHERE company = $1");
  BOOST_TEST(s.look("audit_of_audits", std::chrono::hours{24 * 3}) == "ceo.ops.audit");
}

BOOST_AUTO_TEST_CASE(workers_that_nobody_audits) {
  scene s;
  BOOST_TEST(s.look("worker_unaudited") == "");
  s.live("ceo.ops.audit2", agent_state::stopped);
  BOOST_TEST(s.look("worker_unaudited") == "ceo.data.solo");
  s.live("ceo.ops.audit2");
  agent_of(s.w.company, "ceo.ops.audit2").audits.clear();
  BOOST_TEST(s.look("worker_unaudited") == "ceo.data.solo");
  BOOST_TEST(s.findings("what") == "ceo.data.solo writes unseen and nobody audits it");
}

BOOST_AUTO_TEST_CASE(a_watcher_that_stopped_looking) {
  scene s;
  BOOST_TEST(s.look("watcher_silent") == "hourly");
  BOOST_TEST(s.findings() == "watcher_silent hourly ceo.ops");
  watch_report eyes;
  eyes.watcher.text = "ceo.ops.audit";
  eyes.node = "n2";
  eyes.at = s.at;
  eyes.schedules = {"hourly", "not-mine"};
  s.w.must(eyes, "node.n2");
  BOOST_TEST(s.look("watcher_silent") == "");
  BOOST_TEST(s.w.ask("SELECT string_agg(schedule || ' ' || watcher || ' ' || node, ',') FROM cadre.watch WHERE company "
                     "= $1") == "hourly ceo.ops.audit n2");
  BOOST_TEST(s.look("watcher_silent", std::chrono::minutes{3}) == "hourly");
  BOOST_TEST(s.look("audit_of_audits", std::chrono::hours{24 * 8}) == "watcher of hourly");
}

watch_report sees_hourly_late(const std::string& watcher, timestamp at) {
  watch_report eyes;
  eyes.watcher.text = watcher;
  eyes.node = "n2";
  eyes.at = at;
  eyes.schedules = {"hourly"};
  eyes.late.push_back({"hourly", agent_path{"ceo.data.plain"}, "it is not fired", {R"({"missing":"fired"})"}});
  return eyes;
}

BOOST_AUTO_TEST_CASE(only_the_watcher_of_a_schedule_says_that_it_is_late) {
  scene s;
  auto eyes = sees_hourly_late("ceo.ops.audit2", s.at);
  s.w.must(eyes, "node.n2");
  BOOST_TEST(s.findings() == "");
  eyes.watcher.text = "ceo.ops.audit";
  s.w.must(eyes, "node.n2");
  BOOST_TEST(s.findings() == "fire_late hourly ceo.data");
  BOOST_TEST(s.escalations() == "fire_late ceo.data");
  s.w.must(eyes, "node.n2");
  eyes.at = eyes.at + std::chrono::seconds{1};
  eyes.late.clear();
  s.w.must(eyes, "node.n2");
  BOOST_TEST(s.findings() == "");
  BOOST_TEST(s.escalations("resolved") == "fire_late ceo.data");
  eyes.watcher.text = "ceo.nobody";
  BOOST_TEST(status(s.w.send(eyes, "node.n2")) == "rejected not_found");
}

BOOST_AUTO_TEST_CASE(a_schedule_that_is_gone_is_not_late_any_more) {
  scene s;
  auto eyes = sees_hourly_late("ceo.ops.audit", s.at);
  s.w.must(eyes, "node.n2");
  BOOST_TEST(s.findings() == "fire_late hourly ceo.data");
  // What it does not look at stays.
  eyes.at = eyes.at + std::chrono::seconds{1};
  eyes.schedules.clear();
  eyes.late.clear();
  s.w.must(eyes, "node.n2");
  BOOST_TEST(s.findings() == "fire_late hourly ceo.data");
  auto without = s.w.company;
  without.schedules.clear();
  BOOST_REQUIRE(s.w.engine->sync_company(without).has_value());
  eyes.at = eyes.at + std::chrono::seconds{1};
  s.w.must(eyes, "node.n2");
  BOOST_TEST(s.findings() == "");
}

BOOST_AUTO_TEST_CASE(schedules_that_never_fired_or_came_to_nothing) {
  scene s;
  s.sql("UPDATE cadre.schedule SET since = clock_timestamp() - interval '3 hours' WHERE company = $1");
  s.sql("DELETE FROM cadre.fire WHERE company = $1");
  const auto fire = [&](const std::string& ago, const std::string& outcome, const std::string& columns,
                        const std::string& values) {
    s.sql("INSERT INTO cadre.fire (company, schedule, due_at, kind, outcome, fire_at" + columns +
          ") VALUES ($1, 'hourly', clock_timestamp() - interval '" + ago + "', 'cron', '" + outcome +
          "', clock_timestamp() - interval '" + ago + "'" + values + ")");
  };
  BOOST_TEST(s.look("schedule_never_fired") == "");
  fire("2 hours", "expected", "", "");
  BOOST_TEST(s.look("schedule_never_fired") == "hourly");
  fire("1 hour", "effect", ", fired_at, started_at, finished_at, effect_at, ended_at",
       ", clock_timestamp(), clock_timestamp(), clock_timestamp(), clock_timestamp(), clock_timestamp()");
  BOOST_TEST(s.look("schedule_never_fired") == "");
  BOOST_TEST(s.look("fire_without_effect") == "");
  fire("30 minutes", "failed", ", fired_at, ended_at", ", clock_timestamp(), clock_timestamp()");
  BOOST_TEST(s.look("fire_without_effect") == "hourly");
  BOOST_TEST(s.findings() == "fire_without_effect hourly ceo.data");
  fire("10 minutes", "effect", ", fired_at, started_at, finished_at, effect_at, ended_at",
       ", clock_timestamp(), clock_timestamp(), clock_timestamp(), clock_timestamp(), clock_timestamp()");
  BOOST_TEST(s.look("fire_without_effect") == "");
}

BOOST_AUTO_TEST_CASE(a_fire_that_failed_climbs_as_the_failure_of_its_task) {
  scene s;
  const auto grant = s.w.granted("ceo.data.plain");
  run_fail failed;
  failed.run = grant.run;
  failed.error = {errc::exit_code, "3"};
  failed.retryable = false;
  s.w.must(failed, "ceo.data.plain");
  s.sql("DELETE FROM cadre.fire WHERE company = $1");
  s.sql(
      "INSERT INTO cadre.fire (company, schedule, due_at, kind, outcome, fire_at, fired_at, ended_at, task) SELECT $1, "
      "'hourly', at, 'cron', 'failed', at, at, at, '" +
      grant.task.text + "' FROM (SELECT clock_timestamp() - interval '30 minutes' AS at) t");
  BOOST_TEST(s.look("fire_without_effect") == "hourly");
  BOOST_TEST(s.escalations() == "run_failed ceo.data");
  BOOST_TEST(s.findings("own::text") == "false");
}

BOOST_AUTO_TEST_CASE(data_that_stopped_flowing_against_its_own_rhythm) {
  scene s;
  s.sql("UPDATE cadre.leader SET since = clock_timestamp() - interval '10 days' WHERE company = $1");
  s.sql("SET session_replication_role = replica");
  const auto promoted = [&](const std::string& worker, int count, const std::string& every, const std::string& before) {
    s.sql("INSERT INTO cadre.promotion (company, output, worker, dataset, at) SELECT $1, gen_random_uuid(), '" +
          worker + "', 'd', clock_timestamp() - interval '" + before + "' - n * interval '" + every +
          "' FROM generate_series(0, " + std::to_string(count - 1) + ") n");
  };
  promoted("ceo.data.ingest", 8, "1 hour", "4 hours");   // Quiet: four hours instead of one.
  promoted("ceo.data.logs", 8, "1 hour", "2 hours");     // Late, and not yet three times as late.
  promoted("ceo.data.merge", 5, "1 hour", "9 hours");    // Four gaps are no rhythm.
  promoted("ceo.data.pair", 8, "1 second", "1 minute");  // A burst of work by hand.
  BOOST_TEST(s.look("dataflow_silent", milliseconds{0}) == "d of ceo.data.ingest");
  BOOST_TEST(s.findings() == "dataflow_silent d of ceo.data.ingest ceo.data");
  // While the company was down nothing could flow.
  s.sql("UPDATE cadre.leader SET since = clock_timestamp() - interval '1 hour' WHERE company = $1");
  BOOST_TEST(s.look("dataflow_silent", milliseconds{0}) == "");
  // A leader that was killed led as long as its lease, whenever its successor ended it.
  s.sql("UPDATE cadre.leader SET epoch = epoch + 1 WHERE company = $1");
  s.sql(
      "INSERT INTO cadre.leader (company, epoch, node, node_life, backend_pid, since, lease_until, ended_at) SELECT "
      "company, epoch - 1, node, node_life, 1, since - interval '10 days', since - interval '3 hours', since FROM "
      "cadre.leader WHERE company = $1");
  BOOST_TEST(s.look("dataflow_silent", milliseconds{0}) == "");
  s.sql("DELETE FROM cadre.leader WHERE company = $1 AND backend_pid = 1");
  s.sql("UPDATE cadre.leader SET epoch = epoch - 1 WHERE company = $1");
  s.sql("UPDATE cadre.leader SET since = clock_timestamp() - interval '10 days' WHERE company = $1");
  // A scheduled worker is not silent on days on which nothing is due.
  promoted("ceo.data.plain", 8, "1 hour", "10 hours");
  s.sql("DELETE FROM cadre.fire WHERE company = $1");
  BOOST_TEST(s.look("dataflow_silent", milliseconds{0}) == "d of ceo.data.ingest");
  s.sql(
      "INSERT INTO cadre.fire (company, schedule, due_at, kind, outcome, fire_at) SELECT $1, 'hourly', d, 'cron', "
      "'expected', d FROM (SELECT clock_timestamp() - n * interval '1 hour' AS d FROM generate_series(1, 4) n) x");
  BOOST_TEST(s.look("dataflow_silent", milliseconds{0}) == "d of ceo.data.ingest,d of ceo.data.plain");
  promoted("ceo.data.ingest", 1, "1 hour", "1 minute");
  BOOST_TEST(s.look("dataflow_silent", milliseconds{0}) == "d of ceo.data.plain");
}

BOOST_AUTO_TEST_CASE(a_silence_that_is_over_and_time_without_a_leader_make_nobody_deaf) {
  scene s;
  s.sql("UPDATE cadre.leader SET since = clock_timestamp() - interval '10 days' WHERE company = $1");
  s.sql("SET session_replication_role = replica");
  const auto promoted = [&](const std::string& worker, const std::string& hours_ago) {
    s.sql("INSERT INTO cadre.promotion (company, output, worker, dataset, at) SELECT $1, gen_random_uuid(), '" +
          worker + "', 'd', clock_timestamp() - n * interval '1 hour' FROM unnest(ARRAY[" + hours_ago + "]) n");
  };
  // Once 20 hours, now 6 instead of 1. Only a calendar tells that from a night.
  promoted("ceo.data.plain", "36, 35, 34, 33, 32, 31, 11, 10, 9, 8, 7, 6");
  promoted("ceo.data.logs", "36, 35, 34, 33, 32, 31, 11, 10, 9, 8, 7, 6");
  s.sql("DELETE FROM cadre.fire WHERE company = $1");
  s.sql(
      "INSERT INTO cadre.fire (company, schedule, due_at, kind, outcome, fire_at) SELECT $1, 'hourly', d, 'cron', "
      "'expected', d FROM (SELECT clock_timestamp() - n * interval '1 hour' AS d FROM generate_series(1, 5) n) x");
  BOOST_TEST(s.look("dataflow_silent", milliseconds{0}) == "d of ceo.data.plain");
  // Where rows are only added, a fire may bring none: its nights are its rhythm.
  s.sql(
      "INSERT INTO cadre.output (company, id, run, task, worker, dataset, mode, status) SELECT company, output, "
      "gen_random_uuid(), gen_random_uuid(), worker, dataset, 'append', 'promoted' FROM cadre.promotion WHERE "
      "company = $1 AND worker = 'ceo.data.plain'");
  BOOST_TEST(s.look("dataflow_silent", milliseconds{0}) == "");
  s.sql("DELETE FROM cadre.output WHERE company = $1");
  BOOST_TEST(s.look("dataflow_silent", milliseconds{0}) == "d of ceo.data.plain");
  // It is quiet from when something was due, unless nobody knows that any more.
  s.sql("DELETE FROM cadre.fire WHERE company = $1 AND due_at < clock_timestamp() - interval '150 minutes'");
  BOOST_TEST(s.look("dataflow_silent", milliseconds{0}) == "d of ceo.data.plain");
  s.sql(
      "INSERT INTO cadre.fire (company, schedule, due_at, kind, outcome, fire_at) SELECT $1, 'hourly', d, 'cron', "
      "'expected', d FROM (SELECT clock_timestamp() - interval '7 hours' AS d) x");
  BOOST_TEST(s.look("dataflow_silent", milliseconds{0}) == "");
  // Twice the company was down in between: those gaps are nobody's.
  promoted("ceo.data.pair", "74, 73, 72, 71, 51, 50, 49, 29, 28, 27, 4");
  BOOST_TEST(s.look("dataflow_silent", milliseconds{0}) == "");
  s.sql("UPDATE cadre.leader SET epoch = epoch + 3 WHERE company = $1");
  for (const auto& [epoch, began, ended] :
       {std::tuple{3, "999 hours", "70 hours"}, std::tuple{2, "52 hours", "48 hours"},
        std::tuple{1, "30 hours", "26 hours"}})
    s.sql(std::string{"INSERT INTO cadre.leader (company, epoch, node, node_life, backend_pid, since, lease_until, "
                      "ended_at) SELECT company, epoch - "} +
          std::to_string(epoch) + ", node, node_life, 1, clock_timestamp() - interval '" + began +
          "', clock_timestamp() - interval '" + ended + "', clock_timestamp() - interval '" + ended +
          "' FROM cadre.leader WHERE company = $1 AND backend_pid <> 1");
  s.sql(
      "UPDATE cadre.leader SET since = clock_timestamp() - interval '10 hours' WHERE company = $1 AND backend_pid <> "
      "1");
  BOOST_TEST(s.look("dataflow_silent", milliseconds{0}) == "d of ceo.data.pair");
  s.sql("DELETE FROM cadre.leader WHERE company = $1 AND backend_pid = 1");
  s.sql("UPDATE cadre.leader SET epoch = epoch - 3 WHERE company = $1");
}

BOOST_AUTO_TEST_CASE(a_reader_may_look_and_not_write) {
  scene s;
  pqxx::connection reader{s.db.url(storage::reader_role)};
  pqxx::nontransaction tx{reader};
  tx.exec("SET default_transaction_read_only = off");
  BOOST_CHECK_NO_THROW(tx.exec("SELECT * FROM cadre.dataflow_silent()"));
  BOOST_CHECK_THROW(tx.exec("INSERT INTO cadre.watch VALUES ('" + s.name + "', 'hourly', 'a', 'n', now())"),
                    pqxx::sql_error);
  BOOST_CHECK_THROW(tx.exec("DELETE FROM cadre.finding"), pqxx::sql_error);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace findings_found
