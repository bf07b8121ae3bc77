#include "fixture.hpp"
#include "storage/migrate.hpp"

#include <boost/test/unit_test.hpp>

using namespace storage_test;

namespace {

/// Runs one statement as a role; the SQLSTATE, or `ok`.
std::string try_sql(const database& db, std::string_view role, const std::string& sql, bool writable = true) {
  pqxx::connection c{db.url(role)};
  pqxx::nontransaction tx{c};
  if (writable) tx.exec("SET default_transaction_read_only = off");
  try {
    tx.exec(sql);
    return "ok";
  } catch (const pqxx::insufficient_privilege&) {
    return "42501";  // libpqxx keeps the code to itself.
  } catch (const pqxx::sql_error& e) {
    return e.sqlstate();
  }
}

std::string one(const std::string& url, const std::string& sql) {
  pqxx::connection c{url};
  pqxx::nontransaction tx{c};
  const auto rows = tx.exec(sql);
  return rows.empty() || rows[0][0].is_null() ? "-" : rows[0][0].as<std::string>();
}

storage::migration file(std::int64_t version, const std::string& sql, const std::string& checksum) {
  storage::migration m;
  m.version = version;
  m.name = "000" + std::to_string(version) + "_test";
  m.checksum = checksum;
  m.sql = sql;
  return m;
}

const std::string permission_denied = "42501";
const std::string read_only = "25006";

}  // namespace

BOOST_AUTO_TEST_SUITE(preparing)

BOOST_AUTO_TEST_CASE(preparing_and_migrating_twice_changes_nothing) {
  database db{{"acme"}};
  BOOST_REQUIRE(storage::prepare_database(server_url(), db.name(), {"m", "w", "r"}, {"acme", "other"}).has_value());
  const auto report = storage::migrate(db.url(storage::migrator_role));
  BOOST_REQUIRE(report.has_value());
  BOOST_TEST(report->applied.empty());
  BOOST_TEST(report->version == storage::built_in_migrations().back().version);
  BOOST_TEST(storage::pending(db.url(storage::reader_role)).value().empty());
  BOOST_TEST(one(db.superuser(), "SELECT string_agg(company, ' ' ORDER BY company) FROM cadre.reader_grant") ==
             "acme other");
}

BOOST_AUTO_TEST_CASE(changed_and_unknown_migrations_are_refused_and_broken_ones_leave_nothing) {
  database db{{}};
  const auto url = db.url(storage::migrator_role);
  auto files = storage::built_in_migrations();
  files.push_back(file(9998, "CREATE TABLE cadre.extra (a int)", "one"));
  files.push_back(file(9999, "CREATE TABLE cadre.broken (a int); SELECT 1/0", "two"));
  BOOST_TEST(storage::pending(url, files).value().size() == 2U);
  auto report = storage::migrate(url, files);
  BOOST_REQUIRE(!report.has_value());
  BOOST_TEST(report.error().message.find("0009999_test") != std::string::npos);
  BOOST_TEST(one(db.superuser(), "SELECT to_regclass('cadre.broken')") == "-");
  BOOST_TEST(one(db.superuser(), "SELECT to_regclass('cadre.extra') IS NOT NULL") == "t");
  files.pop_back();
  BOOST_TEST(storage::migrate(url, files).value().applied.empty());

  report = storage::migrate(url);  // The program without the extra one is older than the database.
  BOOST_REQUIRE(!report.has_value());
  BOOST_TEST(to_text(report.error().code) == "refused");
  BOOST_TEST(report.error().message.find("older") != std::string::npos);
  files.back().checksum = "changed";
  report = storage::migrate(url, files);
  BOOST_REQUIRE(!report.has_value());
  BOOST_TEST(to_text(report.error().code) == "refused");
  BOOST_TEST(report.error().message.find("changed") != std::string::npos);
  BOOST_TEST(!storage::pending(url, files).has_value());
}

BOOST_AUTO_TEST_CASE(a_url_keeps_its_server_and_gets_another_login) {
  using storage::connection_url;
  BOOST_TEST(connection_url("postgresql://root:x@db:5433/postgres", "cadre", "w", "p@ss/1").value() ==
             "postgresql://w:p%40ss%2F1@db:5433/cadre");
  BOOST_TEST(connection_url("postgresql://root:x@db/a?sslmode=require", "", "", "").value() ==
             "postgresql://root:x@db/a?sslmode=require");
  BOOST_TEST(connection_url("host=/run/pg user=root", "d", "w", "").value() == "postgresql://w@/d?host=%2Frun%2Fpg");
  BOOST_TEST(!connection_url("postgresql://[", "d", "w", "").has_value());
}

