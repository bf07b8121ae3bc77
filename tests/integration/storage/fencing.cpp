#include "fixture.hpp"
#include "proxy.hpp"
#include "storage/replication.hpp"

#include <boost/test/unit_test.hpp>

#include <future>
#include <thread>

using namespace storage_test;

namespace {

storage::candidate candidate_of(const world& w, const std::string& node, milliseconds lease) {
  storage::candidate who;
  who.writer_url = w.db.url(storage::writer_role);
  who.company = w.company.name;
  who.node = node;
  who.life = new_id<node_life_id>();
  who.lease = lease;
  return who;
}

brief_add a_brief() {
  brief_add b;
  b.id = new_id<brief_id>();
  b.markdown = "# Brief";
  b.body.text = "{}";
  return b;
}

std::string briefs(world& w) {
  return w.ask("SELECT count(*) FROM cadre.brief WHERE company = $1");
}

void check_gapless(world& w) {
  BOOST_TEST(w.ask("SELECT count(*) = coalesce(max(seq), 0) FROM cadre.event WHERE company = $1") == "t");
}

/// Takes over from the world's leader and gives the world the new one.
void succeed(world& w) {
  auto next = std::make_unique<leadership>(candidate_of(w, "n2", milliseconds{5'000}));
  const auto reign = next->acquire();
  BOOST_REQUIRE_MESSAGE(reign.has_value(), (reign ? "" : reign.error().message));
  auto engine = std::make_unique<writer_engine>(*next);
  BOOST_REQUIRE(engine->sync_company(w.company).has_value());
  w.engine = std::move(engine);
  w.lead = std::move(next);
}

/// The world's leader leads anew, over the proxy.
void lead_through(world& w, const proxy& between) {
  auto who = candidate_of(w, "n1", milliseconds{60'000});
  who.writer_url = storage::connection_url("postgresql://x@127.0.0.1:" + std::to_string(between.port()) + "/x",
                                           w.db.name(), storage::writer_role, "w")
                       .value();
  w.engine.reset();
  w.lead.reset();  // Its session makes room: the proxy serves one.
  w.lead = std::make_unique<leadership>(who);
  BOOST_REQUIRE(w.lead->acquire().has_value());
  w.engine = std::make_unique<writer_engine>(*w.lead);
  BOOST_REQUIRE(w.engine->sync_company(w.company).has_value());
}

/// Another session that stops the writer in the middle of a transaction that adds a brief.
class obstacle {
 public:
  explicit obstacle(const world& w) : connection_{w.db.superuser()}, tx_{connection_} {
    tx_.exec("LOCK TABLE cadre.brief IN ACCESS EXCLUSIVE MODE");
  }
  /// Waits until the writer's backend waits for the lock.
  static int blocked_backend(world& w) {
    for (;;) {
      const auto pid = w.ask(
          "SELECT backend_pid FROM cadre.leader l JOIN pg_stat_activity a ON a.pid = l.backend_pid "
          "WHERE l.company = $1 AND l.ended_at IS NULL AND a.wait_event_type = 'Lock'");
      if (pid != "-") return std::stoi(pid);
      std::this_thread::sleep_for(milliseconds{5});
    }
  }

 private:
  pqxx::connection connection_;
  pqxx::work tx_;
};

/// A schedule that is due every ten seconds, and a moment of it that is soon.
timestamp add_often(world& w) {
  config::schedule s;
  s.name = "often";
  s.agent.text = "ceo.data.plain";
  s.cron = "@every 10s";
  s.watcher.text = "ceo.ops.audit";
  s.overlap = config::overlap_policy::allow;
  w.company.schedules = {s};
  return {(w.engine->clock().us / 10'000'000 + 2) * 10'000'000};
}

/// `3 3 3`: fires up to `due` that are on record as fired, tasks of theirs, and moments that there were since `first`.
std::string fires_and_tasks(world& w, timestamp first, timestamp due) {
  return w.ask(
             "SELECT concat_ws(' ', (SELECT count(*) FROM cadre.fire WHERE company = $1 AND outcome = 'fired' AND "
             "due_at <= '" +
             to_iso(due) +
             "'), (SELECT count(*) FROM cadre.fire f JOIN cadre.task t ON t.id = f.task AND t.company = f.company "
             "WHERE f.company = $1), (SELECT count(*) FROM cadre.task WHERE company = $1))") +
         " " + std::to_string((due.us - first.us) / 10'000'000 + 1);
}

/// While it lives, commits on the server wait for a replica that does not exist.
struct waiting_for_nobody {
  waiting_for_nobody() { BOOST_REQUIRE(storage::wait_for_replica(server_url(), "nobody")); }
  ~waiting_for_nobody() { end(); }
  static void end() { storage::wait_for_replica(server_url(), ""); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(fencing)

BOOST_AUTO_TEST_CASE(reigns_are_numbered_recorded_and_handed_over) {
  world w;
  BOOST_TEST(w.lead->held() == 1U);
  BOOST_TEST(w.engine->renew().has_value());
  leadership other{candidate_of(w, "n2", milliseconds{60'000})};
  BOOST_REQUIRE(w.lead->step_down("drained").has_value());
  BOOST_TEST(w.lead->held() == 0U);
  BOOST_TEST(other.acquire().value() == 2U);
  BOOST_TEST(w.ask("SELECT string_agg(concat_ws(' ', epoch, node, end_reason), '|' ORDER BY epoch) FROM cadre.leader "
                   "WHERE company = $1") == "1 n1 drained|2 n2");
  BOOST_TEST(to_text(w.engine->renew().error().code) == "not_leader");
  const auto o = w.send(a_brief());
  BOOST_TEST(status(o) == "rejected not_leader");
  BOOST_TEST(w.last.lost_leadership);
}

BOOST_AUTO_TEST_CASE(a_candidacy_can_be_cancelled_and_taken_up_again) {
  world w;
  leadership other{candidate_of(w, "n2", milliseconds{60'000})};
  std::thread canceller{[&] { other.cancel(); }};
  BOOST_TEST(to_text(other.acquire().error().code) == "cancelled");
  canceller.join();
  BOOST_TEST(other.held() == 0U);
  BOOST_REQUIRE(w.lead->step_down("test").has_value());
  BOOST_TEST(other.acquire().value() == 2U);
}

BOOST_AUTO_TEST_CASE(a_leader_whose_session_ends_is_followed_without_its_lease_running_out) {
  world w;
  w.must(a_brief());
  w.ask("SELECT pg_terminate_backend(backend_pid) FROM cadre.leader WHERE company = $1 AND ended_at IS NULL");
  leadership other{candidate_of(w, "n2", milliseconds{60'000})};
  BOOST_TEST(other.acquire().value() == 2U);
  const auto o = w.send(a_brief());
  BOOST_TEST(status(o) == "in_doubt");
  BOOST_TEST(w.last.lost_leadership);
  BOOST_TEST(briefs(w) == "1");
}

BOOST_AUTO_TEST_CASE(a_leader_frozen_between_begin_and_commit_commits_nothing_after_its_successor_began) {
  world w;
  w.engine.reset();
  w.lead.reset();
  w.lead = std::make_unique<leadership>(candidate_of(w, "n1", milliseconds{100}));
  BOOST_REQUIRE(w.lead->acquire().has_value());
  w.engine = std::make_unique<writer_engine>(*w.lead);
  BOOST_REQUIRE(w.engine->sync_company(w.company).has_value());

  const auto command = make(a_brief());
  batch_result old;
  std::thread frozen;
  {
    const obstacle stopped{w};
    frozen = std::thread{[&] { old = w.engine->commit({command}); }};
    obstacle::blocked_backend(w);
    // The lease is not renewed, so the standby evicts the backend although it is in a transaction.
    leadership other{candidate_of(w, "n2", milliseconds{60'000})};
    BOOST_TEST(other.acquire().value() == 3U);
    frozen.join();
    other.step_down("test");
  }
  BOOST_REQUIRE_EQUAL(old.outcomes.size(), 1U);
  BOOST_TEST(status(old.outcomes[0]) == "in_doubt");
  BOOST_TEST(old.lost_leadership);
  BOOST_TEST(old.events.empty());
  BOOST_TEST(briefs(w) == "0");
  succeed(w);
  BOOST_TEST(status(w.send(command)) == "committed");
  BOOST_TEST(status(w.send(command)) == "committed");
  BOOST_TEST(briefs(w) == "1");
  check_gapless(w);
}

BOOST_AUTO_TEST_CASE(no_epoch_begins_while_a_transaction_of_the_old_one_is_open) {
  world w;
  const auto company = "'" + w.company.name + "'";
  pqxx::connection old_session{w.db.url(storage::writer_role)};
  pqxx::connection new_session{w.db.url(storage::writer_role)};
  pqxx::work paused{old_session};
  BOOST_TEST(paused.exec("SELECT 1 FROM cadre.fence WHERE company = " + company + " AND epoch = 1 FOR SHARE").size() ==
             1U);
  pqxx::nontransaction successor{new_session};
  successor.exec("SET lock_timeout = '50ms'");
  const auto bump = "UPDATE cadre.fence SET epoch = epoch + 1 WHERE company = " + company;
  BOOST_CHECK_THROW(successor.exec(bump), pqxx::sql_error);
  paused.commit();
  successor.exec(bump);
  BOOST_TEST(status(w.send(a_brief())) == "rejected not_leader");
  BOOST_TEST(w.last.lost_leadership);
  BOOST_TEST(briefs(w) == "0");
}

BOOST_AUTO_TEST_CASE(an_expired_lease_evicts_only_the_backend_on_record) {
  world w;
  // As between lock and bump of a new leader: the row on record is of another backend, and its lease is over.
  pqxx::connection bystander{w.db.url(storage::writer_role)};
  pqxx::nontransaction tx{bystander};
  w.ask("UPDATE cadre.leader SET lease_until = now() - interval '1 hour', backend_pid = " +
        std::to_string(bystander.backendpid()) + " WHERE company = $1");
  leadership other{candidate_of(w, "n2", milliseconds{60'000})};
  std::thread later{[&] {
    std::this_thread::sleep_for(milliseconds{200});
    other.cancel();
  }};
  BOOST_TEST(to_text(other.acquire().error().code) == "cancelled");
  later.join();
  BOOST_CHECK_NO_THROW(tx.exec("SELECT 1"));
  w.must(a_brief());
}

BOOST_AUTO_TEST_CASE(a_backend_that_dies_in_mid_transaction_leaves_commands_in_doubt_and_a_repeat_applies_them_once) {
  world w;
  std::vector<command> commands{make(a_brief()), make(w.task("ceo.data.plain")), make(a_brief())};
  batch_result old;
  std::thread writing;
  {
    const obstacle stopped{w};
    writing = std::thread{[&] { old = w.engine->commit(commands); }};
    const auto pid = obstacle::blocked_backend(w);
    w.ask("SELECT pg_terminate_backend(" + std::to_string(pid) + ")");
    writing.join();
  }
  for (const auto& o : old.outcomes) BOOST_TEST(status(o) == "in_doubt");
  BOOST_TEST(briefs(w) == "0");
  succeed(w);
  for (int i = 0; i < 2; ++i)
    for (const auto& o : w.engine->commit(commands).outcomes) BOOST_TEST(status(o) == "committed");
  BOOST_TEST(briefs(w) == "2");
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.task WHERE company = $1") == "1");
  check_gapless(w);
}

BOOST_AUTO_TEST_CASE(a_backend_that_dies_before_any_one_statement_applies_nothing_and_a_repeat_all) {
  world w;
  BOOST_REQUIRE(w.lead->step_down("test").has_value());
  pqxx::connection server{server_url()}, superuser{w.db.superuser()};
  const auto terminate =
      "SELECT pg_terminate_backend(backend_pid, 10000) FROM cadre.leader WHERE ended_at IS NULL "
      "AND company = " +
      superuser.quote(w.company.name);
  proxy between{server.hostname(), server.port()};
  bool struck = true;
  int rounds = 0;
  while (struck) {
    struck = false;
    ++rounds;
    lead_through(w, between);
    const std::vector<command> commands{make(a_brief()), make(w.task("ceo.data.plain"))};
    between.before_message(rounds, [&] {
      struck = true;
      pqxx::nontransaction{superuser}.exec(terminate);
    });
    const auto first = w.engine->commit(commands);
    BOOST_TEST(first.lost_leadership == struck);
    for (const auto& o : first.outcomes) BOOST_TEST(status(o) == (struck ? "in_doubt" : "committed"));
    BOOST_TEST(briefs(w) == std::to_string(struck ? rounds - 1 : rounds));
    if (!struck) break;
    lead_through(w, between);
    for (const auto& o : w.engine->commit(commands).outcomes) BOOST_TEST(status(o) == "committed");
    BOOST_TEST(briefs(w) == std::to_string(rounds));
  }
  BOOST_TEST(rounds > 5);  // BEGIN, a statement each for brief and task, the grants, the events, COMMIT.
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.task WHERE company = $1") == std::to_string(rounds));
  check_gapless(w);
}

BOOST_AUTO_TEST_CASE(a_leader_that_dies_at_the_instant_of_a_fire_neither_loses_nor_doubles_it) {
  world w;
  const auto first = add_often(w);
  BOOST_REQUIRE(w.lead->step_down("test").has_value());
  pqxx::connection server{server_url()}, superuser{w.db.superuser()};
  const auto terminate =
      "SELECT pg_terminate_backend(backend_pid, 10000) FROM cadre.leader WHERE ended_at IS NULL "
      "AND company = " +
      superuser.quote(w.company.name);
  proxy between{server.hostname(), server.port()};
  lead_through(w, between);
  w.engine->commit({make(schedule_tick{first + -std::chrono::seconds{5}})});
  auto due = first;
  bool struck = true;
  for (int message = 1; struck; ++message, due = due + std::chrono::seconds{10}) {
    struck = false;
    lead_through(w, between);
    between.before_message(message, [&] {
      struck = true;
      pqxx::nontransaction{superuser}.exec(terminate);
    });
    BOOST_TEST(w.engine->commit({make(schedule_tick{due})}).lost_leadership == struck);
    if (!struck) break;
    lead_through(w, between);
    BOOST_TEST(status(w.engine->commit({make(schedule_tick{due})}).outcomes[0]) == "committed");
    const auto n = std::to_string((due.us - first.us) / 10'000'000 + 1);
    BOOST_TEST(fires_and_tasks(w, first, due) == n + " " + n + " " + n + " " + n);
  }
  BOOST_TEST((due - first) > std::chrono::seconds{60});  // BEGIN, reads, task, fire, plan, events, COMMIT.
  check_gapless(w);
}

BOOST_AUTO_TEST_CASE(a_fire_whose_commit_is_in_doubt_is_there_exactly_once) {
  world w;
  const auto first = add_often(w);
  BOOST_REQUIRE(w.lead->step_down("test").has_value());
  pqxx::connection server{server_url()};
  proxy between{server.hostname(), server.port()};
  lead_through(w, between);
  w.engine->commit({make(schedule_tick{first + -std::chrono::seconds{5}})});
  between.lose_next_commit();
  BOOST_TEST(status(w.engine->commit({make(schedule_tick{first})}).outcomes[0]) == "in_doubt");
  succeed(w);
  for (int n = 0; n < 2; ++n)
    BOOST_TEST(status(w.engine->commit({make(schedule_tick{first})}).outcomes[0]) == "committed");
  BOOST_TEST(fires_and_tasks(w, first, first) == "1 1 1 1");
}

BOOST_AUTO_TEST_CASE(a_lease_that_cannot_be_extended_now_ends_no_reign) {
  world w;
  pqxx::connection other{w.db.superuser()};
  w.ask("ALTER ROLE cadre_writer SET lock_timeout = '50ms'");
  world hasty;
  w.ask("ALTER ROLE cadre_writer RESET lock_timeout");
  {
    pqxx::work tx{other};
    tx.exec("SELECT 1 FROM cadre.leader WHERE company = " + tx.quote(hasty.company.name) + " FOR UPDATE");
    const auto refused = hasty.lead->renew();
    BOOST_REQUIRE(!refused);
    BOOST_TEST(to_text(refused.error().code) == "storage");
  }
  BOOST_TEST(hasty.lead->renew().has_value());
  hasty.must(a_brief());
}

BOOST_AUTO_TEST_CASE(a_commit_whose_answer_is_lost_is_in_doubt_and_there_exactly_once) {
  world w;
  BOOST_REQUIRE(w.lead->step_down("test").has_value());
  pqxx::connection server{server_url()};
  proxy between{server.hostname(), server.port()};
  lead_through(w, between);
  std::vector<command> commands{make(a_brief()), make(w.task("ceo.data.plain"))};
  between.lose_next_commit();
  for (const auto& o : w.engine->commit(commands).outcomes) BOOST_TEST(status(o) == "in_doubt");
  succeed(w);
  BOOST_TEST(briefs(w) == "1");
  for (const auto& o : w.engine->commit(commands).outcomes) BOOST_TEST(status(o) == "committed");
  BOOST_TEST(briefs(w) == "1");
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.task WHERE company = $1") == "1");
  check_gapless(w);
}

BOOST_AUTO_TEST_CASE(a_commit_that_is_told_not_to_wait_for_its_replica_is_in_doubt) {
  world w;
  std::vector<command> commands;
  batch_result done;
  int sent = 0;
  {
    const waiting_for_nobody waiting;
    pqxx::connection superuser{server_url()};
    pqxx::nontransaction tx{superuser};
    const auto cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    bool cancelled = false;
    // The server takes up its setting a moment later: until then a commit does not wait.
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    while (!cancelled && std::chrono::steady_clock::now() < end) {
      commands = {make(a_brief())};
      ++sent;
      auto writing = std::async(std::launch::async, [&] { done = w.engine->commit(commands); });
      while (writing.wait_for(milliseconds{5}) == std::future_status::timeout) {
        cancelled = !tx.exec(cancel).empty() || cancelled;
        if (std::chrono::steady_clock::now() > end) waiting.end();
      }
    }
    BOOST_TEST(cancelled);
  }
  for (const auto& o : done.outcomes) BOOST_TEST(status(o) == "in_doubt");
  BOOST_TEST(done.lost_leadership);
  succeed(w);
  for (const auto& o : w.engine->commit(commands).outcomes) BOOST_TEST(status(o) == "committed");
  BOOST_TEST(briefs(w) == std::to_string(sent));
}

BOOST_AUTO_TEST_CASE(a_takeover_keeps_running_work_and_the_numbers) {
  world w;
  const auto grant = w.granted("ceo.data.plain");
  incarnation_start start;
  start.token = new_id<incarnation_token>();
  start.agent.text = "ceo.data.solo";
  start.node = "n1";
  start.node_life = w.life;
  BOOST_TEST(w.must(start).value == 1);
  BOOST_REQUIRE(w.lead->step_down("test").has_value());
  succeed(w);
  BOOST_TEST(w.must(start).value == 1);
  start.token = new_id<incarnation_token>();
  BOOST_TEST(w.must(start).value == 2);
  w.must(w.report("ceo.data.plain", 0, {grant.run}));
  BOOST_TEST(w.last.revokes.empty());
  BOOST_TEST(w.last.grants.empty());
  run_complete done;
  done.run = grant.run;
  w.must(done, "ceo.data.plain");
  BOOST_TEST(w.task_status_of(grant.task) == "complete");
  check_gapless(w);
  const auto events = w.engine->events_after(0, 1'000).value();
  BOOST_REQUIRE(!events.empty());
  for (std::size_t i = 0; i < events.size(); ++i) BOOST_TEST(events[i].seq == static_cast<std::int64_t>(i) + 1);
}

BOOST_AUTO_TEST_SUITE_END()
