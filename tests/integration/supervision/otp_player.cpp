#include "otp_player.hpp"

#include "actors/supervision/exits.hpp"
#include "actors/supervision/lives.hpp"
#include "actors/supervision/specs.hpp"
#include "actors/supervision/supervisor_actor.hpp"
#include "actors/supervision/type_ids.hpp"

#include <caf/all.hpp>

#include <functional>
#include <map>
#include <stdexcept>
#include <utility>

namespace {

using job = std::function<void(caf::event_based_actor*, cadre::actors::supervision::lives&)>;

}  // namespace

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(job)

namespace cadre::actors::supervision::otp {

namespace {

/// What a child is told: end with this reason.
struct die {
  std::string reason;
};

}  // namespace

}  // namespace cadre::actors::supervision::otp

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::supervision::otp::die)

namespace cadre::actors::supervision::otp {

namespace {

caf::behavior puppet(caf::event_based_actor* self, manner when_asked) {
  keep_exception_text(self);
  if (when_asked == manner::ignores) self->set_exit_handler([](const caf::exit_msg&) {});
  if (when_asked == manner::fails)
    self->set_exit_handler([self](const caf::exit_msg&) { self->quit(to_error({errc::crashed, "fails to stop"})); });
  return {
      [](ready_atom) { return true; },
      [self](const die& d) {
        if (d.reason == "normal") return self->quit();
        if (d.reason == "boom") throw std::runtime_error(d.reason);
        self->quit(caf::exit_reason::user_shutdown);
      },
  };
}

/// The node under the supervisor: its life table in an actor.
struct node_state {
  std::unique_ptr<lives> table;
};

class stage {
 public:
  stage(test::deterministic& world, const script& s) : world_(world), script_(s) {
    for (const auto& c : s.children) manners_[c.spec.id.text] = c.when_asked;
    for (const auto& [name, times] : s.failing) failing_[name] = times;
    node_ = world_.sys.spawn([this](caf::stateful_actor<node_state>* self) { return be_node(self); });
  }

  ~stage() {
    caf::anon_send_exit(node_, caf::exit_reason::kill);
    node_ = nullptr;
    supervisor_ = nullptr;
    world_.run();
  }

  stage(const stage&) = delete;
  stage& operator=(const stage&) = delete;

  std::string play() {
    start();
    settle();
    if (!over_) look();
    int number = 0;
    for (const auto& o : script_.ops) {
      if (over_) break;
      say("op " + std::to_string(++number));
      result_.clear();
      perform(o);
      settle();
      if (!result_.empty()) say("= " + result_);
      if (!over_) look();
    }
    if (!over_) {
      caf::anon_send_exit(supervisor_, caf::exit_reason::user_shutdown);
      settle();
    }
    say("over " + (over_ ? *over_ : "never"));
    return std::move(trace_);
  }

 private:
  class launcher final : public child_launcher {
   public:
    launcher(stage& owner, caf::actor supervisor) : owner_(owner), supervisor_(std::move(supervisor)) {}
    void start(const frozen<child_spec>& c) override { caf::anon_send(owner_.node_, start_order{{}, c}); }
    void stop(const frozen<child_spec>& c) override { caf::anon_send(owner_.node_, stop_order{{}, c}); }
    void report(const act::report&) override {}

   private:
    stage& owner_;
    caf::actor supervisor_;
  };

  void say(const std::string& line) { trace_ += line + "\n"; }

  void start() {
    supervisor_config cfg;
    cfg.flags = script_.flags;
    for (const auto& c : script_.children) cfg.children.push_back(c.spec);
    cfg.launcher = std::make_shared<launcher>(*this, nullptr);
    supervisor_ = world_.sys.spawn(supervisor_actor, std::move(cfg));
    supervisor_->attach_functor([this](const caf::error& why) { over_ = ending(why); });
  }

