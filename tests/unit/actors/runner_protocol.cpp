#include "actors/runner/protocol.hpp"
#include "schemas/json.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace cadre;
using namespace cadre::actors;
namespace data = boost::unit_test::data;

BOOST_AUTO_TEST_SUITE(runner_protocol)

namespace {

constexpr std::string_view end_line = R"({"type":"response","agent":"ceo.a","timestamp":"2026-01-01T00:00:00Z"})"
                                      "\n";

exit_info exited(int code) {
  exit_info e;
  e.code = code;
  return e;
}

/// One text per item, so that lists of items can be compared.
std::string describe(const protocol_item& item) {
  struct visitor {
    std::string operator()(const journal_line& l) const {
      return "journal " + l.level + ' ' + l.text + ' ' + l.data.text;
    }
    std::string operator()(const progress_line& l) const { return "progress " + l.progress.text; }
    std::string operator()(const output_line& l) const {
      std::string out = "output " + l.dataset;
      for (const auto& row : l.rows) out += ' ' + row.text;
      return out;
    }
    std::string operator()(const metric_line& l) const { return "metric " + l.name + '=' + l.value.text; }
    std::string operator()(const task_line& l) const {
      return "task " + l.add.mode + '|' + l.add.agent.text + '|' + l.add.title + '|' + l.add.payload.text + '|' +
             std::to_string(l.add.priority) + '|' + l.add.idempotency_key;
    }
    std::string operator()(const decision_line& l) const {
      return "decision " + std::string{to_text(l.action)} + ' ' + l.to.text + ' ' + std::to_string(l.for_ms) + ' ' +
             l.note;
    }
    std::string operator()(const audit_finding& l) const {
      return "finding " + l.check + ": " + l.message + " x" + std::to_string(l.count) + " samples " +
             std::to_string(l.sample_rows.size());
    }
  };
  return std::to_string(item.line) + ' ' + std::visit(visitor{}, item.body);
}

std::vector<std::string> describe(const std::vector<protocol_item>& items) {
  std::vector<std::string> out;
  for (const auto& item : items) out.push_back(describe(item));
  return out;
}

/// Feeds lines to a reader and returns the error, "" if there is none.
std::string error_of(const std::string& text, protocol_options options = {}) {
  protocol_reader reader{std::move(options)};
  reader.feed(text);
  return reader.error() ? std::string{to_text(reader.error()->code)} + ": " + reader.error()->message : "";
}

bool starts_with(const std::string& text, const std::string& prefix) {
  return text.starts_with(prefix);
}

const std::string sample_run =
    R"({"type":"journal","level":"info","text":"caff\u00e8","data":{"n":1}})"
    "\n"
    R"({"type":"progress","done":3,"total":10,"text":"half"})"
    "\r\n\n"
    R"({"type":"output","dataset":"package","rows":[{"host":"a"},{"host":"b"}]})"
    "\n"
    R"( {"type":"output","dataset":"package","row":{"host":"c"}} )"
    "\n"
    R"({"type":"metric","name":"x","value":1})"
    "\n"
    R"({"type":"task","mode":"m","agent":"ceo.b","title":"t","payload":{"p":[1]},"priority":0,"idempotency_key":"k"})"
    "\n" +
    std::string{end_line};

}  // namespace

BOOST_AUTO_TEST_CASE(a_run_is_read) {
  protocol_reader reader{{}};
  const std::vector<std::string> expected{"1 journal info caff\xC3\xA8 {\"n\":1}",
                                          "2 progress {\"done\":3,\"text\":\"half\",\"total\":10}",
                                          "4 output package {\"host\":\"a\"} {\"host\":\"b\"}",
                                          "5 output package {\"host\":\"c\"}",
                                          "6 metric x=1",
                                          "7 task m|ceo.b|t|{\"p\":[1]}|0|k"};
  const auto items = describe(reader.feed(sample_run));
  BOOST_TEST(items == expected, boost::test_tools::per_element());
  BOOST_TEST(reader.responded());
  const auto end = reader.finish(exited(0));
  BOOST_REQUIRE(end.has_value());
  BOOST_TEST(end->agent == "ceo.a");
  BOOST_TEST(end->timestamp == "2026-01-01T00:00:00Z");
  BOOST_TEST(end->metrics.text == R"({"x":1})");
  BOOST_TEST(end->alerts_text.text == "[]");
}

