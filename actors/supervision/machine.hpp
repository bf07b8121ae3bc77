#pragma once

#include "config/company.hpp"
#include "frozen.hpp"
#include "kept_token.hpp"
#include "place_set.hpp"
#include "schemas/agent_path.hpp"
#include "schemas/error.hpp"
#include "schemas/ids.hpp"
#include "schemas/org.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

/// OTP's supervisor as a pure state machine: events in, actions out. It does no I/O, knows no actors and no clock (each
/// event comes with the monotonic time), so every rule is testable as a script. README.md of this folder tells which
/// rules are OTP's and which are ours.
namespace cadre::actors::supervision {

using std::chrono::milliseconds;
using steady_time = std::chrono::steady_clock::time_point;

/// One child as its supervisor knows it.
struct child_spec {
  agent_path id;  ///< Unique among the children of one supervisor.
  bool branch =
      false;  ///< True: the child is a supervisor itself; it is quarantined where a leaf would make us give up.
  restart_type restart = restart_type::permanent;
  config::shutdown_time shutdown;
  bool significant = false;
  frozen<std::vector<std::string>> nodes;  ///< Where it may run, best first. Empty: on the node of its supervisor.
  failback_rule failback = failback_rule::idle;
};

/// OTP's supervisor flags, and ours.
struct supervisor_flags {
  restart_strategy strategy = restart_strategy::one_for_one;
  std::int64_t intensity = 3;  ///< Restarts allowed within `period`; one more is too many.
  milliseconds period{60'000};
  cadre::auto_shutdown auto_shutdown = cadre::auto_shutdown::never;
  config::backoff wait;  ///< Between the restarts of one child; the first after a stable life is immediate.
  bool root = false;     ///< The root has no one to fail to: it quarantines leaves, too, and never gives up.
};

/// OTP's refusals. bad_value: negative intensity, a period of 0, duplicate ids, a significant child that is permanent
/// or has a supervisor that never shuts down by itself, a dynamic supervisor without exactly one spec, members of
/// another one (`members`: see machine).
result<void> check(const supervisor_flags& flags, const std::vector<child_spec>& children,
                   const std::vector<child_spec>& members = {});

/// The part of `check` that concerns one child; also asked of each child that is added at run time.
result<void> check_child(const supervisor_flags& flags, const child_spec& child);

/// What happens to a supervisor.
namespace on {

/// Start the children, in order.
struct start {};
/// The child answers. `adopted`: it ran already and keeps its life. Of a child that runs: from now on this is its life,
/// a newer one than was known.
struct started {
  agent_path id;
  incarnation_token token;
  bool adopted = false;
};
struct start_failed {
  agent_path id;
  failure cause;
};
/// None of the nodes that the child may run on is there. The other answer to a start; nothing was started.
struct unavailable {
  agent_path id;
  failure cause;
};
/// A node of a child that waits is there (again).
struct available {
  agent_path id;
};
/// A life ended. `token` empty: whichever life the child has. Also the only answer to `act::stop`.
struct down {
  agent_path id;
  incarnation_token token;
  exit_reason reason = exit_reason::normal;
  failure cause;  ///< The first cause where the child is a branch that gave up.
};
/// A timer set by `act::timer` ran out. Timers can't be cancelled: those of an older generation are ignored.
struct timer {
  agent_path id;
  std::uint64_t generation = 0;
};
/// Stop all children in reverse order, then finish.
struct stop {
  exit_reason reason = exit_reason::shutdown;
};
/// A person's or a manager's order. Answered with act::answer if it carries a number.
struct order {
  /// start (OTP's restart_child): starts a child that is down, and lifts a quarantine; if that fails the child is as
  /// before. terminate: stops it; it stays down. add (start_child): starts a new child after the others; nothing is
  /// left of it if that fails. remove (delete_child): forgets a child that is down. restart (ours): terminate and
  /// start, without counting, and forgets the child's past failures; one that waits for its restart is started now.
  /// move (ours): terminate and start a child that runs, without counting or forgetting anything.
  enum class kind : std::uint8_t { start, terminate, restart, add, remove, move };
  kind what = kind::restart;
  agent_path id;                     ///< Of add to a dynamic supervisor: the new child's, or empty to have one made up.
  std::optional<child_spec> spec{};  ///< Of add; a dynamic supervisor has its own and takes none.
  std::uint64_t request = 0;         ///< Comes back with the answer; 0: none is wanted.
};

using event = std::variant<start, started, start_failed, unavailable, available, down, timer, stop, order>;

}  // namespace on

/// What a supervisor wants done, in this order.
namespace act {

/// Start a life. Answered by exactly one of started, start_failed, unavailable; or by down, if a stop follows first.
struct start {
  agent_path id;
};
/// Ask, wait for the child's shutdown time, kill, await the end. Answered by exactly one down. Also given for a child
/// whose start is not answered yet.
struct stop {
  agent_path id;
};
/// Send `on::timer` back after `delay`.
struct timer {
  agent_path id;
  std::uint64_t generation = 0;
  milliseconds delay{0};
};
/// How an order ended, in OTP's words.
enum class outcome : std::uint8_t {
  ok,               ///< Done: it runs (or waits for a node), was stopped, was removed.
  not_found,        ///< No such child.
  already_started,  ///< add: a child of this id runs.
  already_present,  ///< add: a child of this id is down.
  running,          ///< start, remove: it runs.
  restarting,       ///< start, remove: it waits for its restart.
  failed,           ///< It did not start; the cause says why.
  refused,          ///< The order can't be meant: see `check_child`, and what a dynamic supervisor does not do.
  cancelled         ///< Another order came between, or the supervisor stops.
};
/// The answer to an order that carried a number: exactly one each, before give_up and finished.
struct answer {
  std::uint64_t request = 0;
  outcome how = outcome::ok;
  agent_path id;
  failure cause;
};
/// For people: the child's state changed.
struct report {
  agent_path id;
  bool branch = false;
  agent_state state = agent_state::planned;
  exit_reason reason = exit_reason::normal;
  failure cause;
  std::int64_t restarts = 0;
};
/// Every child had its turn at the start: each runs, waits for a node or its restart, or is quarantined.
struct up {};
/// Last action: intensity exceeded, or a leaf did not start at the first attempt. All children are down. `cause` is
/// the first error; its text names the agent that had it.
struct give_up {
  failure cause;
};
/// Last action: stopped as ordered or by auto_shutdown. All children are down.
struct finished {
  exit_reason reason = exit_reason::shutdown;
};

using action = std::variant<start, stop, timer, answer, report, up, give_up, finished>;

}  // namespace act

/// One line of which_children.
struct child_view {
  agent_path id;
  bool branch = false;
  agent_state state = agent_state::planned;
  std::int64_t restarts = 0;
};

/// OTP's count_children. A dynamic supervisor has one spec, however many children.
struct child_count {
  std::size_t specs = 0;
  std::size_t active = 0;  ///< Those that run.
  std::size_t supervisors = 0;
  std::size_t workers = 0;
};

/// One supervisor. Not thread safe. A dynamic one has one spec, which is what each `add` makes a child of. In OTP it
/// starts nothing by itself; ours starts its `members`, in order, which may also be none.
class machine {
 public:
  /// Yields a number in [0, 1): the jitter of backoffs.
  using random = std::function<double()>;

