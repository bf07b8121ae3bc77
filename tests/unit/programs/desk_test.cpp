#include "actors/program/desk.hpp"

#include "schemas/json.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace cadre;
using namespace cadre::actors;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

const run_id one = named_id<run_id>("one");
const run_id two = named_id<run_id>("two");

std::string short_name(const run_id& run) {
  return run == one ? "one" : run == two ? "two" : "?";
}

/// What an answer says, in short.
std::string summary(const std::string& text) {
  const auto j = json::parse(text);
  if (j.contains("error")) {
    const auto& e = j["error"];
    return e["code"].get<std::string>() + (e.contains("retry_after_ms") ? " later" : "");
  }
  if (j.contains("session")) return "attached";
  if (j.contains("detached")) return "detached";
  if (j.contains("op")) return j["op"];
  if (j.contains("status")) return std::to_string(j["seq"].get<int>()) + ' ' + j["status"].get<std::string>();
  if (!j.contains("stop")) return text;
  std::string all = "stop";
  for (const auto& s : j["stop"])
    all += ' ' + short_name(run_id{s["run"].get<std::string>()}) + ' ' + s["code"].get<std::string>();
  return all;
}

/// Calls of programs A and B, in virtual time. A program's n-th call waits at `A1`, `A2`, ...: each step says to whom
/// what was answered, and what was ordered.
struct desk_script {
  desk_script() : desk_script(2) {}
  explicit desk_script(std::size_t programs_max) : desk{options(programs_max)} {}

  static desk_options options(std::size_t programs_max) {
    desk_options o;
    o.life = 7;
    o.programs_max = programs_max;
    o.timeout = 60s;
    o.offer.heartbeat = 1s;
    o.offer.gone_after = 3s;
    return o;
  }

  std::string attach(const std::string& who) {
    const auto done = desk.on_call(attach_call{who}, who, now);
    const auto text = std::get<program_desk::answer>(done.at(0)).text;
    if (const auto j = json::parse(text); j.contains("session")) sessions[who] = j["session"];
    return note(done);
  }
  std::string call(const std::string& who, const program_call& c) { return note(desk.on_call(c, who, now)); }
  std::string claim(const std::string& who, std::int64_t seq, std::chrono::milliseconds wait = 30s) {
    return call(who, claim_call{sessions[who], seq, wait});
  }
  std::string report(const std::string& who, std::int64_t seq, const run_id& run = one) {
    return call(who, report_call{sessions[who], run, seq, "lines"});
  }
  std::string beat(const std::string& who, std::vector<run_id> runs) {
    return call(who, heartbeat_call{sessions[who], std::move(runs)});
  }
  std::string detach(const std::string& who) { return call(who, detach_call{sessions[who]}); }
  std::string grant(const run_id& run) { return note(desk.on_grant(run, now)); }
  std::string durable(const run_id& run = one) { return note(desk.on_durable(run, now)); }
  std::string over(errc code = errc::none, const run_id& run = one) {
    return note(desk.on_over(run, code == errc::none ? failure{} : failure{code, "why"}, now));
  }
  std::string refuse(errc code) { return note(desk.on_refused(one, {code, "why"}, now)); }
  std::string after(std::chrono::milliseconds time) {
    now += time;
    return note(desk.on_time(now));
  }

  /// A run in A's hands.
  void working() {
    attach("A");
    claim("A", 1);
    BOOST_TEST(grant(one) == "A gets one");
  }

  std::string note(const program_desk::actions& actions) {
    std::string all;
    for (const auto& action : actions) {
      if (!all.empty()) all += "; ";
      if (const auto* a = std::get_if<program_desk::answer>(&action)) {
        all += a->to + ": " + summary(a->text);
        last = a->text;
      } else if (const auto* h = std::get_if<program_desk::hand_out>(&action)) {
        all += h->to + " gets " + short_name(h->run);
      } else if (const auto* t = std::get_if<program_desk::take_lines>(&action)) {
        all += short_name(t->run) + " takes " + t->lines;
      } else {
        const auto& g = std::get<program_desk::give_up>(action);
        all += short_name(g.run) + " is " + std::string{to_text(g.why.code)};
      }
    }
    return all;
  }

  program_desk desk;
  program_desk::moment now{};
  std::map<std::string, std::string> sessions;
  std::string last;
};

BOOST_FIXTURE_TEST_SUITE(program_desk_rules, desk_script)

