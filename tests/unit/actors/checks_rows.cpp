#include "actors/audit/checks.hpp"

#include <boost/test/unit_test.hpp>

using namespace cadre;
using namespace cadre::actors;
using config::check_spec;

BOOST_AUTO_TEST_SUITE(checks_rows)

namespace {

check_spec spec(check_spec::kind type, std::vector<std::string> columns = {}) {
  check_spec s;
  s.type = type;
  s.columns = std::move(columns);
  return s;
}

std::vector<audit_finding> run(const check_spec& check, const std::vector<std::string>& rows,
                               const check_context& context = {}) {
  auto runner = check_runner::make({check}, "package");
  BOOST_REQUIRE_MESSAGE(runner.has_value(), (runner ? "" : runner.error().message));
  for (std::size_t i = 0; i < rows.size(); ++i) runner->add_row("key" + std::to_string(i), rows[i]);
  return runner->finish(context);
}

/// The only finding's message; "" if there is none.
std::string message(const check_spec& check, const std::vector<std::string>& rows, const check_context& context = {}) {
  const auto findings = run(check, rows, context);
  BOOST_REQUIRE(findings.size() <= 1U);
  return findings.empty() ? "" : findings[0].message;
}

using kind = check_spec::kind;

}  // namespace

BOOST_AUTO_TEST_CASE(unique_counts_repeats_and_samples_them) {
  const auto check = spec(kind::unique, {"host", "name"});
  BOOST_TEST(message(check, {R"({"host":"a","name":"x"})", R"({"host":"a","name":"y"})"}) == "");
  const std::vector<std::string> rows(4, R"({"host":"a","name":"x"})");
  const auto findings = run(check, rows);
  BOOST_REQUIRE(findings.size() == 1U);
  BOOST_TEST(findings[0].check == "unique(host,name)");
  BOOST_TEST(findings[0].message == "unique(host,name): 3 duplicate rows");
  BOOST_TEST(findings[0].count == 3);
  BOOST_TEST(findings[0].sample_rows.size() == 3U);
  BOOST_TEST(findings[0].sample_rows[0].text == rows[0]);
}

