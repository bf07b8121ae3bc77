#include "fixture.hpp"

using namespace storage_test;

/// Doing and checking are separate: every way round it that somebody could try is tried here, and must fail.
namespace storage_test::separation {

const std::string denied = "42501", check = "23514", foreign_key = "23503";

/// SQLSTATE of statements in one transaction as that role; `ok` if they were committed.
std::string sql_state(const database& db, std::string_view role, const std::string& sql) {
  pqxx::connection c{db.url(role)};
  try {
    pqxx::nontransaction tx{c};
    tx.exec("BEGIN READ WRITE");
    tx.exec(sql);
    tx.exec("COMMIT");
    return "ok";
  } catch (const pqxx::insufficient_privilege&) {
    return denied;  // libpqxx keeps the code to itself.
  } catch (const pqxx::sql_error& e) {
    return e.sqlstate();
  }
}

std::string text(const std::string& value) {
  return "'" + value + "'";
}

/// Two rows of ceo.data.pair, which two auditors look at; one of them has passed it.
struct half_way : world {
  output_id output = produced("ceo.data.pair", "pairs", {R"({"host":"a","tool":"t"})", R"({"host":"b","tool":"t"})"});
  std::string me = text(company.name), id = text(output.text);

  half_way() { must(verdict(output, "ceo.ops.audit", true)); }

  [[nodiscard]] std::string as_writer(const std::string& sql) const { return sql_state(db, storage::writer_role, sql); }
  [[nodiscard]] std::string by_output(const std::string& column = "output") const {
    return " WHERE company = " + me + " AND " + column + " = " + id;
  }
  [[nodiscard]] std::string insert_verdict(const std::string& auditor, const std::string& worker = "ceo.data.pair",
                                           const std::string& incarnation = "NULL") const {
    return "INSERT INTO cadre.verdict (company, output, id, worker, auditor, passed, incarnation) VALUES (" + me +
           ", " + id + ", " + text(new_uuid()) + ", " + text(worker) + ", " + text(auditor) + ", true, " + incarnation +
           ")";
  }
  [[nodiscard]] std::string insert_promotion(const std::string& dataset = "pairs") const {
    return "INSERT INTO cadre.promotion (company, output, worker, dataset) VALUES (" + me + ", " + id +
           ", 'ceo.data.pair', " + text(dataset) + ")";
  }
  [[nodiscard]] std::string insert_canonical(const std::string& key, const std::string& row,
                                             const std::string& dataset = "pairs",
                                             const std::string& worker = "ceo.data.pair") const {
    return "INSERT INTO cadre.canonical (company, output, dataset, worker, key, row) VALUES (" + me + ", " + id + ", " +
           text(dataset) + ", " + text(worker) + ", " + text(key) + ", " + text(row) + ")";
  }
  std::string output_status() { return ask("SELECT status FROM cadre.output WHERE company = $1 AND id = " + id); }
};

const std::string row_a = R"({"host":"a","tool":"t"})", row_b = R"({"host":"b","tool":"t"})";
const std::string key_a = R"(["a","t"])", key_b = R"(["b","t"])";

}  // namespace storage_test::separation

