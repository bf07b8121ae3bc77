#include "actors/supervision/exits.hpp"
#include "actors/supervision/lives.hpp"
#include "actors/supervision/type_ids.hpp"
#include "support/deterministic.hpp"

#include <boost/test/unit_test.hpp>
#include <caf/all.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

using namespace cadre;
using namespace cadre::actors::supervision;

namespace {

struct owner_state {
  std::unique_ptr<lives> sut;
};

using job = std::function<void(lives&)>;

}  // namespace

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(job)

namespace {

/// An agent that knows no ready_atom.
caf::behavior wordless(caf::event_based_actor* self, bool stubborn) {
  keep_exception_text(self);
  if (stubborn) self->set_exit_handler([](const caf::exit_msg&) {});
  return {[](int) {}};
}

/// An agent that never answers.
caf::behavior mute(caf::event_based_actor* self) {
  return {[promises = std::vector<caf::response_promise>{}, self](ready_atom) mutable -> caf::result<bool> {
    promises.push_back(self->make_response_promise());
    return promises.back();
  }};
}

/// The table of a node `me` inside an actor, and what it said.
struct table : test::deterministic {
  std::vector<std::string> said;
  std::vector<caf::actor_addr> spawned;
  bool stubborn = false;
  bool silent = false;
  bool adopt_only = false;
  bool exact = false;
  std::string stop_token;
  caf::actor owner = sys.spawn([](caf::stateful_actor<owner_state>* self, table* t) { return t->behave(self); }, this);

  ~table() {
    with([](lives& l) { l.kill_all(); });
    at_end(std::exchange(owner, {}));
    end();
  }