  std::string ending(const caf::error& why) {
    if (why == caf::exit_reason::user_shutdown) return "shutdown";
    const auto cause = cause_of(why, world_.sys);
    if (cause.code == errc::bad_value) return refused(cause);
    const auto name = " " + cause.message.substr(0, cause.message.find(':'));
    if (!looked_) return "start_failed" + name;
    return "intensity" + (script_.pool() ? "" : name);
  }

  /// With the key that does not go with `significant`; nothing for what only a pool refuses.
  static std::string refused(const failure& why) {
    if (why.message.find("auto_shutdown is never") != std::string::npos) return "refused never";
    if (why.message.find("permanent child") != std::string::npos) return "refused permanent";
    return "refused";
  }

  caf::behavior be_node(caf::stateful_actor<node_state>* self) {
    lives::seams use;
    use.spawn = [this, self](const child_start& order) { return bear(self, order.child.text); };
    use.tell_down = [this](const child_down& d) { tell(on::down{d.child, d.token, d.reason, d.cause}); };
    use.branch_ended = [](const agent_path&) {};
    use.start_time = [](const child_start&) { return milliseconds{20}; };
    use.shutdown_ms = [](const agent_path&, bool) { return 0; };
    use.set_timer = [self](std::uint64_t g, milliseconds delay) {
      self->delayed_send(self, delay, host_timer{host_timer::kind::life_expired, g});
    };
    self->state.table = std::make_unique<lives>(self, "here", std::move(use));
    auto* table = self->state.table.get();
    self->set_down_handler([table](const caf::down_msg& m) { table->ended(m); });
    return {
        [this, table](const start_order& in) { start_life(*table, in.child); },
        [this, table](const stop_order& in) { stop_life(*table, in.child); },
        [table](const host_timer& t) { table->expired(t.generation); },
        [self, table](const job& j) { j(self, *table); },
    };
  }

  void start_life(lives& table, const child_spec& c) {
    child_start order;
    order.child = c.id;
    order.token = {c.id.text + "-" + std::to_string(++births_)};
    table.start(order, [this](const message& m) {
      const auto& said = std::get<child_started>(m);
      if (said.error.code == errc::none) return tell(on::started{said.child, said.token, said.adopted});
      tell(on::start_failed{said.child, said.error});
    });
  }

  void stop_life(lives& table, const child_spec& c) {
    child_stop order;
    order.child = c.id;
    order.shutdown_ms = shutdown_ms(c.shutdown);
    table.stop(order, [this](const message& m) {
      const auto& said = std::get<child_down>(m);
      tell(on::down{said.child, {}, said.reason, said.cause});
    });
  }

  void tell(const on::event& e) { caf::anon_send(supervisor_, supervisor_input{e}); }

  caf::actor bear(caf::event_based_actor* node, const std::string& name) {
    if (auto& left = failing_[name]; left > 0) {
      --left;
      say("start " + name + " failed");
      throw std::runtime_error("boom");
    }
    say("start " + name);
    const auto made_of = script_.pool() ? script_.children.front().spec.id.text : name;
    auto child = node->spawn(puppet, manners_.at(made_of));
    child->attach_functor(
        [this, name](const caf::error& why) { say("end " + name + " " + std::string{to_text(reason_of(why))}); });
    return child;
  }

  void with(job j) {
    caf::anon_send(node_, std::move(j));
    world_.run();
  }

  caf::actor life_of(const std::string& name) {
    caf::actor found;
    with([&](caf::event_based_actor*, lives& table) { found = table.find({{name}, false}); });
    return found;
  }

  void perform(const op& o) {
    switch (o.what) {
      case op::kind::crash:
        return crash(o.name, o.reason);
      case op::kind::fail:
        failing_[o.name] = o.times;
        return;
      case op::kind::between:
        if (!life_of(o.name)) return say_result("skipped");
        failing_[o.name] = o.times;
        crash(o.name, "boom");
        // Until the first attempt has failed; then it waits for the timer of the next.
        settle([&] { return failing_[o.name] < o.times; });
        return perform(o.then.front());
      case op::kind::which:
        return say_result(children());
      case op::kind::stop:
        caf::anon_send_exit(supervisor_, caf::exit_reason::user_shutdown);
        world_.run();
        return;
      default:
        order(o);
    }
  }

