#include "fixture.hpp"

#include <algorithm>
#include <random>

/// The head of the backlog that the writer keeps in memory, against the backlog in the database.
BOOST_AUTO_TEST_SUITE(queue)

namespace {

using namespace storage_test;

constexpr const char* agent = "ceo.data.plain";
constexpr const char* mode = "plain";
constexpr std::int64_t slots = 4;

/// A company under random commands, good and bad, with new leaders now and then.
struct play {
  explicit play(std::uint64_t seed)
      : dice{seed}, w{make_company("c" + new_uuid().substr(24)), shared_database(), small_queue()} {}

  static storage::engine_options small_queue() {
    storage::engine_options o;
    o.queue_kept_max = 3;
    o.run_mark_every = milliseconds{0};
    return o;
  }

  std::size_t pick(std::size_t n) { return std::uniform_int_distribution<std::size_t>{0, n - 1}(dice); }
  bool one_in(std::size_t n) { return pick(n) == 0; }

  void commit(const std::vector<command>& commands) {
    w.last = w.engine->commit(commands);
    for (const auto& grant : w.last.grants)
      if (std::find(active.begin(), active.end(), grant.run) == active.end()) active.push_back(grant.run);
    for (const auto& revoke : w.last.revokes) std::erase(active, revoke.run);
  }

  command add() {
    task_add body;
    body.id = new_id<task_id>();
    if (one_in(2))
      body.agent.text = agent;
    else
      body.mode = mode;
    body.priority = static_cast<std::int64_t>(pick(4));
    if (one_in(3)) body.concurrency_key = "key " + std::to_string(pick(3));
    if (one_in(5)) body.run_after = w.engine->clock() + milliseconds{pick(20)};
    if (one_in(5) && !tasks.empty()) body.depends_on.push_back(tasks[pick(tasks.size())]);
    // A poisoned one must not make the queue forget or double its neighbours.
    if (one_in(12))
      body.payload.text = "{";
    else
      tasks.push_back(body.id);
    return make(std::move(body));
  }

  void end_a_run() {
    if (active.empty()) return;
    const auto run = active[pick(active.size())];
    std::erase(active, run);
    if (one_in(3)) {
      run_fail body;
      body.run = run;
      body.error = {errc::exit_code, "broken"};
      return commit({make(body, agent)});
    }
    run_complete body;
    body.run = run;
    std::vector<command> all{make(body, agent)};
    if (one_in(2)) all.push_back(add());
    commit(all);
  }

  void step() {
    const auto what = pick(20);
    if (what < 9) {
      std::vector<command> all;
      for (auto n = pick(5) + 1; n > 0; --n) all.push_back(add());
      commit(all);
    } else if (what < 15) {
      end_a_run();
    } else if (what < 17 && !tasks.empty()) {
      task_cancel body;
      body.id = tasks[pick(tasks.size())];
      commit({make(body)});
    } else if (what < 18) {
      w.take_over();
    } else if (one_in(3)) {
      mode_pause body;
      body.mode = mode;
      body.paused = one_in(2);
      paused = body.paused;
      commit({make(body)});
    } else {
      report(static_cast<std::int64_t>(pick(3)));
    }
  }

  void report(std::int64_t free) { commit({make(w.report(agent, free, active), "node.n1")}); }

  /// Whoever is still free after the writer looked for work leaves no work behind.
  void check() {
    report(slots);
    BOOST_TEST(w.ask("SELECT count(*) FROM (SELECT 1 FROM cadre.active_run r JOIN cadre.task t USING (company) "
                     "WHERE company = $1 AND t.id = r.task AND t.concurrency_key IS NOT NULL "
                     "GROUP BY t.concurrency_key HAVING count(*) > 1) twice") == "0");
    BOOST_TEST(w.ask("SELECT (SELECT count(*) FROM cadre.active_run WHERE company = $1) = "
                     "(SELECT count(*) FROM cadre.run WHERE company = $1 AND status = 'active')") == "t");
    if (paused) BOOST_TEST(w.last.grants.empty());
    if (paused || static_cast<std::int64_t>(w.last.grants.size()) >= slots) return;
    BOOST_TEST(w.ask("SELECT count(*) FROM cadre.workable_task k WHERE company = $1 AND (agent = 'ceo.data.plain' OR "
                     "(agent IS NULL AND mode = 'plain')) AND (run_after IS NULL OR run_after < clock_timestamp() - "
                     "interval '1 second') AND NOT EXISTS (SELECT 1 FROM cadre.active_run r JOIN cadre.task t "
                     "ON t.company = r.company AND t.id = r.task WHERE r.company = k.company "
                     "AND t.concurrency_key = k.concurrency_key)") == "0");
  }

