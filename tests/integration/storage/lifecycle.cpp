#include "fixture.hpp"

using namespace storage_test;

BOOST_AUTO_TEST_SUITE(lifecycle)

BOOST_AUTO_TEST_CASE(a_task_goes_from_add_to_canonical) {
  world w;
  const auto grant = w.granted("ceo.data.ingest");
  BOOST_TEST(grant.attempt == 1);
  BOOST_TEST(grant.mode == "ingest");
  BOOST_TEST(nlohmann::json::parse(grant.payload.text)["n"] == 1);
  BOOST_TEST(w.task_status_of(grant.task) == "active");

  output_add out;
  out.output = new_id<output_id>();
  out.run = grant.run;
  out.dataset = "hosts";
  out.rows = {{R"({"host":"a","tool":"bash"})"}, {R"({"host":"b","tool":"zsh"})"}};
  w.must(out, "ceo.data.ingest");
  run_progress progress;
  progress.run = grant.run;
  progress.progress.text = "0.5";
  w.must(progress, "ceo.data.ingest");
  run_complete done;
  done.run = grant.run;
  done.metrics.text = R"({"rows":2})";
  w.must(done, "ceo.data.ingest");
  BOOST_TEST(w.task_status_of(grant.task) == "review");
  BOOST_REQUIRE_EQUAL(w.last.events.size(), 2U);
  BOOST_TEST(w.last.events[0].what == "output_sealed");
  BOOST_TEST(w.last.events[0].subject == "cadre." + w.company.name + ".out.ceo.data.ingest");
  const auto data = nlohmann::json::parse(w.last.events[0].data.text);
  BOOST_TEST(data["rows"] == 2);
  BOOST_TEST(data["output"] == out.output.text);
  BOOST_TEST(w.canonical("hosts") == "");

  w.must(w.verdict(out.output, "ceo.ops.audit", true));
  BOOST_TEST(w.task_status_of(grant.task) == "complete");
  BOOST_TEST(w.canonical("hosts") == R"({"host": "a", "tool": "bash"} {"host": "b", "tool": "zsh"})");
  BOOST_TEST(nlohmann::json::parse(w.last.events.back().data.text)["promoted"] == true);
  BOOST_TEST(w.ask("SELECT key FROM cadre.canonical WHERE company = $1 ORDER BY key") == R"(["a","bash"])");
}

BOOST_AUTO_TEST_CASE(replace_keeps_what_did_not_change_and_removes_what_is_gone) {
  world w;
  const auto first = w.produced(
      "ceo.data.ingest", "hosts",
      {R"({"host":"a","tool":"t","v":1})", R"({"host":"b","tool":"t","v":1})", R"({"host":"c","tool":"t","v":1})"});
  w.must(w.verdict(first, "ceo.ops.audit", true));
  const auto second = w.produced(
      "ceo.data.ingest", "hosts",
      {R"({"host":"a","tool":"t","v":1})", R"({"host":"b","tool":"t","v":2})", R"({"host":"d","tool":"t","v":1})"});
  w.must(w.verdict(second, "ceo.ops.audit", true));
  BOOST_TEST(w.ask("SELECT string_agg(key || (output = '" + second.text +
                   "')::text, ' ' ORDER BY key) FROM cadre.canonical WHERE company = $1") ==
             R"(["a","t"]false ["b","t"]true ["d","t"]true)");
  BOOST_TEST(w.ask("SELECT concat_ws(' ', rows_before, rows_after, rows_added, rows_changed, rows_removed) "
                   "FROM cadre.promotion WHERE company = $1 AND output = '" +
                   second.text + "'") == "3 3 1 1 1");
}

BOOST_AUTO_TEST_CASE(upsert_leaves_other_rows_and_append_adds) {
  world w;
  const auto a =
      w.produced("ceo.data.merge", "merged", {R"({"host":"a","tool":"t","v":1})", R"({"host":"b","tool":"t"})"});
  w.must(w.verdict(a, "ceo.ops.audit", true));
  const auto b =
      w.produced("ceo.data.merge", "merged", {R"({"host":"a","tool":"t","v":2})", R"({"host":"a","tool":"t","v":3})"});
  w.must(w.verdict(b, "ceo.ops.audit", true));
  BOOST_TEST(w.canonical("merged") == R"({"host": "b", "tool": "t"} {"v": 3, "host": "a", "tool": "t"})");
  for (int i = 0; i < 2; ++i) {
    const auto lines = w.produced("ceo.data.logs", "lines", {R"({"text":"same"})", R"({"text":"more"})"});
    w.must(w.verdict(lines, "ceo.ops.audit", true));
    BOOST_TEST(w.ask("SELECT concat_ws(' ', rows_before, rows_after, rows_added, rows_changed, rows_removed) "
                     "FROM cadre.promotion WHERE company = $1 AND output = '" +
                     lines.text + "'") == (i == 0 ? "0 2 2 0 0" : "2 4 2 0 0"));
  }
  BOOST_TEST(w.canonical("lines") == R"({"text": "more"} {"text": "more"} {"text": "same"} {"text": "same"})");
}

BOOST_AUTO_TEST_CASE(an_older_output_does_not_turn_canonical_data_back) {
  world w;
  const auto older = w.produced("ceo.data.ingest", "hosts", {R"({"host":"a","tool":"t","v":"old"})"});
  const auto newer = w.produced("ceo.data.ingest", "hosts", {R"({"host":"a","tool":"t","v":"new"})"});
  w.must(w.verdict(newer, "ceo.ops.audit", true));
  w.must(w.verdict(older, "ceo.ops.audit", true));
  BOOST_TEST(w.canonical("hosts") == R"({"v": "new", "host": "a", "tool": "t"})");
  BOOST_TEST(w.ask("SELECT t.status || ' ' || o.status FROM cadre.output o JOIN cadre.task t ON t.company = o.company "
                   "AND t.id = o.task WHERE o.company = $1 AND o.id = '" +
                   older.text + "'") == "superseded dropped");
}

