#include "actors/audit/audit_machine.hpp"

#include "actors/audit/reader_turns.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace cadre;
using namespace cadre::actors;

namespace {

constexpr auto output_uuid = "0190a6a0-0000-7000-8000-000000000001";

constexpr std::string_view verdict_line =
    R"({"type":"response","agent":"ceo.auditor","timestamp":"2026-01-01T00:00:00Z"})"
    "\n";

config::agent auditor(bool with_command) {
  config::agent a;
  a.path = {"ceo.auditor"};
  a.role = agent_role::auditor;
  a.run.how = with_command ? config::run_spec::mode::command : config::run_spec::mode::check;
  return a;
}

audit_machine machine(bool with_command) {
  return {audited_output{{output_uuid}, {"ceo.worker"}, "package"}, auditor(with_command)};
}

audit_finding finding(const std::string& check) {
  audit_finding f;
  f.check = check;
  f.message = check + " is wrong";
  f.count = 1;
  return f;
}

audit_material sealed(std::vector<audit_finding> findings = {}) {
  audit_material m;
  m.status = "sealed";
  m.rows = m.rows_given = m.rows_checked = 2;
  m.row_lines = "row one\nrow two\n";
  m.findings = std::move(findings);
  return m;
}

std::string finding_line(const std::string& message) {
  return R"({"type":"finding","check":"mine","message":")" + message + "\"}\n";
}

exit_info audit_exited(int code) {
  exit_info e;
  e.code = code;
  return e;
}

outcome answered(outcome_status status, failure error = {}) {
  outcome o;
  o.status = status;
  o.error = std::move(error);
  return o;
}

/// One text per action: `start 2`, `kill`, `passed`, `failed a b`, `over`, `over refused final`.
std::string joined(const audit_machine::actions& actions) {
  std::string out;
  for (const auto& action : actions) {
    if (!out.empty()) out += "; ";
    if (const auto* start = std::get_if<audit_machine::start_process>(&action)) {
      out += "start " + std::to_string(start->rows_given);
    } else if (std::holds_alternative<audit_machine::kill_process>(action)) {
      out += "kill";
    } else if (const auto* send = std::get_if<audit_machine::send_verdict>(&action)) {
      BOOST_CHECK_EQUAL(send->verdict.passed, send->verdict.findings.empty());
      out += send->verdict.passed ? "passed" : "failed";
      for (const auto& f : send->verdict.findings) out += ' ' + f.check;
    } else {
      const auto& over = std::get<audit_machine::audit_over>(action);
      out += "over";
      if (over.error.code != errc::none)
        out += ' ' + std::string{to_text(over.error.code)} + (over.retryable ? " again" : " final");
    }
  }
  return out;
}

verdict_add verdict_of(const audit_machine::actions& actions) {
  BOOST_REQUIRE_EQUAL(actions.size(), 1u);
  return std::get<audit_machine::send_verdict>(actions[0]).verdict;
}