  std::mt19937_64 dice;
  world w;
  std::vector<task_id> tasks;
  std::vector<run_id> active;
  bool paused = false;
};

BOOST_AUTO_TEST_CASE(memory_equals_the_database_after_any_commands_poison_and_takeovers) {
  const char* set = std::getenv("CADRE_TEST_SEEDS");
  const auto seeds = set != nullptr ? std::stoull(set) : 12ULL;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      play p{seed};
      for (int n = 0; n < 120; ++n) {
        p.step();
        if (n % 8 == 7) p.check();
      }
      mode_pause go_on;
      go_on.mode = mode;
      go_on.paused = p.paused = false;
      p.commit({make(go_on)});
      // All that can be done is done, each task once.
      for (int n = 0; n < 2'000; ++n) {
        p.report(slots);
        // Nothing is left but what waits for a task that will never be complete; not what is only to be done later.
        if (p.active.empty() &&
            p.w.ask(
                "SELECT count(*) FROM cadre.task WHERE company = $1 AND status = 'queued' AND id NOT IN (SELECT d.task "
                "FROM cadre.task_dependency d JOIN cadre.task b ON b.company = d.company AND b.id = d.depends_on "
                "WHERE d.company = $1 AND b.status <> 'complete')") == "0")
          break;
        while (!p.active.empty()) p.end_a_run();
      }
      BOOST_TEST(p.w.ask("SELECT count(*) FROM cadre.workable_task WHERE company = $1") == "0");
      BOOST_TEST(p.w.ask("SELECT count(*) FROM cadre.run WHERE company = $1 AND status = 'active'") == "0");
      BOOST_TEST(p.w.ask("SELECT count(*) FROM (SELECT task FROM cadre.run WHERE company = $1 AND status = 'succeeded' "
                         "GROUP BY task HAVING count(*) > 1) twice") == "0");
    }
  }
}

BOOST_AUTO_TEST_CASE(an_enqueue_is_granted_in_the_transaction_that_commits_it) {
  world w;
  w.must(w.report(agent, 1));
  const auto task = w.task(agent);
  w.must(task);
  BOOST_REQUIRE(w.last.grants.size() == 1u);
  BOOST_TEST(w.last.grants[0].task.text == task.id.text);
}

BOOST_AUTO_TEST_CASE(what_was_taken_in_vain_is_taken_again) {
  world w;
  pqxx::connection c{w.db.superuser()};
  w.ask("ALTER ROLE cadre_writer SET lock_timeout = '50ms'");
  world hasty;
  w.ask("ALTER ROLE cadre_writer RESET lock_timeout");
  const auto first = hasty.task(agent), second = hasty.task(agent);
  hasty.must(first);
  hasty.must(second);
  {
    // The task is taken and made active, and then its run can't be written.
    pqxx::work tx{c};
    tx.exec("LOCK TABLE cadre.run IN ACCESS EXCLUSIVE MODE");
    BOOST_TEST(status(hasty.send(hasty.report(agent, 1))) == "busy");
  }
  hasty.must(hasty.report(agent, 2));
  BOOST_REQUIRE(hasty.last.grants.size() == 2u);
  BOOST_TEST(hasty.last.grants[0].task.text == first.id.text);
}

BOOST_AUTO_TEST_CASE(tasks_of_one_transaction_are_taken_in_their_order) {
  world w;
  std::vector<command> adds;
  std::vector<std::string> expected;
  for (int n = 0; n < 50; ++n) {
    auto task = w.task(agent);
    expected.push_back(task.id.text);
    adds.push_back(make(task));
  }
  w.engine->commit(adds);
  w.must(w.report(agent, 50));
  std::vector<std::string> granted;
  for (const auto& grant : w.last.grants) granted.push_back(grant.task.text);
  BOOST_TEST(granted.size() == 50u);
  BOOST_TEST(w.ask("SELECT string_agg(id::text, ',' ORDER BY created_at) FROM cadre.task WHERE company = $1") == [&] {
    std::string all;
    for (const auto& id : expected) all += (all.empty() ? "" : ",") + id;
    return all;
  }());
}

}  // namespace

BOOST_AUTO_TEST_SUITE_END()
