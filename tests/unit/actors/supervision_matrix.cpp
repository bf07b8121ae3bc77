#include "supervision_script.hpp"

#include <boost/test/unit_test.hpp>

#include <deque>
#include <map>

using namespace cadre;
using namespace cadre::actors::supervision;
using namespace cadre::actors::supervision::script;
using enum restart_type;
using kind = on::order::kind;

/// Every cell of strategy, restart type, exit reason and position; the cases bear the names of those in OTP's
/// supervisor_SUITE that ask the same.
BOOST_AUTO_TEST_SUITE(supervision_matrix)

namespace {

constexpr std::array strategies{restart_strategy::one_for_one, restart_strategy::one_for_all,
                                restart_strategy::rest_for_one, restart_strategy::dynamic};

/// What follows the end of one of three children that is to be restarted, by strategy and position.
const std::map<restart_strategy, std::array<std::string, 3>> restarts{
    {restart_strategy::one_for_one, {"start a", "start b", "start c"}},
    {restart_strategy::one_for_all,
     {"stop c, stop b, start a, start b, start c", "stop c, stop a, start a, start b, start c",
      "stop b, stop a, start a, start b, start c"}},
    {restart_strategy::rest_for_one,
     {"stop c, stop b, start a, start b, start c", "stop c, start b, start c", "start c"}},
    {restart_strategy::dynamic, {"start p.1", "start p.2", "start p.3"}},
};

/// Three running children of one type.
class trio {
 public:
  trio(restart_strategy strategy, restart_type type, std::int64_t intensity = 3)
      : strategy_(strategy), s_(flags(strategy, intensity), make(strategy, type)) {
    s_.start();
    if (!pool()) {
      for (const auto* id : {"a", "b", "c"}) s_.started(id);
      return;
    }
    for (int i = 0; i < 3; ++i) s_.feed(on::order{kind::add, {}, {}, 0});
    for (const auto* id : {"p.1", "p.2", "p.3"}) s_.started(id);
  }

  std::string id(std::size_t position) const {
    return pool() ? "p." + std::to_string(position + 1) : std::string(1, static_cast<char>('a' + position));
  }

  /// The child ends; every order that follows is obeyed at once.
  std::string end(std::size_t position, exit_reason why) { return obey(s_.down(id(position), why)); }

  std::string obey(std::string said) {
    std::string all;
    while (!said.empty()) {
      all += (all.empty() ? "" : ", ") + said;
      std::string next;
      for (std::size_t at = 0; at < said.size();) {
        const auto comma = std::min(said.find(", ", at), said.size());
        const auto one = said.substr(at, comma - at);
        at = comma + 2;
        std::string answer;
        if (one.starts_with("start ")) answer = s_.started(one.substr(6));
        if (one.starts_with("stop ")) answer = s_.down(one.substr(5), exit_reason::shutdown);
        if (!answer.empty()) next += (next.empty() ? "" : ", ") + answer;
      }
      said = next;
    }
    return all;
  }

  agent_state state(std::size_t position) const {
    return s_.sut.state_of({id(position)}).value_or(agent_state::stopped);
  }
  stage& script() { return s_; }

 private:
  bool pool() const { return strategy_ == restart_strategy::dynamic; }
  static std::vector<child_spec> make(restart_strategy strategy, restart_type type) {
    if (strategy == restart_strategy::dynamic) return {kid("p", type)};
    return {kid("a", type), kid("b", type), kid("c", type)};
  }