BOOST_AUTO_TEST_CASE(a_run_goes_from_claim_to_its_end) {
  BOOST_TEST(attach("A") == "A: attached");
  const auto told = json::parse(last);
  BOOST_TEST(told["heartbeat_ms"] == 1000);
  BOOST_TEST(told["gone_after_ms"] == 3000);
  BOOST_TEST(told["session"].get<std::string>().starts_with("7."));
  BOOST_TEST(desk.wanted() == 0u);
  BOOST_TEST(claim("A", 1) == "");
  BOOST_TEST(desk.wanted() == 1u);
  BOOST_TEST(grant(one) == "A gets one");
  BOOST_TEST(desk.wanted() == 0u);
  BOOST_TEST(report("A", 1) == "one takes lines");
  BOOST_TEST(durable() == "A: 1 active");
  BOOST_TEST(report("A", 2) == "one takes lines");
  BOOST_TEST(over() == "A: 2 complete");
  BOOST_TEST(claim("A", 2) == "");
}

BOOST_AUTO_TEST_CASE(who_waits_longest_is_first) {
  attach("A");
  attach("B");
  claim("B", 1);
  now += 1ms;
  claim("A", 1);
  BOOST_TEST(grant(one) == "B gets one");
  BOOST_TEST(grant(two) == "A gets two");
}

BOOST_AUTO_TEST_CASE(a_grant_without_a_claim_waits_for_one) {
  attach("A");
  BOOST_TEST(grant(one) == "");
  BOOST_TEST(desk.wanted() == 0u);
  now += 1ms;
  grant(two);
  BOOST_TEST(claim("A", 1) == "A gets one");
  BOOST_TEST(claim("A", 2) == "A gets two");
}

BOOST_AUTO_TEST_CASE(a_grant_that_nobody_claims_is_handed_back) {
  grant(one);
  BOOST_TEST(after(2999ms) == "");
  BOOST_TEST(after(1ms) == "one is cancelled");
  attach("A");
  BOOST_TEST(claim("A", 1) == "", "it is on its way out");
  BOOST_TEST(over(errc::cancelled) == "");
}

BOOST_AUTO_TEST_CASE(a_claim_is_answered_when_its_time_is_over) {
  attach("A");
  claim("A", 1, 2s);
  BOOST_TEST(after(1999ms) == "");
  BOOST_TEST(after(1ms) == "A: none");
  BOOST_TEST(after(1ms) == "");
  BOOST_TEST(desk.wanted() == 0u);
}

BOOST_AUTO_TEST_CASE(a_repeated_claim_gets_the_same_run) {
  working();
  BOOST_TEST(claim("A", 1) == "A gets one");
  BOOST_TEST(claim("A", 2) == "", "another claim, another run");
  BOOST_TEST(claim("A", 3) == "A: none", "the one before has ended; this one waits");
  BOOST_TEST(claim("A", 2) == "A: none", "of the past");
  BOOST_TEST(desk.wanted() == 1u);
}

BOOST_AUTO_TEST_CASE(a_repeated_report_is_taken_once) {
  working();
  report("A", 1);
  BOOST_TEST(report("A", 1) == "", "waits with the first");
  BOOST_TEST(durable() == "A: 1 active; A: 1 active");
  BOOST_TEST(report("A", 1) == "A: 1 active");
  report("A", 2);
  over();
  BOOST_TEST(report("A", 2) == "A: 2 complete");
  BOOST_TEST(report("A", 3) == "A: stale_run");
}

BOOST_AUTO_TEST_CASE(repeats_that_wait_are_bounded) {
  working();
  for (int n = 0; n < 10; ++n) report("A", 1);
  BOOST_TEST(durable() == "A: 1 active; A: 1 active; A: 1 active; A: 1 active");
}

BOOST_AUTO_TEST_CASE(reports_come_in_order_and_one_at_a_time) {
  working();
  BOOST_TEST(report("A", 2) == "A: bad_sequence");
  BOOST_TEST(report("A", 1) == "one takes lines");
  BOOST_TEST(report("A", 2) == "A: busy later");
  BOOST_TEST(report("A", 3) == "A: bad_sequence");
  BOOST_TEST(durable() == "A: 1 active");
  BOOST_TEST(report("A", 2) == "one takes lines");
}

