#include "fixture.hpp"
#include "schemas/json.hpp"
#include "storage/read/queries.hpp"
#include "storage/read/reader.hpp"

using namespace storage_test;
using nlohmann::json;
namespace queries = cadre::storage::queries;

namespace {

/// A company whose brief is read as the brief writer does: as cadre_reader.
struct read_company : world {
  explicit read_company(config::company c = make_company("c" + new_uuid().substr(24))) : world{std::move(c), own()} {
    pqxx::connection server{db.superuser()};
    pqxx::nontransaction{server}.exec_params(
        "INSERT INTO cadre.reader_grant (role_name, company) VALUES ($2, $1) ON CONFLICT DO NOTHING", company.name,
        std::string{cadre::storage::reader_role});
    reader = *cadre::storage::reader::open(db.url(cadre::storage::reader_role));
  }

  static database& own() { return shared_database(); }

  json parts() {
    const auto read = reader->snapshot(queries::brief_parts(company.name));
    BOOST_REQUIRE_MESSAGE(read, (read ? "" : read.error().message));
    return json::parse(*read);
  }

  void keep_brief(const std::string& body) {
    brief_add b;
    b.id = new_id<brief_id>();
    b.body.text = body;
    must(b);
  }

  void direct(const std::string& sql) {
    pqxx::connection server{db.superuser()};
    pqxx::nontransaction tx{server};
    tx.exec("SET session_replication_role = replica");
    tx.exec_params(sql, company.name);
  }

  void complete(const run_grant& grant, const std::string& metrics, const std::string& recommendations = "null") {
    run_complete done;
    done.run = grant.run;
    done.metrics.text = metrics;
    done.recommendations.text = recommendations;
    must(done, grant.agent.text);
  }

  void fail_run(const run_grant& grant, const std::string& error, bool again = false) {
    run_fail failed;
    failed.retryable = again;
    failed.run = grant.run;
    failed.error = {errc::internal, error};
    must(failed, grant.agent.text);
  }

