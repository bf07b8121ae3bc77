#include "supervision_script.hpp"

#include <boost/test/unit_test.hpp>

#include <deque>
#include <map>
#include <random>
#include <set>

using namespace cadre;
using namespace cadre::actors::supervision;
using namespace cadre::actors::supervision::script;

BOOST_AUTO_TEST_SUITE(supervision_random)

namespace {

enum class body : std::uint8_t { none, starting, alive, asked_to_stop };

/// The world of one supervisor: lives that answer late, crash, get lost and come back, driven by one seed.
class world {
 public:
  explicit world(unsigned seed)
      : dice_(seed), flags_(draw_flags()), sut_(flags_, draw_children(), [this] { return u(); }) {}

  /// Returns the first broken promise; empty if none was.
  std::string play() {
    feed(on::start{});
    for (int i = 0; i < 120 && !over() && broken_.empty(); ++i) random_event();
    if (!over()) feed(on::stop{exit_reason::shutdown});
    for (int i = 0; i < 2000 && !over() && broken_.empty(); ++i) answer_someone();
    if (broken_.empty() && !over()) broken_ = "a stop did not end";
    if (broken_.empty() && !asked_.empty()) broken_ = "an order was never answered";
    for (const auto& [id, b] : bodies_)
      if (broken_.empty() && b != body::none) broken_ = "finished while " + id + " was not down";
    return broken_;
  }

 private:
  double u() { return std::uniform_real_distribution<double>{0, 1}(dice_); }
  int pick(int n) { return std::uniform_int_distribution<int>{0, n - 1}(dice_); }
  bool over() const { return sut_.done(); }

  supervisor_flags draw_flags() {
    auto f = flags(static_cast<restart_strategy>(pick(4)), pick(5));
    f.wait.jitter = 0.3;
    f.root = pick(4) == 0;
    return f;
  }

  std::vector<child_spec> draw_children() {
    std::vector<child_spec> all;
    for (int i = 0, n = pool() ? 1 : 1 + pick(5); i < n; ++i) {
      all.push_back(kid(std::string(1, static_cast<char>('a' + i)), static_cast<restart_type>(pick(3)), pick(3) == 0));
      if (!pool()) bodies_[all.back().id.text] = body::none;
    }
    return all;
  }

  void feed(const on::event& e) {
    for (const auto& a : sut_.handle(e, now_)) {
      if (const auto* s = std::get_if<act::start>(&a)) on_start(s->id.text);
      if (const auto* s = std::get_if<act::stop>(&a)) on_stop(s->id.text);
      if (const auto* answer = std::get_if<act::answer>(&a)) on_answer(*answer);
      if (const auto* t = std::get_if<act::timer>(&a)) timers_.push_back(*t);
      if (const auto* r = std::get_if<act::report>(&a)) on_report(*r);
      if (std::holds_alternative<act::give_up>(a) && flags_.root) broken_ = "the root gave up";
    }
  }

  bool pool() const { return flags_.strategy == restart_strategy::dynamic; }

  void on_answer(const act::answer& a) {
    if (asked_.erase(a.request) == 0) broken_ = "an order answered twice or never given";
  }

  void on_start(const std::string& id) {
    if (bodies_[id] != body::none) broken_ = "two lives of " + id;
    if (stopped_) broken_ = "start of " + id + " after the stop";
    bodies_[id] = body::starting;
  }

  void on_stop(const std::string& id) {
    auto& b = bodies_.at(id);
    if (b == body::none) broken_ = "stop of " + id + ", which is down";
    if (b == body::asked_to_stop) broken_ = "stop of " + id + " twice";
    b = body::asked_to_stop;
  }

  void on_report(const act::report& r) {
    auto& seen = restarts_[r.id.text];
    if (r.restarts > seen) {
      counted_.push_back({now_, r.id.text});
      std::int64_t within = 0;
      for (const auto& c : counted_) within += now_ - c.first <= flags_.period ? 1 : 0;
      if (within > flags_.intensity) broken_ = "more restarts than the intensity within the period";
    }
    seen = r.restarts;
    // A quarantine or an order to restart closes the account of a child.
    if (r.state == agent_state::quarantined) forget(r.id.text);
  }

  void forget(const std::string& id) {
    std::erase_if(counted_, [&](const auto& c) { return c.second == id; });
  }

  std::string some_child() {
    if (bodies_.empty()) return "nobody";
    auto at = bodies_.begin();
    std::advance(at, pick(static_cast<int>(bodies_.size())));
    return at->first;
  }

  void die(const std::string& id) {
    bodies_[id] = body::none;
    feed(on::down{{id}, {}, static_cast<exit_reason>(pick(5)), {errc::crashed, "x"}});
  }

  void answer_someone() {
    const auto id = some_child();
    if (!bodies_.contains(id)) return;
    const auto b = bodies_[id];
    if (b == body::asked_to_stop || (b == body::alive && pick(6) == 0)) return die(id);
    if (b != body::starting) return;
    const auto what = pick(6);
    bodies_[id] = what < 4 ? body::alive : body::none;
    if (what < 4) return feed(on::started{{id}, {}, what == 3});
    if (what == 4) return feed(on::start_failed{{id}, {errc::crashed, "y"}});
    feed(on::unavailable{{id}, {}});
  }

  void random_event() {
    now_ += milliseconds{pick(2'000)};
    switch (pick(10)) {
      case 0:
        return feed(on::available{{some_child()}});
      case 1:
        return ring();
      case 2:
        return order();
      case 3:
        if (pick(20) != 0) return;
        feed(on::stop{exit_reason::shutdown});
        stopped_ = true;
        return;
      default:
        answer_someone();
    }
  }

  void ring() {
    if (timers_.empty()) return;
    const auto t = timers_[static_cast<std::size_t>(pick(static_cast<int>(timers_.size())))];
    feed(on::timer{t.id, t.generation});
  }

  void order() {
    on::order o;
    o.id = {some_child()};
    o.what = static_cast<on::order::kind>(pick(5));
    if (o.what == on::order::kind::add) {
      o.id = {std::string(1, static_cast<char>('a' + pick(7)))};
      if (!pool()) o.spec = kid(o.id.text, static_cast<restart_type>(pick(3)), pick(3) == 0);
    }
    o.request = ++requests_;
    asked_.insert(o.request);
    // An order to restart closes the account of a child, and so does one that lifts a quarantine.
    const auto state = sut_.state_of(o.id);
    const bool lifts = o.what == on::order::kind::start && state == agent_state::quarantined;
    if (o.what == on::order::kind::restart || lifts) forget(o.id.text);
    if (!state) restarts_.erase(o.id.text);
    feed(o);
  }

  std::mt19937 dice_;
  std::map<std::string, body> bodies_;
  supervisor_flags flags_;
  machine sut_;
  steady_time now_{std::chrono::hours{1}};
  std::vector<act::timer> timers_;
  std::map<std::string, std::int64_t> restarts_;
  std::deque<std::pair<steady_time, std::string>> counted_;
  std::set<std::uint64_t> asked_;
  std::uint64_t requests_ = 0;
  std::string broken_;
  bool stopped_ = false;
};

}  // namespace

BOOST_AUTO_TEST_CASE(no_script_breaks_a_promise) {
  for (unsigned seed = 1; seed <= 20'000; ++seed) {
    const auto broken = world{seed}.play();
    BOOST_REQUIRE_MESSAGE(broken.empty(), "seed " << seed << ": " << broken);
  }
}

BOOST_AUTO_TEST_SUITE_END()