  /// Precondition: `check(flags, children, members)` holds.
  machine(supervisor_flags flags, std::vector<child_spec> children, random jitter,
          std::vector<child_spec> members = {});

  /// Takes one event. Events that do not fit the state (late answers, old timers, unknown ids) yield no action.
  std::vector<act::action> handle(const on::event& e, steady_time now);

  /// The state of a child as people see it; nothing for an unknown id.
  [[nodiscard]] std::optional<agent_state> state_of(const agent_path& id) const;
  /// Null for an unknown id.
  [[nodiscard]] const frozen<child_spec>* spec_of(const agent_path& id) const;
  /// All children in the order of their start. Temporary ones that ended are gone, as in OTP.
  [[nodiscard]] std::vector<child_view> which_children() const;
  [[nodiscard]] child_count count_children() const;
  /// Children that were ordered to start and whose end has not been seen.
  [[nodiscard]] std::size_t alive() const;
  /// True once give_up or finished was handed out.
  [[nodiscard]] bool done() const noexcept { return mode_ == mode::done; }

 private:
  enum class mode : std::uint8_t { fresh, open, closing, done };
  enum class phase : std::uint8_t {
    idle,    ///< Never started, or stopped with its supervisor.
    queued,  ///< Its turn in the order of starts comes.
    starting,
    running,
    stopping,
    backoff,  ///< Its restart timer runs.
    grouped,  ///< Down until its group is started again.
    waiting,  ///< No node for it.
    quarantined,
    stopped,  ///< By order.
    ended,    ///< Its work is done: temporary, or transient after a normal end.
    gone      ///< To be forgotten.
  };
  /// An order that waits for its answer.
  struct ask {
    std::uint64_t request = 0;
    bool start = false;  ///< False: terminate.
  };
  /// There are up to 100,000 of them: what few have at a time is kept apart.
  struct child {
    frozen<child_spec> spec;
    phase now = phase::idle;
    phase after_stop = phase::idle;
    std::optional<phase> if_no_start;  ///< Its start was ordered: what it is if that fails.
    bool sequenced = false;            ///< Its start belongs to the ordered sequence; the next one waits for it.
    bool was_up = false;
    bool added = false;  ///< By order, not by the config.
    kept_token token;
    steady_time up_since;
    std::int64_t streak = 0;  ///< Restarts since its last stable life; the exponent of the backoff.
    std::int64_t restarts = 0;
    std::uint64_t generation = 0;
    std::unique_ptr<failure> no_start;  ///< Why its last start failed, if it did.
    std::unique_ptr<std::vector<ask>> asks;
  };
  /// Finds a child by its id, without a copy of the id.
  struct by_id {
    using is_transparent = void;
    static const agent_path& id_of(const agent_path& id) noexcept { return id; }
    static const agent_path& id_of(const child_spec* spec) noexcept { return spec->id; }
    std::size_t operator()(const auto& key) const noexcept { return std::hash<agent_path>{}(id_of(key)); }
    bool operator()(const auto& a, const auto& b) const noexcept { return id_of(a) == id_of(b); }
  };
  struct restart_note {
    steady_time at;
    agent_path child;
    failure cause;
  };
  /// A restart of all children from `first` on.
  struct group {
    std::size_t first = 0;
    bool rested = false;  ///< Its backoff is over.
    std::uint64_t generation = 0;
  };

