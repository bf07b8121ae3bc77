#pragma once

#include "fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

/// What the tests of schedules share: a company whose schedule is often due, and its ledger in words.
namespace storage_test {

/// A company whose schedule `often` is due every ten seconds, for `worker`.
inline config::company with_often(const std::string& worker,
                                  config::overlap_policy overlap = config::overlap_policy::skip) {
  auto c = make_company("c" + new_uuid().substr(24));
  c.schedules.clear();
  config::schedule s;
  s.name = "often";
  s.agent.text = worker;
  s.cron = "@every 10s";
  s.watcher.text = "ceo.ops.audit";
  s.overlap = overlap;
  s.payload.text = R"({"deep":true})";
  c.schedules.push_back(s);
  return c;
}

/// A moment of `often`, soon.
inline timestamp first_due(const world& w) {
  return {(w.engine->clock().us / 10'000'000 + 1) * 10'000'000};
}

inline void tick(world& w, timestamp at) {
  w.must(schedule_tick{at});
}

/// `10s effect, 20s skipped`: since `from`, of those that are not to come.
inline std::string ledger(world& w, timestamp from, const std::string& column = "outcome") {
  return w.ask("SELECT coalesce(string_agg(concat(round(extract(epoch FROM due_at) - " +
               std::to_string(from.us / 1'000'000) + ")::int, 's ', " + column +
               "), ', ' ORDER BY due_at), '') FROM cadre.fire WHERE company = $1 AND "
               "NOT (outcome = 'expected' AND held_at IS NULL)");
}

inline std::string task_count(world& w) {
  return w.ask("SELECT count(*) FROM cadre.task WHERE company = $1");
}

/// What the last commit told of fires: `due fired started`.
inline std::string told(const world& w) {
  std::string all;
  for (const auto& e : w.last.events)
    if (e.what == "fire")
      all += (all.empty() ? "" : " ") + nlohmann::json::parse(e.data.text)["status"].get<std::string>();
  return all;
}

/// The last commit may have granted it already: the worker is free.
inline run_grant grant_next(world& w, const std::string& worker) {
  if (!w.last.grants.empty()) return w.last.grants[0];
  w.must(w.report(worker, 1));
  BOOST_REQUIRE_EQUAL(w.last.grants.size(), 1U);
  return w.last.grants[0];
}

inline void complete(world& w, const run_grant& grant) {
  run_complete done;
  done.run = grant.run;
  w.must(done, grant.agent.text);
}

inline output_id stage(world& w, const run_grant& grant, const std::string& dataset) {
  output_add out;
  out.output = new_id<output_id>();
  out.run = grant.run;
  out.dataset = dataset;
  out.rows = {{R"({"host":"a","tool":"b"})"}};
  w.must(out, grant.agent.text);
  return out.output;
}

inline const std::string plain = "ceo.data.plain", ingest = "ceo.data.ingest";

}  // namespace storage_test
