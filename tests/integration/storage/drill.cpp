#include "fixture.hpp"
#include "schemas/json.hpp"
#include "storage/read/drill_queries.hpp"
#include "storage/read/reader.hpp"

using namespace storage_test;
namespace queries = cadre::storage::queries;

namespace {

/// A company with a promoted output, an escalation and an acknowledged command.
struct sound_company : world {
  sound_company() {
    const auto output = produced("ceo.data.pair", "pairs", {R"({"host":"a","tool":"t"})"});
    for (const auto* auditor : {"ceo.ops.audit", "ceo.ops.audit2"}) must(verdict(output, auditor, true));
    escalation_raise raise;
    raise.id = new_id<escalation_id>();
    raise.origin.text = "ceo.data.plain";
    raise.problem = "odd";
    must(raise);
    brain_set brain;
    brain.id = acked;
    brain.key = "drill";
    brain.content.text = "{}";
    must(brain);
    mark = nlohmann::json::parse(*reader->row(queries::drill_mark(company.name)));
  }

  [[nodiscard]] cadre::storage::query ledger() const {
    return queries::drill_ledger(company.name, mark["at"], mark["tasks"], "{" + acked.text + "}");
  }

  /// The ledger's columns that are not 0 after `damage`, which is undone afterwards. `$1` is the company.
  std::string wrong_after(const std::string& damage) {
    pqxx::connection c{db.superuser()};
    pqxx::work tx{c};
    tx.exec("SET LOCAL session_replication_role = replica");
    tx.exec_params(damage, company.name);
    const auto q = ledger();
    const auto rows = tx.exec_params(q.sql, *q.values[0], *q.values[1], *q.values[2], *q.values[3]);
    std::string wrong;
    for (const auto& field : rows[0])
      if (field.as<std::int64_t>() != 0) wrong += (wrong.empty() ? "" : " ") + std::string{field.name()};
    return wrong;
  }

  std::unique_ptr<cadre::storage::reader> reader = *cadre::storage::reader::open(db.superuser());
  command_id acked = new_id<command_id>();
  nlohmann::json mark;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(drill)

BOOST_AUTO_TEST_CASE(the_ledger_of_a_sound_company_is_zero) {
  sound_company w;
  BOOST_TEST(w.mark["tasks"].get<std::string>().size() > 30U);
  BOOST_REQUIRE(w.ask("SELECT count(*) FROM cadre.canonical WHERE company = $1") == "1");
  const auto row = nlohmann::json::parse(*w.reader->row(w.ledger()));
  BOOST_TEST(row.size() == 8U);
  for (const auto& [name, count] : row.items()) BOOST_TEST(count == 0, name);
  const auto look = w.reader->snapshot(queries::drill_look(w.company.name));
  BOOST_TEST(nlohmann::json::parse(*look)["stranded"][0]["runs"] == 0);
}

BOOST_AUTO_TEST_CASE(the_ledger_sees_each_damage) {
  sound_company w;
  const std::vector<std::pair<std::string, std::string>> damages{
      {"tasks_vanished", "DELETE FROM cadre.task WHERE company = $1"},
      {"commands_vanished", "DELETE FROM cadre.brain_history WHERE company = $1"},
      {"events_missing", "DELETE FROM cadre.event_batch WHERE company = $1 AND first_seq = 1"},
      {"escalations_astray", "DELETE FROM cadre.escalation WHERE company = $1"},
      {"tasks_ended_twice",
       "INSERT INTO cadre.run SELECT company, gen_random_uuid(), task, attempt + 1, agent, incarnation, node, "
       "node_life, "
       "status, lease_until, progress, metrics, alerts, recommendations, error_code, error, stderr_tail, "
       "started_at, ended_at FROM cadre.run WHERE company = $1"},
      {"outputs_doubled", "UPDATE cadre.promotion SET rows_added = rows_added + 1 WHERE company = $1"},
      {"rows_without_verdict", "DELETE FROM cadre.verdict WHERE company = $1"},
      {"runs_retried", "UPDATE cadre.run SET attempt = 2, started_at = clock_timestamp() WHERE company = $1"}};
  for (const auto& [column, damage] : damages) BOOST_TEST(w.wrong_after(damage) == column);
  BOOST_TEST(w.wrong_after("SELECT $1::text").empty());
}

BOOST_AUTO_TEST_SUITE_END()
