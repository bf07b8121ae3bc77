#include "actors/agent/agent_actor.hpp"
#include "schemas/json.hpp"
#include "support/temp_folder.hpp"
#include "unit/actors/agent_actor_desk.hpp"

#include <string>

using namespace cadre;
using namespace cadre::actors;
using namespace cadre::test;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

config::agent for_programs() {
  config::agent a;
  a.path = {"ceo.a"};
  a.mode = "a";
  a.run.how = config::run_spec::mode::bus;
  a.run.heartbeat = 1s;
  a.timeout = 60s;
  a.concurrency = 2;
  a.outputs.push_back({"word", {"word"}, output_mode::replace});
  return a;
}

/// An agent whose programs are the test: what they ask is sent to it, what they are answered is kept.
struct programs_fixture : desk_fixture {
  programs_fixture() {
    auto company = std::make_shared<config::company>();
    company->name = "acme";
    auto s = std::make_shared<agent_services>();
    s->company = std::move(company);
    s->node = "one";
    s->processes = std::make_shared<process_host>(process_host_options{folder.path() + "/scratch", 0});
    s->answer_program = [this](const std::string& to, const std::string& text) -> result<void> {
      if (text.size() > answer_bytes_max) return fail(errc::too_large, "too large");
      answers[to] = json::parse(text);
      return {};
    };
    s->commands = commands;
    s->reporter = sys.spawn(
        [this](caf::event_based_actor*) -> caf::behavior { return {[this](const capacity_note& n) { note = n; }}; });
    at_end(s->reporter);
    agent = sys.spawn(agent_actor, std::shared_ptr<const agent_services>{s}, for_programs(),
                      named_id<incarnation_token>("token"));
    at_end(agent);
    run();
    commit(0, 7);
  }
  ~programs_fixture() {
    end();
    agent = nullptr;
  }

  /// The answer to a call; null if there is none yet.
  json call(const std::string& verb, const json& body) {
    const auto to = "inbox." + std::to_string(++calls);
    program_message m;
    m.verb = verb;
    m.body = body.dump();
    m.reply_to = to;
    caf::anon_send(agent, std::move(m));
    run();
    return answers.contains(to) ? answers[to] : json(nullptr);
  }
  json attach() { return session = call("attach", {{"name", "test"}, {"protocol", 1}})["session"]; }
  json claim() { return call("claim", {{"session", session}, {"seq", ++claims}, {"wait_ms", 500}}); }
  template <class... Lines>
  json report(std::int64_t seq, const Lines&... lines) {
    return call("report", {{"session", session},
                           {"run", named_id<run_id>("one").text},
                           {"seq", seq},
                           {"lines", json::array({lines...})}});
  }
  [[nodiscard]] json last() { return answers["inbox." + std::to_string(calls)]; }
  void grant() {
    run_grant g;
    g.run = named_id<run_id>("one");
    g.task = named_id<task_id>("one");
    g.attempt = 1;
    g.agent = {"ceo.a"};
    g.incarnation = 7;
    caf::anon_send(agent, g);
    run();
  }
  void work() {
    attach();
    claim();
    grant();
    BOOST_REQUIRE(last()["op"] == "run");
  }

  testing::temp_folder folder;
  std::map<std::string, json> answers;
  std::size_t answer_bytes_max = 1u << 20;
  capacity_note note;
  std::int64_t calls = 0, claims = 0;
  json session;
  caf::actor agent;
};

const json end_line{{"type", "response"}, {"metrics", {{"n", 1}}}};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(agent_programs, programs_fixture)

BOOST_AUTO_TEST_CASE(it_wants_tasks_only_while_a_claim_waits) {
  BOOST_TEST(note.capacity.free_slots == 0);
  attach();
  BOOST_TEST(note.capacity.free_slots == 0);
  BOOST_TEST(claim().is_null());
  BOOST_TEST(note.capacity.free_slots == 1);
  advance(600ms);
  BOOST_TEST(last() == json({{"op", "none"}}));
  BOOST_TEST(note.capacity.free_slots == 0);
  claim();
  grant();
  BOOST_TEST(note.capacity.free_slots == 0);
  BOOST_TEST(note.capacity.held.size() == 1u);
  const auto request = last();
  BOOST_TEST(request["op"] == "run");
  BOOST_TEST(request["run"] == named_id<run_id>("one").text);
  BOOST_TEST(request["company"] == "acme");
  BOOST_TEST(request["deadline"].is_string());
  claim();
  BOOST_TEST(note.capacity.free_slots == 1);
}