  void say_result(const std::string& text) { result_ = text; }

  void crash(const std::string& name, const std::string& reason) {
    auto life = life_of(name);
    if (!life) return say_result("skipped");
    if (reason == "kill")
      caf::anon_send_exit(life, caf::exit_reason::kill);
    else
      caf::anon_send(life, die{reason});
    life = nullptr;
    world_.run();
  }

  void order(const op& o) {
    using wanted = on::order::kind;
    on::order asked;
    asked.id = {o.name};
    asked.what = o.what == op::kind::terminate ? wanted::terminate
                 : o.what == op::kind::restart ? wanted::start
                 : o.what == op::kind::remove  ? wanted::remove
                                               : wanted::add;
    const bool of_a_life = asked.what == wanted::terminate || asked.what == wanted::add;
    if (script_.pool() && of_a_life && (life_of(o.name) != nullptr) == (asked.what == wanted::add))
      return say_result("skipped");
    if (asked.what == wanted::add && !script_.pool()) {
      asked.spec = o.spec.spec;
      if (!exists(o.name)) manners_[o.name] = o.spec.when_asked;
    }
    with([&](caf::event_based_actor* self, lives&) {
      self->request(supervisor_, caf::infinite, child_order{asked})
          .then(
              [this](const child_answer& a) {
                const bool no = a.what.how == act::outcome::refused;
                say_result(no ? refused(a.what.cause) : std::string{to_text(a.what.how)});
              },
              [this](const caf::error&) { say_result("no answer"); });
    });
  }

  children_answer ask_children() {
    children_answer seen;
    with([&](caf::event_based_actor* self, lives&) {
      self->request(supervisor_, caf::infinite, children_query{})
          .then([&](const children_answer& a) { seen = a; }, [](const caf::error&) {});
    });
    return seen;
  }

  bool exists(const std::string& name) {
    for (const auto& c : ask_children().children)
      if (c.id.text == name) return true;
    return false;
  }

  static std::string text_of(const children_answer& seen) {
    std::string text = "children";
    for (const auto& c : seen.children) {
      const bool up = c.state == agent_state::running;
      const bool coming = c.state == agent_state::starting || c.state == agent_state::backoff;
      text += " " + c.id.text + (up ? "=up" : coming ? "=restarting" : "=down");
    }
    return text;
  }

  std::string children() { return text_of(ask_children()); }

  void look() {
    looked_ = true;
    auto seen = ask_children();
    if (script_.pool())
      std::sort(seen.children.begin(), seen.children.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    const auto& n = seen.count;
    say(text_of(seen) + " count " + std::to_string(n.specs) + " " + std::to_string(n.active) + " " +
        std::to_string(n.supervisors) + " " + std::to_string(n.workers));
  }

  /// All that follows from the last step, however long it takes; or a part of it.
  void settle(const std::function<bool()>& enough = [] { return false; }) {
    world_.run();
    for (int i = 0; i < 10'000 && !enough() && world_.sched.clock().has_pending_timeout(); ++i) {
      world_.sched.clock().trigger_timeout();
      world_.run();
    }
  }

  test::deterministic& world_;
  const script& script_;
  caf::actor node_;
  caf::actor supervisor_;
  std::map<std::string, manner> manners_;
  std::map<std::string, int> failing_;
  std::uint64_t births_ = 0;
  std::string result_;
  std::string trace_;
  std::optional<std::string> over_;
  bool looked_ = false;
};

}  // namespace

std::string play(test::deterministic& world, const script& s) {
  return stage{world, s}.play();
}

}  // namespace cadre::actors::supervision::otp
