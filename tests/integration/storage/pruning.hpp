#pragma once

#include "fixture.hpp"
#include "storage/decide/retention.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <string>

/// Tasks that ended long ago, and steps of pruning.
namespace pruning {

using namespace storage_test;
using std::chrono::days;
using std::chrono::hours;

inline const std::string agent = "ceo.data.plain";

inline config::company keeping(days tasks, days others) {
  auto c = make_company("c" + new_uuid().substr(24));
  c.retention.tasks = c.retention.runs = {false, tasks};
  c.retention.journal = c.retention.outputs = c.retention.events = {false, others};
  return c;
}

/// For a database of its own: everybody's rows are walked over.
inline storage::engine_options small_steps(std::int64_t rows) {
  storage::engine_options o;
  o.prune_rows_max = rows;
  return o;
}

/// An id of version 7 that was made so long ago.
inline std::string id_of(const world& w, hours ago) {
  return storage::decide::first_id(w.engine->clock() + -ago).substr(0, 14) + new_uuid().substr(14);
}

inline std::string sql_ago(hours ago) {
  return "now() - interval '" + std::to_string(ago.count()) + " hours'";
}

/// A task that ended so long ago, with a run and a line of its journal; its id is given.
inline void put_ended(world& w, const std::string& id, hours ago) {
  const auto run = id_of(w, ago);
  w.ask(
      "INSERT INTO cadre.task (company, id, mode, agent, status, attempt, attempts_max, created_by, created_at, "
      "finished_at) VALUES ($1, '" +
      id + "', 'plain', '" + agent + "', 'complete', 1, 3, 'cli', " + sql_ago(ago) + ", " + sql_ago(ago) +
      ") RETURNING 1");
  w.ask(
      "INSERT INTO cadre.run (company, id, task, attempt, agent, incarnation, node, node_life, status, lease_until, "
      "started_at, ended_at) VALUES ($1, '" +
      run + "', '" + id + "', 1, '" + agent + "', 1, 'n1', gen_random_uuid(), 'succeeded', now(), " + sql_ago(ago) +
      ", " + sql_ago(ago) + ") RETURNING 1");
  w.ask("INSERT INTO cadre.journal (company, run, line, agent, level, text, at) VALUES ($1, '" + run + "', 1, '" +
        agent + "', 'info', 'x', " + sql_ago(ago) + ") RETURNING 1");
}

inline void put_status(world& w, const std::string& id, const std::string& status) {
  w.ask(
      "INSERT INTO cadre.task (company, id, mode, agent, status, attempts_max, created_by, blocked_reason) VALUES "
      "($1, '" +
      id + "', 'plain', '" + agent + "', '" + status + "', 3, 'cli', " + (status == "blocked" ? "'waits'" : "NULL") +
      ") RETURNING 1");
}

inline void prune(world& w, int steps = 60) {
  for (int n = 0; n < steps; ++n) BOOST_REQUIRE(w.engine->prune().has_value());
}

inline std::string count(world& w, const std::string& table, const std::string& where = "true") {
  return w.ask("SELECT count(*) FROM cadre." + table + " WHERE company = $1 AND " + where);
}

inline bool exists(world& w, const std::string& id) {
  return count(w, "task", "id = '" + id + "'") == "1";
}

}  // namespace pruning
