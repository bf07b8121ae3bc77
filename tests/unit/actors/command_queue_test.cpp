#include "actors/command/command_queue.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>

using namespace cadre;
using namespace cadre::actors;
using std::chrono::milliseconds;

namespace {

command named(const std::string& id) {
  command c;
  c.id.text = id;
  c.body = clock_tick{};
  return c;
}

outcome answered(const std::string& id, outcome_status status, failure error = {}) {
  outcome o;
  o.command.text = id;
  o.status = status;
  o.error = std::move(error);
  return o;
}

outcome committed(const std::string& id) {
  return answered(id, outcome_status::committed);
}

/// One text per action: `send a b`, `a committed`, `a rejected too_large`, `wake 20`.
std::string describe(const command_queue::action& action) {
  if (const auto* batch = std::get_if<command_queue::send_batch>(&action)) {
    std::string out = "send";
    for (const auto& c : batch->commands) out += ' ' + c.id.text;
    return out;
  }
  if (const auto* given = std::get_if<command_queue::deliver>(&action)) {
    auto out = given->id.text + ' ' + std::string{to_text(given->result.status)};
    BOOST_CHECK_EQUAL(given->result.command.text, given->id.text);
    if (given->result.error.code != errc::none) out += ' ' + std::string{to_text(given->result.error.code)};
    return out;
  }
  return "wake " + std::to_string(std::get<command_queue::wake_after>(action).delay.count());
}

std::string joined(const command_queue::actions& actions) {
  std::string out;
  for (const auto& a : actions) out += (out.empty() ? "" : "; ") + describe(a);
  return out;
}

/// A queue with a clock of its own, whose steps are read as text.
struct script {
  explicit script(command_queue_options options = {}) : queue{options} {}

  std::string add(const std::string& id, std::size_t bytes = 100) { return note(queue.add(named(id), bytes, now)); }
  std::string outcomes(std::vector<outcome> list) { return note(queue.on_outcomes(std::move(list), now)); }
  std::string failure_of(errc code) { return note(queue.on_failure({code, "why"}, now)); }
  std::string wake() { return note(queue.on_wake(generation, now)); }
  std::string wake(std::uint64_t other) { return note(queue.on_wake(other, now)); }

  std::string note(const command_queue::actions& actions) {
    for (const auto& a : actions)
      if (const auto* w = std::get_if<command_queue::wake_after>(&a)) generation = w->generation;
    return joined(actions);
  }

  command_queue queue;
  command_queue::time_point now{std::chrono::hours{1}};
  std::uint64_t generation = 0;  ///< Of the last wake that was asked for.
};

}  // namespace

BOOST_AUTO_TEST_SUITE(command_queue_test)

BOOST_AUTO_TEST_CASE(one_batch_is_in_flight_and_the_rest_forms_the_next) {
  script s;
  BOOST_CHECK_EQUAL(s.add("a"), "send a");
  BOOST_CHECK_EQUAL(s.add("b"), "");
  BOOST_CHECK_EQUAL(s.add("c"), "");
  BOOST_CHECK_EQUAL(s.queue.pending(), 3u);
  BOOST_CHECK_EQUAL(s.outcomes({committed("a")}), "a committed; send b c");
  BOOST_CHECK_EQUAL(s.outcomes({committed("c"), committed("b")}), "b committed; c committed");
  BOOST_CHECK_EQUAL(s.queue.pending(), 0u);
  BOOST_CHECK_EQUAL(s.add("d"), "send d");
}

BOOST_AUTO_TEST_CASE(batches_are_bounded_in_count_and_bytes) {
  command_queue_options o;
  o.batch_max = 3;
  o.batch_bytes_max = 1'000;
  script s{o};
  s.add("a");
  for (const char* id : {"b", "c", "d", "e"}) s.add(id, 100);
  s.add("f", 900);
  s.add("g", 100);
  s.add("h", 1);
  BOOST_CHECK_EQUAL(s.outcomes({committed("a")}), "a committed; send b c d");
  BOOST_CHECK_EQUAL(s.outcomes({committed("b"), committed("c"), committed("d")}),
                    "b committed; c committed; d committed; send e f");
  BOOST_CHECK_EQUAL(s.outcomes({committed("e"), committed("f")}), "e committed; f committed; send g h");
}

