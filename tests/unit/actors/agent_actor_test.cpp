#include "actors/agent/agent_actor.hpp"

#include "actors/command/command_client.hpp"
#include "actors/supervision/exits.hpp"
#include "actors/supervision/type_ids.hpp"
#include "agent_actor_desk.hpp"
#include "support/temp_folder.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include <mutex>
#include <string>
#include <thread>

using namespace cadre;
using namespace cadre::actors;
using namespace cadre::test;
using namespace std::chrono_literals;

namespace {

config::agent worker(std::vector<std::string> argv, std::int64_t concurrency = 2) {
  config::agent a;
  a.path = {"ceo.a"};
  a.mode = "a";
  a.run.how = config::run_spec::mode::command;
  a.run.command = std::move(argv);
  a.concurrency = concurrency;
  return a;
}

std::shared_ptr<agent_services> services_in(const std::string& folder, std::size_t processes_max) {
  auto company = std::make_shared<config::company>();
  company->name = "acme";
  company->folder = folder;
  auto s = std::make_shared<agent_services>();
  s->company = std::move(company);
  s->node = "one";
  s->life = named_id<node_life_id>("life");
  s->processes = std::make_shared<process_host>(process_host_options{folder + "/scratch", processes_max});
  return s;
}

run_grant granted(const std::string& name, epoch incarnation = 7) {
  run_grant g;
  g.run = named_id<run_id>(name);
  g.task = named_id<task_id>(name);
  g.attempt = 1;
  g.agent = {"ceo.a"};
  g.incarnation = incarnation;
  return g;
}

using notes = std::vector<capacity_note>;

caf::behavior note_keeper(caf::event_based_actor*, notes* all) {
  return {[=](const capacity_note& n) { all->push_back(n); }};
}

struct watched_end {
  bool ended = false;
  caf::error reason;
};

caf::behavior watcher(caf::event_based_actor* self, const caf::actor& target, watched_end* end) {
  self->monitor(target);
  self->set_down_handler([=](const caf::down_msg& down) { *end = {true, down.reason}; });
  return {[](int) {}};
}

/// An agent on a node that has no place for a process: what its processes would say comes from the test, so that
/// nothing happens in real time.
struct agent_fixture : desk_fixture {
  agent_fixture() : agent_fixture(worker({"/bin/true"}), 0) {}

  agent_fixture(const config::agent& spec, std::size_t processes_max) : s{services_in(folder.path(), processes_max)} {
    s->commands = commands;
    s->reporter = sys.spawn(note_keeper, &said);
    at_end(s->reporter);
    agent =
        sys.spawn(agent_actor, std::shared_ptr<const agent_services>{s}, spec, named_id<incarnation_token>("token"));
    at_end(agent);
    at_end(sys.spawn(watcher, agent, &end_of_agent));
    run();
  }
  ~agent_fixture() {
    end();
    agent = nullptr;
  }

  void tell(auto message) {
    caf::anon_send(agent, std::move(message));
    run();
  }
  void live() { commit(0, 7); }
  void stop() {
    caf::anon_send_exit(agent, caf::exit_reason::user_shutdown);
    run();
  }

  /// `free 1 held 1`, `gone` of the last note.
  std::string last_note() const {
    if (said.empty()) return "";
    const auto& n = said.back();
    return n.gone ? "gone"
                  : "free " + std::to_string(n.capacity.free_slots) + " held " + std::to_string(n.capacity.held.size());
  }