  caf::behavior behave(caf::stateful_actor<owner_state>* self) {
    lives::seams use;
    use.spawn = [this, self](const child_start&) {
      auto child = silent ? self->spawn(mute) : self->spawn(wordless, stubborn);
      spawned.push_back(child.address());
      return child;
    };
    use.tell_down = [this](const child_down& d) {
      said.push_back("down " + d.child.text + " " + std::string{to_text(d.reason)});
    };
    use.branch_ended = [this](const agent_path& p) { said.push_back("branch " + p.text); };
    use.start_time = [](const child_start&) { return milliseconds{1'000}; };
    use.shutdown_ms = [](const agent_path&, bool) { return 500; };
    use.set_timer = [self](std::uint64_t g, milliseconds delay) {
      self->delayed_send(self, delay, host_timer{host_timer::kind::life_expired, g});
    };
    self->state.sut = std::make_unique<lives>(self, "me", std::move(use));
    self->set_down_handler([self](const caf::down_msg& m) { self->state.sut->ended(m); });
    return {
        [self](const job& j) { j(*self->state.sut); },
        [self](const host_timer& t) { self->state.sut->expired(t.generation); },
    };
  }

  void with(job j) {
    caf::anon_send(owner, std::move(j));
    run();
  }

  static supervisor_ref boss(const std::string& branch, const std::string& node = "me") {
    supervisor_ref ref;
    ref.branch = {branch};
    ref.node = node;
    ref.life = {node + "-1"};
    return ref;
  }

  void start(const std::string& child, const std::string& token, const supervisor_ref& by, bool branch = false) {
    child_start order;
    order.child = {child};
    order.branch = branch;
    order.token = {token};
    order.supervisor = by;
    order.adopt_only = adopt_only;
    with([this, order](lives& l) {
      l.start(order, [this](const message& m) {
        const auto& answer = std::get<child_started>(m);
        said.push_back(answer.error.code != errc::none
                           ? "failed: " + answer.error.message
                           : (answer.adopted ? "adopted " : "started ") + answer.token.text);
      });
    });
  }

  void stop(const std::string& child, const supervisor_ref& by, std::int64_t ms = 500) {
    child_stop order;
    order.child = {child};
    order.shutdown_ms = ms;
    order.supervisor = by;
    order.exact = exact;
    order.token = {stop_token};
    with([this, order](lives& l) {
      l.stop(order, [this](const message& m) {
        said.push_back("stopped " + std::string{to_text(std::get<child_down>(m).reason)});
      });
    });
  }

  std::string take() {
    std::string text;
    for (const auto& s : std::exchange(said, {})) text += (text.empty() ? "" : ", ") + s;
    return text;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(supervision_lives)

BOOST_FIXTURE_TEST_CASE(an_actor_that_knows_no_ready_atom_counts_as_started, table) {
  start("ceo.a", "t1", boss("ceo"));
  BOOST_TEST(take() == "started t1");
}

BOOST_FIXTURE_TEST_CASE(a_second_start_adopts_and_the_down_goes_to_the_new_supervisor, table) {
  start("ceo.a", "t1", boss("ceo", "n1"));
  start("ceo.a", "t2", boss("ceo", "n2"));
  BOOST_TEST(take() == "started t1, adopted t1");
  stop("ceo.a", boss("ceo", "n1"));
  BOOST_TEST(take() == "stopped noconnection");
  BOOST_TEST(spawned.size() == 1u);
  stop("ceo.a", boss("ceo", "n2"));
  BOOST_TEST(take() == "stopped shutdown");
}

BOOST_FIXTURE_TEST_CASE(an_older_supervisor_is_refused_and_a_newer_one_adopts, table) {
  const auto ranked = [](epoch reign, const std::string& token) {
    auto ref = boss("ceo", token);
    ref.reign = reign;
    ref.token = {token};
    return ref;
  };
  start("ceo.a", "t1", ranked(3, "b2"));
  start("ceo.a", "t2", ranked(3, "b1"));
  start("ceo.a", "t2", ranked(2, "b9"));
  BOOST_TEST(take() == "started t1, failed: has a newer supervisor on b2, failed: has a newer supervisor on b2");
  stop("ceo.a", ranked(3, "b1"));
  BOOST_TEST(take() == "stopped noconnection");
  start("ceo.a", "t2", ranked(4, "b1"));
  BOOST_TEST(take() == "down ceo.a noconnection, adopted t1");
  start("ceo.a", "t2", ranked(3, "b2"));
  BOOST_TEST(take() == "failed: has a newer supervisor on b1");
}

BOOST_FIXTURE_TEST_CASE(an_exact_stop_spares_every_other_life, table) {
  start("ceo.a", "t1", boss("ceo"));
  exact = true;
  stop_token = "t0";
  stop("ceo.a", boss("ceo"));
  with([this](lives& l) { said.push_back(std::to_string(l.size())); });
  BOOST_TEST(take() == "started t1, stopped shutdown, 1");
  stop_token = "t1";
  stop("ceo.a", boss("ceo"));
  with([this](lives& l) { said.push_back(std::to_string(l.size())); });
  BOOST_TEST(take() == "stopped noconnection, down ceo.a noconnection, 0");
}

BOOST_FIXTURE_TEST_CASE(an_exact_stop_that_is_repeated_leaves_the_start_of_the_next_life, table) {
  stubborn = true;
  start("ceo.a", "t1", boss("ceo"));
  exact = true;
  stop_token = "t1";
  stop("ceo.a", boss("ceo"));
  start("ceo.a", "t2", boss("ceo"));
  stop("ceo.a", boss("ceo"));
  BOOST_TEST(take() == "started t1");
  advance(milliseconds{600});
  BOOST_TEST(take() == "stopped noconnection, stopped noconnection, down ceo.a noconnection, started t2");
}

BOOST_FIXTURE_TEST_CASE(a_late_stop_does_not_hit_the_next_life, table) {
  start("ceo.a", "t1", boss("ceo"));
  stop_token = "t1";
  stop("ceo.a", boss("ceo"));
  start("ceo.a", "t2", boss("ceo"));
  BOOST_TEST(take() == "started t1, stopped shutdown, started t2");
  stop("ceo.a", boss("ceo"));
  with([this](lives& l) { said.push_back(std::to_string(l.size())); });
  BOOST_TEST(take() == "stopped shutdown, 1");
  // It is known by the token of the start that found it running, too.
  start("ceo.a", "t3", boss("ceo"));
  stop_token = "t3";
  stop("ceo.a", boss("ceo"));
  with([this](lives& l) { said.push_back(std::to_string(l.size())); });
  BOOST_TEST(take() == "adopted t2, stopped shutdown, 0");
}

BOOST_FIXTURE_TEST_CASE(a_late_repetition_of_an_earlier_start_and_stop_hits_nobody, table) {
  start("ceo.a", "t2", boss("ceo"));
  start("ceo.a", "t1", boss("ceo"));
  stop_token = "t1";
  stop("ceo.a", boss("ceo"));
  with([this](lives& l) { said.push_back(std::to_string(l.size())); });
  BOOST_TEST(take() == "started t2, adopted t2, stopped shutdown, 1");
}

BOOST_FIXTURE_TEST_CASE(a_question_waits_for_the_end_of_what_is_being_stopped_and_cancels_no_start, table) {
  stubborn = true;
  start("ceo.a", "t1", boss("ceo"));
  stop("ceo.a", boss("ceo"));
  start("ceo.a", "t2", boss("ceo"));
  adopt_only = true;
  start("ceo.a", "t3", boss("ceo"));
  BOOST_TEST(take() == "started t1");
  advance(milliseconds{600});
  BOOST_TEST(take() == "stopped killed, started t2, adopted t2");
  stop("ceo.a", boss("ceo"));
  start("ceo.a", "t4", boss("ceo"));
  advance(milliseconds{600});
  BOOST_TEST(take() == "stopped killed, failed: does not run on me");
}

BOOST_FIXTURE_TEST_CASE(a_deposed_supervisor_ends_as_if_its_node_were_lost_and_takes_its_own_children_along, table) {
  start("ceo.m", "b1", boss("ceo"), true);
  start("ceo.m.a", "t1", boss("ceo.m"));
  start("ceo.m.b", "t2", boss("ceo.m", "elsewhere"));
  take();
  with([](lives& l) { l.depose({"ceo.m"}); });
  BOOST_TEST(take() == "branch ceo.m, down ceo.m noconnection, down ceo.m.a shutdown");
}

BOOST_FIXTURE_TEST_CASE(a_deposed_supervisor_that_is_stopping_waits_for_nobody, table) {
  stubborn = true;
  start("ceo.m", "b1", boss("ceo"), true);
  child_stop for_ever;
  for_ever.child = {"ceo.m"};
  for_ever.branch = true;
  for_ever.shutdown_ms = -1;
  for_ever.supervisor = boss("ceo");
  with([&](lives& l) {
    l.stop(for_ever, [this](const message& m) {
      said.push_back("stopped " + std::string{to_text(std::get<child_down>(m).reason)});
    });
  });
  advance(milliseconds{60'000});
  BOOST_TEST(take() == "started b1");
  with([](lives& l) { l.depose({"ceo.m"}); });
  BOOST_TEST(take() == "branch ceo.m, stopped noconnection, down ceo.m noconnection");
}

BOOST_FIXTURE_TEST_CASE(a_start_waits_for_the_end_of_the_life_that_is_being_stopped, table) {
  stubborn = true;
  start("ceo.a", "t1", boss("ceo"));
  stop("ceo.a", boss("ceo"));
  start("ceo.a", "t2", boss("ceo"));
  BOOST_TEST(take() == "started t1");
  BOOST_TEST(spawned.size() == 1u);
  advance(milliseconds{600});
  BOOST_TEST(take() == "stopped killed, started t2");
  BOOST_TEST(spawned.size() == 2u);
}

BOOST_FIXTURE_TEST_CASE(a_start_that_is_repeated_after_the_life_ended_makes_no_second_one, table) {
  start("ceo.a", "t1", boss("ceo"));
  caf::anon_send_exit(caf::actor_cast<caf::actor>(spawned.back()), caf::exit_reason::kill);
  run();
  start("ceo.a", "t1", boss("ceo"));
  BOOST_TEST(take() == "started t1, down ceo.a killed, failed: killed");
  start("ceo.a", "t2", boss("ceo"));
  BOOST_TEST(take() == "started t2");
}

BOOST_FIXTURE_TEST_CASE(each_start_has_its_own_time_to_be_answered_in, table) {
  silent = true;
  start("ceo.b", "t1", boss("ceo"));
  advance(milliseconds{500});
  start("ceo.a", "t2", boss("ceo"));
  silent = false;
  start("ceo.c", "t3", boss("ceo"));
  advance(milliseconds{490});
  BOOST_TEST(take() == "started t3");
  advance(milliseconds{20});
  BOOST_TEST(take() == "failed: did not answer in time after its start");
  advance(milliseconds{480});
  BOOST_TEST(take() == "");
  advance(milliseconds{20});
  BOOST_TEST(take() == "failed: did not answer in time after its start");
  // What was answered is not meant by any timer, and a start later on has its time again.
  silent = true;
  start("ceo.a", "t4", boss("ceo"));
  advance(milliseconds{990});
  BOOST_TEST(take() == "");
  advance(milliseconds{20});
  BOOST_TEST(take() == "failed: did not answer in time after its start");
  with([this](lives& l) { said.push_back(std::to_string(l.size())); });
  BOOST_TEST(take() == "1");
}

BOOST_FIXTURE_TEST_CASE(a_killed_supervisor_takes_its_children_here_along_and_no_others, table) {
  start("ceo.m", "b1", boss("ceo"), true);
  start("ceo.m.a", "t1", boss("ceo.m"));
  start("ceo.m.b", "t2", boss("ceo.m", "elsewhere"));
  start("ceo.x", "t3", boss("ceo"));
  take();
  with([](lives& l) { l.kill(life_key{{"ceo.m"}, true}); });
  BOOST_TEST(take() == "branch ceo.m, down ceo.m killed, down ceo.m.a shutdown");
  with([this](lives& l) { said.push_back(std::to_string(l.size())); });
  BOOST_TEST(take() == "2");
}

BOOST_FIXTURE_TEST_CASE(brutal_kill_asks_nobody_and_a_stop_of_nothing_is_answered, table) {
  stubborn = true;
  start("ceo.a", "t1", boss("ceo"));
  stop("ceo.a", boss("ceo"), 0);
  BOOST_TEST(take() == "started t1, stopped killed");
  stop("ceo.a", boss("ceo"));
  BOOST_TEST(take() == "stopped shutdown");
}

BOOST_AUTO_TEST_SUITE_END()