BOOST_AUTO_TEST_CASE(a_batch_without_an_answer_goes_again_in_its_place) {
  script s;
  s.add("a");
  s.add("b");
  s.outcomes({committed("a")});
  s.add("c");
  BOOST_CHECK_EQUAL(s.failure_of(errc::unreachable), "wake 20");
  BOOST_CHECK(s.queue.trouble().code == errc::unreachable);
  BOOST_CHECK_EQUAL(s.add("d"), "");
  BOOST_CHECK_EQUAL(s.wake(), "send b c d");
  BOOST_CHECK_EQUAL(s.outcomes({committed("b"), committed("c"), committed("d")}),
                    "b committed; c committed; d committed");
  BOOST_CHECK(s.queue.trouble().code == errc::none);
}

BOOST_AUTO_TEST_CASE(busy_in_doubt_and_not_leader_are_repeated_by_the_queue) {
  script s;
  s.add("a");
  for (const char* id : {"b", "c", "d", "e", "f"}) s.add(id);
  s.outcomes({committed("a")});
  s.add("g");
  // f has no outcome at all: that is no answer either.
  BOOST_CHECK_EQUAL(s.outcomes({answered("b", outcome_status::busy, {errc::busy, "full"}),
                                answered("c", outcome_status::in_doubt, {errc::in_doubt, "lost"}),
                                answered("d", outcome_status::rejected, {errc::not_leader, "not me"}),
                                answered("e", outcome_status::rejected, {errc::refused, "no"})}),
                    "e rejected refused; wake 20");
  BOOST_CHECK(s.queue.trouble().code == errc::not_leader);
  BOOST_CHECK_EQUAL(s.wake(), "send b c d f g");
}

BOOST_AUTO_TEST_CASE(an_outcome_of_a_stranger_is_ignored) {
  script s;
  s.add("a");
  BOOST_CHECK_EQUAL(s.outcomes({committed("x"), committed("a"), committed("a")}), "a committed");
}

BOOST_AUTO_TEST_CASE(the_pause_doubles_to_its_bound_and_starts_again_after_a_success) {
  command_queue_options o;
  o.retry_initial = milliseconds{10};
  o.retry_max = milliseconds{50};
  script s{o};
  s.add("a");
  for (const char* pause : {"wake 10", "wake 20", "wake 40", "wake 50", "wake 50"}) {
    BOOST_CHECK_EQUAL(s.failure_of(errc::unreachable), pause);
    BOOST_CHECK_EQUAL(s.wake(), "send a");
  }
  BOOST_CHECK_EQUAL(s.outcomes({committed("a")}), "a committed");
  s.add("b");
  BOOST_CHECK_EQUAL(s.failure_of(errc::unreachable), "wake 10");
}

BOOST_AUTO_TEST_CASE(who_is_busy_says_when_to_come_again) {
  command_queue_options o;
  o.retry_initial = milliseconds{10};
  o.retry_max = milliseconds{50};
  script s{o};
  s.add("a");
  const auto busy_for = [&](std::int64_t ms) {
    failure why{errc::busy, "later"};
    why.retry_after_ms = ms;
    const auto said = s.outcomes({answered("a", outcome_status::busy, why)});
    s.wake();
    return said;
  };
  BOOST_CHECK_EQUAL(busy_for(0), "wake 10");
  BOOST_CHECK_EQUAL(busy_for(5), "wake 20");  // Not sooner than it would have come anyway,
  BOOST_CHECK_EQUAL(busy_for(45), "wake 45");
  BOOST_CHECK_EQUAL(busy_for(1'000'000), "wake 50");  // and not after its own bound.
}