namespace storage_test::separation {

BOOST_AUTO_TEST_SUITE(separation)

BOOST_AUTO_TEST_CASE(a_reader_changes_nothing_that_decides) {
  half_way w;
  for (const auto& sql : {w.insert_verdict("ceo.ops.audit2"), "UPDATE cadre.verdict SET passed = true" + w.by_output(),
                          w.insert_promotion(), w.insert_canonical(key_a, row_a),
                          "UPDATE cadre.output SET auditors = '{ceo.ops.audit}'" + w.by_output("id"),
                          "DELETE FROM cadre.audit_due" + w.by_output(), std::string{"DELETE FROM cadre.output_stats"},
                          std::string{"SET ROLE cadre_writer"}, std::string{"SET SESSION AUTHORIZATION cadre_writer"}})
    BOOST_TEST(sql_state(w.db, storage::reader_role, sql) == denied, sql);
}

BOOST_AUTO_TEST_CASE(the_writer_turns_nothing_off) {
  half_way w;
  for (const std::string sql :
       {"TRUNCATE cadre.verdict", "TRUNCATE cadre.canonical", "ALTER TABLE cadre.verdict DISABLE TRIGGER ALL",
        "ALTER TABLE cadre.canonical DISABLE TRIGGER canonical_is_what_was_promoted",
        "DROP TRIGGER output_transition ON cadre.output", "SET session_replication_role = replica",
        "CREATE OR REPLACE FUNCTION cadre.check_verdict() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN RETURN NEW; END'",
        "ALTER TABLE cadre.canonical DROP CONSTRAINT canonical_company_output_fkey", "SET ROLE cadre_migrator"})
    BOOST_TEST(w.as_writer(sql) == denied, sql);
}

BOOST_AUTO_TEST_CASE(no_sql_makes_a_verdict_of_somebody_else) {
  half_way w;
  BOOST_TEST(w.as_writer(w.insert_verdict("ceo.data.pair")) == check);                    // The worker itself.
  BOOST_TEST(w.as_writer(w.insert_verdict("ceo.ops")) == check);                          // Nobody made it an auditor.
  BOOST_TEST(w.as_writer(w.insert_verdict("ceo.ops.audit2", "ceo.data.solo")) == check);  // It has never lived.
  const auto life = w.life_of("ceo.ops.audit2");
  BOOST_TEST(w.as_writer(w.insert_verdict("ceo.ops.audit2", "ceo.data.solo")) == foreign_key);  // Not its worker.
  const auto worker_life = std::to_string(w.life_of("ceo.data.pair"));
  BOOST_TEST(w.as_writer(w.insert_verdict("ceo.ops.audit2", "ceo.data.pair", worker_life)) == check);
  BOOST_TEST(w.as_writer("UPDATE cadre.incarnation SET ended_at = now() WHERE company = " + w.me +
                         " AND agent = 'ceo.ops.audit2'; " + w.insert_verdict("ceo.ops.audit2")) == check);
  BOOST_TEST(w.canonical("pairs") == "");
  BOOST_TEST(w.as_writer(w.insert_verdict("ceo.ops.audit2", "ceo.data.pair", std::to_string(life))) == "ok");
}

BOOST_AUTO_TEST_CASE(no_sql_undoes_a_failing_verdict) {
  half_way w;
  w.must(w.verdict(w.output, "ceo.ops.audit2", false));
  BOOST_TEST(w.output_status() == "rejected");
  const auto undo = [&](const std::string& sql) { BOOST_TEST(w.as_writer(sql) == check, sql); };
  undo("UPDATE cadre.verdict SET passed = true" + w.by_output());
  undo("DELETE FROM cadre.verdict" + w.by_output());
  undo("DELETE FROM cadre.verdict" + w.by_output() + " AND NOT passed; " + w.insert_verdict("ceo.ops.audit2"));
  undo("UPDATE cadre.output SET status = 'sealed'" + w.by_output("id"));
  undo("UPDATE cadre.output SET status = 'promoted'" + w.by_output("id"));
  // With the failing one taken away and another put in its place, it is not in review any more.
  undo("DELETE FROM cadre.verdict" + w.by_output() + " AND NOT passed; " + w.insert_verdict("ceo.ops.audit2") + "; " +
       w.insert_promotion());
  BOOST_TEST(w.canonical("pairs") == "");
}

BOOST_AUTO_TEST_CASE(no_sql_changes_who_decides_or_what_about) {
  half_way w;
  const auto change = [&](const std::string& sql) { BOOST_TEST(w.as_writer(sql) == check, sql); };
  for (const std::string set : {"auditors = '{ceo.ops.audit}'", "auditors = '{}'", "sealed_at = now()", "row_count = 1",
                                "dataset = 'hosts'", "worker = 'ceo.data.solo'", "mode = 'append'", "status = 'staged'",
                                "status = 'promoted'", "key_columns = '{}'"})
    change("UPDATE cadre.output SET " + set + w.by_output("id"));
  change("UPDATE cadre.output_row SET row = '{}'" + w.by_output());
  change("DELETE FROM cadre.output_row" + w.by_output() + " AND row_no = 0");
  change("DELETE FROM cadre.audit_due" + w.by_output() + "; DELETE FROM cadre.verdict" + w.by_output() +
         "; DELETE FROM cadre.output_row" + w.by_output() + "; DELETE FROM cadre.output" + w.by_output("id"));
  change("INSERT INTO cadre.output (company, id, run, task, worker, dataset, mode, status, auditors) VALUES (" + w.me +
         ", gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'ceo.data.pair', 'pairs', 'replace', 'sealed', "
         "'{ceo.ops.audit}')");
  BOOST_TEST(w.output_status() == "sealed");
  // A row that is slipped in after sealing: the output can't be promoted any more, whatever its verdicts.
  BOOST_TEST(w.as_writer("INSERT INTO cadre.output_row VALUES (" + w.me + ", " + w.id + ", 7, 'k', '{}')") == "ok");
  BOOST_TEST(status(w.send(w.verdict(w.output, "ceo.ops.audit2", true))).starts_with("rejected"));
  BOOST_TEST(w.canonical("pairs") == "");
}

BOOST_AUTO_TEST_CASE(no_sql_promotes_without_all_verdicts) {
  half_way w;
  BOOST_TEST(w.as_writer(w.insert_promotion()) == check);
  BOOST_TEST(w.as_writer("UPDATE cadre.output SET status = 'promoted'" + w.by_output("id")) == check);
  w.life_of("ceo.ops.audit2");
  const auto verdicts = w.insert_verdict("ceo.ops.audit2") + "; ";
  BOOST_TEST(w.as_writer(verdicts + w.insert_promotion("hosts")) == check);
  BOOST_TEST(w.as_writer("UPDATE cadre.output SET status = 'dropped'" + w.by_output("id") + "; " +
                         w.insert_promotion()) == check);
  // Not even with all of them, once it is not in review any more.
  BOOST_TEST(w.as_writer(verdicts + "UPDATE cadre.output SET status = 'dropped'" + w.by_output("id") + "; " +
                         w.insert_promotion()) == check);
}

BOOST_AUTO_TEST_CASE(no_sql_makes_a_verdict_of_one_who_is_no_auditor_any_more) {
  half_way w;
  w.life_of("ceo.ops.audit2");
  BOOST_TEST(w.as_writer("UPDATE cadre.agent SET role = 'worker' WHERE company = " + w.me +
                         " AND path = 'ceo.ops.audit2'; " + w.insert_verdict("ceo.ops.audit2")) == check);
}

BOOST_AUTO_TEST_CASE(no_sql_makes_a_verdict_of_an_auditor_of_others) {
  world w;
  const auto output = w.produced("ceo.data.ingest", "hosts", {row_a});
  w.life_of("ceo.ops.audit2");
  const auto insert = [&](const std::string& auditor) {
    return sql_state(w.db, storage::writer_role,
                     "INSERT INTO cadre.verdict (company, output, id, worker, auditor, passed) VALUES (" +
                         text(w.company.name) + ", " + text(output.text) + ", " + text(new_uuid()) +
                         ", 'ceo.data.ingest', " + text(auditor) + ", true)");
  };
  BOOST_TEST(insert("ceo.ops.audit2") == check);
  w.life_of("ceo.ops.audit");
  BOOST_TEST(insert("ceo.ops.audit") == "ok");
}

BOOST_AUTO_TEST_CASE(an_output_without_rows_goes_no_sooner_than_others) {
  world w;
  const auto output = w.produced("ceo.data.pair", "pairs", {});
  const auto of_it = [&](const std::string& column) {
    return " WHERE company = " + text(w.company.name) + " AND " + column + " = " + text(output.text);
  };
  BOOST_TEST(sql_state(w.db, storage::writer_role,
                       "DELETE FROM cadre.audit_due" + of_it("output") + "; DELETE FROM cadre.output" + of_it("id")) ==
             check);
}

BOOST_AUTO_TEST_CASE(no_sql_turns_canonical_rows_back_to_what_an_older_output_said) {
  half_way w;
  w.must(w.verdict(w.output, "ceo.ops.audit2", true));
  const auto newer = w.produced("ceo.data.pair", "pairs", {R"({"host":"a","tool":"t","x":1})"});
  for (const auto* auditor : {"ceo.ops.audit", "ceo.ops.audit2"}) w.must(w.verdict(newer, auditor, true));
  const auto now = w.canonical("pairs");
  BOOST_TEST(now == R"({"x": 1, "host": "a", "tool": "t"})");
  BOOST_TEST(w.as_writer("UPDATE cadre.canonical SET output = " + w.id + ", row = " + text(row_a) +
                         " WHERE company = " + w.me + " AND dataset = 'pairs'") == check);
  BOOST_TEST(w.as_writer(w.insert_canonical(key_b, row_b)) == check);
  BOOST_TEST(w.canonical("pairs") == now);
}

BOOST_AUTO_TEST_CASE(a_promotion_that_only_adds_and_changes_takes_no_row_away) {
  world w;
  w.must(w.verdict(w.produced("ceo.data.merge", "merged", {row_a}), "ceo.ops.audit", true));
  const auto me = text(w.company.name);
  const auto output = text(w.produced("ceo.data.merge", "merged", {row_b}).text);
  BOOST_TEST(sql_state(w.db, storage::writer_role,
                       "INSERT INTO cadre.verdict (company, output, id, worker, auditor, passed) VALUES (" + me + ", " +
                           output + ", " + text(new_uuid()) + ", 'ceo.data.merge', 'ceo.ops.audit', true); " +
                           "INSERT INTO cadre.promotion (company, output, worker, dataset) VALUES (" + me + ", " +
                           output + ", 'ceo.data.merge', 'merged'); DELETE FROM cadre.canonical WHERE company = " + me +
                           " AND dataset = 'merged'") == check);
  BOOST_TEST(w.canonical("merged") == R"({"host": "a", "tool": "t"})");
}

BOOST_AUTO_TEST_CASE(a_reader_sees_nothing_of_a_company_that_is_not_its_own) {
  half_way w;
  auto v = w.verdict(w.output, "ceo.ops.audit2", true);
  v.rows_total = 2;
  v.statistics.text = R"({"host":{"values":2}})";
  w.must(v);
  pqxx::connection superuser{w.db.superuser()}, reader{w.db.url(storage::reader_role)};
  pqxx::nontransaction all{superuser}, theirs{reader};
  std::size_t with_rows = 0;
  for (const auto& row : all.exec("SELECT table_name FROM information_schema.columns WHERE table_schema = 'cadre' AND "
                                  "column_name = 'company'")) {
    const auto count = "SELECT count(*) FROM cadre." + row[0].as<std::string>() + " WHERE company = " + w.me;
    if (all.exec(count)[0][0].as<int>() == 0) continue;
    ++with_rows;
    try {
      BOOST_TEST(theirs.exec(count)[0][0].as<int>() == 0, count);
    } catch (const pqxx::insufficient_privilege&) {  // All the better.
    }
  }
  BOOST_TEST(with_rows > 15U);
}

BOOST_AUTO_TEST_CASE(canonical_rows_are_those_of_the_promotion_and_come_and_go_with_it) {
  half_way w;
  w.must(w.verdict(w.output, "ceo.ops.audit2", true));
  BOOST_REQUIRE(w.output_status() == "promoted");
  const auto before = w.canonical("pairs");
  const auto refused = [&](const std::string& sql) { BOOST_TEST(w.as_writer(sql) == check, sql); };
  refused(w.insert_canonical("k", "{}"));
  refused(w.insert_canonical(key_a, row_a, "hosts"));
  refused(w.insert_canonical(key_a, row_a, "pairs", "ceo.data.ingest"));
  refused("UPDATE cadre.canonical SET row = '{}'" + w.by_output());
  refused("UPDATE cadre.canonical SET worker = 'ceo.data.ingest'" + w.by_output());
  refused("DELETE FROM cadre.canonical" + w.by_output());
  // Not even as it was: it would be what an older output said.
  refused("DELETE FROM cadre.canonical" + w.by_output() + "; " + w.insert_canonical(key_a, row_a));
  refused("UPDATE cadre.promotion SET rows_added = 0" + w.by_output());
  BOOST_TEST(w.as_writer("DELETE FROM cadre.promotion" + w.by_output()) == foreign_key);
  BOOST_TEST(w.canonical("pairs") == before);
}

BOOST_AUTO_TEST_CASE(within_a_promotion_only_its_own_rows_become_canonical) {
  half_way w;
  w.life_of("ceo.ops.audit2");
  const auto promotion = w.insert_verdict("ceo.ops.audit2") + "; " + w.insert_promotion() + "; ";
  BOOST_TEST(w.as_writer(promotion + w.insert_canonical("k", "{}")) == check);
  BOOST_TEST(w.as_writer(promotion + w.insert_canonical(key_a, row_b)) == check);
  BOOST_TEST(w.as_writer(promotion + w.insert_canonical(key_a, row_a, "hosts")) == check);
  BOOST_TEST(w.as_writer(promotion + w.insert_canonical(key_a, row_a) + "; DELETE FROM cadre.canonical" +
                         w.by_output()) == check);
  BOOST_TEST(w.as_writer(promotion + w.insert_canonical(key_a, row_a)) == "ok");
}

BOOST_AUTO_TEST_CASE(a_verdict_comes_from_the_auditors_own_living_incarnation) {
  world w;
  const auto output = w.produced("ceo.data.ingest", "hosts", {row_a});
  const auto passed = w.verdict(output, "ceo.ops.audit", true);
  const auto try_as = [&](const std::string& from, epoch life) { return status(w.send(make(passed, from, life))); };
  BOOST_TEST(try_as("ceo.ops.audit", 0) == "rejected stale_epoch");  // It has never lived.
  BOOST_TEST(try_as("ceo.ops.audit", 1) == "rejected stale_epoch");
  const auto worker = w.life_of("ceo.data.ingest");
  const auto first = w.life_of("ceo.ops.audit");
  BOOST_TEST(try_as("ceo.data.ingest", worker) == "rejected refused");
  BOOST_TEST(try_as("ceo.ops.audit", worker) == "rejected stale_epoch");
  BOOST_TEST(try_as("cli", 0) == "rejected refused");
  BOOST_TEST(try_as("node.n1", 0) == "rejected refused");
  incarnation_start next;
  next.token = new_id<incarnation_token>();
  next.agent.text = "ceo.ops.audit";
  next.node = "n2";
  next.node_life = w.life;
  const auto second = static_cast<epoch>(w.must(next).value);
  BOOST_TEST(try_as("ceo.ops.audit", first) == "rejected stale_epoch");
  incarnation_end end;
  end.token = next.token;
  w.must(end);
  BOOST_TEST(try_as("ceo.ops.audit", second) == "rejected stale_epoch");  // It has ended, and nobody has replaced it.
  BOOST_TEST(w.canonical("hosts") == "");
  const auto third = w.life_of("ceo.ops.audit");
  BOOST_TEST(try_as("ceo.ops.audit", third) == "committed");
  BOOST_TEST(try_as("ceo.data.ingest", worker) == "rejected refused");  // Nor is he told that it is so.
  BOOST_TEST(w.ask("SELECT incarnation FROM cadre.verdict WHERE company = $1") == std::to_string(third));
  BOOST_TEST(w.canonical("hosts") != "");
}

BOOST_AUTO_TEST_CASE(the_auditors_are_those_of_the_moment_of_sealing) {
  world w;
  const auto output = w.produced("ceo.data.ingest", "hosts", {row_a});
  agent_of(w.company, "ceo.ops.audit2").audits.push_back(agent_path{"ceo.data.ingest"});
  w.take_over();
  // One that was made an auditor meanwhile has no say in it, and it is not waited for.
  BOOST_TEST(status(w.send(w.verdict(output, "ceo.ops.audit2", false))) == "rejected refused");
  w.must(w.verdict(output, "ceo.ops.audit", true));
  BOOST_TEST(w.canonical("hosts") != "");
  // Of the next output it has.
  const auto next = w.produced("ceo.data.ingest", "hosts", {row_b});
  w.must(w.verdict(next, "ceo.ops.audit", true));
  BOOST_TEST(w.canonical("hosts") == R"({"host": "a", "tool": "t"})");
  w.must(w.verdict(next, "ceo.ops.audit2", true));
  BOOST_TEST(w.canonical("hosts") == R"({"host": "b", "tool": "t"})");
}

BOOST_AUTO_TEST_CASE(one_that_is_no_auditor_any_more_is_still_waited_for) {
  world w;
  const auto output = w.produced("ceo.data.pair", "pairs", {row_a});
  agent_of(w.company, "ceo.ops.audit2").audits.clear();
  w.take_over();
  w.must(w.verdict(output, "ceo.ops.audit", true));
  BOOST_TEST(w.canonical("pairs") == "");  // Taking an auditor away is no way to get an output passed.
  w.tick_after(milliseconds{301'000});
  BOOST_TEST(w.ask("SELECT origin || ' ' || problem FROM cadre.escalation WHERE company = $1") ==
             "ceo.ops.audit2 audit_overdue");
  w.must(w.verdict(output, "ceo.ops.audit2", true));
  BOOST_TEST(w.canonical("pairs") != "");
}

BOOST_AUTO_TEST_CASE(one_passes_and_one_fails_in_both_orders) {
  world w;
  for (const bool first : {true, false}) {
    const auto output = w.produced("ceo.data.pair", "pairs", {row_a});
    w.must(w.verdict(output, "ceo.ops.audit", first));
    w.must(w.verdict(output, "ceo.ops.audit2", !first));
    BOOST_TEST(w.ask("SELECT status FROM cadre.output WHERE company = $1 AND id = '" + output.text + "'") ==
               "rejected");
    BOOST_TEST(w.ask("SELECT count(*) FROM cadre.verdict WHERE company = $1 AND output = '" + output.text + "'") ==
               "2");
  }
  BOOST_TEST(w.canonical("pairs") == "");
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.promotion WHERE company = $1") == "0");
  BOOST_TEST(w.ask("SELECT string_agg(DISTINCT problem, ' ') FROM cadre.escalation WHERE company = $1") ==
             "audit_failed");
}

BOOST_AUTO_TEST_CASE(a_late_verdict_is_escalated_once_and_still_counts) {
  world w;
  const auto output = w.produced("ceo.data.pair", "pairs", {row_a});
  w.must(w.verdict(output, "ceo.ops.audit2", true));
  w.tick_after(milliseconds{299'000});
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.escalation WHERE company = $1") == "0");
  w.tick_after(milliseconds{301'000});
  w.tick_after(milliseconds{302'000});
  BOOST_TEST(w.ask("SELECT string_agg(concat_ws('|', origin, problem, holder, count), ' ') FROM cadre.escalation WHERE "
                   "company = $1") == "ceo.ops.audit|audit_overdue|ceo.ops|1");
  BOOST_TEST(w.canonical("pairs") == "");
  w.must(w.verdict(output, "ceo.ops.audit", true));
  BOOST_TEST(w.canonical("pairs") != "");
}

BOOST_AUTO_TEST_CASE(a_verdict_says_how_much_it_saw_and_leaves_statistics) {
  world w;
  const auto output = w.produced("ceo.data.pair", "pairs", {row_a, row_b});
  auto v = w.verdict(output, "ceo.ops.audit", false);
  v.rows_total = 2;
  v.rows_checked = 1;
  v.notes = std::vector<std::string>(60, "looked at 1 of 2 rows");
  v.statistics.text = R"({"host":{"values":2}})";
  v.findings[0].message = std::string(5'000, 'x');
  v.findings[0].sample_rows = std::vector<json_text>(7, json_text{R"({"host":")" + std::string(3'000, 'y') + "\"}"});
  w.must(v);
  BOOST_TEST(w.ask("SELECT concat_ws('|', rows_checked, rows_total, cardinality(notes), notes[1]) FROM cadre.verdict "
                   "WHERE company = $1") == "1|2|50|looked at 1 of 2 rows");
  BOOST_TEST(w.ask("SELECT concat_ws('|', length(f->>'message'), jsonb_array_length(f->'sample_rows'), "
                   "f->'sample_rows'->0->>'note') FROM cadre.verdict v, jsonb_array_elements(v.findings) f WHERE "
                   "v.company = $1") == "2000|5|too large to quote");
  BOOST_TEST(w.ask("SELECT evidence->>'rows_checked' FROM cadre.escalation WHERE company = $1") == "1");
  auto second = w.verdict(output, "ceo.ops.audit2", true);
  second.statistics.text = R"({"host":{"values":1}})";
  w.must(second);
  BOOST_TEST(w.ask("SELECT string_agg(worker || dataset || rows || columns::text, ' ') FROM cadre.output_stats WHERE "
                   "company = $1") == R"(ceo.data.pairpairs2{"host": {"values": 2}})");

  const auto other = w.produced("ceo.data.ingest", "hosts", {row_a});
  auto wrong = w.verdict(other, "ceo.ops.audit", true);
  wrong.rows_checked = 2;
  wrong.rows_total = 1;
  BOOST_TEST(status(w.send(wrong)) == "rejected bad_value");
  wrong.rows_checked = 1;
  wrong.statistics.text = '"' + std::string(65'536, 'x') + '"';
  BOOST_TEST(status(w.send(wrong)) == "rejected bad_value");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace storage_test::separation
