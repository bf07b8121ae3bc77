#include "actors/agent/run_machine.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <string>

using namespace cadre;
using namespace cadre::actors;

namespace {

constexpr std::string_view end_line =
    R"({"type":"response","agent":"ceo.a","metrics":{"n":1},"recommendations":["rest"]})"
    "\n";

std::string journal_line_of(const std::string& text) {
  return R"({"type":"journal","text":")" + text + "\"}\n";
}

run_grant grant() {
  run_grant g;
  g.run = named_id<run_id>("run");
  g.task = named_id<task_id>("task");
  g.attempt = 1;
  g.agent = {"ceo.a"};
  g.incarnation = 7;
  return g;
}

config::agent agent() {
  config::agent a;
  a.path = {"ceo.a"};
  a.run.how = config::run_spec::mode::command;
  a.outputs.push_back({"package", {"name"}, output_mode::replace});
  return a;
}

exit_info exited(int code, const std::string& stderr_tail = {}) {
  exit_info e;
  e.code = code;
  e.stderr_tail = stderr_tail;
  return e;
}

exit_info stopped() {
  exit_info e;
  e.how = exit_info::end::stopped;
  return e;
}

std::string describe(const command_body& body) {
  if (const auto* j = std::get_if<journal_add>(&body)) return "journal " + std::to_string(j->line) + ' ' + j->text;
  if (const auto* p = std::get_if<run_progress>(&body)) return "progress " + p->progress.text;
  if (const auto* o = std::get_if<output_add>(&body))
    return o->dataset + ' ' + std::to_string(o->first_row) + '+' + std::to_string(o->rows.size());
  if (const auto* t = std::get_if<task_add>(&body)) return "task " + t->mode;
  if (const auto* c = std::get_if<run_complete>(&body))
    return "complete " + c->metrics.text + ' ' + c->alerts.text + ' ' + c->recommendations.text;
  if (const auto* f = std::get_if<run_fail>(&body))
    return "fail " + std::string{to_text(f->error.code)} + (f->retryable ? " again" : " final");
  if (const auto* d = std::get_if<escalation_decide>(&body)) return "decide " + std::string{to_text(d->action)};
  return "something else";
}

/// A run whose commands are numbered in the order in which they were first sent.
struct run_script {
  run_script() : machine{grant(), agent()} {}
  explicit run_script(const config::agent& a) : machine{grant(), a} {}
  explicit run_script(const run_grant& g) : machine{g, agent()} {}

  std::string out(std::string_view bytes) { return note(machine.on_stdout(bytes)); }
  std::string exit(const exit_info& e) { return note(machine.on_exit(e)); }
  std::string revoke() { return note(machine.on_revoked("cancelled by mario")); }
  std::string stop() { return note(machine.on_stop("the node drains")); }
  std::string outcome_of(std::size_t n, outcome_status status, failure error = {}) {
    outcome o;
    o.command = sent.at(n).id;
    o.status = status;
    o.error = std::move(error);
    return note(machine.on_outcome(o));
  }
  std::string commit(std::size_t n) { return outcome_of(n, outcome_status::committed); }
  std::string reject(std::size_t n, errc code) { return outcome_of(n, outcome_status::rejected, {code, "why"}); }
  /// Commits what was sent and not yet committed by this call.
  std::string commit_all() {
    std::string all;
    while (durable < sent.size()) {
      const auto one = commit(durable++);
      if (!one.empty()) all += (all.empty() ? "" : "; ") + one;
    }
    return all;
  }

  template <class Body>
  const Body& body(std::size_t n) const {
    return std::get<Body>(sent.at(n).body);
  }

  std::string note(const run_machine::actions& actions) {
    std::string all;
    for (const auto& action : actions) {
      if (!all.empty()) all += "; ";
      if (const auto* send = std::get_if<run_machine::send_command>(&action)) {
        if (!send->again) sent.push_back(send->what);
        all += (send->again ? "again " : "") + describe(send->what.body);
        last = send->what;
      } else if (std::holds_alternative<run_machine::kill_process>(action)) {
        all += "kill";
      } else if (std::holds_alternative<run_machine::pause_process>(action)) {
        all += "pause";
      } else if (std::holds_alternative<run_machine::resume_process>(action)) {
        all += "resume";
      } else {
        const auto& over = std::get<run_machine::run_over>(action);
        all += "over";
        if (over.error.code != errc::none) all += ' ' + std::string{to_text(over.error.code)};
        if (over.superseded) all += " superseded";
      }
    }
    return all;
  }

