#include "pruning.hpp"
#include "storage/read/retention_queries.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>

using namespace pruning;
using std::chrono::seconds;

namespace {

std::string pruned(world& w, const std::string& table) {
  return w.ask("SELECT sum(rows) FROM cadre.pruned WHERE company = $1 AND \"table\" = '" + table + "'");
}

/// Makes the partitions of the month so many months ago, as they were made then.
std::string make_month(const database& db, int months_ago) {
  pqxx::connection owner{db.url(storage::migrator_role)};
  pqxx::nontransaction tx{owner};
  const auto month = tx.exec("SELECT date_trunc('month', now() - make_interval(months => " +
                             std::to_string(months_ago) + "))::date")[0][0]
                         .as<std::string>();
  for (const std::string table : {"task", "run", "journal"})
    tx.exec("SELECT cadre.make_month('" + table + "', '" + month + "')");
  return tx.exec("SELECT to_char('" + month + "'::date, 'YYYY_MM')")[0][0].as<std::string>();
}

/// Hours from the middle of the month so many months ago until now.
hours middle_of(world& w, int months_ago) {
  return hours{
      std::stoll(w.ask("SELECT (extract(epoch FROM now() - (date_trunc('month', now()) - make_interval(months "
                       "=> " +
                       std::to_string(months_ago) + ") + interval '15 days')) / 3600)::bigint"))};
}

bool is_there(world& w, const std::string& table) {
  return w.ask("SELECT to_regclass('cadre." + table + "') IS NOT NULL") == "t";
}

std::string open_escalation(world& w, const std::string& task) {
  escalation_raise r;
  r.id = new_id<escalation_id>();
  r.origin.text = agent;
  r.problem = "odd";
  r.cause = {errc::internal, "it broke"};
  r.task.text = task;
  return w.must(r, agent).ref;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(retention)

BOOST_AUTO_TEST_CASE(a_month_that_is_over_goes_whole_and_what_must_stay_is_moved) {
  database db{{}};
  world w{keeping(days{90}, days{30}), db};
  const auto month = make_month(db, 5);
  const auto ago = middle_of(w, 5);
  for (int n = 0; n < 50; ++n) put_ended(w, id_of(w, ago), ago);
  std::vector<std::string> kept;
  const auto keep = [&](auto&& put) {
    kept.push_back(id_of(w, ago));
    put(kept.back());
  };
  for (const std::string status : {"queued", "blocked", "draft", "review", "approved"})
    keep([&](const auto& id) { put_status(w, id, status); });
  keep([&](const auto& id) { put_ended(w, id, hours{24}); });  // It took that long.
  keep([&](const auto& id) {
    put_ended(w, id, ago);
    open_escalation(w, id);
  });
  const auto waits = new_uuid();
  keep([&](const auto& id) {
    put_ended(w, id, ago);
    put_status(w, waits, "draft");
    w.ask("INSERT INTO cadre.task_dependency VALUES ($1, '" + waits + "', '" + id + "') RETURNING 1");
  });
  keep([&](const auto& id) {
    put_ended(w, id, ago);
    // As it is after its run was sealed; the triggers let none begin so.
    w.ask("SET session_replication_role = replica");
    w.ask(
        "INSERT INTO cadre.output (company, id, run, task, worker, dataset, mode, status, auditors) VALUES ($1, "
        "gen_random_uuid(), gen_random_uuid(), '" +
        id + "', 'ceo.data.ingest', 'hosts', 'replace', 'sealed', '{ceo.ops.audit}') RETURNING 1");
    w.ask("RESET session_replication_role");
  });
  const auto freed = id_of(w, ago), over = new_uuid();
  put_ended(w, freed, ago);
  put_ended(w, over, hours{1});
  w.ask("INSERT INTO cadre.task_dependency VALUES ($1, '" + over + "', '" + freed + "') RETURNING 1");

  prune(w);
  for (const std::string table : {"task_", "run_", "journal_"}) BOOST_TEST(!is_there(w, table + month), table);
  for (const auto& id : kept) BOOST_TEST(exists(w, id), id);
  BOOST_TEST(!exists(w, freed));
  BOOST_TEST(exists(w, over));
  BOOST_TEST(count(w, "task") == std::to_string(kept.size() + 2));  // And `waits` and `over`.
  BOOST_TEST(count(w, "run", "task IN (SELECT id FROM cadre.task)") == "4");
  BOOST_TEST(count(w, "run") == "4");  // Who waits for a task does not need its run.
  BOOST_TEST(pruned(w, "task") == "51");
  BOOST_TEST(pruned(w, "run") == "52");
  BOOST_TEST(pruned(w, "task_dependency") == "1");
  prune(w);
  BOOST_TEST(pruned(w, "task") == "51");

  // What was moved lives on.
  w.must(w.report(agent, 9));
  BOOST_REQUIRE_EQUAL(w.last.grants.size(), 1U);
  BOOST_TEST(w.last.grants[0].task.text == kept.front());
  run_complete done;
  done.run = w.last.grants[0].run;
  w.must(done, agent);
  BOOST_TEST(w.task_status_of(w.last.outcomes.empty() ? task_id{} : task_id{kept.front()}) == "complete");
}

BOOST_AUTO_TEST_CASE(a_month_stays_while_any_of_its_rows_may_or_some_company_keeps_it) {
  database db{{}};
  world w{keeping(days{90}, days{90}), db};
  const auto young = make_month(db, 3), old = make_month(db, 5);
  prune(w);
  BOOST_TEST(is_there(w, "task_" + young));  // Its last day may be less than 90 days ago.
  BOOST_TEST(!is_there(w, "task_" + old));

  const auto older = make_month(db, 6);
  world other{keeping(days{365}, days{365}), db};
  prune(w);
  BOOST_TEST(is_there(w, "task_" + older));  // It did not say what it keeps.
  prune(other);
  prune(w);
  BOOST_TEST(is_there(w, "task_" + older));
  other.company.retention = w.company.retention;
  BOOST_REQUIRE(other.engine->sync_company(other.company).has_value());
  prune(other);
  BOOST_TEST(!is_there(w, "task_" + older));
}

BOOST_AUTO_TEST_CASE(kept_for_ever_nothing_goes) {
  database db{{}};
  auto company = keeping(days{90}, days{90});
  for (auto* k : {&company.retention.tasks, &company.retention.runs, &company.retention.journal}) *k = {true, {}};
  world w{company, db};
  const auto month = make_month(db, 60);
  const auto ago = middle_of(w, 60);
  put_ended(w, id_of(w, ago), ago);
  put_ended(w, "a0000000-0000-4000-8000-000000000000", ago);
  prune(w);
  BOOST_TEST(is_there(w, "task_" + month));
  BOOST_TEST(count(w, "task") == "2");
  BOOST_TEST(count(w, "run") == "2");
  BOOST_TEST(count(w, "journal") == "2");
}

BOOST_AUTO_TEST_CASE(what_no_partition_takes_along_goes_row_by_row_in_bounded_steps) {
  constexpr std::int64_t step = 10;
  database db{{}};
  world w{keeping(days{7}, days{3}), db, small_steps(step)};
  world other{keeping(days{365}, days{365}), db};
  std::vector<std::string> stay, go;
  for (int n = 0; n < 45; ++n) {
    go.push_back(n % 2 == 0 ? id_of(w, hours{24 * 8}) : "b" + new_uuid().substr(1));
    put_ended(w, go.back(), hours{24 * 8});
    put_ended(other, "c" + new_uuid().substr(1), hours{24 * 8});
  }
  for (const auto& id : {id_of(w, hours{24 * 6}), "b" + new_uuid().substr(1)}) {
    put_ended(w, id, hours{24 * 6});
    stay.push_back(id);
  }
  for (const std::string status : {"queued", "blocked"}) {
    stay.push_back("b" + new_uuid().substr(1));
    put_status(w, stay.back(), status);
  }
  stay.push_back("b" + new_uuid().substr(1));
  put_ended(w, stay.back(), hours{24 * 8});
  const auto escalation = open_escalation(w, stay.back());

  auto before = std::stoll(count(w, "task"));
  for (int n = 0; n < 200; ++n) {
    prune(w, 1);
    const auto left = std::stoll(count(w, "task"));
    BOOST_TEST(before - left <= step);
    before = left;
  }
  for (const auto& id : go) BOOST_TEST(!exists(w, id));
  for (const auto& id : stay) BOOST_TEST(exists(w, id));
  BOOST_TEST(count(w, "run") == "3");
  BOOST_TEST(count(w, "journal") == "0");  // It is kept for 3 days.
  BOOST_TEST(pruned(w, "task") == "45");
  BOOST_TEST(pruned(w, "run") == "45");
  BOOST_TEST(pruned(w, "journal") == "48");
  BOOST_TEST(count(other, "task") == "45");
  BOOST_TEST(count(other, "run") == "45");

  escalation_resolve resolve;
  resolve.id.text = escalation;
  resolve.by = "ann";
  resolve.note = "done";
  w.must(resolve);
  BOOST_REQUIRE(w.engine->sync_company(w.company).has_value());  // A whole round, at once.
  prune(w, 200);
  BOOST_TEST(!exists(w, stay.back()));
}

BOOST_AUTO_TEST_CASE(a_successor_goes_on_and_repeats_change_nothing) {
  database db{{}};
  world w{keeping(days{7}, days{7}), db, small_steps(3)};
  for (int n = 0; n < 30; ++n) put_ended(w, "d" + new_uuid().substr(1), hours{24 * 9});
  for (int n = 0; n < 40; ++n) {
    prune(w, 3);
    if (n % 3 == 0) w.take_over();
  }
  prune(w, 120);
  BOOST_TEST(count(w, "task") == "0");
  BOOST_TEST(pruned(w, "task") == "30");
  BOOST_TEST(pruned(w, "run") == "30");
  BOOST_TEST(pruned(w, "journal") == "30");
}

BOOST_AUTO_TEST_CASE(whoever_reads_is_not_stopped_and_stops_nobody) {
  database db{{}};
  world w{keeping(days{90}, days{90}), db};
  const auto month = make_month(db, 5);
  const auto ago = middle_of(w, 5);
  put_ended(w, id_of(w, ago), ago);
  prune(w, 3);  // Up to where partitions are dropped.
  {
    pqxx::connection reader{db.superuser()};
    pqxx::work reading{reader};
    BOOST_TEST(reading.exec("SELECT count(*) FROM cadre.task_" + month)[0][0].as<int>() == 1);
    for (int n = 0; n < 3; ++n) {
      const auto begin = std::chrono::steady_clock::now();
      const auto next = w.engine->prune();
      BOOST_TEST((std::chrono::steady_clock::now() - begin < milliseconds{1'000}));
      BOOST_REQUIRE(next.has_value());
      BOOST_TEST((*next >= milliseconds{1'000}));
      w.must(w.task(agent));
    }
    BOOST_TEST(reading.exec("SELECT count(*) FROM cadre.task_" + month)[0][0].as<int>() == 1);
  }
  prune(w);
  BOOST_TEST(!is_there(w, "task_" + month));
  BOOST_TEST(count(w, "task") == "3");
}

BOOST_AUTO_TEST_CASE(a_search_that_takes_long_is_given_up_and_goes_on_later) {
  database db{{}};
  storage::engine_options o;
  o.prune_look_max = milliseconds{30};
  o.prune_lock_wait = milliseconds{10'000};
  world w{keeping(days{7}, days{7}), db, o};
  for (int n = 0; n < 20; ++n) put_ended(w, id_of(w, hours{24 * 9}), hours{24 * 9});
  {
    pqxx::connection other{db.superuser()};
    pqxx::work holding{other};
    holding.exec0("LOCK TABLE cadre.task IN ACCESS EXCLUSIVE MODE");
    for (int n = 0; n < 10; ++n) {
      const auto next = w.engine->prune();
      BOOST_REQUIRE(next.has_value());
      BOOST_TEST((*next < milliseconds{1'000}), "a failure of " << next->count() << " ms, not a search given up");
    }
  }
  prune(w, 100);
  BOOST_TEST(count(w, "task") == "0");
  BOOST_TEST(pruned(w, "task") == "20");
}

BOOST_AUTO_TEST_CASE(a_table_that_never_catches_up_keeps_no_other_from_its_turn) {
  auto time = now() + -hours{1};
  auto options = small_steps(1);
  options.clock = [&time] { return time; };
  database db{{}};
  world w{keeping(days{7}, days{7}), db, options};
  put_ended(w, id_of(w, hours{24 * 9}), hours{24 * 9});
  // With each step, which takes one of them, another one is over.
  w.ask(
      "WITH made AS (INSERT INTO cadre.task (company, id, mode, agent, status, attempt, attempts_max, created_by, "
      "created_at, finished_at) SELECT $1, cadre.first_id(at), 'plain', '" +
      agent + "', 'complete', 1, 3, 'cli', at, at FROM generate_series('" + to_iso(time + -days{7} + -seconds{10}) +
      "'::timestamptz, '" + to_iso(time + -days{7} + seconds{900}) +
      "', '1 second') at RETURNING 1) SELECT count(*) "
      "FROM made");
  for (int n = 0; n < 600 && count(w, "journal") != "0"; ++n, time = time + seconds{1}) prune(w, 1);
  BOOST_TEST(count(w, "journal") == "0");
  BOOST_TEST(count(w, "task", "finished_at < '" + to_iso(time + -days{7}) + "'") != "0");
}

BOOST_AUTO_TEST_CASE(a_task_that_was_pruned_does_not_run_again) {
  world w{keeping(days{7}, days{7})};
  auto task = w.task(agent);
  task.id.text = id_of(w, hours{24 * 8});
  BOOST_TEST(status(w.send(task)) == "rejected refused");
  BOOST_TEST(w.last.outcomes[0].error.message.find("too old") != std::string::npos);
  task.id.text = id_of(w, hours{24 * 6});
  w.must(task);
  const auto late = id_of(w, hours{24 * 8});
  put_status(w, late, "draft");
  task.id.text = late;
  BOOST_TEST(status(w.send(task)) == "committed");  // It is there.

  auto keyed = w.task(agent);
  keyed.id.text = "e" + new_uuid().substr(1);
  keyed.idempotency_key = "once";
  w.must(keyed);
  w.ask("UPDATE cadre.task SET status = 'stale', finished_at = " + sql_ago(hours{24 * 8}) +
        " WHERE company = $1 AND id = '" + keyed.id.text + "' RETURNING 1");
  w.ask("UPDATE cadre.task_key SET at = " + sql_ago(hours{24 * 8}) + " WHERE company = $1 RETURNING 1");
  prune(w);
  BOOST_TEST(!exists(w, keyed.id.text));
  auto again = w.task(agent);
  again.idempotency_key = "once";
  const auto answer = w.must(again);
  BOOST_TEST(answer.ref == keyed.id.text);
  BOOST_TEST(!exists(w, again.id.text));

  w.ask("UPDATE cadre.task_key SET at = " + sql_ago(hours{24 * 15}) + " WHERE company = $1 RETURNING 1");
  w.take_over();
  prune(w);
  BOOST_TEST(w.must(again).ref == again.id.text);
}

BOOST_AUTO_TEST_CASE(outputs_stay_while_canonical_rows_come_from_them) {
  database db{{}};
  world w{keeping(days{7}, days{7}), db, small_steps(2)};
  const auto produce = [&](const std::string& rows) {
    const auto output = w.produced("ceo.data.merge", "merged", {rows});
    w.must(w.verdict(output, "ceo.ops.audit", true));
    return output.text;
  };
  const auto origin = produce(R"({"host":"a","tool":"x","v":1})");
  const auto replaced = produce(R"({"host":"b","tool":"x","v":1})");
  const auto last = produce(R"({"host":"b","tool":"x","v":2})");
  const auto rejected = w.produced("ceo.data.merge", "merged", {R"({"host":"z","tool":"x"})"}).text;
  const auto verdict = w.verdict(output_id{rejected}, "ceo.ops.audit", false);
  w.must(verdict);
  const auto in_review = w.produced("ceo.data.merge", "merged", {R"({"host":"y","tool":"x"})"}).text;
  const auto logs =
      w.produced("ceo.data.solo", "unseen",
                 {R"({"host":"1","tool":"x"})", R"({"host":"2","tool":"x"})", R"({"host":"3","tool":"x"})"});
  // The second changes nothing, so no canonical row comes from it; but the next one is measured against it.
  for (int n = 0; n < 2; ++n) {
    const auto same = w.produced("ceo.data.ingest", "hosts", {R"({"host":"a","tool":"x"})"});
    w.must(w.verdict(same, "ceo.ops.audit", true));
  }
  const auto canonical = w.canonical("merged");
  w.ask("SET session_replication_role = replica");
  w.ask("UPDATE cadre.output SET sealed_at = sealed_at - interval '8 days' WHERE company = $1 RETURNING 1");
  w.ask("RESET session_replication_role");
  prune(w, 100);
  const auto left = [&](const std::string& id) { return count(w, "output", "id = '" + id + "'"); };
  BOOST_TEST(left(origin) == "1");
  BOOST_TEST(left(replaced) == "0");
  BOOST_TEST(left(last) == "1");
  BOOST_TEST(left(rejected) == "1");  // An escalation about it is open.
  BOOST_TEST(left(in_review) == "1");
  BOOST_TEST(left(logs.text) == "0");
  BOOST_TEST(count(w, "promotion") == "4");
  BOOST_TEST(count(w, "verdict") == "5");
  BOOST_TEST(count(w, "output_row") == "6");
  BOOST_TEST(w.canonical("merged") == canonical);
  BOOST_TEST(pruned(w, "output") == "2");
  BOOST_TEST(pruned(w, "output_row") == "4");

  w.ask("UPDATE cadre.escalation SET status = 'resolved', resolved_at = now() WHERE company = $1 RETURNING 1");
  w.take_over();
  prune(w, 100);
  BOOST_TEST(left(rejected) == "0");
}

BOOST_AUTO_TEST_CASE(a_partition_shows_nobody_what_its_table_would_not) {
  database db{{"acme"}};
  world w{make_company("secret"), db};
  w.granted(agent);
  pqxx::connection superuser{db.superuser()};
  pqxx::nontransaction tx{superuser};
  const auto partitions = tx.exec(
      "SELECT c.relname, c.relrowsecurity FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p "
      "ON p.oid = i.inhparent WHERE p.relkind = 'p' AND c.relnamespace = 'cadre'::regnamespace");
  BOOST_TEST(partitions.size() == 15U);  // Of three tables: three months, the others', the default one.
  for (const auto role : {storage::reader_role, storage::writer_role}) {
    pqxx::connection c{db.url(role)};
    pqxx::nontransaction direct{c};
    for (const auto& row : partitions) {
      BOOST_TEST(row[1].as<bool>());
      BOOST_CHECK_THROW(direct.exec("SELECT * FROM cadre." + row[0].as<std::string>()), pqxx::insufficient_privilege);
    }
  }
  pqxx::connection c{db.url(storage::reader_role)};
  pqxx::nontransaction reader{c};
  BOOST_TEST(reader.exec("SELECT count(*) FROM cadre.task")[0][0].as<int>() == 0);
  BOOST_TEST(reader.exec("SELECT count(*) FROM cadre.run")[0][0].as<int>() == 0);
  for (const std::string sql : {"SELECT cadre.drop_finished_month('acme')", "SELECT cadre.make_months(1)",
                                "SELECT cadre.make_month('task', '2020-01-01')"})
    BOOST_CHECK_THROW(reader.exec(sql), pqxx::insufficient_privilege);
  pqxx::connection hand{db.url(storage::writer_role)};
  pqxx::nontransaction writer{hand};
  BOOST_CHECK_THROW(writer.exec("SELECT cadre.make_month('task', '2020-01-01')"), pqxx::insufficient_privilege);
  BOOST_CHECK_THROW(writer.exec("DROP TABLE cadre.task_default"), pqxx::insufficient_privilege);
}

BOOST_AUTO_TEST_CASE(people_see_what_is_kept_and_what_went) {
  const auto company = keeping(days{90}, days{7});
  database db{{company.name}};
  world w{company, db};
  const auto month = make_month(db, 5);
  const auto ago = middle_of(w, 5);
  const auto rows = [&] {
    const auto reader = storage::reader::open(db.url(storage::reader_role)).value();
    nlohmann::json by_table;
    for (const auto& row : nlohmann::json::parse(reader->rows(storage::queries::retention(company.name)).value()))
      by_table[row["table"].get<std::string>()] = row;
    return by_table;
  };
  put_ended(w, id_of(w, ago), ago);
  auto seen = rows();
  BOOST_TEST(seen.size() == 11U);
  BOOST_TEST(seen["task"]["keep"].is_null());
  BOOST_TEST(seen["task"]["partitions"] == 6);
  BOOST_TEST(seen["task"]["bytes"].get<std::int64_t>() > 8192);
  prune(w);
  seen = rows();
  BOOST_TEST(seen["task"]["keep"] == "2160:00:00");
  BOOST_TEST(seen["event_batch"]["keep"] == "168:00:00");
  BOOST_TEST(seen["task"]["pruned"] == 1);
  BOOST_TEST(seen["task"]["partitions"] == 5);
  BOOST_TEST(seen["task"]["goes_at"].is_string());
  BOOST_TEST(seen["output"]["goes_at"].is_null());
  BOOST_TEST(seen["event_batch"]["bytes"] > 0);
  BOOST_TEST(seen["task"]["exact"] == true);
}

BOOST_AUTO_TEST_CASE(events_go_oldest_first_and_the_newest_never) {
  database db{{}};
  world w{keeping(days{90}, days{30}), db};
  for (int n = 0; n < 5; ++n) w.must(w.task(agent));
  const auto newest = w.ask("SELECT max(seq) FROM cadre.event WHERE company = $1");
  const auto batches = count(w, "event_batch");
  prune(w);
  BOOST_TEST(count(w, "event_batch") == batches);
  const auto kept = w.ask("SELECT count(*) FROM cadre.event WHERE company = $1 AND seq > 2");
  w.ask(
      "UPDATE cadre.event_batch SET at = now() - interval '31 days' WHERE company = $1 AND last_seq <= 2 RETURNING 1");
  prune(w);
  BOOST_TEST(count(w, "event") == kept);
  BOOST_TEST(pruned(w, "event") == "2");
  w.ask("UPDATE cadre.event_batch SET at = now() - interval '31 days' WHERE company = $1 RETURNING 1");
  prune(w);
  BOOST_TEST(count(w, "event_batch") == "1");
  BOOST_TEST(w.ask("SELECT max(seq) FROM cadre.event WHERE company = $1") == newest);
  // What went is not missing, and a new leader goes on where the last one ended.
  w.take_over();
  w.must(w.task(agent));
  BOOST_TEST(
      w.ask("SELECT coalesce(max(seq), 0) - count(*) - (SELECT sum(rows) FROM cadre.pruned WHERE company = $1 AND "
            "\"table\" = 'event') FROM cadre.event WHERE company = $1") == "0");
  BOOST_TEST(count(w, "event", "seq > " + newest) == "1");
}

BOOST_AUTO_TEST_CASE(statements_of_every_task_look_into_the_partitions_of_their_ids_alone) {
  database db{{}};
  {
    world w{make_company("acme"), db};
    for (int n = 0; n < 3; ++n) {
      const auto grant = w.granted(agent);
      w.must(w.report(agent, 0, {grant.run}));
      run_progress progress;
      progress.run = grant.run;
      progress.progress.text = "1";
      w.must(progress, agent);
      journal_add line;
      line.run = grant.run;
      line.line = 1;
      line.agent.text = agent;
      line.level = "info";
      line.text = "x";
      w.must(line, agent);
      if (n == 2) {
        run_fail bad;
        bad.run = grant.run;
        bad.error = {errc::internal, "broke"};
        w.must(bad, agent);
        continue;
      }
      run_complete done;
      done.run = grant.run;
      w.must(done, agent);
    }
  }  // The end of the session makes its statistics known.
  pqxx::connection c{db.superuser()};
  pqxx::nontransaction tx{c};
  const auto scans = [&](const std::string& partitions) {
    return tx
        .exec(
            "SELECT coalesce(sum(idx_scan), 0) FROM pg_stat_user_indexes WHERE indexrelname ~ "
            "'^(task|run|journal)_" +
            partitions + "_(id|task|run).*(pkey|key)$|^(task|run|journal)_" + partitions + "_pkey$'")[0][0]
        .as<int>();
  };
  for (int n = 0; n < 100 && scans("[0-9_]+") == 0; ++n) tx.exec("SELECT pg_sleep(0.05)");
  BOOST_TEST(scans("[0-9_]+") > 10);
  BOOST_TEST(scans("(other|default)") == 0);
}

BOOST_AUTO_TEST_SUITE_END()
