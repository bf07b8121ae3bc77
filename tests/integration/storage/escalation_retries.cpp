#include "loops.hpp"

#include <boost/test/unit_test.hpp>

#include <vector>

using namespace storage_test;
using loops::loop_world;
using loops::odd;

BOOST_AUTO_TEST_SUITE(escalation_retries)

BOOST_AUTO_TEST_CASE(what_runs_again_does_not_fold) {
  loop_world w{loops::company_where_data(0, escalation_policy::retry)};
  for (int i = 0; i < 25; ++i) {
    // Nobody sees it fail but who raises it, so that each failure is a problem of its own.
    const auto add = w.task("ceo.data.plain");
    w.must(add);
    w.must(task_cancel{add.id, "test"});
    auto r = odd("odd " + std::to_string(i));
    r.task = add.id;
    w.must(r);
  }
  BOOST_TEST(w.sums() == "25 25");
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.escalation WHERE company = $1 AND status = 'resolved'") == "25");
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.task WHERE company = $1 AND retry_of IS NOT NULL") == "25");
}

/// A task of `plain` that failed, of which its manager has heard.
struct failed_world : loop_world {
  failed_world(std::int64_t investigate_ms, escalation_policy then)
      : loop_world{loops::company_where_data(investigate_ms, then)} {
    must(task("ceo.data.plain"));
    failed = fail_one("ceo.data.plain");
  }
  escalation_raise told(const std::string& fingerprint) const {
    auto r = odd(fingerprint);
    r.task = failed;
    return r;
  }
  std::string repetitions() {
    return ask(
        "SELECT string_agg(status, ', ' ORDER BY created_at) FROM cadre.task WHERE company = $1 AND retry_of = '" +
        failed.text + "'");
  }
  task_id failed;
};

/// The manager's policy has had it run again.
struct rerun_world : failed_world {
  rerun_world() : failed_world{0, escalation_policy::retry} {}
};

