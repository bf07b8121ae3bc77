#include "actors/cli/importer.hpp"
#include "actors/cli/progress.hpp"
#include "schemas/codec.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstring>

using namespace cadre;
using namespace cadre::cli;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(cli_import)

namespace {

/// The text, a few bytes at a time: where a piece ends must not matter.
byte_source source_of(std::string text, std::size_t piece) {
  return [text = std::move(text), piece, at = std::size_t{0}](char* to, std::size_t bytes_max) mutable {
    const auto n = std::min({piece, bytes_max, text.size() - at});
    std::memcpy(to, text.data() + at, n);
    at += n;
    return n;
  };
}

std::vector<import_record> records_of(import_format format, const std::string& text, std::size_t piece = 3,
                                      std::size_t bytes_max = import_record_bytes_max) {
  record_reader reader{format, source_of(text, piece), bytes_max};
  std::vector<import_record> all;
  while (auto record = reader.next()) all.push_back(*std::move(record));
  return all;
}

/// `LINE:field|field` of each row, or `LINE!error`.
std::vector<std::string> rows_of(const std::string& text, std::size_t bytes_max = import_record_bytes_max) {
  std::vector<std::string> all;
  for (const auto& r : records_of(import_format::csv, text, 3, bytes_max)) {
    auto row = std::to_string(r.line) + (r.error.empty() ? ":" : "!" + r.error);
    for (std::size_t i = 0; r.error.empty() && i < r.fields.size(); ++i) row += (i > 0 ? "|" : "") + r.fields[i];
    all.push_back(row);
  }
  return all;
}

import_record line_of(const std::string& text, std::int64_t line = 1) {
  return {line, text, {}, {}};
}

result<task_add> json_task(const std::string& text, const import_defaults& defaults = {}) {
  return read_json_task(line_of(text), defaults);
}

std::string json_error(const std::string& text) {
  const auto task = json_task(text);
  return task ? "none" : task.error().message;
}

result<task_add> csv_task(const std::string& text, const import_defaults& defaults = {}) {
  const auto rows = records_of(import_format::csv, text);
  const auto columns = csv_columns::read(rows.at(0));
  if (!columns) return tl::unexpected{columns.error()};
  return columns->read_task(rows.at(1), defaults);
}

std::string csv_error(const std::string& text) {
  const auto task = csv_task(text);
  return task ? "none" : task.error().message;
}

bool begins(const std::string& text, const std::string& with) {
  return text.rfind(with, 0) == 0;
}

constexpr auto some_id = "00000000-0000-4000-8000-00000000abcd";

/// A writer that remembers, and rejects tasks with the title `no`.
struct fake_company {
  std::unordered_set<std::string> tasks;
  std::vector<std::size_t> batches;
  std::vector<std::string> errors;

  importer::desk desk() {
    importer::desk d;
    d.known = [this](const auto& ids) {
      std::unordered_set<std::string> found;
      for (const auto& id : ids)
        if (tasks.count(id) > 0) found.insert(id);
      return found;
    };
    d.send = [this](std::vector<command_body> batch) {
      batches.push_back(batch.size());
      std::vector<outcome> outcomes;
      for (const auto& body : batch) {
        const auto& add = std::get<task_add>(body);
        outcome o;
        o.ref = add.idempotency_key.empty() ? add.id.text : some_id;
        if (add.title == "no") {
          o.status = outcome_status::rejected;
          o.error = {errc::not_found, "agent: nobody"};
        } else {
          tasks.insert(add.id.text);
        }
        outcomes.push_back(o);
      }
      return outcomes;
    };
    d.refused = [this](const import_error& e) { errors.push_back(std::to_string(e.line) + ": " + e.message); };
    return d;
  }
};

task_add task_of(std::int64_t n, const std::string& title = {}) {
  task_add add;
  add.id = import_id(n, "task");
  add.mode = "data";
  add.title = title;
  return add;
}

}  // namespace

BOOST_AUTO_TEST_CASE(lines_end_with_lf_crlf_or_the_file) {
  for (const std::size_t piece : {1, 2, 5, 1000}) {
    const auto records = records_of(import_format::json_lines, "\xEF\xBB\xBF{}\r\n\n \t\n[1]\nlast", piece);
    BOOST_REQUIRE_EQUAL(records.size(), 3);
    BOOST_TEST(records[0].text == "{}");
    BOOST_TEST(records[0].line == 1);
    BOOST_TEST(records[1].text == "[1]");
    BOOST_TEST(records[1].line == 4);
    BOOST_TEST(records[2].text == "last");
    BOOST_TEST(records[2].line == 5);
  }
  BOOST_TEST(records_of(import_format::json_lines, "").empty());
  BOOST_TEST(records_of(import_format::csv, "\n\r\n").empty());
}