BOOST_AUTO_TEST_CASE(unique_compares_values_not_spellings) {
  const auto check = spec(kind::unique, {"k"});
  const auto same = [&](const std::string& a, const std::string& b) {
    return !message(check, {"{\"k\":" + a + "}", "{\"k\":" + b + "}"}).empty();
  };
  BOOST_TEST(same("1", "1.0"));
  BOOST_TEST(same("100", "1e2"));
  BOOST_TEST(same("[1,{\"a\":2,\"b\":3}]", "[1.0, {\"b\":3,\"a\":2.0}]"));
  BOOST_TEST(same("\"\\u0061\"", "\"a\""));
  BOOST_TEST(!same("1", "\"1\""));
  BOOST_TEST(!same("1", "true"));
  BOOST_TEST(!same("9007199254740993", "9007199254740992"));
  BOOST_TEST(!same("[[1],2]", "[1,[2]]"));
  // Two columns can't be confused by a separator within a value.
  BOOST_TEST(message(spec(kind::unique, {"a", "b"}), {R"({"a":"x\",","b":"y"})", R"({"a":"x","b":"\",y"})"}) == "");
  // A missing column is a null, and nulls are equal: two rows without a key are duplicates.
  BOOST_TEST(message(check, {"{}", R"({"k":null})"}) == "unique(k): 1 duplicate row");
}

BOOST_AUTO_TEST_CASE(not_null_names_the_columns) {
  const auto check = spec(kind::not_null, {"host", "name", "size"});
  BOOST_TEST(message(check, {R"({"host":"a","name":"b","size":0})", R"({"host":"a","name":" ","size":false})"}) == "");
  BOOST_TEST(message(check, {R"({"host":null,"name":"","size":1})", R"({"host":"a","size":1})"}) ==
             "not_null(host,name,size): 2 rows without a value (host 1, name 2)");
}

BOOST_AUTO_TEST_CASE(range_includes_its_bounds) {
  auto check = spec(kind::range, {"price"});
  check.min = 0;
  check.max = 99.5;
  BOOST_TEST(message(check, {R"({"price":0})", R"({"price":99.5})", R"({"price":7})"}) == "");
  BOOST_TEST(message(check, {R"({"price":-1})", R"({"price":100})", R"({"price":5})"}) ==
             "range(price): 2 rows outside 0..99.5 (from -1 to 100)");
  BOOST_TEST(message(check, {R"({"price":"7"})", "{}", R"({"price":null})"}) ==
             "range(price): 3 rows without a number");
  BOOST_TEST(message(check, {R"({"price":1000})", "{}"}) ==
             "range(price): 1 row outside 0..99.5 (from 1000 to 1000), 1 row without a number");
  check.max.reset();
  BOOST_TEST(message(check, {R"({"price":1e300})"}) == "");
  BOOST_TEST(message(check, {R"({"price":-0.1})"}) == "range(price): 1 row outside 0.. (from -0.1 to -0.1)");
}

BOOST_AUTO_TEST_CASE(max_drop_looks_at_what_is_canonical) {
  auto check = spec(kind::max_drop);
  check.max_drop_fraction = 0.3;
  check_context context;
  context.canonical_rows = 10;
  const std::vector<std::string> seven(7, "{}"), six(6, "{}"), twenty(20, "{}");
  BOOST_TEST(message(check, seven, context) == "");
  BOOST_TEST(message(check, twenty, context) == "");
  BOOST_TEST(message(check, six, context) == "max_drop: 6 rows after 10, a drop of 40.0 % where 30.0 % is allowed");
  BOOST_TEST(run(check, six, context)[0].count == 4);
  BOOST_TEST(message(check, {}, context) == "max_drop: 0 rows after 10, a drop of 100.0 % where 30.0 % is allowed");
  BOOST_TEST(message(check, {}) == "");
}

BOOST_AUTO_TEST_CASE(schema_names_the_failing_path) {
  auto check = spec(kind::schema);
  check.name = "shape";
  check.schema = {R"({"type":"object","required":["host"],"properties":{
    "host":{"type":"string","minLength":1},
    "tags":{"type":"array","items":{"type":"string","pattern":"^[a-z]+$"}},
    "size":{"type":"integer","minimum":0}}})"};
  BOOST_TEST(message(check, {R"({"host":"a","tags":["x","y"],"size":3})"}) == "");
  const auto first = [&](const std::string& row) {
    const std::string text = message(check, {R"({"host":"fine"})", row});
    const std::string start = "shape: 1 row of 2 do not match; the first: row 2 ";
    BOOST_REQUIRE_MESSAGE(text.starts_with(start), text);
    return text.substr(start.size());
  };
  BOOST_TEST(first(R"({"size":1})").starts_with("/: "));
  BOOST_TEST(first(R"({"size":1})").find("host") != std::string::npos);
  BOOST_TEST(first(R"({"host":"a","size":-1})").starts_with("/size: "));
  BOOST_TEST(first(R"({"host":"a","size":"1"})").starts_with("/size: "));
  BOOST_TEST(first(R"({"host":"a","tags":["x","Y"]})").starts_with("/tags/1: "));
}

BOOST_AUTO_TEST_CASE(a_long_text_is_not_given_to_a_pattern) {
  auto check = spec(kind::schema);
  check.schema = {R"({"properties":{"a":{"pattern":"^((((((x|y))))))*$"}}})"};
  BOOST_TEST(message(check, {R"({"a":")" + std::string(512, 'x') + "\"}"}) == "");
  BOOST_TEST(message(check, {R"({"a":")" + std::string(1'000'000, 'x') + "\"}"}) ==
             "schema: 1 row of 1 do not match; the first: row 1 /: a text of more than 512 bytes can't be matched to "
             "patterns");
  check.schema = {R"({"properties":{"a":{"maxLength":2000000}}})"};
  BOOST_TEST(message(check, {R"({"a":")" + std::string(1'000'000, 'x') + "\"}"}) == "");
}