/// A person has had it run again, before the manager's time was over.
struct helped_world : failed_world {
  explicit helped_world(escalation_policy then) : failed_world{1'000, then} { must(task_retry{failed, again}); }
  task_id again = new_id<task_id>();
};

BOOST_AUTO_TEST_CASE(a_task_with_many_problems_runs_again_once) {
  rerun_world w;
  w.must(w.told("one"));
  w.take_over();
  w.must(w.told("two"));
  w.must(w.told("two"));
  BOOST_TEST(w.repetitions() == "active");
  BOOST_TEST(w.all() == "resolved ceo.data 1, resolved ceo.data 1, resolved ceo.data 2");
  for (int i = 0; i < 30; ++i) w.must(w.told("odd " + std::to_string(i)));
  BOOST_TEST(w.repetitions() == "active");
  BOOST_TEST(
      w.ask("SELECT concat_ws(' ', status, holder, count) FROM cadre.escalation WHERE company = $1 AND problem = "
            "'and_more'") == "open ceo 13");
}

BOOST_AUTO_TEST_CASE(what_ran_again_in_vain_climbs) {
  rerun_world w;
  w.fail_one("ceo.data.plain");
  BOOST_TEST(w.repetitions() == "failed");
  w.must(w.told("late"));
  BOOST_TEST(w.repetitions() == "failed");
  BOOST_TEST(w.all() == "resolved ceo.data 1, open ceo 1, open ceo 1");
}

BOOST_AUTO_TEST_CASE(a_person_has_it_run_once_more) {
  rerun_world w;
  w.fail_one("ceo.data.plain");
  const auto late = w.told("late");
  w.must(late);
  escalation_act again;
  again.id = late.id;
  again.action = escalation_action::retry;
  again.by = "anna";
  w.must(again);
  BOOST_TEST(w.repetitions() == "failed, active");
}

BOOST_AUTO_TEST_CASE(what_a_person_runs_again_no_policy_runs_again) {
  helped_world w{escalation_policy::retry};
  BOOST_TEST(w.all() == "open ceo.data 1");
  w.tick_after(milliseconds{1'001});
  BOOST_TEST(w.all() == "resolved ceo.data 1");
  BOOST_TEST(w.repetitions() == "active");
}

BOOST_AUTO_TEST_CASE(what_a_person_runs_again_in_vain_climbs) {
  helped_world w{escalation_policy::retry};
  w.must(task_cancel{w.again, "test"});
  w.tick_after(milliseconds{1'001});
  BOOST_TEST(w.all() == "open ceo 1");
  BOOST_TEST(w.repetitions() == "stale");
}

BOOST_AUTO_TEST_CASE(an_agent_settles_with_what_a_person_runs_again) {
  helped_world w{escalation_policy::escalate};
  escalation_act retry;
  retry.id = {w.ask("SELECT id FROM cadre.escalation WHERE company = $1")};
  retry.action = escalation_action::retry;
  w.must(retry, "ceo.data");
  BOOST_TEST(w.all() == "resolved ceo.data 1");
  BOOST_TEST(w.repetitions() == "active");
}

BOOST_AUTO_TEST_CASE(two_auditors_who_fail_it_have_it_run_again_once) {
  auto company = loops::company_where_data(0, escalation_policy::retry);
  agent_of(company, "ceo.data.pair").retry.attempts = 1;
  loop_world w{company};
  w.must(w.task("ceo.data.pair"));
  w.must(w.report("ceo.data.pair", 1));
  BOOST_REQUIRE_EQUAL(w.last.grants.size(), 1U);
  const auto out = w.sealed(w.last.grants[0], "pairs");
  w.must(w.verdict(out, "ceo.ops.audit", false));
  w.must(w.verdict(out, "ceo.ops.audit2", false));
  BOOST_TEST(w.all() == "resolved ceo.data 2");
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.task WHERE company = $1 AND retry_of IS NOT NULL") == "1");
}

BOOST_AUTO_TEST_CASE(each_task_runs_again_once_and_what_fails_again_climbs) {
  loop_world w{loops::company_where_data(0, escalation_policy::retry)};
  for (int i = 0; i < 3; ++i) {
    w.must(w.task("ceo.data.plain"));
    // The task that was added first is done first: retries line up behind.
    if (i == 0) w.fail_one("ceo.data.plain");
  }
  BOOST_TEST(w.all() == "resolved ceo.data 1");
  std::vector<command> fails;
  w.must(w.report("ceo.data.plain", 3));
  BOOST_REQUIRE_EQUAL(w.last.grants.size(), 3U);
  for (const auto& grant : w.last.grants) {
    run_fail failed;
    failed.run = grant.run;
    failed.error = {errc::exit_code, "exit code 3"};
    fails.push_back(make(failed, "ceo.data.plain"));
  }
  w.commit_all(fails);
  // The retry of the first is no more settled: it is a problem of its own, and what fails from now on is counted there.
  BOOST_TEST(
      w.ask("SELECT string_agg(status || ' ' || holder, ', ' ORDER BY raised_at, id) FROM cadre.escalation WHERE "
            "company = $1") == "resolved ceo.data, open ceo");
  BOOST_TEST(w.sums() == "2 4");
}

BOOST_AUTO_TEST_CASE(a_storm_of_failures_that_run_again_is_one_escalation) {
  loop_world w{loops::company_where_data(0, escalation_policy::retry)};
  constexpr int count = 50;
  std::vector<command> adds, fails;
  for (int i = 0; i < count; ++i) adds.push_back(make(w.task("ceo.data.plain")));
  w.commit_all(adds);
  w.must(w.report("ceo.data.plain", count));
  BOOST_REQUIRE_EQUAL(w.last.grants.size(), static_cast<std::size_t>(count));
  for (const auto& grant : w.last.grants) {
    run_fail failed;
    failed.run = grant.run;
    failed.error = {errc::exit_code, "exit code 3"};
    fails.push_back(make(failed, "ceo.data.plain"));
  }
  w.commit_all({fails.begin(), fails.begin() + count / 2});
  w.take_over();
  w.commit_all({fails.begin() + count / 2, fails.end()});
  w.commit_all(fails);
  BOOST_TEST(w.all() == "resolved ceo.data 50");
  BOOST_TEST(w.ask("SELECT concat_ws(' ', count(*), count(DISTINCT retry_of)) FROM cadre.task WHERE company = $1 AND "
                   "retry_of IS NOT NULL") == "50 50");
}

BOOST_AUTO_TEST_SUITE_END()