event sealed_event(const std::string& data) {
  event e;
  e.seq = 7;
  e.what = "output_sealed";
  e.data.text = data;
  return e;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(audit_event)

BOOST_AUTO_TEST_CASE(an_event_names_output_worker_and_dataset) {
  const auto what = parse_output_event(sealed_event(std::string{R"({"output":")"} + output_uuid +
                                                    R"(","worker":"ceo.worker","dataset":"package","x":1})"));
  BOOST_REQUIRE(what);
  BOOST_CHECK_EQUAL(what->output.text, output_uuid);
  BOOST_CHECK_EQUAL(what->worker.text, "ceo.worker");
  BOOST_CHECK_EQUAL(what->dataset, "package");
}

BOOST_AUTO_TEST_CASE(other_events_are_bad_messages_that_name_the_event) {
  const std::string id = output_uuid;
  for (const auto& data : {std::string{}, std::string{"null"}, std::string{"{"}, std::string{"[]"}, std::string{"{}"},
                           R"({"output":"7","worker":"ceo.worker","dataset":"package"})" + std::string{},
                           R"({"output":")" + id + R"(","worker":"CEO worker","dataset":"package"})",
                           R"({"output":")" + id + R"(","worker":"ceo.worker","dataset":""})",
                           R"({"output":")" + id + R"(","worker":"ceo.worker","dataset":7})",
                           R"({"output":")" + id + R"(","dataset":"package"})"}) {
    BOOST_TEST_CONTEXT(data) {
      const auto what = parse_output_event(sealed_event(data));
      BOOST_REQUIRE(!what);
      BOOST_CHECK(what.error().code == errc::bad_message);
      BOOST_CHECK(what.error().message.find("event 7") != std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(audit_machine_test)

BOOST_AUTO_TEST_CASE(checks_alone_pass_an_output) {
  auto m = machine(false);
  const auto verdict = verdict_of(m.on_material(sealed()));
  BOOST_CHECK(verdict.passed);
  BOOST_CHECK(verdict.findings.empty());
  BOOST_CHECK_EQUAL(verdict.output.text, output_uuid);
  BOOST_CHECK_EQUAL(verdict.auditor.text, "ceo.auditor");
  BOOST_CHECK_EQUAL(joined(m.on_outcome(answered(outcome_status::committed))), "over");
}

BOOST_AUTO_TEST_CASE(checks_alone_fail_an_output_with_their_findings) {
  auto m = machine(false);
  BOOST_CHECK_EQUAL(joined(m.on_material(sealed({finding("unique"), finding("range")}))), "failed unique range");
}

BOOST_AUTO_TEST_CASE(a_verdict_says_how_many_rows_were_looked_at) {
  auto material = sealed();
  material.rows = 100;
  material.rows_given = 10;
  material.rows_checked = 5;
  material.notes = {"unique: looked at 5 of 100 rows"};
  material.statistics.text = R"({"host":{"values":100}})";
  auto m = machine(true);
  const auto started = m.on_material(material);
  BOOST_REQUIRE_EQUAL(started.size(), 1u);
  const auto& start = std::get<audit_machine::start_process>(started[0]);
  BOOST_CHECK_EQUAL(start.rows_total, 100);
  BOOST_CHECK_EQUAL(start.rows_given, 10);
  BOOST_CHECK_EQUAL(start.row_lines, material.row_lines);
  m.on_stdout(verdict_line);
  const auto verdict = verdict_of(m.on_exit(audit_exited(0)));
  BOOST_CHECK(verdict.passed);
  BOOST_CHECK_EQUAL(verdict.rows_total, 100);
  BOOST_CHECK_EQUAL(verdict.rows_checked, 5);
  BOOST_CHECK(verdict.notes == material.notes);
  BOOST_CHECK_EQUAL(verdict.statistics.text, material.statistics.text);
}

BOOST_AUTO_TEST_CASE(many_findings_quote_no_more_than_fits_into_a_message) {
  std::vector<audit_finding> findings(200, finding("schema"));
  for (auto& f : findings) f.sample_rows.assign(5, json_text{'"' + std::string(2'000, 'x') + '"'});
  auto m = machine(false);
  const auto verdict = verdict_of(m.on_material(sealed(std::move(findings))));
  BOOST_CHECK_EQUAL(verdict.findings.size(), 200u);
  std::size_t bytes = 0;
  for (const auto& f : verdict.findings)
    for (const auto& row : f.sample_rows) bytes += row.text.size();
  BOOST_CHECK_LE(bytes, 256u * 1024);
  BOOST_CHECK_GT(bytes, 240u * 1024);
  BOOST_CHECK_EQUAL(verdict.findings.front().sample_rows.size(), 5u);
  BOOST_CHECK(verdict.findings.back().sample_rows.empty());
}

BOOST_AUTO_TEST_CASE(the_same_audit_gives_the_same_verdict_id) {
  auto first = machine(false);
  auto again = machine(false);
  const auto id = verdict_of(first.on_material(sealed())).id;
  BOOST_CHECK(is_uuid(id.text));
  BOOST_CHECK_EQUAL(verdict_of(again.on_material(sealed())).id.text, id.text);
  auto other_auditor = auditor(false);
  other_auditor.path.text = "ceo.other";
  audit_machine other{audited_output{{output_uuid}, {"ceo.worker"}, "package"}, other_auditor};
  BOOST_CHECK_NE(verdict_of(other.on_material(sealed())).id.text, id.text);
}

BOOST_AUTO_TEST_CASE(an_output_that_is_decided_or_gone_needs_no_verdict) {
  for (const char* status : {"promoted", "rejected", "dropped", "staged"}) {
    auto m = machine(true);
    auto material = sealed({finding("unique")});
    material.status = status;
    BOOST_CHECK_EQUAL(joined(m.on_material(material)), "over");
  }
  auto m = machine(true);
  audit_material gone;
  gone.error = {errc::not_found, "no such output"};
  BOOST_CHECK_EQUAL(joined(m.on_material(gone)), "over");
}

BOOST_AUTO_TEST_CASE(material_that_cannot_be_read_gives_no_verdict) {
  for (const auto& [code, expected] :
       {std::pair{errc::unreachable, "over unreachable again"}, std::pair{errc::storage, "over storage again"},
        std::pair{errc::too_large, "over too_large final"}}) {
    auto m = machine(false);
    audit_material bad;
    bad.error = {code, "why"};
    BOOST_CHECK_EQUAL(joined(m.on_material(bad)), expected);
  }
}

BOOST_AUTO_TEST_CASE(a_command_gets_the_rows_and_passes_what_it_finds_nothing_in) {
  auto m = machine(true);
  const auto started = m.on_material(sealed());
  BOOST_CHECK_EQUAL(joined(started), "start 2");
  BOOST_CHECK_EQUAL(std::get<audit_machine::start_process>(started[0]).row_lines, "row one\nrow two\n");
  BOOST_CHECK_EQUAL(joined(m.on_stdout(verdict_line)), "");
  BOOST_CHECK_EQUAL(joined(m.on_exit(audit_exited(0))), "passed");
}

BOOST_AUTO_TEST_CASE(findings_of_checks_and_command_stand_together) {
  auto m = machine(true);
  m.on_material(sealed({finding("unique")}));
  const auto line = finding_line("odd");
  BOOST_CHECK_EQUAL(joined(m.on_stdout(line.substr(0, 9))), "");
  BOOST_CHECK_EQUAL(joined(m.on_stdout(line.substr(9))), "");
  BOOST_CHECK_EQUAL(joined(m.on_stdout(verdict_line)), "");
  const auto verdict = verdict_of(m.on_exit(audit_exited(0)));
  BOOST_REQUIRE_EQUAL(verdict.findings.size(), 2u);
  BOOST_CHECK_EQUAL(verdict.findings[1].message, "odd");
  BOOST_CHECK(!verdict.passed);
}

BOOST_AUTO_TEST_CASE(a_failed_check_is_not_healed_by_a_content_command) {
  auto m = machine(true);
  m.on_material(sealed({finding("unique")}));
  m.on_stdout(verdict_line);
  BOOST_CHECK_EQUAL(joined(m.on_exit(audit_exited(0))), "failed unique");
}

BOOST_AUTO_TEST_CASE(a_verdict_has_at_most_fifty_findings) {
  auto m = machine(true);
  m.on_material(sealed({finding("a"), finding("b"), finding("c")}));
  for (int i = 0; i < 50; ++i) BOOST_CHECK_EQUAL(joined(m.on_stdout(finding_line(std::to_string(i)))), "");
  m.on_stdout(verdict_line);
  BOOST_CHECK_EQUAL(verdict_of(m.on_exit(audit_exited(0))).findings.size(), 50u);
}

BOOST_AUTO_TEST_CASE(a_command_that_fails_gives_no_verdict_even_with_findings) {
  auto m = machine(true);
  m.on_material(sealed({finding("unique")}));
  m.on_stdout(finding_line("odd"));
  m.on_stdout(verdict_line);
  auto exit = audit_exited(3);
  exit.stderr_tail = "Traceback";
  const auto actions = m.on_exit(exit);
  BOOST_CHECK_EQUAL(joined(actions), "over exit_code again");
  BOOST_CHECK(std::get<audit_machine::audit_over>(actions[0]).error.message.find("; stderr: Traceback") !=
              std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_silent_command_gives_no_verdict) {
  auto m = machine(true);
  m.on_material(sealed());
  BOOST_CHECK_EQUAL(joined(m.on_exit(audit_exited(0))), "over no_response again");
}

BOOST_AUTO_TEST_CASE(bad_output_kills_the_command_once_and_names_the_cause) {
  auto m = machine(true);
  m.on_material(sealed());
  BOOST_CHECK_EQUAL(joined(m.on_stdout("not json\n")), "kill");
  BOOST_CHECK_EQUAL(joined(m.on_stdout("not json\n")), "");
  exit_info killed;
  killed.how = exit_info::end::stopped;
  BOOST_CHECK_EQUAL(joined(m.on_exit(killed)), "over bad_output again");
}

BOOST_AUTO_TEST_CASE(an_auditor_may_not_write_outputs) {
  auto m = machine(true);
  m.on_material(sealed());
  BOOST_CHECK_EQUAL(joined(m.on_stdout(R"({"type":"output","dataset":"package","row":{}})"
                                       "\n")),
                    "kill");
}

BOOST_AUTO_TEST_CASE(a_refused_verdict_is_final) {
  auto m = machine(false);
  m.on_material(sealed());
  BOOST_CHECK_EQUAL(joined(m.on_outcome(answered(outcome_status::rejected, {errc::refused, "its own work"}))),
                    "over refused final");
}

BOOST_AUTO_TEST_CASE(a_verdict_of_a_replaced_life_is_left_to_its_successor) {
  auto m = machine(false);
  m.on_material(sealed());
  BOOST_CHECK_EQUAL(joined(m.on_outcome(answered(outcome_status::rejected, {errc::stale_epoch, "replaced"}))),
                    "over stale_epoch again");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(audit_turns)

namespace {

using cadre::agent_path;
using cadre::actors::reader_turns;

const agent_path slow{"ceo.slow"}, quick{"ceo.quick"}, other{"ceo.other"};

}  // namespace

BOOST_AUTO_TEST_CASE(one_auditor_alone_leaves_a_reader_to_the_others) {
  reader_turns turns{3};
  std::vector<reader_turns::ticket> tickets;
  for (int n = 0; n < 5; ++n) tickets.push_back(turns.add(slow));
  BOOST_TEST((turns.next() == tickets[0]));
  BOOST_TEST((turns.next() == tickets[1]));
  BOOST_TEST(!turns.next());
  const auto first = turns.add(quick);
  BOOST_TEST((turns.next() == first));
  BOOST_TEST(!turns.next());
  BOOST_TEST(turns.waiting() == 3u);
  turns.done(first);
  BOOST_TEST(!turns.next());
  turns.done(tickets[0]);
  BOOST_TEST((turns.next() == tickets[2]));
}

BOOST_AUTO_TEST_CASE(auditors_take_turns) {
  reader_turns turns{1};
  const auto a = turns.add(slow), b = turns.add(slow), c = turns.add(quick), d = turns.add(other);
  std::vector<reader_turns::ticket> order;
  while (const auto t = turns.next()) {
    order.push_back(*t);
    turns.done(*t);
  }
  BOOST_TEST((order == std::vector<reader_turns::ticket>{d, c, a, b}));
  // One who has more to ask does not ask it all before the next.
  for (const auto& who : {slow, slow, quick, quick}) turns.add(who);
  std::vector<reader_turns::ticket> again;
  while (const auto t = turns.next()) {
    again.push_back(*t - d);
    turns.done(*t);
  }
  BOOST_TEST((again == std::vector<reader_turns::ticket>{3, 1, 4, 2}));
  turns.done(a);  // Once more, which is nothing.
  BOOST_TEST(turns.waiting() == 0u);
  BOOST_TEST(!turns.next());
}

BOOST_AUTO_TEST_SUITE_END()
