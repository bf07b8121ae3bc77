#include "fixture.hpp"
#include "schemas/json.hpp"
#include "storage/read/queries.hpp"
#include "storage/read/reader.hpp"

/// What the checks of auditors ask the database, as their reader does.
namespace storage_test::audit_queries {

using nlohmann::json;
namespace queries = cadre::storage::queries;

struct audited : world {
  std::unique_ptr<storage::reader> reader;

  audited() {
    pqxx::connection server{db.superuser()};
    pqxx::nontransaction{server}.exec_params(
        "INSERT INTO cadre.reader_grant (role_name, company) VALUES ($2, $1) ON CONFLICT DO NOTHING", company.name,
        std::string{storage::reader_role});
    auto opened = storage::reader::open(db.url(storage::reader_role));
    BOOST_REQUIRE_MESSAGE(opened.has_value(), (opened ? "" : opened.error().message));
    reader = std::move(*opened);
  }

  json asked(const storage::query& q) {
    const auto row = reader->looked_up(q);
    BOOST_REQUIRE_MESSAGE(row.has_value(), (row ? "" : row.error().message));
    return json::parse(*row);
  }

  void promote(const std::string& worker, const std::string& dataset, const std::vector<std::string>& rows,
               bool passed = true, const std::string& statistics = "{}") {
    auto v = verdict(produced(worker, dataset, rows), "ceo.ops.audit", passed);
    v.rows_total = static_cast<std::int64_t>(rows.size());
    v.statistics.text = statistics;
    must(v);
  }
};

const std::vector<std::string> hosts{R"({"host":"a","tool":"t","n":10})", R"({"host":1,"tool":"t","n":"5"})",
                                     R"({"host":"b","tool":"t","n":-2.5})"};

BOOST_AUTO_TEST_SUITE(audit_queries)

BOOST_AUTO_TEST_CASE(references_are_to_canonical_rows_of_the_same_company_and_type) {
  audited other;
  other.promote("ceo.data.ingest", "hosts", {R"({"host":"theirs","tool":"t"})"});
  audited w;
  w.promote("ceo.data.ingest", "hosts", hosts);
  w.produced("ceo.data.ingest", "hosts", {R"({"host":"staged","tool":"t"})"});  // Nobody has passed it yet.
  w.promote("ceo.data.merge", "merged", {R"({"host":"elsewhere","tool":"t"})"});
  const auto missing = [&](const std::vector<std::string>& rows) {
    const auto output = w.produced("ceo.data.logs", "lines", rows);
    return w.asked(queries::missing_references(w.company.name, output.text, "node", "hosts", "host"));
  };
  BOOST_TEST(missing({R"({"node":"a"})", R"({"node":1})", R"({"node":null})", "{}"}).dump() ==
             R"({"count":0,"sample_rows":[]})");
  for (const auto* node : {R"("theirs")", R"("staged")", R"("elsewhere")", R"("1")", R"("t")", "2", "[]"}) {
    const auto found = missing({std::string{R"({"node":)"} + node + "}", R"({"node":"a"})"});
    BOOST_TEST(found["count"] == 1, node);
    BOOST_TEST(found["sample_rows"].size() == 1U, node);
  }
  const auto many = missing(std::vector<std::string>(7, R"({"node":"x"})"));
  BOOST_TEST(many["count"] == 7);
  BOOST_TEST(many["sample_rows"].size() == 5U);
}

BOOST_AUTO_TEST_CASE(totals_are_of_numbers_alone_and_of_the_same_company) {
  audited other;
  other.promote("ceo.data.ingest", "hosts", hosts);
  audited w;
  w.promote("ceo.data.ingest", "hosts", hosts);
  const auto output =
      w.produced("ceo.data.logs", "lines", {R"({"m":1})", R"({"m":2.5})", R"({"m":"9"})", R"({"m":null})", "{}"});
  const auto totals = [&](const std::string& column, const std::string& dataset) {
    return w.asked(queries::totals(w.company.name, output.text, column, dataset, "n")).dump();
  };
  BOOST_TEST(totals("m", "hosts") == R"({"other_rows":3,"other_sum":7.5,"rows":5,"sum":3.5})");
  BOOST_TEST(totals("", "nothing") == R"({"other_rows":0,"other_sum":0,"rows":5,"sum":0})");
}

BOOST_AUTO_TEST_CASE(history_is_of_what_was_promoted_newest_first) {
  audited w;
  const auto statistics = [](int values) { return R"({"host":{"values":)" + std::to_string(values) + "}}"; };
  for (int n = 1; n <= 3; ++n)
    w.promote("ceo.data.ingest", "hosts", {hosts.begin(), hosts.begin() + n}, true, statistics(n));
  w.promote("ceo.data.ingest", "hosts", {hosts[0]}, false, statistics(7));
  w.promote("ceo.data.merge", "merged", {hosts[0]}, true, statistics(8));
  const auto history = [&](const std::string& worker, const std::string& dataset, std::int64_t limit) {
    const auto rows = w.reader->rows(queries::output_history(w.company.name, worker, dataset, limit));
    BOOST_REQUIRE_MESSAGE(rows.has_value(), (rows ? "" : rows.error().message));
    std::string text;
    for (const auto& row : json::parse(*rows))
      text += row["rows"].dump() + ":" + row["columns"]["host"]["values"].dump() + " ";
    return text;
  };
  BOOST_TEST(history("ceo.data.ingest", "hosts", 10) == "3:3 2:2 1:1 ");
  BOOST_TEST(history("ceo.data.ingest", "hosts", 2) == "3:3 2:2 ");
  BOOST_TEST(history("ceo.data.merge", "merged", 2) == "1:8 ");
  BOOST_TEST(history("ceo.data.merge", "hosts", 2) == "");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace storage_test::audit_queries
