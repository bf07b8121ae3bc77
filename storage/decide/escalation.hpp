#pragma once

#include "schemas/agent_path.hpp"
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
namespace cadre::storage::decide {

/// One who may hold an escalation.
struct holder_view {
  agent_path manager;                        ///< Empty: the ceo, whose inbox people read whether his agent runs or not.
  bool available = true;                     ///< False: quarantined or stopped; he is skipped.
  std::chrono::milliseconds investigate{0};  ///< 0: his policy applies at once.
  escalation_policy then = escalation_policy::escalate;
};

/// Nothing for an agent that the org does not have (any more): what he held goes to the next above his path.
using org_view = std::function<std::optional<holder_view>(const agent_path&)>;

struct standing {
  escalation_status status = escalation_status::open;
  agent_path holder;
  bool in_inbox = false;
  timestamp due;  ///< Of an open one outside the inbox.

  bool operator==(const standing&) const = default;
};

enum class hop_action : std::uint8_t { raised, repeated, moved, skipped, retried, acknowledged, resolved };

struct hop {
  hop_action action = hop_action::raised;
  agent_path holder;
  std::string reason;
  std::string by;
};

struct escalation_step {
  standing after;
  std::vector<hop> hops;    ///< Empty: nothing changed.
  bool retry = false;       ///< Its task is to be run again.
  std::string resolved_by;  ///< With status resolved.
  std::string note;
};

/// A new problem of `origin`: to its manager, or into the inbox if it is the ceo itself. `can_retry`: it has a task
/// that failed and that no policy ran again before.
escalation_step raise_escalation(const org_view& org, const agent_path& origin, bool can_retry, timestamp now);

/// The holder's time is over: his policy applies. `escalate` passes it up. `resolve` settles it, with a note. `retry`
/// runs the task again as a new one and settles this escalation; where that can't be done, or was done before, it is
/// passed up, so that no policy retries for ever. Nothing happens unless it is open and outside the inbox.
escalation_step escalation_due(const org_view& org, const standing& before, bool can_retry, timestamp now);

/// A person has seen it: it stays where it is and climbs no more. Nothing happens unless it is open.
escalation_step acknowledge_escalation(const standing& before, const std::string& by, const std::string& note);

/// Settled by a person. Nothing happens if it is resolved already.
escalation_step resolve_escalation(const standing& before, const std::string& by, const std::string& note);

}  // namespace cadre::storage::decide

template <>
struct cadre::enum_names<cadre::storage::decide::hop_action> {
  using action = cadre::storage::decide::hop_action;
  static constexpr std::array<std::pair<action, std::string_view>, 7> value{{{action::raised, "raised"},
                                                                             {action::repeated, "repeated"},
                                                                             {action::moved, "moved"},
                                                                             {action::skipped, "skipped"},
                                                                             {action::retried, "retried"},
                                                                             {action::acknowledged, "acknowledged"},
                                                                             {action::resolved, "resolved"}}};
};
