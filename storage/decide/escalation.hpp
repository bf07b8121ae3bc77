#pragma once

#include "schemas/agent_path.hpp"
#include "schemas/error.hpp"
#include "schemas/task.hpp"
#include "schemas/time.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

/// How a problem climbs the tree until it lies in the ceo's inbox or is settled. Pure: each step returns what stands
/// afterwards and the hops that led there, in order.
///
/// It can't go round for ever: policies move it to one above its holder alone; what agents may do beside that
/// (delegate, snooze) is counted, `agent_moves_max` in all; and after `hops_max` hops, whoever made them, its next move
/// is into the inbox. Nor does it come again as another one for ever: what comes of the tasks that its investigations
/// add is its own, and after it is settled begins above whoever held it.
namespace cadre::storage::decide {

constexpr std::int64_t hops_max = 200;
/// Delegations and snoozes by agents of one escalation. People may go on until `hops_max`.
constexpr std::int64_t agent_moves_max = 5;
constexpr std::chrono::milliseconds snooze_max{std::chrono::hours{24 * 90}};
/// Of a delegation where neither the command nor a policy says how long.
constexpr std::chrono::milliseconds delegation_time{std::chrono::hours{1}};

/// One who may hold an escalation.
struct holder_view {
  agent_path manager;                        ///< Empty: the ceo, whose inbox people read whether his agent runs or not.
  bool available = true;                     ///< False: he is skipped.
  std::string absent;                        ///< Why he is, such as `is paused`.
  bool runs = false;                         ///< Has a program that can look into it.
  std::string mode;                          ///< Whose tasks he may do, with `runs`.
  std::chrono::milliseconds investigate{0};  ///< 0: his policy applies at once.
  escalation_policy then = escalation_policy::escalate;
};

/// Nothing for an agent that the org does not have (any more): what he held goes to the next above his path.
using org_view = std::function<std::optional<holder_view>(const agent_path&)>;

struct standing {
  escalation_status status = escalation_status::open;
  agent_path holder;
  bool in_inbox = false;
  timestamp due;           ///< Of an open one outside the inbox.
  bool snoozed = false;    ///< It sleeps until `due`, then comes back to its holder.
  std::int64_t moves = 0;  ///< Delegations and snoozes so far.
  std::int64_t hops = 0;   ///< So far. Read, never changed here.

  bool operator==(const standing&) const = default;
};

enum class hop_action : std::uint8_t {
  raised,
  repeated,
  moved,
  skipped,
  retried,
  acknowledged,
  resolved,
  investigating,
  undecided,  ///< An investigation came to nothing.
  reassigned,
  delegated,
  snoozed,
  woken
};

struct hop {
  hop_action action = hop_action::raised;
  agent_path holder;
  std::string reason;
  std::string by;
};

struct escalation_step {
  standing after;
  std::vector<hop> hops;     ///< Empty: nothing changed.
  bool retry = false;        ///< Its task is to be run again.
  agent_path retry_by;       ///< With retry: by this agent; empty: by whoever it was for.
  bool retry_anew = false;   ///< With retry: also if it ran again before; else it is not run twice.
  bool investigate = false;  ///< The holder's agent is to look into it until `after.due`.
  std::string resolved_by;   ///< With status resolved.
  std::string note;
};

/// A new problem of `origin`: to its manager, or into the inbox if it is the ceo itself. `can_retry`: it has a task
/// that failed, see failed_task::can_run_again. `above`: it came up in a task that an investigation added, and so
/// high the escalation of that got: this one begins above, so that no chain of them is longer than the tree is high.
escalation_step raise_escalation(const org_view& org, const agent_path& origin, bool can_retry, timestamp now,
                                 const agent_path& above = {});

/// The holder's time is over: his policy applies. `escalate` passes it up. `resolve` settles it, with a note. `retry`
/// runs the task again as a new one and settles this escalation; where that can't be done, or was done in vain, it is
/// passed up, so that no policy retries for ever. One that was snoozed comes back to its holder as if it had just come.
/// Nothing happens unless it is open and outside the inbox.
escalation_step escalation_due(const org_view& org, const standing& before, bool can_retry, timestamp now);

/// The holder's agent looked into it and decided nothing, or failed to (`why`): his policy applies at once. Nothing
/// happens unless it is open, awake and outside the inbox.
escalation_step investigation_over(const org_view& org, const standing& before, const std::string& why, bool can_retry,
                                   timestamp now);

/// A task that an investigation of `holder` added came to nothing (`why`): he had his turn, so it is passed up whatever
/// his policy is. Nothing happens if he does not hold it any more, and unless it is open, awake and outside the inbox.
escalation_step errand_failed(const org_view& org, const standing& before, const agent_path& holder,
                              const std::string& why, bool can_retry, timestamp now);

/// A person has seen it: it stays where it is and climbs no more. Nothing happens unless it is open.
escalation_step acknowledge_escalation(const standing& before, const std::string& by, const std::string& note);

/// Settled by a person. Nothing happens if it is resolved already.
escalation_step resolve_escalation(const standing& before, const std::string& by, const std::string& note);

/// What a person or the holder's agent wants done.
struct wish {
  escalation_action action = escalation_action::escalate;
  agent_path to;                      ///< reassign, delegate.
  std::chrono::milliseconds time{0};  ///< snooze; delegate: 0 for his own time, else the holder's, else an hour.
  std::string by;
  std::string note;
  bool by_agent = false;  ///< It is the holder's agent: below him alone, and bounded; see agent_moves_max.
};

/// The task of an escalation, as far as a wish needs it.
struct failed_task {
  bool failed = false;   ///< Failed or stale; false as well if there is none.
  bool repeats = false;  ///< It is a repetition itself.
  agent_path agent;      ///< Empty: any of its mode.
  std::string mode;
  bool again = false;    ///< It has been run again already, whoever wanted it.
  bool in_vain = false;  ///< And that failed, too, or was cancelled: the last time, if it ran again more than once.

  /// For a policy or an agent. One that runs again already can: all that is wrong with it is settled by the same
  /// repetition.
  [[nodiscard]] bool can_run_again() const { return failed && !repeats && !in_vain; }
};

/// Errors: illegal_transition (it is resolved; its task did not fail; nobody is above the inbox), bad_value (no time,
/// no such time), not_found (no such agent), refused (who can't take it, and why; too many moves).
result<escalation_step> act_on(const org_view& org, const standing& before, const agent_path& origin,
                               const wish& wanted, const failed_task& task, timestamp now);

}  // namespace cadre::storage::decide

template <>
struct cadre::enum_names<cadre::storage::decide::hop_action> {
  using action = cadre::storage::decide::hop_action;
  static constexpr std::array<std::pair<action, std::string_view>, 13> value{{{action::raised, "raised"},
                                                                              {action::repeated, "repeated"},
                                                                              {action::moved, "moved"},
                                                                              {action::skipped, "skipped"},
                                                                              {action::retried, "retried"},
                                                                              {action::acknowledged, "acknowledged"},
                                                                              {action::resolved, "resolved"},
                                                                              {action::investigating, "investigating"},
                                                                              {action::undecided, "undecided"},
                                                                              {action::reassigned, "reassigned"},
                                                                              {action::delegated, "delegated"},
                                                                              {action::snoozed, "snoozed"},
                                                                              {action::woken, "woken"}}};
};
