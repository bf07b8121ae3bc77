#include "actors/audit/checks.hpp"

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <set>

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
  return runner->finish(context).findings;
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
  const auto findings = runner->finish({}).findings;
  BOOST_REQUIRE(findings.size() == 2U);
  BOOST_TEST(findings[0].message == "has b: 1 row without a value (b 1)");
  BOOST_TEST(findings[1].check == "not_null(a)");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(checks_whole)

namespace {

using check_kind = check_spec::kind;

constexpr auto an_output = "0190a6a0-0000-7000-8000-000000000001";
constexpr auto another_output = "0190a6a0-0000-7000-8000-000000000002";

config::sample_spec rows_of(std::int64_t rows, std::int64_t seed = 0) {
  config::sample_spec s;
  s.rows = rows;
  s.seed = seed;
  return s;
}

config::sample_spec share_of(double share) {
  config::sample_spec s;
  s.share = share;
  return s;
}

/// Numbers of the rows that are taken of so many.
std::set<int> taken(const config::sample_spec& spec, int total, const char* output = an_output) {
  row_sample sample{spec, output, total};
  std::set<int> rows;
  for (int i = 0; i < total; ++i)
    if (sample.take()) rows.insert(i);
  BOOST_TEST(sample.taken() == static_cast<std::int64_t>(rows.size()));
  return rows;
}

check_spec drift(std::optional<double> rows, std::optional<double> nulls, std::optional<double> shift,
                 std::vector<std::string> columns = {}) {
  check_spec s;
  s.type = check_kind::drift;
  s.name = "drift";
  s.drift.row_change = rows;
  s.drift.null_change = nulls;
  s.drift.shift = shift;
  s.columns = std::move(columns);
  return s;
}

/// Rows `{"price": FROM + i * STEP, "host": "h"}`; every `hostless`-th is without a host.
std::vector<std::string> prices(int many, double from, double step, int hostless = 0) {
  std::vector<std::string> rows;
  for (int i = 0; i < many; ++i)
    rows.push_back("{\"price\":" + std::to_string(from + step * i) +
                   (hostless > 0 && i % hostless == 0 ? "}" : ",\"host\":\"h\"}"));
  return rows;
}

output_statistics counted(const std::vector<std::string>& rows) {
  auto runner = check_runner::make({}, "price");
  for (const auto& row : rows) runner->add_row("k", row);
  return runner->finish({}).statistics;
}

audit_report compared(const check_spec& check, const std::vector<std::string>& rows,
                      std::vector<output_statistics> history) {
  auto runner = check_runner::make({check}, "price");
  for (const auto& row : rows) runner->add_row("k", row);
  check_context context;
  context.history = std::move(history);
  return runner->finish(context);
}

std::string drifted(const check_spec& check, const std::vector<std::string>& rows,
                    std::vector<output_statistics> history) {
  const auto report = compared(check, rows, std::move(history));
  BOOST_REQUIRE(report.findings.size() <= 1U);
  return report.findings.empty() ? "" : report.findings[0].message;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_sample_has_the_size_that_is_asked_for) {
  for (const int total : {1, 7, 100, 1'000}) {
    BOOST_TEST(taken({}, total).size() == static_cast<std::size_t>(total));
    for (const int wanted : {1, 7, 50}) {
      const auto expected = static_cast<std::size_t>(std::min(wanted, total));
      BOOST_TEST(taken(rows_of(wanted), total).size() == expected);
    }
  }
  BOOST_TEST(taken(share_of(0.1), 1'000).size() == 100U);
  BOOST_TEST(taken(share_of(0.1), 1'001).size() == 101U);
  BOOST_TEST(taken(share_of(0.001), 10).size() == 1U);
  BOOST_TEST(taken(share_of(1.0), 10).size() == 10U);
  BOOST_TEST(taken(rows_of(5), 0).empty());
}

BOOST_AUTO_TEST_CASE(a_sample_is_the_same_for_the_same_output_and_seed) {
  const auto first = taken(rows_of(10), 1'000);
  BOOST_TEST((first == taken(rows_of(10), 1'000)));
  BOOST_TEST((first != taken(rows_of(10, 1), 1'000)));
  BOOST_TEST((first != taken(rows_of(10), 1'000, another_output)));
  // The same on every machine, today and in a year: who looks again must see the same rows.
  BOOST_TEST((taken(rows_of(3), 20) == std::set<int>{6, 11, 16}));
}

BOOST_AUTO_TEST_CASE(each_row_is_as_likely_as_any_other) {
  std::vector<int> times(50);
  for (int seed = 0; seed < 2'000; ++seed)
    for (const int row : taken(rows_of(5, seed), 50)) ++times[static_cast<std::size_t>(row)];
  // 200 of each are expected, with a deviation of 13.
  for (const int n : times) BOOST_TEST((n > 140 && n < 260), n);
}

BOOST_AUTO_TEST_CASE(checks_of_rows_look_at_the_sample_and_say_so) {
  check_spec whole;
  whole.type = check_kind::not_null;
  whole.columns = {"host"};
  auto own = whole;
  own.name = "own";
  own.sample = rows_of(10);
  auto drop = whole;
  drop.type = check_kind::max_drop;
  drop.max_drop_fraction = 0.1;
  auto runner = check_runner::make({whole, own, drop}, "d", rows_of(20), an_output, 100);
  BOOST_REQUIRE(runner.has_value());
  int given = 0;
  for (int i = 0; i < 100; ++i) given += runner->add_row("k", "{}") ? 1 : 0;
  BOOST_TEST(given == 20);
  BOOST_TEST(runner->rows_given() == 20);
  BOOST_TEST(runner->rows() == 100);
  check_context context;
  context.canonical_rows = 110;  // What looks at the output as a whole counts all rows.
  const auto report = runner->finish(context);
  BOOST_REQUIRE(report.findings.size() == 2U);
  BOOST_TEST(report.findings[0].message ==
             "not_null(host): 20 rows without a value (host 20) (looked at 20 of 100 rows)");
  BOOST_TEST(report.findings[1].message == "own: 10 rows without a value (host 10) (looked at 10 of 100 rows)");
  BOOST_TEST(report.rows_checked == 10);
  BOOST_TEST(
      report.notes == (std::vector<std::string>{"sample: looked at 20 of 100 rows", "own: looked at 10 of 100 rows"}),
      boost::test_tools::per_element());
  BOOST_TEST(report.statistics.rows == 100);
}

BOOST_AUTO_TEST_CASE(an_unreadable_row_is_found_whatever_the_sample) {
  auto runner = check_runner::make({}, "d", rows_of(1), an_output, 50);
  for (int i = 0; i < 50; ++i) runner->add_row("k", "[]");
  const auto report = runner->finish({});
  BOOST_REQUIRE(report.findings.size() == 1U);
  BOOST_TEST(report.findings[0].count == 50);
  BOOST_TEST(report.statistics.rows == 50);
}

BOOST_AUTO_TEST_CASE(an_unreadable_row_has_its_place_in_a_sample) {
  check_spec own;
  own.type = check_kind::not_null;
  own.columns = {"host"};
  own.name = "own";
  own.sample = rows_of(10);
  auto runner = check_runner::make({own}, "d", {}, an_output, 100);
  BOOST_REQUIRE(runner.has_value());
  for (int i = 0; i < 100; ++i) runner->add_row("k", i % 2 == 0 ? "[]" : R"({"host":"h"})");
  const auto report = runner->finish({});
  BOOST_TEST(report.notes == (std::vector<std::string>{"own: looked at 10 of 100 rows"}),
             boost::test_tools::per_element());
  BOOST_TEST(report.rows_checked == 10);
}

BOOST_AUTO_TEST_CASE(statistics_are_those_of_the_rows) {
  const auto s = counted({R"({"a":1,"b":"x","c":null})", R"({"a":2,"b":""})", R"({"a":3,"b":"y"})", R"({"a":6})"});
  BOOST_TEST(s.rows == 4);
  BOOST_TEST(s.columns.size() == 3U);
  const auto& a = s.columns.at("a");
  BOOST_TEST((a.values == 4 && a.numbers == 4 && a.mean == 3.0 && a.least == 1.0 && a.greatest == 6.0));
  BOOST_TEST(a.deviation == std::sqrt(3.5), boost::test_tools::tolerance(1e-12));
  BOOST_TEST((a.quarter == 1.75 && a.median == 2.5 && a.three_quarters == 3.75));
  BOOST_TEST((s.columns.at("b").values == 2 && s.columns.at("b").numbers == 0));
  BOOST_TEST(s.columns.at("c").values == 0);
  // What is kept says the same.
  const auto kept = statistics_of(4, nlohmann::json::parse(to_json(s).dump()));
  BOOST_TEST(to_json(kept) == to_json(s));
  BOOST_TEST(to_json(s)["b"] == (nlohmann::json{{"values", 2}}));
  BOOST_TEST(statistics_of(1, nlohmann::json::parse(R"([1])")).columns.empty());
  BOOST_TEST(statistics_of(1, nlohmann::json::parse(R"({"a":1,"b":{"values":"x"}})")).columns.size() == 1U);
}

BOOST_AUTO_TEST_CASE(statistics_are_bounded) {
  statistics_collector collector{{"zz"}};
  nlohmann::json wide{{std::string(65, 'x'), 1}, {"zz", 1}};
  for (int i = 0; i < 100; ++i) wide["c" + std::to_string(i)] = i;
  collector.add(wide);
  const auto s = collector.finish();
  BOOST_TEST(s.columns.size() == 64U);
  BOOST_TEST(s.columns.at("zz").values == 1);  // Named, so it has its place.
  BOOST_TEST(s.columns.count(std::string(65, 'x')) == 0U);

  statistics_collector many;
  for (int i = 0; i < 100'000; ++i) many.add({{"n", (i * 7'919) % 100'000}});
  const auto n = many.finish().columns.at("n");
  BOOST_TEST((n.numbers == 100'000 && n.greatest == 99'999.0));
  // Of 1,024 numbers drawn: a median is off by 1.6 % of the range in one of three cases.
  BOOST_TEST(std::abs(n.median - 50'000) < 6'000, n.median);
  BOOST_TEST(std::abs(n.quarter - 25'000) < 6'000, n.quarter);
}

BOOST_AUTO_TEST_CASE(the_first_output_passes_and_says_so) {
  const auto report = compared(drift(0.1, 0.1, 3.0), prices(100, 1, 1), {});
  BOOST_TEST(report.findings.empty());
  BOOST_REQUIRE(report.notes.size() == 1U);
  BOOST_TEST(report.notes[0] == "drift: no earlier output to compare with, so it passed");
}

BOOST_AUTO_TEST_CASE(row_counts_are_compared_with_their_median) {
  const auto check = drift(0.3, {}, {});
  // One odd output before does not move the median.
  const std::vector<output_statistics> history{counted(prices(100, 1, 1)), counted(prices(100, 1, 1)),
                                               counted(prices(5'000, 1, 1))};
  BOOST_TEST(drifted(check, prices(70, 1, 1), history) == "");
  BOOST_TEST(drifted(check, prices(130, 1, 1), history) == "");
  BOOST_TEST(drifted(check, prices(69, 1, 1), history) ==
             "drift: against the last 3: 69 rows where 100 are usual, 31.0 % fewer (30.0 % allowed)");
  BOOST_TEST(drifted(check, prices(131, 1, 1), history) ==
             "drift: against the last 3: 131 rows where 100 are usual, 31.0 % more (30.0 % allowed)");
  BOOST_TEST(drifted(check, {}, history).find("0 rows where 100 are usual, 100.0 % fewer") != std::string::npos);
  BOOST_TEST(drifted(check, prices(1, 1, 1), {counted({})}) ==
             "drift: against the last 1: 1 row where 0 are usual (30.0 % allowed)");
  BOOST_TEST(drifted(check, {}, {counted({})}) == "");
}

BOOST_AUTO_TEST_CASE(only_as_much_history_as_wanted_is_looked_at) {
  auto check = drift(0.3, {}, {});
  check.drift.history = 1;
  const std::vector<output_statistics> history{counted(prices(10, 1, 1)), counted(prices(100, 1, 1)),
                                               counted(prices(100, 1, 1))};
  BOOST_TEST(drifted(check, prices(10, 1, 1), history) == "");
  check.drift.history = 10;
  BOOST_TEST(drifted(check, prices(10, 1, 1), history) != "");
}

BOOST_AUTO_TEST_CASE(null_shares_are_compared_by_column) {
  const auto history = std::vector<output_statistics>{counted(prices(100, 1, 1, 10))};  // 10 % without a host.
  BOOST_TEST(drifted(drift({}, 0.1, {}), prices(100, 1, 1, 5), history) == "");         // 20 %.
  BOOST_TEST(drifted(drift({}, 0.1, {}), prices(100, 1, 1, 4), history) ==
             "drift: against the last 1: host: 25.0 % without a value where 10.0 % are usual (10.0 % apart allowed)");
  BOOST_TEST(drifted(drift({}, 0.1, {}, {"price"}), prices(100, 1, 1, 4), history) == "");
  // A column that went away, or came.
  const std::vector<std::string> bare(100, R"({"new":1})");
  BOOST_TEST(drifted(drift({}, 0.5, {}), bare, history) ==
             "drift: against the last 1: host: 100.0 % without a value where 10.0 % are usual (50.0 % apart allowed); "
             "new: 0.0 % without a value where 100.0 % are usual (50.0 % apart allowed); "
             "price: 100.0 % without a value where 0.0 % are usual (50.0 % apart allowed)");
  BOOST_TEST(drifted(drift({}, 0.05, {}), {}, history) == "");  // No rows: that is for row_count.
}

BOOST_AUTO_TEST_CASE(numbers_are_compared_by_their_quartiles) {
  const auto check = drift({}, {}, 3.0);
  // 0 to 99: quartiles 24.75, 49.5, 74.25, so a spread of 36.7.
  const std::vector<output_statistics> history{counted(prices(100, 0, 1)), counted(prices(100, 0, 1)),
                                               counted(prices(100, 9'000, 1))};
  BOOST_TEST(drifted(check, prices(100, 100, 1), history) == "");
  BOOST_TEST(drifted(check, prices(100, 120, 1), history) ==
             "drift: against the last 3: price: median 169.5 where 49.5 is usual, 3.3 spreads off (3 allowed)");
  BOOST_TEST(drifted(check, prices(100, -120, 1), history) != "");
  // The same median, far wider.
  BOOST_TEST(drifted(check, prices(100, 49.5 - 500, 10.1), history).find("lower quartile") != std::string::npos);
  BOOST_TEST(drifted(check, prices(7, 10'000, 1), history) == "");  // Too few to say.
  BOOST_TEST(drifted(check, prices(8, 10'000, 1), history) != "");
  BOOST_TEST(drifted(check, prices(100, 10'000, 1), {counted(prices(7, 0, 1))}) == "");  // Too few then.
  BOOST_TEST(drifted(drift({}, {}, 3.0, {"other"}), prices(100, 9'999, 1), history) == "");
}

BOOST_AUTO_TEST_CASE(a_column_that_hardly_varies_may_move_a_little) {
  const auto check = drift({}, {}, 3.0);
  const std::vector<output_statistics> history{counted(prices(20, 100, 0))};
  BOOST_TEST(drifted(check, prices(20, 103, 0), history) == "");
  BOOST_TEST(drifted(check, prices(20, 104, 0), history) != "");
  // Outputs that differ from each other may go on to.
  std::vector<output_statistics> varied;
  for (const double level : {100, 110, 90, 105, 95}) varied.push_back(counted(prices(20, level, 0)));
  BOOST_TEST(drifted(check, prices(20, 115, 0), varied) == "");
  BOOST_TEST(drifted(check, prices(20, 150, 0), varied) != "");
}

BOOST_AUTO_TEST_CASE(a_long_list_of_changes_is_cut) {
  std::vector<std::string> before, after;
  for (int i = 0; i < 10; ++i) {
    nlohmann::json row;
    for (int c = 0; c < 8; ++c) row["c" + std::to_string(c)] = 1;
    before.push_back(row.dump());
    after.push_back(R"({"c":1})");
  }
  const auto report = compared(drift({}, 0.1, {}), after, {counted(before)});
  BOOST_REQUIRE(report.findings.size() == 1U);
  BOOST_TEST(report.findings[0].count == 9);
  BOOST_TEST(report.findings[0].message.ends_with("; and 4 more"));
}

BOOST_AUTO_TEST_CASE(references_name_what_is_missing) {
  check_spec check;
  check.type = check_kind::references;
  check.columns = {"node"};
  check.other_dataset = "host";
  check.other_column = "name";
  const auto finish = [&](result<sql_offenders> found) {
    auto runner = check_runner::make({check}, "d");
    check_context context;
    context.find_missing = [&](const check_spec& c) {
      BOOST_TEST(c.other_dataset == "host");
      return found;
    };
    return runner->finish(context).findings;
  };
  BOOST_TEST(finish(sql_offenders{}).empty());
  const auto missing = finish(sql_offenders{2, {{R"({"node":"x"})"}}});
  BOOST_REQUIRE(missing.size() == 1U);
  BOOST_TEST(missing[0].message ==
             "references(node): 2 rows with a node that no canonical row of host has as its name");
  BOOST_TEST(missing[0].sample_rows.size() == 1U);
  // What can't be checked has not passed.
  const auto broken = finish(fail(errc::storage, "no such thing"));
  BOOST_REQUIRE(broken.size() == 1U);
  BOOST_TEST(broken[0].message == "references(node): could not be checked: no such thing");
  auto runner = check_runner::make({check}, "d");
  BOOST_TEST(runner->finish({}).findings.size() == 1U);
}

BOOST_AUTO_TEST_CASE(totals_agree_within_their_tolerance) {
  check_spec check;
  check.type = check_kind::total;
  check.name = "total";
  check.other_dataset = "orders";
  const auto finish = [&](total_pair found) {
    auto runner = check_runner::make({check}, "d");
    check_context context;
    context.add_up = [&](const check_spec&) { return found; };
    const auto findings = runner->finish(context).findings;
    return findings.empty() ? std::string{} : findings[0].message;
  };
  BOOST_TEST(finish({10, 10, 1, 2}) == "");
  BOOST_TEST(finish({9, 10, 1, 1}) ==
             "total: there are 9 rows where the canonical rows of orders are 10 (0.0 % apart are allowed)");
  check.tolerance = 0.1;
  BOOST_TEST(finish({9, 10, 0, 0}) == "");
  BOOST_TEST(finish({8, 10, 0, 0}) != "");
  check.columns = {"amount"};
  BOOST_TEST(finish({1, 9, 0.1 + 0.2, 0.3}) == "");
  BOOST_TEST(finish({1, 1, 12, 10}) ==
             "total: the sum of amount is 12 where the canonical rows of orders have 10 (10.0 % apart are allowed)");
  BOOST_TEST(finish({1, 1, std::nan(""), 10}) != "");
  BOOST_TEST(finish({1, 1, -9, -10}) == "");
  auto runner = check_runner::make({check}, "d");
  BOOST_TEST(runner->finish({}).findings.size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
