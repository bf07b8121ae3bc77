#include "actors/supervision/edges.hpp"

#include <boost/test/unit_test.hpp>

#include <variant>
#include <vector>

using namespace cadre;
using namespace cadre::actors::supervision;

BOOST_AUTO_TEST_SUITE(supervision_edges)

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
  std::vector<agent_path> deposed;
  std::uint64_t count = 0;
  edges sut{nodes, "me", seams()};
  supervisor_ref boss{{"ceo"}, "me", {"me-1"}, 1, {"boss"}};
  child_spec child;

  desk() {
    child.id = {"ceo.a"};
    child.nodes = std::vector<std::string>{"far", "other"};
    child.failback = failback_rule::never;
    sut.settle();
    change(nodes.heard("far", {"far-1"}, time{}));
  }

  edges::seams seams() {
    edges::seams use;
    use.send = [this](const std::string& node, const message& m, std::uint64_t r) { sent.push_back({node, m, r}); };
    use.tell = [this](const agent_path&, const on::event& e) { told.push_back(e); };
    use.deposed = [this](const agent_path& branch) { deposed.push_back(branch); };
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

BOOST_FIXTURE_TEST_CASE(what_was_replaced_is_stopped_when_its_node_returns, desk) {
  sut.start(boss, child);
  const auto first = token();
  sut.answered(1, started(first));
  for (int ms = 0; ms <= 1'200; ms += 400) {
    const auto now = time{} + milliseconds{ms};
    change(nodes.heard("other", {"other-1"}, now));
    change(nodes.tick(now));
  }
  BOOST_TEST(told_at<on::available>(2) != nullptr);
  sent.clear();
  sut.start(boss, child);
  BOOST_REQUIRE(sent.size() == 1u);
  BOOST_TEST(sent[0].node == "other");
  const auto second = token();
  sut.answered(sent[0].request, started(second));
  change(nodes.heard("far", {"far-1"}, time{} + milliseconds{1'300}));
  BOOST_REQUIRE(sent.size() == 2u);
  BOOST_TEST(sent[1].node == "far");
  BOOST_TEST(std::get<child_start>(sent[1].what).adopt_only);
  sut.answered(sent[1].request, started(first));
  BOOST_REQUIRE(sent.size() == 3u);
  BOOST_TEST(sent[2].node == "far");
  BOOST_TEST((std::get<child_stop>(sent[2].what).token == first));
}

BOOST_FIXTURE_TEST_CASE(the_first_life_that_is_found_is_adopted_and_a_newer_one_takes_its_place, desk) {
  change(nodes.heard("other", {"other-1"}, time{}));
  sut.start(boss, child);
  BOOST_REQUIRE(sent.size() == 2u);
  BOOST_TEST(std::get<child_start>(sent[0].what).adopt_only);
  sut.answered(sent[0].request, started({"0001"}));
  BOOST_REQUIRE(told_at<on::started>(0) != nullptr);
  BOOST_TEST((told_at<on::started>(0)->token == incarnation_token{"0001"}));
  sut.answered(sent[1].request, started({"0002"}));
  BOOST_REQUIRE(told_at<on::started>(1) != nullptr);
  BOOST_TEST((told_at<on::started>(1)->token == incarnation_token{"0002"}));
  BOOST_REQUIRE(sent.size() == 3u);
  BOOST_TEST(sent[2].node == "far");
  const auto twin = std::get<child_stop>(sent[2].what);
  BOOST_TEST((twin.token == incarnation_token{"0001"}));
  BOOST_TEST(twin.exact);
}

BOOST_FIXTURE_TEST_CASE(an_older_life_that_is_found_later_is_stopped_until_its_node_has_answered, desk) {
  change(nodes.heard("other", {"other-1"}, time{}));
  sut.start(boss, child);
  sut.answered(sent[1].request, started({"0002"}));
  sut.answered(sent[0].request, started({"0001"}));
  BOOST_TEST(told.size() == 1u);
  BOOST_REQUIRE(sent.size() == 3u);
  BOOST_TEST(sent[2].node == "far");
  BOOST_TEST((std::get<child_stop>(sent[2].what).token == incarnation_token{"0001"}));
  sut.answered(sent[2].request, fail(errc::unreachable, "no answer"));
  BOOST_REQUIRE(retries.size() == 1u);
  sut.retry(retries[0]);
  BOOST_REQUIRE(sent.size() == 4u);
  BOOST_TEST((std::get<child_stop>(sent[3].what).token == incarnation_token{"0001"}));
  sut.answered(sent[3].request, message{down_of({"0001"})});
  BOOST_TEST(told.size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(nothing_starts_before_every_node_said_that_it_does_not_have_it, desk) {
  change(nodes.heard("other", {"other-1"}, time{}));
  sut.start(boss, child);
  sut.answered(sent[0].request, started({"asked"}, {errc::not_found, "not here"}));
  BOOST_TEST(sent.size() == 2u);
  sut.answered(sent[1].request, started({"asked"}, {errc::not_found, "not here"}));
  BOOST_REQUIRE(sent.size() == 3u);
  BOOST_TEST(!std::get<child_start>(sent[2].what).adopt_only);
}

BOOST_FIXTURE_TEST_CASE(who_knows_a_later_leader_or_says_nothing_is_asked_again, desk) {
  change(nodes.heard("other", {"other-1"}, time{}));
  sut.start(boss, child);
  sut.answered(sent[0].request, fail(errc::unreachable, "no answer"));
  error_reply stale;
  stale.error = {errc::stale_epoch, "old"};
  sut.answered(sent[1].request, message{stale});
  BOOST_REQUIRE(retries.size() == 2u);
  sut.retry(retries[0]);
  BOOST_REQUIRE(sent.size() == 3u);
  BOOST_TEST(sent[2].node == "far");
  BOOST_TEST(std::get<child_start>(sent[2].what).adopt_only);
}

BOOST_FIXTURE_TEST_CASE(a_stop_ends_what_is_found_and_what_is_nowhere, desk) {
  change(nodes.heard("other", {"other-1"}, time{}));
  sut.start(boss, child);
  sut.stop(boss, child);
  sut.answered(sent[0].request, started({"0001"}, {errc::not_found, "not here"}));
  sut.answered(sent[1].request, started({"0002"}));
  BOOST_REQUIRE(sent.size() == 3u);
  BOOST_TEST((std::get<child_stop>(sent[2].what).token == incarnation_token{"0002"}));
  BOOST_TEST(told.empty());
}

BOOST_FIXTURE_TEST_CASE(a_supervisor_whose_child_has_a_newer_one_is_deposed, desk) {
  sut.start(boss, child);
  sut.answered(1, started(token(), {errc::deposed, "has a newer supervisor"}));
  BOOST_TEST(told.empty());
  BOOST_REQUIRE(deposed.size() == 1u);
  BOOST_TEST((deposed[0] == boss.branch));
}

BOOST_FIXTURE_TEST_CASE(a_node_without_room_is_offered_again, desk) {
  sut.start(boss, child);
  sut.answered(1, started(token(), {errc::unreachable, "no room"}));
  BOOST_REQUIRE(told_at<on::unavailable>(0) != nullptr);
  BOOST_REQUIRE(retries.size() == 1u);
  sut.retry(retries[0]);
  BOOST_TEST(told_at<on::available>(1) != nullptr);
}

BOOST_FIXTURE_TEST_CASE(a_life_that_was_replaced_is_sought_before_another_is_started, desk) {
  change(nodes.heard("other", {"other-1"}, time{}));
  sut.start(boss, child);
  sut.answered(sent[0].request, started({"0001"}));
  sut.answered(sent[1].request, started({"asked"}, {errc::not_found, "not here"}));
  auto replaced = down_of({"0001"});
  replaced.reason = exit_reason::noconnection;
  replaced.cause = {errc::stale_epoch, "a newer life is on record"};
  sut.down(replaced);
  BOOST_TEST(told_at<on::down>(1) != nullptr);
  BOOST_TEST(told_at<on::available>(2) != nullptr);
  sent.clear();
  sut.start(boss, child);
  BOOST_REQUIRE(sent.size() == 2u);
  BOOST_TEST(std::get<child_start>(sent[0].what).adopt_only);
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