  restart_strategy strategy_;
  stage s_;
};

/// All strategies and positions of one type and reason.
void each_cell(restart_type type, exit_reason why, bool restarted) {
  for (const auto strategy : strategies) {
    for (std::size_t position = 0; position < 3; ++position) {
      trio t{strategy, type};
      BOOST_TEST_CONTEXT(to_text(strategy)
                         << ", " << to_text(type) << " child " << t.id(position) << " ends with " << to_text(why)) {
        BOOST_TEST(t.end(position, why) == (restarted ? restarts.at(strategy)[position] : ""));
        for (std::size_t i = 0; i < 3; ++i) {
          const bool runs = restarted || i != position;
          BOOST_TEST((t.state(i) == (runs ? agent_state::running : agent_state::stopped)), t.id(i));
        }
      }
    }
  }
}

/// The fourth failure of any child is one too many under every strategy, and the others are stopped in reverse.
void escalation(restart_strategy strategy, const std::string& stops) {
  trio t{strategy, permanent, 3};
  for (const auto position : {0u, 1u, 0u}) {
    BOOST_TEST(t.end(position, exit_reason::error) != "");
    // A pause before the restart is ours; here it is over at once.
    if (t.state(position) != agent_state::running) t.obey(t.script().ring());
  }
  BOOST_TEST(t.end(1, exit_reason::error) == stops);
  BOOST_TEST(t.script().sut.done());
}

/// Supervisors above one another, over one agent that fails at once, every time. True if the top one gives up.
bool gives_up(int levels, std::int64_t intensity, int& lives) {
  stage s{flags(restart_strategy::one_for_one, intensity), {levels == 1 ? kid("a") : branch("b")}};
  auto said = s.start();
  while (said.starts_with("start ") || said.starts_with("timer ")) {
    if (said.starts_with("timer ")) {
      said = s.ring();
      continue;
    }
    const auto id = said.substr(6);
    s.started(id);
    if (levels == 1)
      ++lives;
    else if (!gives_up(levels - 1, intensity, lives))
      return false;
    said = s.down(id);
  }
  return said.starts_with("give_up");
}

}  // namespace

BOOST_AUTO_TEST_CASE(permanent_normal) {
  each_cell(permanent, exit_reason::normal, true);
}
BOOST_AUTO_TEST_CASE(transient_normal) {
  each_cell(transient, exit_reason::normal, false);
}
BOOST_AUTO_TEST_CASE(temporary_normal) {
  each_cell(temporary, exit_reason::normal, false);
}
BOOST_AUTO_TEST_CASE(permanent_shutdown) {
  each_cell(permanent, exit_reason::shutdown, true);
}
BOOST_AUTO_TEST_CASE(transient_shutdown) {
  each_cell(transient, exit_reason::shutdown, false);
}
BOOST_AUTO_TEST_CASE(temporary_shutdown) {
  each_cell(temporary, exit_reason::shutdown, false);
}
BOOST_AUTO_TEST_CASE(permanent_abnormal) {
  each_cell(permanent, exit_reason::error, true);
  each_cell(permanent, exit_reason::killed, true);
}
BOOST_AUTO_TEST_CASE(transient_abnormal) {
  each_cell(transient, exit_reason::error, true);
  each_cell(transient, exit_reason::killed, true);
}
BOOST_AUTO_TEST_CASE(temporary_abnormal) {
  each_cell(temporary, exit_reason::error, false);
  each_cell(temporary, exit_reason::killed, false);
}

BOOST_AUTO_TEST_CASE(one_for_one_escalation) {
  escalation(restart_strategy::one_for_one, "stop c, stop a, give_up: b: boom");
}
BOOST_AUTO_TEST_CASE(one_for_all_escalation) {
  escalation(restart_strategy::one_for_all, "stop c, stop a, give_up: b: boom");
}
BOOST_AUTO_TEST_CASE(rest_for_one_escalation) {
  escalation(restart_strategy::rest_for_one, "stop c, stop a, give_up: b: boom");
}
BOOST_AUTO_TEST_CASE(simple_one_for_one_escalation) {
  // Side by side: no stop waits for the one before.
  escalation(restart_strategy::dynamic, "stop p.3, stop p.1, give_up: p.2: boom");
}

