#pragma once

#include "schemas/messages.hpp"

#include <caf/actor.hpp>
#include <caf/actor_addr.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/system_messages.hpp>

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
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
    /// Call stop_expired(generation) after the delay.
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

  /// The time of a stop is over.
  void stop_expired(std::uint64_t generation);

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
  struct entry {
    caf::actor handle;
    incarnation_token token;
    incarnation_token adopted_as;  ///< Of the last order that found it running.
    supervisor_ref supervisor;
    bool starting = true;
    bool stopping = false;
    bool finishing = false;  ///< Asked to end once it is idle.
    bool replaced = false;   ///< Stopped in favour of another life: for its supervisor as if its node had been lost.
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
  struct past {
    incarnation_token token;
    failure cause;
  };

  void spawn(const child_start& order, answer reply);
  /// The supervisor until now, if it lives, hears that it is one no more.
  void hand_over(const life_key& key, entry& e, const supervisor_ref& to);
  void ask_ready(const life_key& key, const entry& e, std::chrono::milliseconds time);
  void answered(const life_key& key, const incarnation_token& token, const caf::error& problem);
  void begin_finish(const life_key& key, entry& e);
  void finish_branch(const life_key& key, entry& e);
  /// Whether a stop order means this life, or the start that waits for its end; a late one must not hit its successor.
  static bool is_meant(const entry& e, const child_stop& order);
  void queue_start(entry& e, const child_start& order, answer reply);
  void begin_stop(const life_key& key, entry& e, std::int64_t shutdown_ms);
  void kill(entry& e);
  void stop_orphans(const agent_path& branch);
  void pass_on(const life_key& key, entry& e, const child_down& d);

  caf::event_based_actor* self_;
  std::string node_;
  seams use_;
  bool leaving_ = false;
  std::map<life_key, entry> table_;
  std::map<caf::actor_addr, life_key> by_address_;
  std::map<std::uint64_t, life_key> stop_timers_;
  std::map<life_key, past> past_;  ///< The last life of each: a start that is repeated too late must not make a second.
  std::uint64_t generation_ = 0;
  std::size_t agents_ = 0;
};

}  // namespace cadre::actors::supervision