BOOST_AUTO_TEST_CASE(what_nobody_audits_is_never_canonical) {
  world w;
  const auto output = w.produced("ceo.data.solo", "unseen", {R"({"host":"a","tool":"t"})"});
  BOOST_TEST(w.ask("SELECT status FROM cadre.output WHERE company = $1") == "sealed");
  BOOST_TEST(w.ask("SELECT status FROM cadre.task WHERE company = $1") == "complete");
  BOOST_TEST(status(w.send(w.verdict(output, "ceo.ops.audit", true))) == "rejected refused");
  BOOST_TEST(w.canonical("unseen") == "");
}

BOOST_AUTO_TEST_CASE(a_failing_verdict_fails_the_task_once_and_escalates_its_findings) {
  world w;
  const auto output = w.produced("ceo.data.ingest", "hosts", {R"({"host":"a","tool":"t"})"});
  w.must(w.verdict(output, "ceo.ops.audit", false));
  BOOST_TEST(w.ask("SELECT status || ' ' || error_code FROM cadre.task WHERE company = $1") == "failed audit_failed");
  BOOST_TEST(w.ask("SELECT status FROM cadre.output WHERE company = $1") == "rejected");
  BOOST_TEST(
      w.ask("SELECT concat_ws('|', problem, holder, cause_code, cause) FROM cadre.escalation WHERE company = $1") ==
      "audit_failed|ceo.data|audit_failed|ceo.ops.audit: unique: two rows of one host");
  BOOST_TEST(w.ask("SELECT evidence->'findings'->0->'sample_rows'->0->>'host' FROM cadre.escalation "
                   "WHERE company = $1") == "a");
  BOOST_TEST(w.canonical("hosts") == "");
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.audit_due WHERE company = $1") == "0");
}

BOOST_AUTO_TEST_CASE(two_auditors_must_both_pass) {
  world w;
  const auto output = w.produced("ceo.data.pair", "pairs", {R"({"host":"a","tool":"t"})"});
  w.must(w.verdict(output, "ceo.ops.audit", true));
  BOOST_TEST(w.canonical("pairs") == "");
  BOOST_TEST(w.ask("SELECT status FROM cadre.task WHERE company = $1") == "review");
  w.must(w.verdict(output, "ceo.ops.audit2", true));
  BOOST_TEST(w.canonical("pairs") != "");
  BOOST_TEST(w.ask("SELECT status FROM cadre.task WHERE company = $1") == "complete");

  const auto other = w.produced("ceo.data.pair", "pairs", {R"({"host":"z","tool":"t"})"});
  w.must(w.verdict(other, "ceo.ops.audit2", false));
  w.must(w.verdict(other, "ceo.ops.audit", true));
  BOOST_TEST(w.ask("SELECT status FROM cadre.output WHERE company = $1 AND id = '" + other.text + "'") == "rejected");
  BOOST_TEST(w.canonical("pairs").find("\"z\"") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(nobody_blesses_his_own_work_nor_for_another) {
  world w;
  const auto output = w.produced("ceo.data.ingest", "hosts", {R"({"host":"a","tool":"t"})"});
  BOOST_TEST(status(w.send(w.verdict(output, "ceo.data.ingest", true))) == "rejected refused");
  BOOST_TEST(status(w.send(w.verdict(output, "ceo.ops.audit2", true))) == "rejected refused");
  const auto worker = w.life_of("ceo.data.ingest");
  BOOST_TEST(status(w.send(w.verdict(output, "ceo.ops.audit", true), "ceo.data.ingest", worker)) == "rejected refused");
  BOOST_TEST(w.canonical("hosts") == "");
}

BOOST_AUTO_TEST_CASE(outputs_must_be_declared_and_keyed) {
  world w;
  const auto grant = w.granted("ceo.data.ingest");
  output_add out;
  out.output = new_id<output_id>();
  out.run = grant.run;
  out.dataset = "secrets";
  out.rows = {{R"({"host":"a","tool":"t"})"}};
  auto o = w.send(out);
  BOOST_TEST(status(o) == "rejected refused");
  BOOST_TEST(o.error.message.find("hosts") != std::string::npos);
  out.dataset = "hosts";
  out.first_row = 7;
  out.rows.push_back({R"({"host":"a"})"});
  o = w.send(out);
  BOOST_TEST(status(o) == "rejected bad_value");
  BOOST_TEST(o.error.message.find("row 8") != std::string::npos);
  BOOST_TEST(o.error.message.find("tool") != std::string::npos);
  out.rows[1].text = "[1]";
  BOOST_TEST(status(w.send(out)) == "rejected bad_value");
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.output WHERE company = $1") == "0");
}

BOOST_AUTO_TEST_CASE(alerts_of_a_response_become_escalations) {
  world w;
  const auto grant = w.granted("ceo.data.plain");
  run_complete done;
  done.run = grant.run;
  done.alerts.text = R"([{"level":"critical","problem":"disk_full","message":"iron-pc has 1 %"}, "odd"])";
  w.must(done, "ceo.data.plain");
  BOOST_TEST(w.ask("SELECT string_agg(concat_ws('|', problem, severity, cause), ' ' ORDER BY problem) "
                   "FROM cadre.escalation WHERE company = $1") ==
             "alert|warning|odd disk_full|critical|iron-pc has 1 %");
  w.must(done, "ceo.data.plain");
  BOOST_TEST(w.ask("SELECT sum(count) FROM cadre.escalation WHERE company = $1") == "2");
}

BOOST_AUTO_TEST_SUITE_END()