BOOST_AUTO_TEST_CASE(tree) {
  // Intensities multiply over two levels; then the quarantine holds.
  for (const auto intensity : {0, 1, 3, 10}) {
    const auto once = intensity + 1;
    for (const auto& [levels, expected] : {std::pair{1, once}, {2, once * once}, {3, once * once}, {4, once * once}}) {
      int lives = 0;
      BOOST_TEST(gives_up(levels, intensity, lives) == (levels == 1));
      BOOST_TEST(lives == expected, levels << " levels of " << intensity << ": " << lives << " lives");
    }
  }
}

BOOST_AUTO_TEST_CASE(temporary_bystander) {
  for (const auto strategy : {restart_strategy::one_for_all, restart_strategy::rest_for_one}) {
    stage s{flags(strategy), {kid("a"), kid("b", temporary)}};
    s.run_up({"a", "b"});
    BOOST_TEST(s.down("a") == "stop b");
    BOOST_TEST(s.down("b", exit_reason::shutdown) == "start a");
    BOOST_TEST(s.started("a") == "");
    BOOST_TEST(s.sut.which_children().size() == 1u);
  }
}

BOOST_AUTO_TEST_CASE(one_for_all_other_child_fails_restart) {
  stage s{flags(restart_strategy::one_for_all), {kid("a"), kid("b")}};
  s.run_up({"a", "b"});
  BOOST_TEST(s.down("a") == "stop b");
  BOOST_TEST(s.down("b", exit_reason::shutdown) == "start a");
  BOOST_TEST(s.started("a") == "start b");
  BOOST_TEST(s.start_failed("b", "no") == "stop a");
  BOOST_TEST(s.down("a", exit_reason::shutdown) == "start a");
}

BOOST_AUTO_TEST_CASE(rest_for_one_other_child_fails_restart) {
  stage s{flags(restart_strategy::rest_for_one), {kid("a"), kid("b"), kid("c")}};
  s.run_up({"a", "b", "c"});
  BOOST_TEST(s.down("a") == "stop c");
  BOOST_TEST(s.down("c", exit_reason::shutdown) == "stop b");
  BOOST_TEST(s.down("b", exit_reason::shutdown) == "start a");
  BOOST_TEST(s.started("a") == "start b");
  // Only what comes after it is concerned.
  BOOST_TEST(s.start_failed("b", "no") == "start b");
  BOOST_TEST(s.started("b") == "start c");
}

BOOST_AUTO_TEST_CASE(hanging_restart_loop) {
  // A start that fails again and again is a row of events, so a stop is heard between any two of them.
  for (const auto strategy : strategies) {
    for (int events = 1; events <= 24; ++events) {
      trio t{strategy, permanent, 100};
      auto& s = t.script();
      BOOST_TEST_CONTEXT(to_text(strategy) << ", stopped after " << events << " events") {
        std::deque<std::string> open;
        const auto note = [&](const std::string& said) {
          for (std::size_t at = 0; at < said.size(); at = said.find(", ", at) + 2) {
            open.push_back(said.substr(at, said.find(", ", at) - at));
            if (said.find(", ", at) == std::string::npos) break;
          }
        };
        note(s.down(t.id(2)));
        for (int i = 0; i < events; ++i) {
          BOOST_REQUIRE(!open.empty());
          const auto next = open.front();
          open.pop_front();
          const auto id = next.substr(next.find(' ') + 1);
          if (next.starts_with("timer"))
            note(s.ring());
          else if (next.starts_with("stop"))
            note(s.down(id, exit_reason::shutdown));
          else
            note(id == t.id(2) ? s.start_failed(id, "no") : s.started(id));
        }
        std::erase_if(open, [](const auto& o) { return !o.starts_with("stop "); });
        for (note(s.stop()); !open.empty() && !s.sut.done(); open.pop_front()) {
          BOOST_REQUIRE_MESSAGE(open.front().starts_with("stop "), open.front());
          note(s.down(open.front().substr(5), exit_reason::shutdown));
        }
        BOOST_TEST(s.sut.done());
        BOOST_TEST(open.back() == "finished shutdown");
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