  std::unique_ptr<cadre::storage::reader> reader;
};

json row_of(const json& rows, const char* key, const std::string& value) {
  for (const auto& row : rows)
    if (row[key] == value) return row;
  BOOST_FAIL("no row with " << key << " = " << value << " in " << rows.dump());
  return {};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(brief_queries)

BOOST_AUTO_TEST_CASE(an_empty_company_has_every_part) {
  read_company w;
  const auto s = w.parts();
  BOOST_TEST(s["as_of"][0]["since"].is_null());
  BOOST_TEST(s["previous"].empty());
  BOOST_TEST(s["agents"].size() == w.company.agents.size());
  BOOST_TEST(s["runs"][0].dump() ==
             R"({"failed":0,"failures":[],"measured":[],"of_each":181,"succeeded":0,"whole":true})");
  for (const auto* part :
       {"decisions", "decision_counts", "decision_kinds", "under_investigation", "missed_schedules", "overdue_audits",
        "findings", "changes", "paused", "open_tasks", "priorities", "settled_at_once"})
    BOOST_TEST(s[part].empty(), part);
  BOOST_TEST(s["escalation_sums"][0]["raised"] == 0);
}

BOOST_AUTO_TEST_CASE(the_brief_before_says_what_it_saw_last) {
  read_company w;
  const auto since = [&] { return w.parts()["as_of"][0]["since"].get<std::string>(); };
  const auto kept_at = [&] {
    return w.ask(
        "SELECT to_char(max(at) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI') FROM cadre.brief WHERE company = $1");
  };
  w.keep_brief(R"({"kept":{"as_of_us":1600000000000000,"decisions":{"a":1}},"metrics":[7]})");
  BOOST_TEST(since().starts_with("2020-09-13T12:26:40"));
  const auto s = w.parts();
  BOOST_TEST(s["previous"][0]["kept"]["decisions"]["a"] == 1);
  BOOST_TEST(s["previous"][0]["metrics"][0] == 7);
  // Lists go back a week, not to 2020.
  BOOST_TEST(s["as_of"][0]["listed_from"].get<std::string>() > "2021");
  // Who wrote something else into it can't stop the briefs, nor say that nothing was seen yet of what is to come.
  for (const auto* body : {"{}", "7", R"({"kept":{"as_of_us":"x"}})", R"({"kept":{"as_of_us":-1}})", R"({"kept":[]})",
                           R"({"kept":{"as_of_us":1e300}})", R"({"kept":{"as_of_us":253402300799999999}})"}) {
    w.keep_brief(body);
    BOOST_TEST(since().substr(0, 16) == kept_at(), body);
  }
}

BOOST_AUTO_TEST_CASE(what_policies_settle_at_once_is_counted) {
  auto company = make_company("c" + new_uuid().substr(24));
  agent_of(company, "ceo.data").on_escalation = {milliseconds{0}, escalation_policy::resolve};
  read_company w{company};
  for (const auto* problem : {"odd", "odd", "even", "odd"}) {
    escalation_raise raise;
    raise.id = new_id<escalation_id>();
    raise.origin.text = "ceo.data.plain";
    raise.problem = problem;
    w.must(raise);
  }
  BOOST_TEST(w.parts()["settled_at_once"].dump() ==
             R"([{"origin":"ceo.data.plain","problem":"odd","times":3,"total":2},)"
             R"({"origin":"ceo.data.plain","problem":"even","times":1,"total":2}])");
  w.keep_brief("{}");
  BOOST_TEST(w.parts()["settled_at_once"].empty());
}

BOOST_AUTO_TEST_CASE(decisions_have_their_way_up) {
  read_company w;
  escalation_raise raise;
  raise.id = new_id<escalation_id>();
  raise.origin.text = "ceo.data.plain";
  raise.problem = "odd";
  raise.cause = {errc::internal, std::string(10'000, 'x')};
  w.must(raise);
  BOOST_TEST(w.parts()["decisions"].empty());
  BOOST_TEST(w.parts()["under_investigation"][0]["holder"] == "ceo.data");
  w.tick_after(std::chrono::hours{1});
  raise.id = new_id<escalation_id>();
  w.must(raise);
  const auto s = w.parts();
  BOOST_REQUIRE_EQUAL(s["decisions"].size(), 1U);
  const auto& d = s["decisions"][0];
  BOOST_TEST(d["count"] == 2);
  BOOST_TEST(d["holders"].front() == "ceo.data");
  BOOST_TEST(d["holders"].back() == "ceo");
  BOOST_TEST(d["cause"].get<std::string>().size() == 2'000U);
  BOOST_TEST(s["decision_counts"].dump() == json::array({{{"id", d["id"]}, {"count", 2}}}).dump());
  BOOST_TEST(s["decision_kinds"].dump() == R"([{"agents":1,"decisions":1,"problem":"odd","times":2}])");
  BOOST_TEST(s["escalation_sums"][0].dump() ==
             R"({"in_inbox":1,"new_in_inbox":1,"open":1,"raised":1,"resolved":0,"settled":0})");
  w.keep_brief("{}");
  escalation_resolve resolve;
  resolve.id.text = d["id"];
  resolve.by = "cli";
  resolve.note = "mended";
  w.must(resolve);
  BOOST_TEST(w.parts()["escalation_sums"][0].dump() ==
             R"({"in_inbox":0,"new_in_inbox":0,"open":0,"raised":1,"resolved":1,"settled":1})");
}

BOOST_AUTO_TEST_CASE(the_worst_decision_comes_first_and_then_the_oldest) {
  read_company w;
  std::string raised, shown, order;
  for (const auto level : {severity::warning, severity::error, severity::info, severity::critical, severity::error}) {
    escalation_raise raise;
    raise.id = new_id<escalation_id>();
    raise.origin.text = "ceo";
    raise.problem = std::string{to_text(level)} + "-" + raise.id.text.substr(30);
    raise.level = level;
    w.must(raise);
    if (level == severity::error) raised += raise.id.text + " ";
  }
  const auto s = w.parts();
  for (const auto& d : s["decisions"]) {
    order += d["severity"].get<std::string>() + " ";
    if (d["severity"] == "error") shown += d["id"].get<std::string>() + " ";
  }
  BOOST_TEST(order == "critical error error warning info ");
  BOOST_TEST(shown == raised);
}

BOOST_AUTO_TEST_CASE(runs_since_the_last_brief_are_counted_and_their_causes_named) {
  read_company w;
  w.complete(w.granted("ceo.data.plain"), "null");
  w.keep_brief("{}");
  w.fail_run(w.granted("ceo.data.plain"), "no such file", true);
  w.tick_after(std::chrono::seconds{10});
  w.must(w.report("ceo.data.plain", 1));
  BOOST_REQUIRE_EQUAL(w.last.grants.size(), 1U);
  w.complete(w.last.grants[0], "null");
  const auto runs = w.parts()["runs"][0];
  BOOST_TEST(runs["succeeded"] == 1);
  BOOST_TEST(runs["failed"] == 1);
  BOOST_TEST(runs["whole"] == true);
  BOOST_REQUIRE_EQUAL(runs["failures"].size(), 1U);
  const auto& f = runs["failures"][0];
  BOOST_TEST(f["agent"] == "ceo.data.plain");
  BOOST_TEST(f["error"] == "no such file");
  BOOST_TEST(f["error_code"] == "internal");
  BOOST_TEST(f["runs"] == 1);
  BOOST_TEST(f["recovered"] == 1);
  // One that was lost with its node did not succeed either.
  w.granted("ceo.data.plain");
  w.tick_after(std::chrono::minutes{10});
  BOOST_TEST(w.parts()["runs"][0]["failed"] == 2);
  BOOST_TEST(w.parts()["runs"][0]["failures"].size() == 2U);
}

BOOST_AUTO_TEST_CASE(who_runs_very_often_is_not_looked_at_to_the_end) {
  read_company w;
  w.complete(w.granted("ceo.data.plain"), "null");
  w.direct(
      "INSERT INTO cadre.run (company, id, task, attempt, agent, incarnation, node, node_life, status, lease_until, "
      "started_at, ended_at) SELECT $1, gen_random_uuid(), gen_random_uuid(), 1, 'ceo.data.plain', 1, 'n1', "
      "gen_random_uuid(), 'succeeded', now(), now() - interval '1 s' * i, now() FROM generate_series(1, 300) i");
  const auto runs = w.parts()["runs"][0];
  BOOST_TEST(runs["of_each"] == 181);
  BOOST_TEST(runs["succeeded"] == 181);
  BOOST_TEST(runs["whole"] == false);
  // What was before the last brief need not be looked at.
  w.keep_brief("{}");
  BOOST_TEST(w.parts()["runs"][0]["whole"] == true);
  BOOST_TEST(w.parts()["runs"][0]["succeeded"] == 0);
}

BOOST_AUTO_TEST_CASE(metrics_are_those_of_the_newest_success_with_the_rhythm_of_the_runs) {
  read_company w;
  const auto plain = [&] { return row_of(w.parts()["runs"][0]["measured"], "path", "ceo.data.plain"); };
  w.complete(w.granted("ceo.data.plain"), R"({"rows":1})");
  w.complete(w.granted("ceo.data.plain"), R"({"rows":2,"state":{"deep":[1]},"ok":true,"none":null})",
             R"(["one",2,"three"])");
  w.fail_run(w.granted("ceo.data.plain"), "later");
  BOOST_TEST(plain()["metrics"].dump() == R"({"none":null,"ok":true,"rows":2,"state":"{\"deep\": [1]}"})");
  BOOST_TEST(plain()["metrics_total"] == 4);
  BOOST_TEST(plain()["recommendations"].dump() == R"(["one","three"])");
  BOOST_TEST(plain()["every_s"].is_null());
  w.direct(
      "UPDATE cadre.run SET started_at = now() - interval '1 h' WHERE company = $1 AND error IS NULL AND "
      "metrics ->> 'rows' = '1'");
  w.direct(
      "INSERT INTO cadre.run (company, id, task, attempt, agent, incarnation, node, node_life, status, lease_until, "
      "started_at, ended_at) SELECT $1, gen_random_uuid(), gen_random_uuid(), 1, 'ceo.data.plain', 1, 'n1', "
      "gen_random_uuid(), 'failed', now(), now() - interval '1 h' * i, now() FROM generate_series(2, 7) i");
  BOOST_TEST(plain()["every_s"] == 3'600);
  BOOST_TEST(plain()["metrics"]["rows"] == 2);
  // What is no object is no metric, and a great many are cut.
  w.complete(w.granted("ceo.data.plain"), "[1,2]", R"({"a":1})");
  BOOST_TEST(plain()["metrics"].is_null());
  std::string many = "{";
  for (int i = 0; i < 1'000; ++i) many += "\"m" + std::to_string(i) + "\":\"" + std::string(500, 'x') + "\",";
  w.complete(w.granted("ceo.data.plain"), many + "\"z\":1}");
  BOOST_TEST(plain()["metrics"].size() == 12U);
  BOOST_TEST(plain()["metrics_total"] == 1'001);
  BOOST_TEST(plain()["metrics"]["m0"].get<std::string>().size() == 100U);
}

BOOST_AUTO_TEST_CASE(open_tasks_are_counted_by_status) {
  read_company w;
  const auto counts = [&] {
    std::string text;
    const auto s = w.parts();
    for (const auto& row : s["open_tasks"])
      text += row["status"].get<std::string>() + " " + row["tasks"].dump() + (row["more"] == true ? "+ " : " ");
    return text;
  };
  for (int i = 0; i < 3; ++i) w.must(w.task("ceo.data.solo"));
  auto draft = w.task("ceo.data.solo");
  draft.draft = true;
  w.must(draft);
  w.complete(w.granted("ceo.data.plain"), "null");
  w.produced("ceo.data.ingest", "hosts", {R"({"host":"a","tool":"t"})"});
  w.granted("ceo.data.plain");
  BOOST_TEST(counts() == "active 1 draft 1 queued 3 review 1 ");
  w.direct(
      "INSERT INTO cadre.task (company, id, mode, agent, status, attempts_max, created_by) SELECT $1, "
      "gen_random_uuid(), 'solo', 'ceo.data.solo', 'queued', 1, 'cli' FROM generate_series(1, 10000)");
  BOOST_TEST(counts() == "active 1 draft 1 queued 10001+ review 1 ");
  w.direct(
      "INSERT INTO cadre.task (company, id, mode, agent, status, attempts_max, created_by) SELECT $1, "
      "gen_random_uuid(), 'solo', 'ceo.data.solo', 'draft', 1, 'cli' FROM generate_series(1, 299)");
  BOOST_TEST(counts() == "active 1 queued 10001+ waiting 301 ");
}

BOOST_AUTO_TEST_CASE(changes_are_those_since_the_last_brief) {
  read_company w;
  const auto promote = [&](const std::string& agent, const std::string& dataset, const std::string& row) {
    const auto output = w.produced(agent, dataset, {row});
    w.must(w.verdict(output, "ceo.ops.audit", true));
  };
  promote("ceo.data.ingest", "hosts", R"({"host":"a","tool":"t"})");
  w.keep_brief("{}");
  BOOST_TEST(w.parts()["changes"].empty());
  promote("ceo.data.ingest", "hosts", R"({"host":"b","tool":"t"})");
  promote("ceo.data.ingest", "hosts", R"({"host":"b","tool":"t","x":1})");
  promote("ceo.data.merge", "merged", R"({"host":"a","tool":"t"})");
  const auto changes = w.parts()["changes"];
  BOOST_REQUIRE_EQUAL(changes.size(), 2U);
  auto hosts = changes[0];
  hosts.erase("last_at");
  BOOST_TEST(hosts["datasets"] == 2);
  BOOST_TEST(hosts["all_added"] == 2);
  for (const auto* key : {"datasets", "all_added", "all_changed", "all_removed"}) hosts.erase(key);
  BOOST_TEST(
      hosts.dump() ==
      R"({"added":1,"changed":1,"dataset":"hosts","promotions":2,"removed":1,"rows":1,"worker":"ceo.data.ingest"})");
  BOOST_TEST(changes[1]["dataset"] == "merged");
}

BOOST_AUTO_TEST_CASE(audits_that_are_late_and_what_is_paused) {
  read_company w;
  w.produced("ceo.data.ingest", "hosts", {R"({"host":"a","tool":"t"})"});
  BOOST_TEST(w.parts()["overdue_audits"].empty());
  w.direct("UPDATE cadre.audit_due SET due_at = now() - interval '1 min' WHERE company = $1");
  BOOST_TEST(w.parts()["overdue_audits"][0]["auditor"] == "ceo.ops.audit");
  BOOST_TEST(w.parts()["overdue_audits"][0]["audits"] == 1);
  agent_pause pause;
  pause.agent.text = "ceo.data.plain";
  pause.by = "cli:ada";
  pause.reason = "looked at";
  w.must(pause);
  const auto paused = w.parts()["paused"];
  BOOST_REQUIRE_EQUAL(paused.size(), 1U);
  BOOST_TEST(paused[0]["what"] == "agent");
  BOOST_TEST(paused[0]["name"] == "ceo.data.plain");
  BOOST_TEST(paused[0]["reason"] == "looked at");
}

BOOST_AUTO_TEST_CASE(schedules_that_missed_or_are_late_or_paused) {
  read_company w;
  BOOST_TEST(w.parts()["missed_schedules"].empty());
  w.direct("DELETE FROM cadre.fire WHERE company = $1");
  w.direct(
      "INSERT INTO cadre.fire (company, schedule, due_at, kind, outcome, reason, fire_at, fired_at, effect_at, "
      "ended_at) "
      "SELECT $1, 'hourly', at, 'cron', o, 'why', at, at, at, at FROM unnest(ARRAY['skipped', 'effect', 'missed', "
      "'cancelled']) WITH ORDINALITY AS f (o, i), LATERAL (SELECT now() - interval '1 h' * i AS at) t");
  w.direct(
      "INSERT INTO cadre.fire (company, schedule, due_at, kind, outcome, fire_at) SELECT $1, 'hourly', now() + at, "
      "'cron', 'expected', now() + at FROM unnest(ARRAY['-30 min', '10 min']::interval[]) AS f (at)");
  std::string seen;
  const auto s = w.parts();
  for (const auto& f : s["missed_schedules"])
    seen += f["status"].get<std::string>() + ": " + f["reason"].get<std::string>() + "; ";
  BOOST_TEST(seen == "late: not fired yet; skipped: why; missed: why; ");
  // One that waits for an earlier one is not late, however long it does.
  w.direct("UPDATE cadre.fire SET held_at = due_at WHERE company = $1 AND outcome = 'expected' AND due_at < now()");
  BOOST_TEST(w.parts()["missed_schedules"].size() == 2U);
  w.direct("UPDATE cadre.fire SET held_at = NULL WHERE company = $1");
  // What was over before the last brief was in it; what is late still is.
  w.keep_brief("{}");
  BOOST_TEST(w.parts()["missed_schedules"].size() == 1U);
  w.direct("UPDATE cadre.schedule SET paused_at = now(), paused_by = 'cli' WHERE company = $1");
  BOOST_TEST(w.parts()["missed_schedules"].empty());
  BOOST_TEST(w.parts()["paused"][0]["what"] == "schedule");
}

BOOST_AUTO_TEST_CASE(findings_that_are_open) {
  read_company w;
  w.direct(
      "INSERT INTO cadre.finding (company, id, kind, subject, origin, owner, what, first_seen, last_seen, deadline, "
      "cleared_at) SELECT $1, gen_random_uuid(), 'orphan', 's' || i, 'ceo', 'ceo', 'nobody', now(), now(), now() + "
      "interval '1 h' * (i - 2), CASE WHEN i = 5 THEN now() END FROM generate_series(1, 5) i");
  const auto findings = w.parts()["findings"];
  BOOST_REQUIRE_EQUAL(findings.size(), 4U);
  BOOST_TEST(findings[0]["total"] == 4);
  BOOST_TEST(findings[0]["subject"] == "s1");
  BOOST_TEST(findings[0]["overdue"] == true);
  BOOST_TEST(findings[3]["overdue"] == false);
}

BOOST_AUTO_TEST_CASE(another_company_is_not_in_the_brief) {
  read_company other;
  other.complete(other.granted("ceo.data.plain"), R"({"rows":1})");
  other.fail_run(other.granted("ceo.data.plain"), "not ours");
  const auto output = other.produced("ceo.data.ingest", "hosts", {R"({"host":"a","tool":"t"})"});
  other.must(other.verdict(output, "ceo.ops.audit", true));
  other.must(other.task("ceo.data.plain"));
  other.keep_brief("{}");
  for (const auto* origin : {"ceo", "ceo.data.plain"}) {
    escalation_raise raise;
    raise.id = new_id<escalation_id>();
    raise.origin.text = origin;
    raise.problem = "odd";
    other.must(raise);
  }
  other.produced("ceo.data.ingest", "hosts", {R"({"host":"b","tool":"t"})"});
  other.direct("UPDATE cadre.audit_due SET due_at = now() - interval '1 min' WHERE company = $1");
  agent_pause pause;
  pause.agent.text = "ceo.data.plain";
  other.must(pause);
  other.direct(
      "INSERT INTO cadre.fire (company, schedule, due_at, kind, outcome, fire_at, ended_at) SELECT $1, 'hourly', at, "
      "'cron', 'missed', at, now() FROM (SELECT now() - interval '1 h' AS at) t");
  other.direct(
      "INSERT INTO cadre.finding (company, id, kind, subject, origin, owner, what, first_seen, last_seen, deadline) "
      "SELECT $1, gen_random_uuid(), 'orphan', 's', 'ceo', 'ceo', 'nobody', now(), now(), now()");
  other.direct(
      "INSERT INTO cadre.canonical (company, dataset, worker, key, row, output) SELECT $1, 'action', "
      "'ceo.data.ingest', 'k', '{\"rank\":1}', output FROM cadre.promotion WHERE company = $1");
  {
    const auto s = other.parts();
    for (const auto* part : {"decisions", "decision_counts", "decision_kinds", "under_investigation",
                             "missed_schedules", "overdue_audits", "findings", "paused", "priorities"})
      BOOST_TEST(!s[part].empty(), part);
  }
  read_company w;
  auto s = w.parts();
  BOOST_TEST(s["as_of"][0]["since"].is_null());
  BOOST_TEST(s["runs"][0]["failed"] == 0);
  BOOST_TEST(s["changes"].empty());
  BOOST_TEST(s["open_tasks"].empty());
  BOOST_TEST(s["runs"][0]["measured"].empty());
  for (const auto* part : {"previous", "decisions", "decision_counts", "decision_kinds", "under_investigation",
                           "missed_schedules", "overdue_audits", "findings", "paused", "priorities"})
    BOOST_TEST(s[part].empty(), part);
  BOOST_TEST(s["escalation_sums"][0]["raised"] == 0);
  BOOST_TEST(s["agents"].size() == w.company.agents.size());
  BOOST_TEST(s["nodes"].size() == w.company.nodes.size());
}

BOOST_AUTO_TEST_SUITE_END()