  testing::temp_folder folder;
  std::shared_ptr<agent_services> s;
  notes said;
  watched_end end_of_agent;
  caf::actor agent;
};

/// One slot, and a command that is never heard of: what is said of it comes from the test all the same.
struct one_slot_fixture : agent_fixture {
  one_slot_fixture() : agent_fixture(worker({"/bin/sleep", "1000"}, 1), 4) {}
};

constexpr auto end_line = "{\"type\":\"response\",\"agent\":\"ceo.a\"}\n";

exit_info exited(int code) {
  exit_info e;
  e.code = code;
  return e;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(agent_actor_test)

BOOST_FIXTURE_TEST_CASE(a_life_takes_no_work_until_the_writer_grants_its_epoch, agent_fixture) {
  BOOST_REQUIRE(d.got.size() == 1u);
  const auto start = d.body<incarnation_start>(0);
  BOOST_TEST(start.token.text == named_id<incarnation_token>("token").text);
  BOOST_TEST(start.agent.text == "ceo.a");
  BOOST_TEST(start.node == "one");
  BOOST_TEST(start.node_life.text == named_id<node_life_id>("life").text);
  tell(granted("early", 0));
  tell(granted("early"));
  BOOST_TEST(said.empty());
  answer(0, outcome_status::in_doubt);
  BOOST_REQUIRE(d.got.size() == 2u);
  BOOST_TEST(d.body<incarnation_start>(1).token.text == start.token.text);
  BOOST_TEST(said.empty());
  commit(1, 7);
  BOOST_REQUIRE(said.size() == 1u);
  BOOST_TEST(last_note() == "free 2 held 0");
  BOOST_TEST(said[0].capacity.incarnation == 7u);
  BOOST_TEST(said[0].capacity.mode == "a");
  BOOST_TEST(said[0].token.text == start.token.text);
}

BOOST_FIXTURE_TEST_CASE(a_refused_life_ends_with_the_writers_reason, agent_fixture) {
  answer(0, outcome_status::rejected, {errc::not_found, "ceo.a is not in the org"});
  BOOST_TEST(end_of_agent.ended);
  const auto cause = supervision::cause_of(end_of_agent.reason, sys);
  BOOST_TEST((cause.code == errc::crashed));
  BOOST_TEST(cause.message.find("ceo.a is not in the org") != std::string::npos, cause.message);
}

BOOST_FIXTURE_TEST_CASE(a_life_that_has_nobody_to_ask_for_its_epoch_ends, agent_fixture) {
  caf::anon_send_exit(commands, caf::exit_reason::kill);
  run();
  advance(command_timeout);
  BOOST_TEST(end_of_agent.ended);
  BOOST_TEST(supervision::cause_of(end_of_agent.reason, sys).message == "the node's command client is gone");
}

BOOST_FIXTURE_TEST_CASE(a_grant_is_held_once_and_only_by_the_life_it_is_for, agent_fixture) {
  live();
  tell(granted("other", 6));
  BOOST_TEST(last_note() == "free 2 held 0");
  tell(granted("one"));
  tell(granted("one"));
  BOOST_TEST(last_note() == "free 1 held 1");
  BOOST_TEST(said.back().capacity.held.front().text == named_id<run_id>("one").text);
  tell(granted("two"));
  tell(granted("three"));
  BOOST_TEST(last_note() == "free 0 held 3");
}

BOOST_FIXTURE_TEST_CASE(a_run_goes_from_its_output_to_a_free_slot, agent_fixture) {
  live();
  const auto g = granted("one");
  tell(g);
  tell(run_stdout{g.run, "{\"type\":\"journal\",\"text\":\"x\"}\n"});
  tell(run_stdout{g.run, end_line});
  BOOST_REQUIRE(d.got.size() == 2u);
  BOOST_TEST(d.body<journal_add>(1).text == "x");
  BOOST_TEST(d.got[1].incarnation == 7u);
  tell(run_exited{g.run, exited(0)});
  BOOST_TEST(d.got.size() == 2u);
  answer(1, outcome_status::busy);
  BOOST_TEST(d.got.size() == 2u);
  advance(500ms);
  BOOST_REQUIRE(d.got.size() == 3u);
  BOOST_TEST(d.got[2].id.text == d.got[1].id.text);
  commit(2);
  BOOST_REQUIRE(d.got.size() == 4u);
  BOOST_TEST(d.body<run_complete>(3).run.text == g.run.text);
  BOOST_TEST(last_note() == "free 1 held 1");
  commit(3);
  BOOST_TEST(last_note() == "free 2 held 0");
  // What still comes for it is ignored.
  tell(run_stdout{g.run, end_line});
  tell(run_exited{g.run, exited(0)});
  BOOST_TEST(d.got.size() == 4u);
}

BOOST_FIXTURE_TEST_CASE(a_revoked_run_that_never_started_is_given_up_in_silence, agent_fixture) {
  live();
  const auto g = granted("one");
  tell(g);
  run_revoke revoke;
  revoke.run = g.run;
  revoke.agent = {"ceo.a"};
  revoke.reason = "cancelled";
  tell(revoke);
  BOOST_TEST(last_note() == "free 2 held 0");
  BOOST_TEST(d.got.size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_revoked_run_is_not_started_by_a_slot_that_gets_free_meanwhile, one_slot_fixture) {
  live();
  const auto first = granted("first");
  const auto second = granted("second");
  tell(first);
  tell(second);
  BOOST_TEST(s->processes->running() == 1u);
  tell(run_exited{first.run, exited(1)});
  BOOST_REQUIRE(d.got.size() == 2u);
  run_revoke revoke;
  revoke.run = second.run;
  revoke.agent = {"ceo.a"};
  // The writer's answer that frees the slot stands right behind the revocation.
  caf::anon_send(agent, revoke);
  caf::anon_send(commands, answered(d.got[1].id, outcome_status::committed));
  BOOST_REQUIRE(sched.jobs.size() == 2u);
  std::swap(sched.jobs[0], sched.jobs[1]);
  run();
  BOOST_TEST(last_note() == "free 1 held 0");
  // The first, of whose end only the test knows.
  BOOST_TEST(s->processes->running() == 1u);
}

BOOST_FIXTURE_TEST_CASE(an_idle_agent_stops_at_once_and_says_so, agent_fixture) {
  live();
  stop();
  BOOST_TEST(last_note() == "gone");
  BOOST_REQUIRE(d.got.size() == 2u);
  BOOST_TEST(d.body<incarnation_end>(1).token.text == named_id<incarnation_token>("token").text);
  BOOST_TEST(end_of_agent.ended);
  BOOST_TEST((end_of_agent.reason == caf::exit_reason::user_shutdown));
}

BOOST_FIXTURE_TEST_CASE(a_stopped_agent_hands_its_tasks_back_before_it_ends, agent_fixture) {
  live();
  tell(granted("one"));
  tell(granted("two"));
  stop();
  BOOST_TEST(!end_of_agent.ended);
  BOOST_TEST(last_note() == "free 0 held 2");
  BOOST_REQUIRE(d.got.size() == 3u);
  for (const std::size_t n : {1u, 2u}) {
    BOOST_TEST((d.body<run_fail>(n).error.code == errc::cancelled));
    BOOST_TEST(d.body<run_fail>(n).retryable);
  }
  tell(granted("three"));
  BOOST_TEST(last_note() == "free 0 held 2");
  commit(1);
  BOOST_TEST(!end_of_agent.ended);
  commit(2);
  BOOST_TEST(end_of_agent.ended);
  BOOST_TEST(last_note() == "gone");
  BOOST_TEST(std::holds_alternative<incarnation_end>(d.got.back().body));
}

BOOST_FIXTURE_TEST_CASE(a_replaced_life_gives_up_its_runs_takes_no_more_and_ends_after_a_while, agent_fixture) {
  live();
  tell(granted("one"));
  life_replaced news;
  news.agent = {"ceo.a"};
  news.newest = 7;
  tell(news);
  BOOST_TEST(last_note() == "free 1 held 1");
  news.newest = 8;
  tell(news);
  BOOST_TEST(last_note() == "gone");
  tell(granted("two"));
  BOOST_TEST(last_note() == "gone");
  BOOST_TEST(s->processes->running() == 0u);
  BOOST_TEST(!end_of_agent.ended);
  advance(2'000ms);
  BOOST_TEST(end_of_agent.ended);
  BOOST_TEST((supervision::reason_of(end_of_agent.reason) == exit_reason::noconnection));
}

BOOST_FIXTURE_TEST_CASE(a_life_that_comes_too_late_for_an_epoch_ends_after_a_while, agent_fixture) {
  outcome late = answered(d.got[0].id, outcome_status::rejected);
  late.error = {errc::stale_epoch, "a later life was granted its epoch already"};
  caf::anon_send(commands, late);
  run();
  BOOST_TEST(!end_of_agent.ended);
  advance(2'000ms);
  BOOST_TEST(end_of_agent.ended);
  BOOST_TEST((supervision::reason_of(end_of_agent.reason) == exit_reason::noconnection));
}

BOOST_AUTO_TEST_SUITE_END()

namespace {

/// What a writer that grants and commits everything was told; from the scheduler's threads.
class yes_desk {
 public:
  void take(const command& c) {
    const std::lock_guard lock{mutex_};
    got_.push_back(c);
  }
  template <class Body>
  std::vector<Body> all() const {
    const std::lock_guard lock{mutex_};
    std::vector<Body> out;
    for (const auto& c : got_)
      if (const auto* body = std::get_if<Body>(&c.body)) out.push_back(*body);
    return out;
  }
  /// Waits for as long as a broken machine may need.
  template <class Body>
  bool wait_for(std::size_t n) const {
    const auto until = std::chrono::steady_clock::now() + 60s;
    while (all<Body>().size() < n && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(5ms);
    return all<Body>().size() >= n;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<command> got_;
};

caf::behavior yes_actor(caf::event_based_actor*, yes_desk* d) {
  return {[=](const command& c) {
    d->take(c);
    return answered(c.id, outcome_status::committed, {}, 7);
  }};
}

struct two_threads : caf::actor_system_config {
  two_threads() { set("scheduler.max-threads", 2); }
};

/// An agent on real threads, with real processes.
struct live_fixture {
  explicit live_fixture(const std::string& script)
      : commands{sys.spawn(yes_actor, &d)}, services{services_in(folder.path(), 4)} {
    services->commands = commands;
    services->reporter =
        sys.spawn([](caf::event_based_actor*) -> caf::behavior { return {[](const capacity_note&) {}}; });
    agent = sys.spawn(agent_actor, std::shared_ptr<const agent_services>{services}, worker({"/bin/sh", "-c", script}),
                      named_id<incarnation_token>("token"));
    BOOST_REQUIRE(d.wait_for<incarnation_start>(1));
  }
  ~live_fixture() {
    for (const auto& a : {agent, services->reporter, commands})
      caf::anon_send_exit(a, a == agent ? caf::exit_reason::user_shutdown : caf::exit_reason::kill);
  }

  /// The epoch may not have arrived yet, so the grant is repeated as the writer repeats it.
  template <class Body>
  bool grant_until(std::size_t n) {
    for (int i = 0; i < 600 && d.all<Body>().size() < n; ++i) {
      if (d.all<run_complete>().empty() && d.all<run_fail>().empty()) caf::anon_send(agent, granted("one"));
      std::this_thread::sleep_for(20ms);
    }
    return d.all<Body>().size() >= n;
  }

  testing::temp_folder folder;
  yes_desk d;
  two_threads cfg;
  caf::actor_system sys{cfg};
  caf::actor commands;
  std::shared_ptr<agent_services> services;
  caf::actor agent;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(agent_actor_live)

BOOST_AUTO_TEST_CASE(a_command_runs_and_its_words_are_kept) {
  live_fixture f{R"(read -r request
                    echo "{\"type\":\"journal\",\"text\":\"run $CADRE_RUN\",\"data\":$request}"
                    echo '{"type":"response","agent":"ceo.a","metrics":{"n":1}}')"};
  BOOST_REQUIRE(f.grant_until<run_complete>(1));
  const auto journal = f.d.all<journal_add>();
  BOOST_REQUIRE(!journal.empty());
  BOOST_TEST(journal[0].text == "run " + named_id<run_id>("one").text);
  BOOST_TEST(journal[0].data.text.find("\"company\":\"acme\"") != std::string::npos);
  BOOST_TEST(f.d.all<run_complete>()[0].metrics.text == "{\"n\":1}");
  BOOST_TEST(f.d.all<run_fail>().empty());
}

BOOST_AUTO_TEST_CASE(a_stop_in_mid_run_kills_the_process_and_hands_the_task_back) {
  live_fixture f{R"(echo '{"type":"journal","text":"started"}'; sleep 1000)"};
  BOOST_REQUIRE(f.grant_until<journal_add>(1));
  caf::anon_send_exit(f.agent, caf::exit_reason::user_shutdown);
  BOOST_REQUIRE(f.d.wait_for<incarnation_end>(1));
  const auto failed = f.d.all<run_fail>();
  BOOST_REQUIRE(failed.size() == 1u);
  BOOST_TEST((failed[0].error.code == errc::cancelled));
  // The host counts a process until its on_exit has returned.
  for (int i = 0; i < 3'000 && f.services->processes->running() > 0; ++i) std::this_thread::sleep_for(5ms);
  BOOST_TEST(f.services->processes->running() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