BOOST_AUTO_TEST_CASE(refused_lines_leave_their_number_free) {
  working();
  report("A", 1);
  BOOST_TEST(refuse(errc::bad_output) == "A: bad_output");
  BOOST_TEST(durable() == "");
  BOOST_TEST(report("A", 1) == "one takes lines");
  BOOST_TEST(durable() == "A: 1 active");
}

BOOST_AUTO_TEST_CASE(who_is_silent_loses_his_runs) {
  working();
  attach("B");
  claim("B", 1, 30s);
  BOOST_TEST(after(2s) == "");
  beat("B", {});
  BOOST_TEST(after(1s) == "one is worker_gone");
  BOOST_TEST(report("A", 1) == "A: stale_run", "too late, also while its end is on the way");
  BOOST_TEST(over(errc::worker_gone) == "");
  BOOST_TEST(report("A", 1) == "A: stale_run");
  BOOST_TEST(claim("A", 2) == "A: unknown_session");
  BOOST_TEST(grant(two) == "B gets two");
}

BOOST_AUTO_TEST_CASE(heartbeats_keep_a_run_as_long_as_they_name_it) {
  working();
  for (int n = 0; n < 5; ++n) {
    BOOST_TEST(after(2s) == "");
    BOOST_TEST(beat("A", {one}) == "A: stop");
  }
  after(1s);
  beat("A", {});
  after(1s);
  beat("A", {});
  BOOST_TEST(after(1s) == "one is worker_gone", "its program lives and has forgotten it");
  BOOST_TEST(beat("A", {one}) == "A: stop one stale_run");
}

BOOST_AUTO_TEST_CASE(whoever_waits_for_our_answer_is_not_silent) {
  working();
  report("A", 1);
  BOOST_TEST(after(100s) == "", "the database is away");
  BOOST_TEST(durable() == "A: 1 active");
  BOOST_TEST(after(2s) == "one is timed_out", "the time of the run is over all the same");
}

BOOST_AUTO_TEST_CASE(a_run_has_its_time) {
  working();
  for (int n = 0; n < 59; ++n) {
    BOOST_TEST(after(1s) == "");
    beat("A", {one});
  }
  BOOST_TEST(after(1s) == "one is timed_out");
  over(errc::timed_out);
  BOOST_TEST(beat("A", {one}) == "A: stop one timed_out");
  BOOST_TEST(report("A", 1) == "A: timed_out");
}

BOOST_AUTO_TEST_CASE(a_cancelled_run_is_told) {
  working();
  report("A", 1);
  BOOST_TEST(over(errc::cancelled) == "A: cancelled");
  BOOST_TEST(beat("A", {one, two}) == "A: stop one cancelled two stale_run");
  BOOST_TEST(report("A", 1) == "A: cancelled", "it was not taken");
}

BOOST_AUTO_TEST_CASE(a_failure_that_the_program_said_is_a_good_report) {
  working();
  report("A", 1);
  BOOST_TEST(over(errc::worker_failed) == "A: 1 failed");
  BOOST_TEST(report("A", 1) == "A: 1 failed");
}

BOOST_AUTO_TEST_CASE(what_is_complete_is_not_stopped) {
  working();
  report("A", 1);
  over();
  BOOST_TEST(beat("A", {one}) == "A: stop");
}

BOOST_AUTO_TEST_CASE(who_detaches_gives_his_runs_back) {
  working();
  claim("A", 2);
  BOOST_TEST(detach("A") == "A: unknown_session; one is worker_gone; A: detached");
  BOOST_TEST(detach("A") == "A: detached");
  BOOST_TEST(desk.wanted() == 0u);
}

BOOST_AUTO_TEST_CASE(nobody_touches_the_run_of_another) {
  working();
  attach("B");
  BOOST_TEST(report("B", 1) == "B: stale_run");
  BOOST_TEST(beat("B", {one}) == "B: stop one stale_run");
  BOOST_TEST(after(2999ms) == "");
  BOOST_TEST(report("A", 1) == "one takes lines");
}

BOOST_AUTO_TEST_CASE(programs_are_bounded) {
  attach("A");
  attach("B");
  BOOST_TEST(attach("C") == "C: busy later");
  detach("A");
  BOOST_TEST(attach("C") == "C: attached");
}

BOOST_AUTO_TEST_CASE(a_session_of_another_life_is_answered_by_that_life_alone) {
  sessions["old"] = "6.x";
  sessions["new"] = "8.x";
  sessions["odd"] = "nonsense";
  BOOST_TEST(claim("old", 1) == "old: unknown_session");
  BOOST_TEST(claim("odd", 1) == "odd: unknown_session");
  BOOST_TEST(claim("new", 1) == "");
  BOOST_TEST(beat("new", {one}) == "");
}