BOOST_AUTO_TEST_CASE(readers_read_their_companies_and_write_nowhere) {
  database db{{"acme"}};
  {
    pqxx::connection c{db.superuser()};
    pqxx::nontransaction tx{c};
    tx.exec("INSERT INTO cadre.fence VALUES ('acme', 1), ('secret', 1)");
  }
  const auto reader = db.url(storage::reader_role);
  BOOST_TEST(one(reader, "SELECT string_agg(company, ' ') FROM cadre.fence") == "acme");
  pqxx::connection c{db.superuser()};
  pqxx::nontransaction tx{c};
  const auto tables = tx.exec("SELECT tablename FROM pg_tables WHERE schemaname = 'cadre'");
  BOOST_REQUIRE_GT(tables.size(), 20U);
  for (const auto& row : tables) {
    const auto table = "cadre." + row[0].as<std::string>();
    BOOST_TEST_CONTEXT(table) {
      // The setting is a courtesy, the rights are the wall: a reader may turn the setting off.
      BOOST_TEST(try_sql(db, storage::reader_role, "DELETE FROM " + table, false) == read_only);
      BOOST_TEST(try_sql(db, storage::reader_role, "INSERT INTO " + table + " DEFAULT VALUES") == permission_denied);
      BOOST_TEST(try_sql(db, storage::reader_role, "DELETE FROM " + table) == permission_denied);
      BOOST_TEST(try_sql(db, storage::reader_role, "TRUNCATE " + table) == permission_denied);
      BOOST_TEST(try_sql(db, storage::writer_role, "TRUNCATE " + table) == permission_denied);
    }
  }
  for (const std::string sql : {"UPDATE cadre.fence SET epoch = 9", "CREATE TABLE cadre.x (a int)",
                                "CREATE TABLE public.x (a int)", "CREATE TEMP TABLE x (a int)", "CREATE SCHEMA x"})
    BOOST_TEST(try_sql(db, storage::reader_role, sql) == permission_denied, sql);
}

BOOST_AUTO_TEST_CASE(the_writer_changes_neither_schema_nor_grants) {
  database db{{"acme"}};
  for (const std::string sql :
       {"INSERT INTO cadre.reader_grant VALUES ('cadre_reader', 'secret')", "DELETE FROM cadre.reader_grant",
        "UPDATE cadre.schema_migration SET checksum = 'x'", "DELETE FROM cadre.schema_migration",
        "CREATE TABLE cadre.x (a int)", "ALTER TABLE cadre.promotion DISABLE TRIGGER ALL",
        "DROP TRIGGER promotion_needs_verdicts ON cadre.promotion",
        "ALTER TABLE cadre.verdict DROP CONSTRAINT nobody_blesses_his_own_work"})
    BOOST_TEST(try_sql(db, storage::writer_role, sql) == permission_denied, sql);
}

BOOST_AUTO_TEST_CASE(the_trigger_and_the_code_know_the_same_task_transitions) {
  world w;
  pqxx::connection c{w.db.url(storage::writer_role)};
  pqxx::nontransaction tx{c};
  const auto columns = [](task_status s) {
    return std::string{s == task_status::blocked ? "'why'" : "NULL"} + ", " + (is_terminal(s) ? "now()" : "NULL");
  };
  for (const auto& [from, from_name] : enum_names<task_status>::value) {
    for (const auto& [to, to_name] : enum_names<task_status>::value) {
      const auto id = new_uuid();
      tx.exec(
          "INSERT INTO cadre.task (company, id, mode, status, attempts_max, created_by, blocked_reason, "
          "finished_at) VALUES (" +
          tx.quote(w.company.name) + ", '" + id + "', 'm', '" + std::string{from_name} + "', 1, 'test', " +
          columns(from) + ")");
      bool allowed = true;
      try {
        tx.exec("UPDATE cadre.task SET (status, blocked_reason, finished_at) = ('" + std::string{to_name} + "', " +
                columns(to) + ") WHERE company = " + tx.quote(w.company.name) + " AND id = '" + id + "'");
      } catch (const pqxx::check_violation&) {
        allowed = false;
      }
      BOOST_TEST(allowed == (from == to || may_become(from, to)), from_name << " -> " << to_name);
    }
  }
}

BOOST_AUTO_TEST_CASE(no_sql_of_the_writer_makes_rows_canonical_without_verdicts) {
  world w;
  const auto output = w.produced("ceo.data.pair", "pairs", {R"({"host":"a","tool":"t"})"});
  w.must(w.verdict(output, "ceo.ops.audit", true));
  const auto key = "'" + w.company.name + "', '" + output.text + "'";
  const std::string check = "23514", foreign_key = "23503";
  const auto& db = w.db;
  BOOST_TEST(try_sql(db, storage::writer_role,
                     "INSERT INTO cadre.promotion (company, output, worker, dataset) VALUES (" + key +
                         ", 'ceo.data.pair', 'pairs')") == check);
  BOOST_TEST(try_sql(db, storage::writer_role,
                     "INSERT INTO cadre.canonical (company, output, dataset, worker, key, row) VALUES (" + key +
                         ", 'pairs', 'ceo.data.pair', 'k', '{}')") == foreign_key);
  BOOST_TEST(try_sql(db, storage::writer_role,
                     "INSERT INTO cadre.verdict (company, output, id, worker, auditor, passed) VALUES (" + key + ", '" +
                         new_uuid() + "', 'ceo.data.pair', 'ceo.data.pair', true)") == check);
  BOOST_TEST(try_sql(db, storage::writer_role,
                     "INSERT INTO cadre.verdict (company, output, id, worker, auditor, passed) VALUES (" + key + ", '" +
                         new_uuid() + "', 'ceo.data.solo', 'ceo.data.pair', true)") == check);
  BOOST_TEST(try_sql(db, storage::writer_role,
                     "INSERT INTO cadre.promotion (company, output, worker, dataset) VALUES ('" + w.company.name +
                         "', '" + new_uuid() + "', 'ceo.data.pair', 'pairs')") == foreign_key);
}

BOOST_AUTO_TEST_SUITE_END()