  void take(const on::start&, steady_time);
  void take(const on::started&, steady_time);
  void take(const on::start_failed&, steady_time);
  void take(const on::unavailable&, steady_time);
  void take(const on::available&, steady_time);
  void take(const on::down&, steady_time);
  void take(const on::timer&, steady_time);
  void take(const on::stop&, steady_time);
  void take(const on::order&, steady_time);

  void order_start(child& c, const on::order& e);
  void order_terminate(child& c, const on::order& e);
  void order_move(child& c);
  void order_restart(child& c, const on::order& e);
  void order_remove(child& c, const on::order& e);
  void order_add(const on::order& e);
  void answer(const on::order& e, act::outcome how, failure cause = {});
  void expect(child& c, const on::order& e);
  /// Answers the orders whose end the child's phase shows.
  void settle();
  void sweep();

  /// The only way to change a child's phase: keeps the sums below.
  void enter(child& c, phase next);
  void count(const child& c, bool in);
  void index();
  child* find(const agent_path& id);
  [[nodiscard]] const child* find(const agent_path& id) const;
  [[nodiscard]] std::size_t index_of(const child& c) const;
  static bool is_alive(const child& c);
  [[nodiscard]] bool in_group(const child& c) const;
  [[nodiscard]] bool has_groups() const;
  /// What a child is once it is down for good. An added temporary one leaves nothing behind, as in OTP.
  [[nodiscard]] phase after_the_end(const child& c, phase otherwise) const;
  /// True for a temporary child that is over: people see it, OTP would have dropped it.
  static bool is_over(const child& c);

  void step();
  void advance_group();
  void start_next();
  void begin_start(child& c, bool sequenced);
  void begin_stop(child& c, phase after);
  /// Its supervisor or its group is going down, and its turn to be stopped has not come.
  [[nodiscard]] bool to_be_stopped(const child& c) const;
  void begin_rest(child& c, exit_reason reason, const failure& cause);
  void ended_while_stopping(child& c, const on::down& e);
  void life_failed(child& c, exit_reason reason, const failure& cause, steady_time now);
  void count_and_restart(child& c, exit_reason reason, const failure& cause, steady_time now);
  void restart_group(std::size_t first, milliseconds delay);
  void too_many(child& c, exit_reason reason, const failure& cause);
  void child_done(child& c, exit_reason reason, const failure& cause);
  void close(act::action last);
  void close_step();
  milliseconds next_delay(child& c);
  [[nodiscard]] failure first_cause(const child& c, const failure& latest) const;
  void forget(const child& c);
  void report(const child& c, agent_state state, exit_reason reason = exit_reason::normal, const failure& cause = {});
  [[nodiscard]] static agent_state visible(phase p);

  supervisor_flags flags_;
  std::vector<child> children_;
  // What each event would otherwise search all children for; a branch may have 100,000.
  std::unordered_map<const child_spec*, std::size_t, by_id, by_id> places_;
  place_set queued_, alive_;
  std::size_t in_turn_ = 0;  ///< Children that start in sequence; the next one waits.
  std::size_t gone_ = 0;
  std::size_t asks_ = 0;
  std::optional<child_spec> pool_;  ///< What each child of a dynamic supervisor is made of.
  std::uint64_t pool_ids_ = 0;
  random jitter_;
  mode mode_ = mode::fresh;
  bool up_ = false;
  std::deque<restart_note> window_;  ///< Restarts within the last period, oldest first; at most `intensity` of them.
  std::optional<group> group_;
  std::uint64_t group_generation_ = 0;
  act::action last_ = act::finished{};
  std::vector<act::action> out_;
};

}  // namespace cadre::actors::supervision

template <>
struct cadre::enum_names<cadre::actors::supervision::act::outcome> {
  using outcome = cadre::actors::supervision::act::outcome;
  static constexpr std::array<std::pair<outcome, std::string_view>, 9> value{
      {{outcome::ok, "ok"},
       {outcome::not_found, "not_found"},
       {outcome::already_started, "already_started"},
       {outcome::already_present, "already_present"},
       {outcome::running, "running"},
       {outcome::restarting, "restarting"},
       {outcome::failed, "failed"},
       {outcome::refused, "refused"},
       {outcome::cancelled, "cancelled"}}};
};