BOOST_AUTO_TEST_CASE(a_line_that_is_too_long_is_an_error_and_the_next_is_read) {
  const auto records = records_of(import_format::json_lines, "12345678\n123456789\n1\n", 4, 8);
  BOOST_REQUIRE_EQUAL(records.size(), 3);
  BOOST_TEST(records[0].error == "");
  BOOST_TEST(records[1].error == "the line is longer than 8 bytes");
  BOOST_TEST(records[1].line == 2);
  BOOST_TEST(records[2].text == "1");
  BOOST_TEST(records[2].line == 3);
}

BOOST_AUTO_TEST_CASE(csv_is_rfc_4180) {
  const std::vector<std::string> expected{"1:a|b|c", "2:1|two, too|say \"yes\"", "3:|x\r\ny\nz|", "6:||\"",
                                          "7:it's|b|c"};
  BOOST_TEST(
      rows_of("a,b,c\r\n1,\"two, too\",\"say \"\"yes\"\"\"\n,\"x\r\ny\nz\",\n,,\"\"\"\"\r\nit's,b,\"c\"") == expected,
      boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(csv_errors_name_line_and_field_and_the_next_line_is_read) {
  const std::vector<std::string> expected{"1:a|b", "2!field 2: a quote inside a field that does not begin with one",
                                          "3!field 1: text after the closing quote of a field", "4:1|2",
                                          "5!field 2: a quote that is never closed"};
  BOOST_TEST(rows_of("a,b\n1,x\"y\",z\n\"a\"b,c\n1,2\n1,\"open\nend\n") == expected, boost::test_tools::per_element());
  const auto bounded = rows_of("a,b\n1,\"234567890\nlost\nx,y", 8);
  BOOST_REQUIRE(bounded.size() > 1);
  BOOST_TEST(begins(bounded[1], "2!the row is longer than 8 bytes; is a quote not closed?"));
  BOOST_TEST(bounded.back() == "4:x|y");
}

BOOST_AUTO_TEST_CASE(every_field_of_a_json_line_is_read) {
  const auto task = json_task(R"({"id":"00000000-0000-4000-8000-00000000ABCD","mode":"data","agent":"ceo.data.disks",)"
                              R"("title":"é","payload":{"n":[1,null]},"priority":0,"draft":true,)"
                              R"("run_after":"2026-11-21T03:51:13Z","deadline":"2026-11-21T05:51:13+02:00",)"
                              R"("depends_on":["00000000-0000-4000-8000-000000000001"],"idempotency_key":"k"})");
  BOOST_REQUIRE(task);
  BOOST_TEST(task->id.text == some_id);
  BOOST_TEST(task->mode == "data");
  BOOST_TEST(task->agent.text == "ceo.data.disks");
  BOOST_TEST(task->title == "é");
  BOOST_TEST(task->payload.text == R"({"n":[1,null]})");
  BOOST_TEST(task->priority == 0);
  BOOST_TEST(task->draft);
  BOOST_TEST(task->run_after.us == 1'795'233'073'000'000);
  BOOST_TEST(task->deadline.us == task->run_after.us);
  BOOST_TEST(task->depends_on.size() == 1);
  BOOST_TEST(task->idempotency_key == "k");
}

BOOST_AUTO_TEST_CASE(what_a_line_lacks_comes_from_the_options) {
  import_defaults defaults;
  defaults.mode = "data";
  defaults.priority = 1;
  auto task = json_task("{}", defaults);
  BOOST_REQUIRE(task);
  BOOST_TEST(task->mode == "data");
  BOOST_TEST(task->priority == 1);
  task = json_task(R"({"agent":"ceo.ops","priority":3,"title":null})", defaults);
  BOOST_REQUIRE(task);
  BOOST_TEST(task->mode == "");
  BOOST_TEST(task->priority == 3);
}

BOOST_AUTO_TEST_CASE(every_error_of_a_json_line_names_the_field) {
  BOOST_TEST(begins(json_error("{\"mode\":"), "not JSON"));
  BOOST_TEST(begins(json_error("{\"mode\":\"a\xff\"}"), "not JSON"));
  BOOST_TEST(begins(json_error("[]"), "a task is an object"));
  BOOST_TEST(begins(json_error("{}"), "agent: missing"));
  BOOST_TEST(begins(json_error(R"({"mode":"a","titel":"x"})"), "titel: there is no such field; did you mean `title`?"));
  BOOST_TEST(begins(json_error(R"({"mode":"a","id":"7"})"), "id: '7' is not a UUID"));
  BOOST_TEST(begins(json_error(R"({"mode":"a b"})"), "mode: "));
  BOOST_TEST(begins(json_error(R"({"agent":"Ceo"})"), "agent: 'Ceo' is not an agent's path"));
  BOOST_TEST(begins(json_error(R"({"mode":"a","title":7})"), "title: must be text"));
  BOOST_TEST(begins(json_error(R"({"mode":"a","priority":4})"), "priority: must be a number"));
  BOOST_TEST(begins(json_error(R"({"mode":"a","priority":18446744073709551615})"), "priority: must be a number"));
  BOOST_TEST(begins(json_error(R"({"mode":"a","priority":"1"})"), "priority: must be a number"));
  BOOST_TEST(begins(json_error(R"({"mode":"a","draft":1})"), "draft: must be true or false"));
  BOOST_TEST(
      begins(json_error(R"({"mode":"a","run_after":"2026-11-21 03:51"})"), "run_after: '2026-11-21 03:51' is not"));
  BOOST_TEST(begins(json_error(R"({"mode":"a","deadline":17})"), "deadline: must be text"));
  BOOST_TEST(begins(json_error(R"({"mode":"a","depends_on":"x"})"), "depends_on: must be an array"));
  BOOST_TEST(begins(json_error(R"({"mode":"a","depends_on":["x"]})"), "depends_on: 'x' is not a UUID"));
  BOOST_TEST(
      begins(json_error(std::string{R"({"mode":"a","id":")"} + some_id + R"(","depends_on":[")" + some_id + R"("]})"),
             "depends_on: the task would wait for itself"));
  BOOST_TEST(begins(json_error(R"({"mode":"a","idempotency_key":")" + std::string(501, 'k') + "\"}"),
                    "idempotency_key: longer than"));
  BOOST_TEST(begins(json_error(R"({"mode":"a","payload":")" + std::string(import_record_bytes_max, 'x') + "\"}"),
                    "payload: the task is longer than"));
}

BOOST_AUTO_TEST_CASE(a_row_of_csv_is_a_task) {
  auto task = csv_task(std::string{"agent,title,payload,priority,draft,depends_on,run_after\n"} +
                       "ceo.ops,\"a, \"\"b\"\"\",\"{\"\"n\"\":1.50}\",0,true," + some_id + "  " + some_id +
                       ",2026-11-21T03:51:13Z\n");
  BOOST_REQUIRE(task);
  BOOST_TEST(task->agent.text == "ceo.ops");
  BOOST_TEST(task->title == "a, \"b\"");
  BOOST_TEST(task->payload.text == "{\"n\":1.50}");
  BOOST_TEST(task->priority == 0);
  BOOST_TEST(task->draft);
  BOOST_TEST(task->depends_on.size() == 2);
  BOOST_TEST(task->run_after.us == 1'795'233'073'000'000);
  task = csv_task("payload.city,payload.n,mode,title\nUlm,7,data,\n");
  BOOST_REQUIRE(task);
  BOOST_TEST(task->payload.text == R"({"city":"Ulm","n":"7"})");
  task = csv_task("mode,payload.city\ndata,\n");
  BOOST_REQUIRE(task);
  BOOST_TEST(task->payload.is_null());
}

BOOST_AUTO_TEST_CASE(every_error_of_csv_names_the_column) {
  BOOST_TEST(begins(csv_error("mode,titel\na,b\n"), "titel: there is no such field; did you mean `title`?"));
  BOOST_TEST(begins(csv_error("mode,mode\na,b\n"), "mode: stands twice"));
  BOOST_TEST(begins(csv_error("mode,payload,payload.x\na,1,2\n"), "payload: either one column"));
  BOOST_TEST(begins(csv_error("mode,title\na\n"), "the header has 2 columns, this row 1"));
  BOOST_TEST(begins(csv_error("mode,payload\na,{n}\n"), "payload: not JSON: "));
  BOOST_TEST(begins(csv_error("mode,priority\na,17\n"), "priority: must be"));
  BOOST_TEST(begins(csv_error("mode,draft\na,yes\n"), "draft: must be"));
  BOOST_TEST(begins(csv_error("mode,depends_on\na,x y\n"), "depends_on: 'x' is not a UUID"));
  BOOST_TEST(begins(csv_error("mode,title\na,\xff\n"), "title: not UTF-8"));
  BOOST_TEST(begins(csv_error("title,priority\na,1\n"), "agent: missing"));
  BOOST_TEST(begins(csv_error("mode,title\na,\"b\n"), "field 2: a quote that is never closed"));
  BOOST_TEST(begins(csv_error(std::string{"mode,title\na,b\0c\n", 17}), "title: holds a character U+0000"));
}

BOOST_AUTO_TEST_CASE(the_id_of_a_line_is_its_text_and_number) {
  const auto first = read_json_task(line_of(R"({"mode":"a"})", 7), {});
  BOOST_REQUIRE(first);
  BOOST_TEST(is_uuid(first->id.text));
  BOOST_TEST((first->id == import_id(7, R"({"mode":"a"})")));
  BOOST_TEST((first->id == read_json_task(line_of(R"({"mode":"a"})", 7), {})->id));
  BOOST_TEST((first->id != read_json_task(line_of(R"({"mode":"a"})", 8), {})->id));
  BOOST_TEST((first->id != read_json_task(line_of(R"({"mode":"b"})", 7), {})->id));
  BOOST_TEST((import_id(1, "2/x") != import_id(12, "/x")));
}

BOOST_AUTO_TEST_CASE(batches_are_bounded_and_errors_come_in_the_order_of_lines) {
  fake_company company;
  importer adds{company.desk()};
  for (std::int64_t n = 1; n <= 1'200; ++n) {
    if (n == 3) {
      adds.take(n, fail(errc::bad_value, "bad"));
    } else {
      adds.take(n, task_of(n, n == 2 || n == 4 ? "no" : ""));
    }
  }
  BOOST_TEST(adds.tally().lines_done == 1'001);
  adds.flush();
  BOOST_TEST(company.batches == (std::vector<std::size_t>{500, 500, 199}), boost::test_tools::per_element());
  BOOST_TEST(company.errors == (std::vector<std::string>{"2: agent: nobody", "3: bad", "4: agent: nobody"}),
             boost::test_tools::per_element());
  BOOST_TEST(adds.tally().added == 1'197);
  BOOST_TEST(adds.tally().refused == 3);
  BOOST_TEST(adds.tally().lines_done == 1'200);
}

BOOST_AUTO_TEST_CASE(large_tasks_make_small_batches) {
  fake_company company;
  importer adds{company.desk()};
  for (std::int64_t n = 1; n <= 5; ++n) {
    auto task = task_of(n);
    task.payload.text = "\"" + std::string(300 * 1024, 'x') + "\"";
    adds.take(n, task);
  }
  adds.flush();
  BOOST_TEST(company.batches == (std::vector<std::size_t>{2, 2, 1}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_is_there_is_not_sent_again) {
  fake_company company;
  for (int round = 0; round < 2; ++round) {
    importer adds{company.desk()};
    adds.take(1, task_of(1));
    adds.take(2, task_of(2));
    adds.take(3, task_of(2));
    adds.flush();
    BOOST_TEST(adds.tally().added == (round == 0 ? 2 : 0));
    BOOST_TEST(adds.tally().there_already == (round == 0 ? 1 : 3));
  }
  BOOST_TEST(company.batches.size() == 1);
  importer adds{company.desk()};
  auto by_key = task_of(9);
  by_key.idempotency_key = "k";
  adds.take(1, by_key);
  adds.flush();
  BOOST_TEST(adds.tally().there_already == 1);
}

BOOST_AUTO_TEST_CASE(a_batch_is_never_over_what_it_claims_to_be_on_the_wire) {
  auto task = task_of(1, "title");
  task.agent.text = "ceo.data.disks";
  task.idempotency_key = "key";
  task.depends_on.assign(100, task.id);
  command c;
  c.id = new_id<command_id>();
  c.from = "cli";
  const auto bound = wire_bytes_max(task);
  c.body = std::move(task);
  BOOST_TEST(codec::encode_json(c).size() < bound + 200);
}

BOOST_AUTO_TEST_CASE(progress_is_one_line) {
  BOOST_TEST(with_commas(0) == "0");
  BOOST_TEST(with_commas(999) == "999");
  BOOST_TEST(with_commas(1'234'567) == "1,234,567");
  BOOST_TEST(with_commas(-123'456) == "-123,456");
  BOOST_TEST(progress_text({600, 2'000, 2'000ms}, "lines") ==
             "[######..............]  30 %  600/2,000 lines  300/s  0:05 left");
  BOOST_TEST(progress_text({2'000, 2'000, 1'000ms}, "lines") ==
             "[####################] 100 %  2,000/2,000 lines  2,000/s");
  BOOST_TEST(progress_text({0, 10, 0ms}, "lines") == "[....................]   0 %  0/10 lines  0/s");
  BOOST_TEST(progress_text({1, 10'000, 1'000ms}, "lines").find("2:46:39 left") != std::string::npos);
  BOOST_TEST(progress_text({600, 0, 2'000ms}, "lines") == "600 lines  300/s");
}

BOOST_AUTO_TEST_SUITE_END()
