#include "actors/supervision/edges.hpp"

#include <boost/test/unit_test.hpp>

#include <variant>
#include <vector>

using namespace cadre;
using namespace cadre::actors::supervision;

namespace {

struct sent_order {
  std::string node;
  message what;
  std::uint64_t request = 0;
};

/// The edges of one node `me` that knows a node `far`; every seam is a list.
struct desk {
  using time = node_registry::time_point;
  node_registry nodes{"me", {"me-1"}, milliseconds{1'000}};
  std::vector<sent_order> sent;
  std::vector<on::event> told;
  std::vector<std::uint64_t> retries;
  std::uint64_t count = 0;
  edges sut{nodes, "me", seams()};
  supervisor_ref boss{{"ceo"}, "me", {"me-1"}};
  child_spec child;

  desk() {
    child.id = {"ceo.a"};
    child.nodes = {"far", "other"};
    child.failback = failback_rule::never;
    change(nodes.heard("far", {"far-1"}, time{}));
  }

  edges::seams seams() {
    edges::seams use;
    use.send = [this](const std::string& node, const message& m, std::uint64_t r) { sent.push_back({node, m, r}); };
    use.tell = [this](const agent_path&, const on::event& e) { told.push_back(e); };
    use.set_retry = [this](std::uint64_t r) { retries.push_back(r); };
    use.leader_epoch = [] { return epoch{1}; };
    use.next_request = [this] { return ++count; };
    return use;
  }

  void change(const std::vector<node_change>& changes) {
    for (const auto& c : changes) sut.changed(c);
  }
  incarnation_token token() const { return std::get<child_start>(sent.front().what).token; }
  message started(incarnation_token t, failure problem = {}) const {
    child_started m;
    m.child = child.id;
    m.token = std::move(t);
    m.error = std::move(problem);
    return m;
  }
  child_down down_of(incarnation_token t) const {
    child_down d;
    d.child = child.id;
    d.token = std::move(t);
    d.reason = exit_reason::error;
    d.supervisor = boss;
    return d;
  }
  void lose(const std::string& node, const std::string& life) { sut.changed({node_change::kind::lost, node, {life}}); }
  template <class Event>
  const Event* told_at(std::size_t i) const {
    return i < told.size() ? std::get_if<Event>(&told[i]) : nullptr;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(supervision_edges)

BOOST_FIXTURE_TEST_CASE(a_down_that_overtakes_the_answer_to_the_start_is_told_after_it, desk) {
  sut.start(boss, child);
  sut.down(down_of(token()));
  BOOST_TEST(told.empty());
  sut.answered(1, started(token()));
  BOOST_TEST(told.size() == 2u);
  BOOST_TEST(told_at<on::started>(0) != nullptr);
  BOOST_TEST(told_at<on::down>(1) != nullptr);
}

BOOST_FIXTURE_TEST_CASE(a_down_of_another_life_is_not_told, desk) {
  sut.start(boss, child);
  sut.down(down_of({"older"}));
  sut.answered(1, started(token()));
  sut.down(down_of({"older"}));
  BOOST_TEST(told.size() == 1u);
  sut.down(down_of(token()));
  sut.down(down_of(token()));
  BOOST_TEST(told.size() == 2u);
}

BOOST_FIXTURE_TEST_CASE(a_start_without_an_answer_is_repeated_with_the_same_token, desk) {
  sut.start(boss, child);
  sut.answered(1, fail(errc::unreachable, "no answer"));
  BOOST_TEST(told.empty());
  BOOST_REQUIRE(retries.size() == 1u);
  sut.retry(retries.front());
  BOOST_REQUIRE(sent.size() == 2u);
  BOOST_TEST((std::get<child_start>(sent[1].what).token == token()));
  sut.answered(1, started(token()));
  BOOST_TEST(told.empty());
  sut.answered(2, started(token()));
  BOOST_TEST(told_at<on::started>(0) != nullptr);
}

BOOST_FIXTURE_TEST_CASE(a_start_refused_for_an_old_epoch_is_repeated_and_one_that_failed_is_told, desk) {
  sut.start(boss, child);
  error_reply stale;
  stale.error = {errc::stale_epoch, "old"};
  sut.answered(1, message{stale});
  BOOST_TEST(told.empty());
  sut.retry(1);
  sut.answered(2, started(token(), {errc::crashed, "boom"}));
  BOOST_REQUIRE(told_at<on::start_failed>(0) != nullptr);
  BOOST_TEST(told_at<on::start_failed>(0)->cause.message == "boom");
}

BOOST_FIXTURE_TEST_CASE(a_stop_while_starting_ignores_the_late_answer_and_waits_for_the_end, desk) {
  sut.start(boss, child);
  sut.stop(boss, child);
  sut.answered(1, started(token()));
  BOOST_TEST(told.empty());
  sut.answered(2, message{down_of(token())});
  BOOST_TEST(told_at<on::down>(0) != nullptr);
  sut.stop(boss, child);
  BOOST_TEST(told_at<on::down>(1) != nullptr);
}

BOOST_FIXTURE_TEST_CASE(the_loss_of_a_node_answers_whatever_was_under_way, desk) {
  sut.start(boss, child);
  lose("far", "far-0");
  BOOST_TEST(told.empty());
  nodes.tick(time{} + milliseconds{100});
  change(nodes.heard("far", {"far-2"}, time{}));
  BOOST_TEST(told.size() == 2u);
  BOOST_TEST(told_at<on::unavailable>(0) != nullptr);
  BOOST_TEST(told_at<on::available>(1) != nullptr);
  sut.start(boss, child);
  sut.stop(boss, child);
  lose("far", "far-2");
  BOOST_REQUIRE(told_at<on::down>(2) != nullptr);
  BOOST_TEST((told_at<on::down>(2)->reason == exit_reason::noconnection));
  BOOST_TEST(told.size() == 3u);
}

BOOST_FIXTURE_TEST_CASE(a_stray_is_stopped_when_its_node_returns_only_if_it_was_replaced, desk) {
  sut.start(boss, child);
  sut.answered(1, started(token()));
  change(nodes.heard("other", {"other-1"}, time{}));
  const auto first = token();
  child.nodes = {"other"};
  lose("far", "far-1");
  sut.start(boss, child);
  BOOST_REQUIRE(sent.size() == 2u);
  BOOST_TEST(sent[1].node == "other");
  sut.changed({node_change::kind::found, "far", {"far-1"}});
  BOOST_REQUIRE(sent.size() == 3u);
  BOOST_TEST(sent[2].node == "far");
  BOOST_TEST((std::get<child_stop>(sent[2].what).token == first));
  sut.changed({node_change::kind::found, "far", {"far-1"}});
  BOOST_TEST(sent.size() == 3u);
}

BOOST_FIXTURE_TEST_CASE(nothing_is_known_of_the_children_of_a_supervisor_that_ended, desk) {
  sut.start(boss, child);
  sut.forget_supervisor(boss.branch);
  sut.answered(1, started(token()));
  sut.down(down_of(token()));
  lose("far", "far-1");
  BOOST_TEST(told.empty());
}

BOOST_AUTO_TEST_SUITE_END()
