#pragma once

#include "fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

/// That escalations neither come in crowds nor go round.
namespace loops {

using namespace storage_test;

inline config::company company_where_data(std::int64_t ms, escalation_policy then) {
  auto company = make_company("c" + new_uuid().substr(24));
  agent_of(company, "ceo.data").on_escalation = {milliseconds{ms}, then};
  agent_of(company, "ceo.data.plain").retry.attempts = 1;
  return company;
}

inline escalation_raise odd(const std::string& fingerprint = {}) {
  escalation_raise r;
  r.id = new_id<escalation_id>();
  r.origin = {"ceo.data.plain"};
  r.problem = "odd";
  r.fingerprint = fingerprint;
  r.cause = {errc::internal, "it broke"};
  return r;
}

/// A clock that goes on when the test says so.
struct own_time {
  std::shared_ptr<timestamp> now = std::make_shared<timestamp>(timestamp{
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count()});
  [[nodiscard]] storage::engine_options options() const {
    storage::engine_options o;
    o.clock = [now = now] { return *now; };
    return o;
  }
};

struct loop_world : own_time, world {
  explicit loop_world(const config::company& c) : world{c, shared_database(), own_time::options()} {}

  void commit_all(const std::vector<command>& commands) {
    last = engine->commit(commands);
    for (const auto& o : last.outcomes)
      BOOST_REQUIRE_MESSAGE(o.status == outcome_status::committed, storage_test::status(o) << ": " << o.error.message);
  }
  /// `STATUS HOLDER COUNT` of each, as they came.
  std::string all() {
    return ask(
        "SELECT string_agg(concat_ws(' ', status, holder, count), ', ' ORDER BY raised_at, id) FROM "
        "cadre.escalation WHERE company = $1");
  }
  std::string sums() {
    return ask("SELECT concat_ws(' ', count(*), sum(count)) FROM cadre.escalation WHERE company = $1");
  }
  /// A run ends well with one row.
  output_id sealed(run_grant grant, const std::string& dataset) {
    output_add out;
    out.output = new_id<output_id>();
    out.run = grant.run;
    out.dataset = dataset;
    out.rows = {{R"({"host":"a","tool":"t"})"}};
    must(out, grant.agent.text);
    run_complete done;
    done.run = grant.run;
    must(done, grant.agent.text);
    return out.output;
  }
  /// Has the newest task of the agent done, and fails it.
  task_id fail_one(const std::string& agent) {
    must(report(agent, 1));
    BOOST_REQUIRE_EQUAL(last.grants.size(), 1U);
    const auto grant = last.grants[0];
    run_fail failed;
    failed.run = grant.run;
    failed.error = {errc::exit_code, "exit code 3"};
    must(failed, agent);
    return grant.task;
  }
};

}  // namespace loops