BOOST_AUTO_TEST_CASE(the_cut_of_the_bytes_changes_nothing) {
  protocol_reader whole{{}};
  const auto expected = describe(whole.feed(sample_run));
  for (std::size_t cut = 0; cut <= sample_run.size(); ++cut) {
    protocol_reader reader{{}};
    auto items = reader.feed(std::string_view{sample_run}.substr(0, cut));
    for (auto& item : reader.feed(std::string_view{sample_run}.substr(cut))) items.push_back(std::move(item));
    BOOST_TEST(describe(items) == expected);
    BOOST_TEST(reader.finish(exited(0)).has_value());
  }
  protocol_reader by_byte{{}};
  std::vector<protocol_item> items;
  for (const char c : sample_run)
    for (auto& item : by_byte.feed({&c, 1})) items.push_back(std::move(item));
  BOOST_TEST(describe(items) == expected);
}

BOOST_AUTO_TEST_CASE(the_cut_of_the_bytes_changes_no_error) {
  const std::string bad = R"({"type":"metric","name":"a","value":1})"
                          "\n"
                          R"({"type":"metric","name":"b","value":"1"})"
                          "\n"
                          R"({"type":"metric","name":"c","value":1})"
                          "\n";
  for (const protocol_options& options : {protocol_options{}, protocol_options{.datasets = {}, .line_bytes_max = 20},
                                          protocol_options{.datasets = {}, .output_bytes_max = 45}}) {
    protocol_reader whole{options};
    const auto expected = describe(whole.feed(bad));
    BOOST_REQUIRE(whole.error().has_value());
    for (std::size_t cut = 0; cut <= bad.size(); ++cut) {
      protocol_reader reader{options};
      auto items = reader.feed(std::string_view{bad}.substr(0, cut));
      for (auto& item : reader.feed(std::string_view{bad}.substr(cut))) items.push_back(std::move(item));
      BOOST_TEST(describe(items) == expected);
      BOOST_REQUIRE(reader.error().has_value());
      BOOST_TEST(reader.error()->message == whole.error()->message);
    }
  }
}

struct bad_line {
  const char* line;
  const char* error;
};
std::ostream& operator<<(std::ostream& out, const bad_line& l) {
  return out << l.error;
}