BOOST_AUTO_TEST_CASE(a_report_is_answered_once_it_is_durable) {
  work();
  const json row{{"type", "output"}, {"dataset", "word"}, {"row", {{"word", "a"}}}};
  BOOST_TEST(report(1, row, json{{"type", "journal"}, {"text", "hello"}}).is_null());
  BOOST_TEST(d.body<output_add>(1).rows.size() == 1u);
  commit(1);
  BOOST_TEST(last().is_null());
  commit(2);
  BOOST_TEST(last()["status"] == "active");
  BOOST_TEST(report(2, json{{"type", "metric"}, {"name", "n"}, {"value", 1}})["status"] == "active",
             "nothing to commit");
  BOOST_TEST(report(3, end_line).is_null());
  BOOST_TEST(d.body<run_complete>(3).metrics.text == R"({"n":1})");
  commit(3);
  BOOST_TEST(last()["status"] == "complete");
  BOOST_TEST(note.capacity.held.empty());
}

BOOST_AUTO_TEST_CASE(a_report_with_a_bad_line_changes_nothing) {
  work();
  const auto answer = report(1, json{{"type", "journal"}, {"text", "good"}}, json{{"type", "nonsense"}});
  BOOST_TEST(answer["error"]["code"] == "bad_output");
  BOOST_TEST(d.got.size() == 1u, "the good line was not taken either");
  report(1, end_line);
  commit(1);
  BOOST_TEST(last()["status"] == "complete");
}

BOOST_AUTO_TEST_CASE(a_silent_program_loses_its_run) {
  work();
  advance(2'900ms);
  BOOST_TEST(d.got.size() == 1u);
  advance(200ms);
  const auto& failed = d.body<run_fail>(1);
  BOOST_TEST((failed.error.code == errc::worker_gone));
  BOOST_TEST(failed.retryable);
  BOOST_TEST(report(1, end_line)["error"]["code"] == "stale_run");
  commit(1);
  BOOST_TEST(note.capacity.held.empty());
  BOOST_TEST(report(1, end_line)["error"]["code"] == "stale_run");
}

BOOST_AUTO_TEST_CASE(a_program_can_say_that_it_failed) {
  work();
  report(1, json{{"type", "failure"}, {"code", "no_disk"}, {"message", "full"}, {"log", "tail"}, {"retryable", false}});
  const auto& failed = d.body<run_fail>(1);
  BOOST_TEST((failed.error.code == errc::worker_failed));
  BOOST_TEST(failed.error.message == "no_disk: full");
  BOOST_TEST(failed.stderr_tail == "tail");
  BOOST_TEST(!failed.retryable);
  commit(1);
  BOOST_TEST(last()["status"] == "failed");
}

BOOST_AUTO_TEST_CASE(a_revoked_run_is_told) {
  work();
  run_revoke revoke;
  revoke.run = named_id<run_id>("one");
  revoke.agent = {"ceo.a"};
  revoke.reason = "cancelled by mario";
  caf::anon_send(agent, revoke);
  run();
  const auto answer = report(1, end_line);
  BOOST_TEST(answer["error"]["code"] == "cancelled");
  BOOST_TEST(answer["error"]["message"].get<std::string>().find("by mario") != std::string::npos);
  BOOST_TEST(d.got.size() == 1u, "the writer knows");
}

BOOST_AUTO_TEST_CASE(what_the_writer_rejects_fails_the_run) {
  work();
  report(1, json{{"type", "task"}, {"mode", "x"}});
  answer(1, outcome_status::rejected, {errc::refused, "no such mode"});
  BOOST_TEST((d.body<run_fail>(2).error.code == errc::refused));
  commit(2);
  BOOST_TEST(last()["error"]["code"] == "refused");
}

BOOST_AUTO_TEST_CASE(a_request_that_no_message_can_carry_fails_the_run) {
  attach();
  claim();
  answer_bytes_max = 10;
  grant();
  const auto& failed = d.body<run_fail>(1);
  BOOST_TEST((failed.error.code == errc::too_large));
  BOOST_TEST(!failed.retryable);
}

BOOST_AUTO_TEST_CASE(a_stopped_agent_lets_go_of_everybody) {
  work();
  claim();
  caf::anon_send_exit(agent, caf::exit_reason::user_shutdown);
  run();
  BOOST_TEST(last()["error"]["code"] == "unknown_session");
  BOOST_TEST((d.body<run_fail>(1).error.code == errc::cancelled));
  commit(1);
  BOOST_TEST(note.gone);
}

BOOST_AUTO_TEST_SUITE_END()