BOOST_AUTO_TEST_CASE(stale_wakes_do_nothing) {
  script s;
  BOOST_CHECK_EQUAL(s.wake(0), "");
  s.add("a");
  s.failure_of(errc::unreachable);
  const auto first = s.generation;
  BOOST_CHECK_EQUAL(s.wake(first), "send a");
  BOOST_CHECK_EQUAL(s.wake(first), "");
  s.failure_of(errc::unreachable);
  BOOST_CHECK_EQUAL(s.wake(first), "");
  BOOST_CHECK_EQUAL(s.wake(), "send a");
}

BOOST_AUTO_TEST_CASE(a_command_over_the_bound_is_refused_at_once) {
  command_queue_options o;
  o.batch_bytes_max = 1'000;
  script s{o};
  BOOST_CHECK_EQUAL(s.add("a", 1'001), "a rejected too_large");
  BOOST_CHECK_EQUAL(s.queue.pending(), 0u);
  BOOST_CHECK_EQUAL(s.add("a", 1'000), "send a");
}

BOOST_AUTO_TEST_CASE(a_full_queue_is_busy_by_count) {
  command_queue_options o;
  o.pending_max = 2;
  script s{o};
  s.add("a");
  s.add("b");
  BOOST_CHECK_EQUAL(s.add("c"), "c busy busy");
  // Known ones are no additional load.
  BOOST_CHECK_EQUAL(s.add("b"), "");
  BOOST_CHECK_EQUAL(s.outcomes({committed("a")}), "a committed; send b");
  BOOST_CHECK_EQUAL(s.add("c"), "");
}

BOOST_AUTO_TEST_CASE(a_full_queue_is_busy_by_bytes) {
  command_queue_options o;
  o.pending_bytes_max = 1'000;
  script s{o};
  s.add("a", 600);
  BOOST_CHECK_EQUAL(s.add("b", 401), "b busy busy");
  BOOST_CHECK_EQUAL(s.add("b", 400), "");
  s.outcomes({committed("a")});
  BOOST_CHECK_EQUAL(s.add("c", 601), "c busy busy");
  BOOST_CHECK_EQUAL(s.add("c", 600), "");
}

BOOST_AUTO_TEST_CASE(the_same_id_twice_is_sent_once_and_answered_together) {
  script s;
  s.add("x");
  s.add("a");
  BOOST_CHECK_EQUAL(s.add("a"), "");
  BOOST_CHECK_EQUAL(s.outcomes({committed("x")}), "x committed; send a");
  BOOST_CHECK_EQUAL(s.add("a"), "");
  BOOST_CHECK_EQUAL(s.queue.pending(), 1u);
  BOOST_CHECK_EQUAL(s.outcomes({committed("a")}), "a committed; a committed; a committed");
  BOOST_CHECK_EQUAL(s.add("a"), "send a");
}

BOOST_AUTO_TEST_CASE(a_command_is_given_up_after_its_time_with_the_last_cause) {
  command_queue_options o;
  o.give_up_after = milliseconds{1'000};
  script s{o};
  s.add("a");
  s.now += milliseconds{600};
  s.add("b");
  s.now += milliseconds{400};
  BOOST_CHECK_EQUAL(s.failure_of(errc::busy), "wake 20");
  s.now += milliseconds{1};
  BOOST_CHECK_EQUAL(s.wake(), "a in_doubt busy; send b");
  s.now += milliseconds{600};
  BOOST_CHECK_EQUAL(s.failure_of(errc::unreachable), "b in_doubt unreachable; wake 40");
  BOOST_CHECK_EQUAL(s.queue.pending(), 0u);
  BOOST_CHECK_EQUAL(s.wake(), "");
  BOOST_CHECK_EQUAL(s.add("a"), "send a");
}

BOOST_AUTO_TEST_CASE(outcomes_that_never_come_are_given_up_as_unreachable) {
  command_queue_options o;
  o.give_up_after = milliseconds{1'000};
  script s{o};
  s.add("a");
  s.now += milliseconds{1'001};
  BOOST_CHECK_EQUAL(s.outcomes({}), "a in_doubt unreachable; wake 20");
}

BOOST_AUTO_TEST_SUITE_END()

namespace {

/// Drives a queue at random and counts what every caller got.
class random_round {
 public:
  random_round(unsigned seed, command_queue_options options) : dice_{seed}, queue_{options} {}

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      now_ += milliseconds{below(30)};
      const auto what = below(10);
      if (what < 5) {
        add();
      } else if (what < 8) {
        answer(false);
      } else {
        wake();
      }
    }
    for (int i = 0; i < 10'000 && queue_.pending() > 0; ++i) {
      now_ += milliseconds{10};
      answer(true);
      wake();
    }
    BOOST_CHECK_EQUAL(queue_.pending(), 0u);
    BOOST_CHECK(added_ == answers_);
  }

 private:
  std::uint64_t below(std::uint64_t n) { return dice_() % n; }

  void add() {
    const auto id = "c" + std::to_string(below(8) == 0 && next_ > 0 ? below(next_) : next_++);
    ++added_[id];
    take(queue_.add(named(id), 1 + below(300), now_));
  }

  void answer(bool well) {
    if (flying_.empty()) return;
    const auto batch = std::exchange(flying_, {});
    if (!well && below(4) == 0) return take(queue_.on_failure({errc::unreachable, "lost"}, now_));
    std::vector<outcome> list;
    for (const auto& id : batch) {
      const auto kind = well ? 0 : below(6);
      if (kind == 5) continue;
      list.push_back(kind == 4   ? answered(id, outcome_status::busy, {errc::busy, "full"})
                     : kind == 3 ? answered(id, outcome_status::rejected, {errc::refused, "no"})
                                 : committed(id));
    }
    std::shuffle(list.begin(), list.end(), dice_);
    take(queue_.on_outcomes(std::move(list), now_));
  }

  void wake() {
    if (wakes_.empty()) return;
    const auto one = wakes_[below(wakes_.size())];
    take(queue_.on_wake(one, now_));
  }

  void take(const command_queue::actions& actions) {
    for (const auto& action : actions) {
      if (const auto* batch = std::get_if<command_queue::send_batch>(&action)) {
        BOOST_REQUIRE_MESSAGE(flying_.empty(), "two batches are in flight");
        BOOST_REQUIRE(!batch->commands.empty());
        std::set<std::string> once;
        for (const auto& c : batch->commands) {
          BOOST_CHECK_MESSAGE(once.insert(c.id.text).second, c.id.text + " is twice in a batch");
          flying_.push_back(c.id.text);
        }
      } else if (const auto* given = std::get_if<command_queue::deliver>(&action)) {
        ++answers_[given->id.text];
        BOOST_CHECK_LE(answers_[given->id.text], added_[given->id.text]);
      } else {
        wakes_.push_back(std::get<command_queue::wake_after>(action).generation);
      }
    }
  }

  std::mt19937 dice_;
  command_queue queue_;
  command_queue::time_point now_{std::chrono::hours{1}};
  std::uint64_t next_ = 0;
  std::vector<std::string> flying_;
  std::vector<std::uint64_t> wakes_;
  std::map<std::string, int> added_, answers_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(command_queue_random)

BOOST_AUTO_TEST_CASE(every_add_gets_exactly_one_answer) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    BOOST_TEST_INFO_SCOPE("seed " << seed);
    command_queue_options o;
    o.pending_max = 40;
    o.pending_bytes_max = 4'000;
    o.batch_max = 1 + seed % 7;
    o.batch_bytes_max = 250;
    o.give_up_after = milliseconds{seed % 3 == 0 ? 200 : 1'000'000};
    random_round{seed, o}.run(400);
  }
}

BOOST_AUTO_TEST_SUITE_END()
