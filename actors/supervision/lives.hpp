#pragma once

#include "frozen.hpp"
#include "kept_token.hpp"
#include "schemas/messages.hpp"

#include <caf/actor.hpp>
#include <caf/actor_clock.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/fwd.hpp>
#include <caf/system_messages.hpp>

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

/// The table of what runs on this node, whoever supervises it.
namespace cadre::actors::supervision {

/// A manager's path names two lives: its own agent's and its branch's.
struct life_key {
  agent_path path;
  bool branch = false;
  auto operator<=>(const life_key&) const = default;
};

}  // namespace cadre::actors::supervision

template <>
struct std::hash<cadre::actors::supervision::life_key> {
  std::size_t operator()(const cadre::actors::supervision::life_key& key) const noexcept {
    return 2 * std::hash<cadre::agent_path>{}(key.path) + (key.branch ? 1 : 0);
  }
};

namespace cadre::actors::supervision {

bool same_supervisor(const supervisor_ref& a, const supervisor_ref& b);

/// Whether `a` is the newer of two supervisors of one branch, by their ranks. False for supervisors of two branches.
bool outranks(const supervisor_ref& a, const supervisor_ref& b);

/// Spawns, monitors and stops lives for their supervisors here and elsewhere. A part of the node host: every call comes
/// from its thread of control and never blocks. All orders may be repeated.
class lives {
 public:
  using answer = std::function<void(message)>;

  struct seams {
    /// Spawns the actor. May throw: the text becomes the cause of the failed start.
    std::function<caf::actor(const child_start&)> spawn;
    /// A life ended and no stop order waits for that. Or, with the cause `deposed`, it has a newer supervisor.
    std::function<void(const child_down&)> tell_down;
    /// A branch supervisor ended, however; called before anyone else learns of it.
    std::function<void(const agent_path&)> branch_ended;
    /// How long a life may take to answer after its start.
    std::function<std::chrono::milliseconds(const child_start&)> start_time;
    /// How long an orphan may take to stop, as in child_stop.
    std::function<std::int64_t(const agent_path&, bool branch)> shutdown_ms;
    /// Call expired(generation) after the delay.
    std::function<void(std::uint64_t generation, std::chrono::milliseconds delay)> set_timer;
  };

  lives(caf::event_based_actor* self, std::string node, seams use);

  /// Starts a child, or adopts the one that runs; with `adopt_only` only the latter, else not_found. Answered with
  /// child_started once it answers or has failed; `deposed` if the child that runs has a newer supervisor. A child that
  /// is still being stopped is awaited first, so there are never two lives of one child on a node.
  void start(const child_start& order, answer reply);

  /// Asks the child to end, kills it after `shutdown_ms`. Answered with child_down once it is gone, at once if it is
  /// not here or belongs to another supervisor by now, or if the order is `exact` and another life runs. The end of a
  /// life that an exact order stopped is told to its supervisor, too, who may have adopted it meanwhile. With `finish`
  /// it is not killed: an agent ends once it has nothing left to do; a branch ends after its manager's own agent did,
  /// and its other children run on.
  void stop(const child_stop& order, answer reply);

  /// A DOWN reached the host. Those of strangers are ignored.
  void ended(const caf::down_msg& m);

  /// The time of a stop is over, or of a start.
  void expired(std::uint64_t generation);

  /// Ends a life at once, as an accident would. False if it is not here.
  bool kill(const life_key& key);

  /// Ends a branch supervisor that a newer one has replaced, as if its node had been lost; of its children those here
  /// that still belong to it end, too.
  void depose(const agent_path& branch);

  /// Whether a branch supervisor is ending because another one is kept or newer: what it still says of its children is
  /// not the last word.
  [[nodiscard]] bool is_replaced(const agent_path& branch) const;

  /// The node goes: agents are asked to stop, branches are killed, so that their children elsewhere run on and are
  /// adopted. Starts are refused from now on, and every DOWN says noconnection.
  void leave();

