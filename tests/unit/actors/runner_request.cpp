#include "actors/runner/json_line.hpp"
#include "actors/runner/request.hpp"
#include "actors/runner/text.hpp"
#include "schemas/json.hpp"

#include <boost/test/unit_test.hpp>

using namespace cadre;
using namespace cadre::actors;
using nlohmann::json;

BOOST_AUTO_TEST_SUITE(runner_request)

BOOST_AUTO_TEST_CASE(a_run_request_is_one_line_of_json) {
  run_request r;
  r.company = "acme";
  r.agent = {"ceo.data.ingest"};
  r.task = {"0190e000-0000-7000-8000-000000000001"};
  r.attempt = 2;
  r.mode = "data";
  r.title = "say \"hi\"\n\xFF";
  r.payload = {"{\n \"big\": 12345678901234567890123,\r\n \"s\": \"a\\nb\"}"};
  r.brain = {R"({"k":1})"};
  r.deadline = {1'700'000'000'000'000};
  const std::string line = request_line(r);
  BOOST_TEST(line.find('\n') == line.size() - 1);
  BOOST_TEST(line.find("12345678901234567890123") != std::string::npos);
  const json j = json::parse(line);
  BOOST_TEST(j["op"] == "run");
  BOOST_TEST(j["company"] == "acme");
  BOOST_TEST(j["agent"] == "ceo.data.ingest");
  BOOST_TEST(j["role"] == "worker");
  BOOST_TEST(j["task"]["id"] == r.task.text);
  BOOST_TEST(j["task"]["attempt"] == 2);
  BOOST_TEST(j["task"]["mode"] == "data");
  BOOST_TEST(j["task"]["title"] == "say \"hi\"\n\xEF\xBF\xBD");
  BOOST_TEST(j["task"]["payload"]["s"] == "a\nb");
  BOOST_TEST(j["brain"]["k"] == 1);
  BOOST_TEST(j["deadline"] == to_iso(r.deadline));
  r.op = "investigate";
  BOOST_TEST(json::parse(request_line(r))["op"] == "investigate");
}

BOOST_AUTO_TEST_CASE(what_is_not_set_is_null_or_empty) {
  run_request r;
  r.payload = {""};
  const json j = json::parse(request_line(r));
  BOOST_TEST(j["deadline"].is_null());
  BOOST_TEST(j["task"]["payload"].is_null());
  BOOST_TEST(j["brain"] == json::object());
}

BOOST_AUTO_TEST_CASE(an_audit_request_is_followed_by_rows) {
  audit_request r;
  r.company = "acme";
  r.agent = {"ceo.audit"};
  r.output = {"0190e000-0000-7000-8000-000000000002"};
  r.dataset = "package";
  r.worker = {"ceo.data"};
  r.rows_total = r.rows_given = 7;
  const json j = json::parse(request_line(r));
  BOOST_TEST(j["op"] == "audit");
  BOOST_TEST(j["role"] == "auditor");
  BOOST_TEST(j["output"] ==
             (json{{"id", r.output.text}, {"dataset", "package"}, {"worker", "ceo.data"}, {"rows_total", 7}}));
  r.rows_given = 3;  // Of a sample.
  BOOST_TEST(json::parse(request_line(r))["output"]["rows_total"] == 7);
  BOOST_TEST(json::parse(request_line(r))["output"]["rows_given"] == 3);
  const std::string row = row_line("package", "a\"b", {"{\"x\":\n1}"});
  BOOST_TEST(row.find('\n') == row.size() - 1);
  BOOST_TEST(json::parse(row) == (json{{"type", "row"}, {"dataset", "package"}, {"key", "a\"b"}, {"row", {{"x", 1}}}}));
}

BOOST_AUTO_TEST_CASE(quotes_are_printable_ascii) {
  BOOST_TEST(quote_bytes("a\"\\\n\t\r\x01\xC3\xA8z") == R"("a\"\\\n\t\r\x01\xC3\xA8z")");
  BOOST_TEST(quote_bytes("abcdef", 3) == R"("abc" (of 6 bytes))");
}

BOOST_AUTO_TEST_CASE(a_large_sample_row_becomes_a_note) {
  BOOST_TEST(sample_row("k", R"({"a":1})").text == R"({"a":1})");
  const json note = json::parse(sample_row("k", std::string(3000, ' ')).text);
  BOOST_TEST(note["key"] == "k");
  BOOST_TEST(note["bytes"] == 3000);
}

BOOST_AUTO_TEST_SUITE_END()