const std::vector<bad_line> bad_lines{
    {"hello", R"(it is not JSON at byte 1: "hello")"},
    {"{\"type\":\"journal\"", R"(it is not JSON at byte 18: "{\"type\":\"journal\"")"},
    {"[]", "a line must be an object"},
    {"{}", R"(a line needs "type")"},
    {R"({"type":5})", R"("type" must be a string)"},
    {R"({"type":"jurnal"})", R"(unknown "type")"},
    {R"({"type":"journal"})", R"(a journal line needs "text")"},
    {R"({"type":"journal","text":7})", R"("text" must be a string)"},
    {R"({"type":"journal","text":"","level":"loud"})", R"("level" must be debug, info, warning or error)"},
    {R"({"type":"output","rows":[]})", R"(an output needs "dataset")"},
    {R"({"type":"output","dataset":"d"})", R"(an output needs either "row" or "rows")"},
    {R"({"type":"output","dataset":"d","row":{},"rows":[]})", R"(an output needs either "row" or "rows")"},
    {R"({"type":"output","dataset":"d","rows":{}})", R"("rows" must be an array of objects)"},
    {R"({"type":"output","dataset":"d","rows":[{},3]})", R"("rows"[1] must be an object)"},
    {R"({"type":"output","dataset":"d","row":[]})", R"("row" must be an object)"},
    {R"({"type":"metric","value":1})", R"(a metric needs "name")"},
    {R"({"type":"metric","name":"x","value":"1"})", R"(a metric needs "value", a number)"},
    {R"({"type":"metric","name":"x","value":1e999})", "it contains a number too large for a double"},
    {R"({"type":"task","title":"t"})", R"(a task needs "mode" or "agent")"},
    {R"({"type":"task","agent":"Not A Path"})", R"("agent" must be an agent's path)"},
    {R"({"type":"task","mode":"m","priority":4})", R"("priority" must be an integer from 0 to 3)"},
    {R"({"type":"task","mode":"m","priority":18446744073709551615})", R"("priority" must be an integer from 0 to 3)"},
    {R"({"type":"task","mode":"m","id":"7"})", R"("id" must be a UUID)"},
    {R"({"type":"task","mode":"m","depends_on":["7"]})", R"("depends_on" must be an array of task ids)"},
    {R"({"type":"task","mode":"m","draft":1})", R"("draft" must be true or false)"},
    {R"({"type":"finding","check":"c","message":"m"})", "only an audit may have findings"},
    {R"({"type":"response","alerts":{}})", R"("alerts" must be an array)"},
    {R"({"type":"response","alerts":[3]})", R"(each of "alerts" must be an object)"},
    {R"({"type":"response","metrics":[]})", R"("metrics" must be an object)"},
    {R"({"type":"response","recommendations":"none"})", R"("recommendations" must be an array)"},
    {"{\"type\":\"journal\",\"text\":\"\xC3\x28\"}", "it is not valid UTF-8 at byte 28"},
    {"{\"type\":\"journal\",\"text\":\"\xED\xA0\x80\"}", "it is not valid UTF-8 at byte 28"},
    {"\xFF\xFE", "it is not JSON at byte 1: \"\\xFF\\xFE\""},
    {R"({"type":"journal","text":"a\u0000b"})", "it contains \\u0000"},
    {R"({"type":"journal","text":"\ud800"})", "it is not JSON at byte"},
    {R"({"type":"journal","text":"x"} trailing)", "it is not JSON at byte 33"},
};

BOOST_DATA_TEST_CASE(a_bad_line_is_named, data::make(bad_lines), bad) {
  const std::string first = R"({"type":"journal","text":"fine"})"
                            "\n";
  protocol_reader reader{{}};
  const auto items = reader.feed(first + bad.line + '\n' + std::string{end_line});
  BOOST_TEST(items.size() == 1U);
  BOOST_REQUIRE(reader.error().has_value());
  BOOST_TEST(to_text(reader.error()->code) == "bad_output");
  BOOST_TEST(starts_with(reader.error()->message, std::string{"line 2: "} + bad.error), reader.error()->message);
  BOOST_TEST((reader.finish(exited(0)).error() == *reader.error()));
  BOOST_TEST(reader.feed(first).empty());
}

BOOST_AUTO_TEST_CASE(a_nul_byte_does_not_hide_what_follows) {
  const std::string line = std::string{R"({"type":"journal","text":"x"})"} + '\0' + "garbage\n";
  BOOST_TEST(starts_with(error_of(line), "bad_output: line 1: it contains a NUL byte"));
}

BOOST_AUTO_TEST_CASE(an_escaped_backslash_before_u0000_is_text) {
  BOOST_TEST(error_of(R"({"type":"journal","text":"a\\u0000b"})"
                      "\n") == "");
}

BOOST_AUTO_TEST_CASE(deep_nesting_is_refused_however_deep) {
  const std::string deep(200'000, '[');
  BOOST_TEST(starts_with(error_of(deep + '\n'), "bad_output: line 1: it is nested deeper than 64 levels"));
  const std::string fits = std::string(62, '[') + std::string(62, ']');
  BOOST_TEST(error_of(R"({"type":"journal","text":"x","data":)" + fits + "}\n") == "");
}

BOOST_AUTO_TEST_CASE(at_most_200_bytes_are_quoted) {
  const std::string error = error_of(std::string(5000, 'x') + '\n');
  BOOST_TEST(error.ends_with('"' + std::string(200, 'x') + "\" (of 5000 bytes)"), error);
}

BOOST_AUTO_TEST_CASE(a_line_of_exactly_the_bound_passes_and_one_byte_more_does_not) {
  const std::string line = R"({"type":"journal","text":"x"})";
  const auto size = static_cast<std::int64_t>(line.size());
  BOOST_TEST(error_of(line + '\n', {.datasets = {}, .line_bytes_max = size}) == "");
  BOOST_TEST(starts_with(error_of(line + '\n', {.datasets = {}, .line_bytes_max = size - 1}),
                         "too_large: line 1: longer than line_bytes_max = " + std::to_string(size - 1)));
  BOOST_TEST(error_of(line + '\n', {.datasets = {}, .output_bytes_max = size + 1}) == "");
  BOOST_TEST(error_of(line + '\n', {.datasets = {}, .output_bytes_max = size}) ==
             "too_large: more than output_bytes_max = " + std::to_string(size) + " bytes on stdout, after line 0");
}

BOOST_AUTO_TEST_CASE(a_stream_of_100_MB_is_refused_early) {
  const std::string line = R"({"type":"journal","text":")" + std::string(1000, 'x') + "\"}\n";
  protocol_reader reader{{}};
  std::size_t fed = 0;
  while (fed < 100'000'000 && !reader.error()) {
    reader.feed(line);
    fed += line.size();
  }
  BOOST_TEST(fed <= 16U * 1024 * 1024 + line.size());
  BOOST_TEST(to_text(reader.finish(exited(0)).error().code) == "too_large");

  protocol_reader one_line{{}};
  const std::string piece(65536, 'x');
  for (fed = 0; fed < 100'000'000 && !one_line.error(); fed += piece.size()) one_line.feed(piece);
  BOOST_TEST(fed <= 512U * 1024 + piece.size());
}

BOOST_AUTO_TEST_CASE(nothing_may_follow_the_response) {
  const std::string end{end_line};
  BOOST_TEST(starts_with(error_of(end + end), "bad_output: line 2: nothing may follow the response: "));
  BOOST_TEST(starts_with(error_of(end + "x\n"), "bad_output: line 2: nothing may follow the response: \"x\""));
  BOOST_TEST(error_of(end + "\n \n") == "");
}

BOOST_AUTO_TEST_CASE(tasks_findings_metrics_and_alerts_are_bounded) {
  std::string tasks, findings, metrics, alerts;
  for (int i = 0; i < 101; ++i) {
    tasks += R"({"type":"task","mode":"m"})"
             "\n";
    findings += R"({"type":"finding","message":"m"})"
                "\n";
    metrics += R"({"type":"metric","name":"m)" + std::to_string(i) + R"(","value":1})" + "\n";
    alerts += "\"a\",";
  }
  BOOST_TEST(starts_with(error_of(tasks), "bad_output: line 101: more than 100 tasks"));
  BOOST_TEST(
      starts_with(error_of(findings, {.audit = true, .datasets = {}}), "bad_output: line 51: more than 50 findings"));
  BOOST_TEST(starts_with(error_of(metrics, {.datasets = {}, .metrics_max = 100}),
                         "bad_output: line 101: more than 100 metrics"));
  alerts.pop_back();
  BOOST_TEST(starts_with(error_of(R"({"type":"response","alerts":[)" + alerts + "]}\n"),
                         "bad_output: line 1: \"alerts\" has more than 100 entries"));
}

BOOST_AUTO_TEST_CASE(only_declared_datasets_may_be_written) {
  const std::string line = R"({"type":"output","dataset":"b","row":{}})"
                           "\n";
  BOOST_TEST(error_of(line, {.datasets = {"a", "b"}}) == "");
  BOOST_TEST(starts_with(error_of(line, {.datasets = {"a"}}),
                         "bad_output: line 1: the agent's `outputs:` do not name the dataset \"b\""));
}

BOOST_AUTO_TEST_CASE(an_audit_has_findings_and_no_outputs) {
  protocol_reader reader{{.audit = true, .datasets = {}}};
  const std::string big(5000, 'x');
  const auto items =
      reader.feed(R"({"type":"finding","check":"c","message":"m","count":9,"sample_rows":[{"a":1},{},{},{},{},{}]})"
                  "\n"
                  R"({"type":"finding","message":"m","sample_rows":[{"a":")" +
                  big + "\"}]}\n");
  const std::vector<std::string> expected{"1 finding c: m x9 samples 5", "2 finding command: m x1 samples 1"};
  BOOST_TEST(describe(items) == expected, boost::test_tools::per_element());
  BOOST_TEST(std::get<audit_finding>(items[1].body).sample_rows[0].text.size() < 200U);
  reader.feed(R"({"type":"output","dataset":"d","row":{}})"
              "\n");
  BOOST_REQUIRE(reader.error().has_value());
  BOOST_TEST(starts_with(reader.error()->message, "line 3: an audit can't write outputs"));
}

BOOST_AUTO_TEST_CASE(an_investigation_decides_and_has_no_outputs) {
  protocol_options options;
  options.investigation = true;
  protocol_reader reader{options};
  const auto items = reader.feed(R"({"type":"decision","action":"resolve","note":"seen"})"
                                 "\n"
                                 R"({"type":"decision","action":"delegate","to":"ceo.b","for":"30m"})"
                                 "\n");
  const std::vector<std::string> expected{"1 decision resolve  0 seen", "2 decision delegate ceo.b 1800000 "};
  BOOST_TEST(describe(items) == expected, boost::test_tools::per_element());
  const auto refused = [&](const std::string& decision, const std::string& why) {
    BOOST_TEST(starts_with(error_of(decision + "\n", options), "bad_output: line 1: " + why),
               error_of(decision, options));
  };
  refused(R"({"type":"decision"})", "\"action\" must be resolve, retry, reassign");
  refused(R"({"type":"decision","action":"fix"})", "\"action\" must be resolve, retry, reassign");
  refused(R"({"type":"decision","action":"reassign"})", "\"to\" must be an agent's path");
  refused(R"({"type":"decision","action":"snooze"})", "to snooze needs \"for\"");
  refused(R"({"type":"decision","action":"snooze","for":"soon"})", "\"for\": ");
  refused(R"({"type":"output","dataset":"d","row":{}})", "an investigation can't write outputs");
  BOOST_TEST(starts_with(error_of(R"({"type":"decision","action":"resolve"})"
                                  "\n"),
                         "bad_output: line 1: only an investigation (op: investigate) may decide"));
}

BOOST_AUTO_TEST_CASE(alerts_are_taken_leniently) {
  protocol_reader reader{{}};
  reader.feed(
      R"({"type":"response","timestamp":5,"metrics":{"x":2},"alerts":[{"level":"critical","problem":"p","message":"m"},)"
      R"({"level":"purple"},"words"],"recommendations":[1,"two"]})"
      "\n");
  const auto end = reader.finish(exited(0));
  BOOST_REQUIRE(end.has_value());
  BOOST_REQUIRE(end->alerts.size() == 3U);
  BOOST_TEST((end->alerts[0].level == severity::critical && end->alerts[0].problem == "p"));
  BOOST_TEST((end->alerts[1].level == severity::warning && end->alerts[1].problem == "alert"));
  BOOST_TEST(end->alerts[2].message == "words");
  BOOST_TEST(end->alerts[2].evidence.text == "\"words\"");
  BOOST_TEST(end->timestamp == "5");
  BOOST_TEST(end->recommendations.text == "[1,\"two\"]");
}

BOOST_AUTO_TEST_CASE(the_metrics_of_the_response_win_over_metric_lines) {
  protocol_reader reader{{}};
  reader.feed(R"({"type":"metric","name":"a","value":1})"
              "\n"
              R"({"type":"metric","name":"a","value":1.5})"
              "\n"
              R"({"type":"metric","name":"b","value":2})"
              "\n"
              R"({"type":"response","metrics":{"b":"mine","c":null}})"
              "\n");
  BOOST_TEST(reader.finish(exited(0))->metrics.text == R"({"a":1.5,"b":"mine","c":null})");
}

BOOST_AUTO_TEST_CASE(each_way_to_end_has_its_name) {
  const auto ending = [](const std::string& text, const exit_info& exit) {
    protocol_reader reader{{}};
    reader.feed(text);
    const auto end = reader.finish(exit);
    return end ? "ok" : std::string{to_text(end.error().code)} + ": " + end.error().message;
  };
  const std::string end{end_line};
  exit_info signalled;
  signalled.how = exit_info::end::signalled;
  signalled.signal = 11;
  exit_info late;
  late.how = exit_info::end::timed_out;
  late.elapsed = std::chrono::milliseconds{1500};
  exit_info stopped;
  stopped.how = exit_info::end::stopped;
  exit_info missing;
  missing.how = exit_info::end::not_started;
  missing.start_error = {errc::command_not_found, "./x: is a folder"};

  BOOST_TEST(ending(end, exited(0)) == "ok");
  BOOST_TEST(ending("", exited(0)) == "no_response: exit code 0 without a response line after 0 lines of output");
  BOOST_TEST(ending(end, exited(3)) == "exit_code: exit code 3 after 1 lines of output");
  BOOST_TEST(ending(end, signalled) == "signalled: ended by signal 11 (SIGSEGV) after 1 lines of output");
  BOOST_TEST(ending(end, late) == "timed_out: killed after 1500 ms after 1 lines of output");
  BOOST_TEST(ending(end, stopped) == "cancelled: stopped by the node after 1 lines of output");
  BOOST_TEST(ending("", missing) == "command_not_found: ./x: is a folder");
  const std::string half = R"({"type":"response"})";
  BOOST_TEST(ending(half, exited(0)) ==
             R"(bad_output: line 1: the last line has no newline: "{\"type\":\"response\"}")");
  BOOST_TEST(starts_with(ending(end + half, exited(0)), "bad_output: line 2"));
  BOOST_TEST(starts_with(ending(half, exited(1)), "exit_code"));
  // What was wrong first is what is reported, whatever the process did afterwards.
  BOOST_TEST(starts_with(ending("x\n", late), "bad_output"));
}

BOOST_AUTO_TEST_CASE(only_an_attached_program_may_say_that_it_failed) {
  const std::string said = R"({"type":"failure","code":"no_disk","message":"full","log":"tail","retryable":false})"
                           "\n";
  protocol_options options;
  protocol_reader command{options};
  command.feed(said);
  BOOST_REQUIRE(command.error().has_value());
  BOOST_TEST(starts_with(command.error()->message, "line 1: unknown \"type\""));
  options.attached = true;
  const auto read = [&](const std::string& text) {
    protocol_reader reader{options};
    reader.feed(text);
    return reader;
  };
  const auto reader = read(said);
  BOOST_REQUIRE(reader.failed().has_value());
  BOOST_TEST(reader.failed()->log == "tail");
  BOOST_TEST(!reader.failed()->retryable);
  const auto ended = reader.finish(exited(0));
  BOOST_REQUIRE(!ended.has_value());
  BOOST_TEST((ended.error() == failure{errc::worker_failed, "no_disk: full"}));
  BOOST_TEST(read(said + "{\"type\":\"response\"}\n").error()->message.find("nothing may follow") != std::string::npos);
  BOOST_TEST(read("{\"type\":\"failure\"}\n").error()->message.find("needs \"message\"") != std::string::npos);
  BOOST_TEST(read("{\"type\":\"failure\",\"message\":\"m\",\"retryable\":1}\n").error().has_value());
}

BOOST_AUTO_TEST_SUITE_END()