BOOST_AUTO_TEST_CASE(an_agent_that_closes_answers_every_claim) {
  working();
  claim("A", 2);
  BOOST_TEST(note(desk.close()) == "A: unknown_session");
  BOOST_TEST(desk.wanted() == 0u);
  BOOST_TEST(report("A", 1) == "one takes lines", "what it works on may still end well");
}

BOOST_AUTO_TEST_CASE(it_says_when_it_has_to_look) {
  BOOST_TEST(!desk.next_due().has_value());
  attach("A");
  BOOST_TEST((*desk.next_due() == now + 3s));
  claim("A", 1, 500ms);
  BOOST_TEST((*desk.next_due() == now + 500ms));
  // Looking whenever it says so makes time pass: it never asks for the same moment again.
  grant(one);
  for (int n = 0; n < 10 && desk.next_due(); ++n) {
    BOOST_TEST((*desk.next_due() > now));
    now = *desk.next_due();
    note(desk.on_time(now));
  }
  BOOST_TEST(!desk.next_due().has_value());
}

BOOST_AUTO_TEST_SUITE_END()

std::string refusal(std::string_view verb, std::string_view body) {
  const auto call = read_call(verb, body);
  return call ? "taken" : call.error().code;
}

BOOST_AUTO_TEST_SUITE(program_calls)

BOOST_AUTO_TEST_CASE(what_is_malformed_is_refused) {
  BOOST_TEST(refusal("dance", "{}") == "unknown_kind");
  for (const auto* verb : {"attach", "claim", "report", "heartbeat", "detach"})
    for (const auto* body : {"", "[]", "{", "7", "{}", "{\"session\":7}", "{\"session\":\"\"}"})
      BOOST_TEST(refusal(verb, body) == "bad_message", verb << body);
  BOOST_TEST(refusal("attach", R"({"name":"a","protocol":1})") == "taken");
  BOOST_TEST(refusal("attach", R"({"name":"a","protocol":2})") == "bad_value");
  BOOST_TEST(refusal("claim", R"({"session":"s","seq":0})") == "bad_message");
  BOOST_TEST(refusal("claim", R"({"session":"s","seq":18446744073709551615})") == "bad_message");
  BOOST_TEST(refusal("claim", R"({"session":"s","seq":1.5})") == "bad_message");
  BOOST_TEST(refusal("claim", R"({"session":"s","seq":1,"wait_ms":-1})") == "bad_message");
  const auto report = [](const std::string& run, const std::string& lines) {
    return refusal("report", R"({"session":"s","seq":1,"run":")" + run + R"(","lines":)" + lines + "}");
  };
  BOOST_TEST(report(one.text, R"([{"type":"x"},"{}"])") == "taken");
  BOOST_TEST(report("one", "[{}]") == "bad_message");
  BOOST_TEST(report(one.text, "[]") == "bad_message");
  BOOST_TEST(report(one.text, R"(["a\nb"])") == "bad_message");
  std::string many = "[{}";
  for (std::size_t n = 1; n < report_lines_max; ++n) many += ",{}";
  BOOST_TEST(report(one.text, many + "]") == "taken");
  BOOST_TEST(report(one.text, many + ",{}]") == "too_large");
}

BOOST_AUTO_TEST_CASE(lines_come_as_objects_or_texts) {
  const auto call = read_call("report", R"({"session":"s","seq":3,"run":")" + one.text +
                                            R"(","lines":[{"type":"metric","value":1},"not json"]})");
  BOOST_REQUIRE(call.has_value());
  const auto& report = std::get<report_call>(*call);
  BOOST_TEST(report.lines == "{\"type\":\"metric\",\"value\":1}\nnot json\n");
  BOOST_TEST(report.seq == 3);
}

BOOST_AUTO_TEST_CASE(a_wait_is_kept_within_bounds) {
  const auto wait = [](const std::string& ms) {
    return std::get<claim_call>(*read_call("claim", R"({"session":"s","seq":1,"wait_ms":)" + ms + "}")).wait;
  };
  BOOST_TEST((wait("0") == claim_wait_min));
  BOOST_TEST((wait("1234") == 1234ms));
  BOOST_TEST((wait("9223372036854775807") == claim_wait_max));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