  run_machine machine;
  std::vector<command> sent;
  command last;
  std::size_t durable = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(run_machine_lines)

BOOST_AUTO_TEST_CASE(each_line_becomes_a_command_as_it_arrives) {
  run_script s;
  BOOST_CHECK_EQUAL(s.out(journal_line_of("one") +
                          R"({"type":"metric","name":"m","value":2})"
                          "\n" +
                          R"({"type":"output","dataset":"package","rows":[{"name":"a"},{"name":"b"}]})"
                          "\n"),
                    "journal 1 one; package 0+2");
  BOOST_CHECK_EQUAL(s.out(R"({"type":"task","mode":"mail","payload":{"x":1}})"
                          "\n"
                          R"({"type":"progress","done":3})"
                          "\n"),
                    "task mail; progress {\"done\":3}");
  BOOST_CHECK_EQUAL(s.sent.size(), 4u);
  for (const auto& c : s.sent) {
    BOOST_CHECK(is_uuid(c.id.text));
    BOOST_CHECK_EQUAL(c.from, "ceo.a");
    BOOST_CHECK_EQUAL(c.incarnation, 7u);
  }
  BOOST_CHECK_EQUAL(s.body<journal_add>(0).run.text, grant().run.text);
  BOOST_CHECK_EQUAL(s.body<journal_add>(0).agent.text, "ceo.a");
}

BOOST_AUTO_TEST_CASE(an_investigation_s_decision_is_durable_before_the_run_ends) {
  auto looks = grant();
  looks.op = "investigate";
  run_script s{looks};
  BOOST_CHECK_EQUAL(s.out(R"({"type":"decision","action":"snooze","for":"2h","note":"later"})"
                          "\n"),
                    "decide snooze");
  BOOST_CHECK_EQUAL(s.body<escalation_decide>(0).run.text, looks.run.text);
  BOOST_CHECK_EQUAL(s.body<escalation_decide>(0).for_ms, 7'200'000);
  BOOST_CHECK_EQUAL(s.body<escalation_decide>(0).note, "later");
  s.out(end_line);
  BOOST_CHECK_EQUAL(s.exit(exited(0)), "");
  BOOST_CHECK_EQUAL(s.outcome_of(0, outcome_status::committed), R"(complete {"n":1} [] ["rest"])");
  run_script ordinary;
  BOOST_CHECK_EQUAL(ordinary.out(R"({"type":"decision","action":"resolve"})"
                                 "\n"),
                    "kill");
}

BOOST_AUTO_TEST_CASE(ids_come_from_run_and_line_so_that_a_repeat_is_the_same) {
  const std::string lines = R"({"type":"task","mode":"a"})"
                            "\n"
                            R"({"type":"task","mode":"b"})"
                            "\n"
                            R"({"type":"output","dataset":"package","row":{}})"
                            "\n";
  run_script s, again;
  s.out(lines);
  for (const char c : lines) again.out({&c, 1});
  BOOST_REQUIRE_EQUAL(s.sent.size(), 3u);
  BOOST_REQUIRE_EQUAL(again.sent.size(), 3u);
  BOOST_CHECK_EQUAL(s.body<task_add>(0).id.text, again.body<task_add>(0).id.text);
  BOOST_CHECK_EQUAL(s.body<output_add>(2).output.text, again.body<output_add>(2).output.text);
  BOOST_CHECK_NE(s.body<task_add>(0).id.text, s.body<task_add>(1).id.text);
  BOOST_CHECK(is_uuid(s.body<task_add>(0).id.text));
  // What comes of it may be a matter of what this run is about.
  BOOST_CHECK_EQUAL(s.body<task_add>(1).run.text, grant().run.text);
}

BOOST_AUTO_TEST_CASE(an_id_that_the_agent_chose_stays) {
  run_script s;
  s.out(R"({"type":"task","mode":"a","id":"0190a6a0-0000-7000-8000-000000000001"})"
        "\n");
  BOOST_CHECK_EQUAL(s.body<task_add>(0).id.text, "0190a6a0-0000-7000-8000-000000000001");
}

BOOST_AUTO_TEST_CASE(many_rows_are_split_without_a_gap) {
  auto a = agent();
  a.outputs.push_back({"other", {"name"}, output_mode::replace});
  run_script s{a};
  std::string rows;
  for (int i = 0; i < 2'500; ++i) rows += (i ? "," : "") + std::string{R"({"n":)"} + std::to_string(i) + "}";
  const auto line = R"({"type":"output","dataset":"package","rows":[)" + rows + "]}\n";
  BOOST_CHECK_EQUAL(s.out(line), "package 0+1000; package 1000+1000; package 2000+500");
  BOOST_CHECK_EQUAL(s.out(R"({"type":"output","dataset":"other","row":{}})"
                          "\n"),
                    "other 0+1");
  BOOST_CHECK_EQUAL(s.out(R"({"type":"output","dataset":"package","row":{}})"
                          "\n"),
                    "package 2500+1");
  BOOST_CHECK_EQUAL(s.body<output_add>(1).rows.front().text, R"({"n":1000})");
  BOOST_CHECK_EQUAL(s.body<output_add>(2).rows.back().text, R"({"n":2499})");
  BOOST_CHECK_EQUAL(s.body<output_add>(0).output.text, s.body<output_add>(4).output.text);
  BOOST_CHECK_NE(s.body<output_add>(0).output.text, s.body<output_add>(3).output.text);
}

BOOST_AUTO_TEST_CASE(large_rows_are_split_by_bytes) {
  run_script s;
  const std::string row = R"({"x":")" + std::string(120'000, 'x') + "\"}";
  s.out(R"({"type":"output","dataset":"package","rows":[)" + row + "," + row + "," + row + "," + row + "]}\n");
  std::int64_t next = 0;
  for (std::size_t i = 0; i < s.sent.size(); ++i) {
    const auto& add = s.body<output_add>(i);
    BOOST_CHECK_EQUAL(add.first_row, next);
    next += static_cast<std::int64_t>(add.rows.size());
    std::size_t bytes = 0;
    for (const auto& r : add.rows) bytes += r.text.size();
    // The bound of a batch, which no single command may pass.
    BOOST_CHECK_LT(bytes, 768u << 10);
  }
  BOOST_CHECK_EQUAL(next, 4);
}

BOOST_AUTO_TEST_CASE(an_output_without_rows_is_still_an_output) {
  run_script s;
  BOOST_CHECK_EQUAL(s.out(R"({"type":"output","dataset":"package","rows":[]})"
                          "\n"),
                    "package 0+0");
}

BOOST_AUTO_TEST_CASE(only_one_progress_is_on_its_way) {
  const std::string line = R"({"type":"progress","done":1})"
                           "\n";
  run_script s;
  BOOST_CHECK_EQUAL(s.out(line + line + line), "progress {\"done\":1}");
  BOOST_CHECK_EQUAL(s.out(line), "");
  BOOST_CHECK_EQUAL(s.commit(0), "");
  BOOST_CHECK_EQUAL(s.out(line), "progress {\"done\":1}");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(run_machine_ends)

BOOST_AUTO_TEST_CASE(the_run_is_complete_only_after_all_else_is_durable) {
  run_script s;
  s.out(journal_line_of("one") + journal_line_of("two"));
  s.out(end_line);
  BOOST_CHECK_EQUAL(s.exit(exited(0)), "");
  BOOST_CHECK_EQUAL(s.commit(1), "");
  BOOST_CHECK_EQUAL(s.outcome_of(0, outcome_status::in_doubt), "again journal 1 one");
  BOOST_CHECK_EQUAL(s.commit(0), "complete {\"n\":1} [] [\"rest\"]");
  BOOST_CHECK_EQUAL(s.commit(2), "over");
  // Late repeats change nothing.
  BOOST_CHECK_EQUAL(s.commit(2), "");
  BOOST_CHECK_EQUAL(s.exit(exited(0)), "");
  BOOST_CHECK_EQUAL(s.revoke(), "");
  BOOST_CHECK_EQUAL(s.stop(), "");
  BOOST_CHECK_EQUAL(s.out(journal_line_of("late")), "");
}

BOOST_AUTO_TEST_CASE(a_process_that_fails_fails_the_run_with_its_stderr) {
  run_script s;
  s.out(journal_line_of("one"));
  BOOST_CHECK_EQUAL(s.exit(exited(3, "Traceback")), "fail exit_code again");
  BOOST_CHECK_EQUAL(s.body<run_fail>(1).stderr_tail, "Traceback");
  BOOST_CHECK_EQUAL(s.body<run_fail>(1).run.text, grant().run.text);
  BOOST_CHECK_EQUAL(s.commit(0), "");
  BOOST_CHECK_EQUAL(s.commit(1), "over exit_code");
}

BOOST_AUTO_TEST_CASE(the_tasks_that_a_run_added_are_there_before_it_fails) {
  const std::string line = R"({"type":"task","mode":"mail"})"
                           "\n";
  run_script s;
  s.out(journal_line_of("one") + line + line);
  BOOST_CHECK_EQUAL(s.exit(exited(3)), "");
  BOOST_CHECK_EQUAL(s.commit(2), "");
  BOOST_CHECK_EQUAL(s.outcome_of(1, outcome_status::busy), "again task mail");
  BOOST_CHECK_EQUAL(s.commit(1), "fail exit_code again");
  BOOST_CHECK_EQUAL(s.commit(0), "");
  BOOST_CHECK_EQUAL(s.commit(3), "over exit_code");
  run_script refused;
  refused.out(line);
  BOOST_CHECK_EQUAL(refused.exit(exited(3)), "");
  BOOST_CHECK_EQUAL(refused.reject(0, errc::refused), "fail exit_code again");
  run_script revoked;
  revoked.out(line);
  BOOST_CHECK_EQUAL(revoked.exit(exited(3)), "");
  BOOST_CHECK_EQUAL(revoked.revoke(), "over exit_code superseded");
}

BOOST_AUTO_TEST_CASE(what_a_repeat_would_not_heal_is_not_retried) {
  run_script s;
  exit_info none;
  none.how = exit_info::end::not_started;
  none.start_error = {errc::command_not_found, "no such program"};
  BOOST_CHECK_EQUAL(s.exit(none), "fail command_not_found final");
}

BOOST_AUTO_TEST_CASE(bad_output_kills_and_stays_the_cause) {
  run_script s;
  BOOST_CHECK_EQUAL(s.out(journal_line_of("one") + "garbage\n" + journal_line_of("two")), "journal 1 one; kill");
  BOOST_CHECK_EQUAL(s.out(journal_line_of("three")), "");
  BOOST_CHECK_EQUAL(s.exit(stopped()), "fail bad_output again");
  BOOST_CHECK(s.body<run_fail>(1).error.message.starts_with("line 2:"));
  BOOST_CHECK_EQUAL(s.commit_all(), "over bad_output");
}

BOOST_AUTO_TEST_CASE(too_much_output_kills) {
  auto a = agent();
  a.run.output_bytes_max = 100;
  run_script s{a};
  BOOST_CHECK_EQUAL(s.out(journal_line_of(std::string(200, 'x'))), "kill");
  BOOST_CHECK_EQUAL(s.exit(stopped()), "fail too_large final");
}

BOOST_AUTO_TEST_CASE(rejected_output_fails_the_run_with_the_writers_reason) {
  run_script s;
  s.out(R"({"type":"output","dataset":"package","row":{}})"
        "\n");
  s.out(journal_line_of("one"));
  BOOST_CHECK_EQUAL(s.reject(0, errc::bad_value), "kill");
  BOOST_CHECK_EQUAL(s.reject(1, errc::storage), "");
  BOOST_CHECK_EQUAL(s.exit(stopped()), "fail bad_value final");
  BOOST_CHECK_EQUAL(s.commit(2), "over bad_value");
}

BOOST_AUTO_TEST_CASE(output_rejected_after_the_process_ended_fails_the_run) {
  run_script s;
  s.out(journal_line_of("one"));
  s.out(end_line);
  BOOST_CHECK_EQUAL(s.exit(exited(0)), "");
  BOOST_CHECK_EQUAL(s.reject(0, errc::storage), "fail storage again");
  BOOST_CHECK_EQUAL(s.commit(1), "over storage");
}

BOOST_AUTO_TEST_CASE(a_refused_completion_becomes_a_failure) {
  run_script s;
  s.out(end_line);
  BOOST_CHECK_EQUAL(s.exit(exited(0)), "complete {\"n\":1} [] [\"rest\"]");
  BOOST_CHECK_EQUAL(s.reject(0, errc::refused), "fail refused final");
  BOOST_CHECK_EQUAL(s.commit(1), "over refused");
}

BOOST_AUTO_TEST_CASE(a_refused_failure_ends_the_run_all_the_same) {
  run_script s;
  s.exit(exited(1));
  BOOST_CHECK_EQUAL(s.reject(0, errc::not_found), "over exit_code");
  BOOST_CHECK_EQUAL(s.sent.size(), 1u);
}

BOOST_AUTO_TEST_CASE(a_repeat_is_the_same_command) {
  for (const auto status : {outcome_status::busy, outcome_status::in_doubt}) {
    run_script s;
    s.out(journal_line_of("one"));
    BOOST_CHECK_EQUAL(s.outcome_of(0, status), "again journal 1 one");
    BOOST_CHECK_EQUAL(s.last.id.text, s.sent[0].id.text);
    BOOST_CHECK_EQUAL(s.outcome_of(0, status), "again journal 1 one");
    BOOST_CHECK_EQUAL(s.commit(0), "");
    BOOST_CHECK_EQUAL(s.outcome_of(0, status), "");
  }
}

BOOST_AUTO_TEST_CASE(the_last_command_is_repeated_too) {
  run_script s;
  s.exit(exited(1));
  BOOST_CHECK_EQUAL(s.outcome_of(0, outcome_status::in_doubt), "again fail exit_code again");
  BOOST_CHECK_EQUAL(s.commit(0), "over exit_code");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(run_machine_replaced)

BOOST_AUTO_TEST_CASE(a_stale_attempt_or_epoch_ends_in_silence) {
  for (const auto code : {errc::stale_attempt, errc::stale_epoch}) {
    run_script s;
    s.out(journal_line_of("one") + journal_line_of("two"));
    BOOST_CHECK_EQUAL(s.reject(0, code), "kill");
    BOOST_CHECK_EQUAL(s.reject(1, code), "");
    BOOST_CHECK_EQUAL(s.exit(stopped()), "over " + std::string{to_text(code)} + " superseded");
    BOOST_CHECK_EQUAL(s.sent.size(), 2u);
  }
}

BOOST_AUTO_TEST_CASE(a_completion_that_comes_too_late_ends_in_silence) {
  run_script s;
  s.out(end_line);
  s.exit(exited(0));
  BOOST_CHECK_EQUAL(s.reject(0, errc::stale_attempt), "over stale_attempt superseded");
}

BOOST_AUTO_TEST_CASE(a_failure_that_comes_too_late_ends_in_silence) {
  run_script s;
  s.exit(exited(1));
  BOOST_CHECK_EQUAL(s.reject(0, errc::stale_attempt), "over exit_code superseded");
}

BOOST_AUTO_TEST_CASE(a_revoked_run_is_killed_and_says_nothing) {
  run_script s;
  s.out(journal_line_of("one"));
  BOOST_CHECK_EQUAL(s.revoke(), "kill");
  BOOST_CHECK_EQUAL(s.revoke(), "");
  BOOST_CHECK_EQUAL(s.out(journal_line_of("two")), "");
  BOOST_CHECK_EQUAL(s.exit(stopped()), "over cancelled superseded");
  BOOST_CHECK_EQUAL(s.commit(0), "");
  BOOST_CHECK_EQUAL(s.sent.size(), 1u);
}

BOOST_AUTO_TEST_CASE(a_run_revoked_after_its_process_ended_says_nothing_more) {
  run_script s;
  s.out(journal_line_of("one"));
  s.out(end_line);
  s.exit(exited(0));
  BOOST_CHECK_EQUAL(s.revoke(), "over cancelled superseded");
  BOOST_CHECK_EQUAL(s.commit(0), "");
}

BOOST_AUTO_TEST_CASE(a_stopped_agent_hands_its_task_back) {
  run_script s;
  s.out(journal_line_of("one"));
  BOOST_CHECK_EQUAL(s.stop(), "kill");
  BOOST_CHECK_EQUAL(s.stop(), "");
  BOOST_CHECK_EQUAL(s.exit(stopped()), "fail cancelled again");
  BOOST_CHECK_EQUAL(s.body<run_fail>(1).error.message, "the node drains");
  BOOST_CHECK_EQUAL(s.commit_all(), "over cancelled");
}

BOOST_AUTO_TEST_CASE(a_stop_after_the_last_command_waits_for_its_answer) {
  run_script s;
  s.out(end_line);
  s.exit(exited(0));
  BOOST_CHECK_EQUAL(s.stop(), "");
  BOOST_CHECK_EQUAL(s.commit(0), "over");
}

BOOST_AUTO_TEST_CASE(the_first_cause_outlives_a_stop) {
  run_script s;
  s.out(journal_line_of("one"));
  s.reject(0, errc::storage);
  BOOST_CHECK_EQUAL(s.stop(), "");
  BOOST_CHECK_EQUAL(s.exit(stopped()), "fail storage again");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(run_machine_flow)

BOOST_AUTO_TEST_CASE(a_fast_writer_waits_until_its_output_is_durable) {
  run_script s;
  const auto line = journal_line_of(std::string(500'000, 'x'));
  for (int i = 0; i < 8; ++i) BOOST_CHECK(s.out(line).find("pause") == std::string::npos);
  BOOST_CHECK(s.out(line).ends_with("; pause"));
  // It is told once; what was read before it took effect still counts.
  BOOST_CHECK(s.out(line).find("pause") == std::string::npos);
  for (std::size_t n = 0; n < 7; ++n) BOOST_CHECK_EQUAL(s.commit(n), "");
  BOOST_CHECK_EQUAL(s.commit(7), "resume");
  BOOST_CHECK_EQUAL(s.commit(8), "");
  BOOST_CHECK_EQUAL(s.commit(9), "");
}

BOOST_AUTO_TEST_CASE(many_small_lines_count_as_well) {
  run_script s;
  std::string all;
  std::size_t lines = 0;
  for (; lines < 200'000 && all.find("pause") == std::string::npos; ++lines) all = s.out(journal_line_of(""));
  // Fewer than what makes the node's command queue busy.
  BOOST_CHECK_LT(lines, 20'000u);
}

BOOST_AUTO_TEST_CASE(a_paused_process_can_still_be_stopped) {
  run_script s;
  const auto line = journal_line_of(std::string(500'000, 'x'));
  for (int i = 0; i < 9; ++i) s.out(line);
  BOOST_CHECK_EQUAL(s.stop(), "kill");
  BOOST_CHECK_EQUAL(s.exit(stopped()), "fail cancelled again");
  BOOST_CHECK_EQUAL(s.commit_all(), "resume; over cancelled");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(run_machine_attached)

struct attached_script : run_script {
  attached_script()
      : run_script{[] {
          auto a = agent();
          a.run.how = config::run_spec::mode::bus;
          return a;
        }()} {}

  std::string report(const std::string& lines) {
    const auto taken = machine.on_report(lines);
    return taken ? note(*taken) : std::string{to_text(taken.error().code)};
  }
  std::string gone() { return note(machine.on_gone({errc::worker_gone, "silent"})); }
};

BOOST_AUTO_TEST_CASE(reports_are_taken_whole_or_not_at_all) {
  attached_script s;
  BOOST_CHECK_EQUAL(s.report(journal_line_of("a") + "nonsense\n"), "bad_output");
  BOOST_CHECK(s.machine.waits_for_more());
  BOOST_CHECK_EQUAL(s.report(journal_line_of("b")), "journal 1 b");
  BOOST_CHECK(!s.machine.waits_for_more());
  s.commit(0);
  BOOST_CHECK(s.machine.waits_for_more());
  BOOST_CHECK_EQUAL(s.report(std::string{end_line}), R"(complete {"n":1} [] ["rest"])");
  BOOST_CHECK_EQUAL(s.report(journal_line_of("c")), "stale_attempt");
  BOOST_CHECK_EQUAL(s.commit(1), "over");
}

BOOST_AUTO_TEST_CASE(a_program_that_is_gone_fails_the_run_once) {
  attached_script s;
  s.report(journal_line_of("a"));
  BOOST_CHECK_EQUAL(s.gone(), "fail worker_gone again");
  BOOST_CHECK_EQUAL(s.gone(), "");
  BOOST_CHECK_EQUAL(s.report(std::string{end_line}), "stale_attempt");
  BOOST_CHECK_EQUAL(s.commit(0), "");
  BOOST_CHECK_EQUAL(s.commit(1), "over worker_gone");
}

BOOST_AUTO_TEST_CASE(who_goes_after_the_response_has_succeeded) {
  attached_script s;
  s.report(std::string{end_line});
  BOOST_CHECK_EQUAL(s.gone(), "");
  BOOST_CHECK_EQUAL(s.commit(0), "over");
}

BOOST_AUTO_TEST_SUITE_END()