BOOST_AUTO_TEST_CASE(a_schema_that_does_not_compile_is_refused_before_any_row) {
  const auto error = [](const std::string& schema) {
    auto check = spec(kind::schema);
    check.schema = {schema};
    const auto runner = check_runner::make({check}, "package");
    BOOST_REQUIRE(!runner.has_value());
    BOOST_TEST(to_text(runner.error().code) == "bad_config");
    return runner.error().message;
  };
  BOOST_TEST(error("{") == "schema: the JSON Schema: it is not JSON at byte 2");
  BOOST_TEST(error(R"({"type":7})").starts_with("schema: the JSON Schema does not compile: "));
  BOOST_TEST(error(R"({"$ref":"http://example.com/x"})").starts_with("schema: the JSON Schema does not compile: "));
}

BOOST_AUTO_TEST_CASE(sql_is_run_by_someone_else) {
  auto check = spec(kind::sql);
  check.sql = "select 1";
  check_context context;
  context.run_sql = [](const check_spec& s) -> result<sql_offenders> {
    BOOST_TEST(s.sql == "select 1");
    return sql_offenders{7, std::vector<json_text>(7, json_text{"{}"})};
  };
  const auto findings = run(check, {}, context);
  BOOST_REQUIRE(findings.size() == 1U);
  BOOST_TEST(findings[0].message == "sql: 7 offending rows");
  BOOST_TEST(findings[0].count == 7);
  BOOST_TEST(findings[0].sample_rows.size() == 5U);
  context.run_sql = [](const check_spec&) -> result<sql_offenders> { return sql_offenders{}; };
  BOOST_TEST(message(check, {}, context) == "");
  context.run_sql = [](const check_spec&) -> result<sql_offenders> { return fail(errc::storage, "no such table"); };
  BOOST_TEST(message(check, {}, context) == "sql: could not be checked: no such table");
  BOOST_TEST(message(check, {}) == "sql: could not be checked: no database to ask");
}

BOOST_AUTO_TEST_CASE(samples_are_few_and_small) {
  const auto check = spec(kind::not_null, {"a"});
  std::vector<std::string> rows(20, "{}");
  rows[1] = R"({"b":")" + std::string(3000, 'x') + "\"}";
  const auto findings = run(check, rows);
  BOOST_REQUIRE(findings.size() == 1U);
  BOOST_TEST(findings[0].count == 20);
  BOOST_REQUIRE(findings[0].sample_rows.size() == 5U);
  BOOST_TEST(findings[0].sample_rows[1].text.find("\"key\":\"key1\"") != std::string::npos);
  BOOST_TEST(findings[0].sample_rows[1].text.size() < 100U);
}

BOOST_AUTO_TEST_CASE(a_row_that_is_not_an_object_is_a_finding_of_its_own) {
  const auto findings = run(spec(kind::not_null, {"a"}), {"[]", "{", R"({"a":1})"});
  BOOST_REQUIRE(findings.size() == 1U);
  BOOST_TEST(findings[0].message == "row: 2 unreadable rows; the first is not an object");
  BOOST_TEST(findings[0].sample_rows[1].text == R"("\"{\"")");
}

BOOST_AUTO_TEST_CASE(checks_of_other_datasets_do_not_run_and_the_rest_keep_their_order) {
  auto other = spec(kind::not_null, {"a"});
  other.dataset = "other";
  auto named = spec(kind::not_null, {"b"});
  named.dataset = "package";
  named.name = "has b";
  auto runner = check_runner::make({other, named, spec(kind::not_null, {"a"})}, "package");
  BOOST_REQUIRE(runner.has_value());
  runner->add_row("k", "{}");
  BOOST_TEST(runner->rows() == 1);
  const auto findings = runner->finish({});
  BOOST_REQUIRE(findings.size() == 2U);
  BOOST_TEST(findings[0].message == "has b: 1 row without a value (b 1)");
  BOOST_TEST(findings[1].check == "not_null(a)");
}

BOOST_AUTO_TEST_SUITE_END()
