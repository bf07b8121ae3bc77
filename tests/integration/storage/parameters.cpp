#include "fixture.hpp"
#include "storage/pg/session.hpp"

#include <boost/test/unit_test.hpp>

#include <limits>

using namespace storage_test;
namespace pg = storage::pg;

namespace {

/// A session with a table of its own, into which columns go in both formats.
struct columns_table {
  columns_table() {
    db.script(
        "CREATE TEMPORARY TABLE seen (format text, number int, word text, document jsonb, small smallint, usual int, "
        "big bigint, at timestamptz, id uuid)");
  }

  pg::session db{shared_database().superuser()};
  std::vector<std::int32_t> numbers;
  std::vector<pg::value> words, documents;
  std::vector<std::int16_t> small;
  std::vector<std::int32_t> usual;
  std::vector<std::int64_t> big;
  std::vector<timestamp> at;
  std::vector<task_id> ids;

  template <class Insert>
  void insert(Insert how, const std::string& format) {
    how("INSERT INTO seen SELECT $1, unnest($2::int[]), unnest($3::text[]), unnest($4::jsonb[]), "
        "unnest($5::smallint[]), unnest($6::int[]), unnest($7::bigint[]), unnest($8::timestamptz[]), "
        "unnest($9::uuid[])",
        format, numbers, pg::texts{words}, pg::documents{documents}, small, usual, big, at, ids);
  }
  void send() {
    insert([&](const char* sql, const auto&... values) { db.send(sql, values...); }, "binary");
    db.finish();
  }
  void run() {
    insert([&](const char* sql, const auto&... values) { db.run(sql, values...); }, "text");
  }

  std::string ask(const std::string& sql) { return db.script(sql)[0][0].as<std::string>(); }
};

/// The SQLSTATE that sending such columns is refused with.
std::string refusal_of(columns_table& t) {
  try {
    t.send();
  } catch (const pqxx::sql_error& e) {
    return e.sqlstate();
  }
  return "ok";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(parameters)

BOOST_AUTO_TEST_CASE(columns_that_are_sent_in_binary_are_what_their_literals_are) {
  columns_table t;
  t.numbers = {1, 2, 3, 4};
  t.words = {"plain", R"(a "quote", a \ and {braces})", "", std::nullopt};
  t.documents = {R"({"a": "\"\\ ö"})", "null", std::nullopt, "[1.50, true]"};
  t.small = {0, -1, std::numeric_limits<std::int16_t>::min(), std::numeric_limits<std::int16_t>::max()};
  t.usual = {0, -1, std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()};
  t.big = {0, -1, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()};
  t.at = {{1}, {}, timestamp_min, {std::numeric_limits<std::int64_t>::max()}};
  t.ids = {task_id{"00112233-4455-6677-8899-aabbccddeeff"}, task_id{"FFEEDDCC-BBAA-9988-7766-554433221100"}, task_id{},
           new_id<task_id>()};
  t.send();
  t.run();
  BOOST_TEST(t.ask("SELECT count(*) FROM seen") == "8");
  BOOST_TEST(t.ask("SELECT coalesce(string_agg(s::text, ' '), '') FROM (SELECT number, word, document, small, usual, "
                   "big, at, id FROM seen GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 HAVING count(*) <> 2) s")
                 .empty());
  BOOST_TEST(t.ask("SELECT count(*) FROM seen WHERE word IS NULL") == "2");
  BOOST_TEST(t.ask("SELECT id FROM seen WHERE number = 2 LIMIT 1") == "ffeeddcc-bbaa-9988-7766-554433221100");
  BOOST_TEST(t.ask("SELECT document ->> 'a' FROM seen WHERE format = 'binary' AND number = 1") == "\"\\ ö");
}

BOOST_AUTO_TEST_CASE(shorter_columns_are_filled_up_with_nulls) {
  columns_table t;
  t.numbers = {1, 2};
  t.words = {"one"};
  t.send();
  BOOST_TEST(t.ask("SELECT string_agg(coalesce(word, '-'), ' ' ORDER BY number) FROM seen") == "one -");
  BOOST_TEST(t.ask("SELECT count(*) FROM seen WHERE num_nulls(document, small, usual, big, at, id) = 6") == "2");
}

BOOST_AUTO_TEST_CASE(the_server_refuses_in_binary_what_it_refuses_as_a_literal) {
  const auto refused = [](const auto& spoil) {
    columns_table t;
    spoil(t);
    return refusal_of(t);
  };
  BOOST_TEST(refused([](auto& t) { t.ids = {new_id<task_id>(), task_id{"not-a-uuid"}}; }) == "22P02");
  BOOST_TEST(refused([](auto& t) { t.documents = {"{\"a\":"}; }) == "22P02");
  BOOST_TEST(refused([](auto& t) { t.documents = {R"("\u0000")"}; }) == "22P05");
  BOOST_TEST(refused([](auto& t) { t.words = {"\xff"}; }) == "22021");
  BOOST_TEST(refused([](auto& t) { t.words = {std::string{"a\0b", 3}}; }) == "22021");
  BOOST_TEST(refused([](auto&) {}) == "ok");
}

BOOST_AUTO_TEST_SUITE_END()