  /// The last stage of leave.
  void kill_all();

  [[nodiscard]] bool empty() const noexcept { return table_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return table_.size(); }
  /// How many of them are agents, not branch supervisors.
  [[nodiscard]] std::size_t agents() const noexcept { return agents_; }
  /// The handle of a life that runs here; null if it does not.
  [[nodiscard]] caf::actor find(const life_key& key) const;

 private:
  /// The starts under way, by when they must be answered.
  using watches = std::multimap<caf::actor_clock::time_point, life_key>;
  /// What a life has only while it starts or ends.
  struct dealings {
    std::optional<watches::iterator> watch;
    std::uint64_t stop_generation = 0;
    failure cause;  ///< Why the host itself ends it; overrides what DOWN says.
    std::vector<answer> start_waiters;
    std::vector<answer> stop_waiters;
    /// A start that came while the life was being stopped.
    std::optional<child_start> next;
    std::vector<answer> next_waiters;
    /// Questions whether it runs here that came meanwhile: asked again once it is gone.
    std::vector<std::pair<child_start, answer>> asked;
  };
  /// There are up to 100,000 of them, and most just run.
  struct entry {
    caf::actor handle;
    kept_token token;
    kept_token adopted_as;  ///< Of the last order that found it running.
    frozen<supervisor_ref> supervisor;
    std::unique_ptr<dealings> now;  ///< Null: it runs, and nobody waits for anything.
    bool starting = true;
    bool stopping = false;
    bool finishing = false;  ///< Asked to end once it is idle.
    bool replaced = false;   ///< Stopped in favour of another life: for its supervisor as if its node had been lost.
  };
  struct past {
    incarnation_token token;
    failure cause;
  };

  void spawn(const child_start& order, answer reply);
  /// The supervisor until now, if it lives, hears that it is one no more.
  void hand_over(const life_key& key, entry& e, const supervisor_ref& to);
  void ask_ready(const life_key& key, entry& e, std::chrono::milliseconds time);
  /// One timer for all starts, at the time of the earliest: most are answered long before their time is over.
  void watch_starts();
  void unwatch(dealings& d);
  void starts_expired();
  void answered(const life_key& key, const incarnation_token& token, const caf::error& problem);
  void begin_finish(const life_key& key, entry& e);
  void finish_branch(const life_key& key, entry& e);
  /// Whether a stop order means this life, or the start that waits for its end; a late one must not hit its successor.
  static bool is_meant(const entry& e, const child_stop& order);
  void queue_start(entry& e, const child_start& order, answer reply);
  void begin_stop(const life_key& key, entry& e, std::int64_t shutdown_ms);
  void kill(entry& e);
  void stop_orphans(const agent_path& branch);
  [[nodiscard]] frozen<supervisor_ref> shared(const supervisor_ref& supervisor);
  static dealings& dealings_of(entry& e);
  static bool has_next(const entry& e) { return e.now && e.now->next; }
  void pass_on(const life_key& key, const entry& e, dealings now, const child_down& d);

  caf::event_based_actor* self_;
  std::string node_;
  seams use_;
  bool leaving_ = false;
  std::unordered_map<life_key, entry> table_;
  std::unordered_map<caf::actor_id, const life_key*> by_actor_;  ///< Keys of `table_`.
  std::map<agent_path, frozen<supervisor_ref>> supervisors_;     ///< The last one of each branch that was heard of.
  watches watches_;
  std::optional<caf::actor_clock::time_point> watch_at_;  ///< When the earliest timer of starts runs out.
  std::map<std::uint64_t, life_key> stop_timers_;
  std::map<life_key, past> past_;  ///< The last life of each: a start that is repeated too late must not make a second.
  std::uint64_t generation_ = 0;
  std::size_t agents_ = 0;
};

}  // namespace cadre::actors::supervision
