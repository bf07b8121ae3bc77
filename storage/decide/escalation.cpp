#include "storage/decide/escalation.hpp"

#include <utility>

namespace cadre::storage::decide {

namespace {

void settle(escalation_step& s, const agent_path& by, std::string note) {
  s.after.status = escalation_status::resolved;
  s.after.due = {};
  s.hops.push_back({hop_action::resolved, s.after.holder, note, by.text});
  s.resolved_by = by.text;
  s.note = std::move(note);
}

/// Applies a holder's policy. False: it is to be passed up.
bool apply_policy(escalation_step& s, const agent_path& holder, escalation_policy then, bool can_retry) {
  if (then == escalation_policy::resolve) {
    settle(s, holder, "resolved by the policy of " + holder.text);
    return true;
  }
  if (then == escalation_policy::retry && can_retry) {
    s.retry = true;
    s.hops.push_back({hop_action::retried, holder, "run again by the policy of " + holder.text, holder.text});
    settle(s, holder, "its task runs again, by the policy of " + holder.text);
    return true;
  }
  return false;
}

/// Hands it to `at` and, while nobody keeps it, further up. Each round is one level higher, so it ends.
void hand_to(const org_view& org, escalation_step& s, agent_path at, hop_action action, std::string reason,
             bool can_retry, timestamp now) {
  for (;;) {
    const auto holder = org(at);
    const bool top = holder ? holder->manager.empty() : at.parent().empty();
    if (holder || top) {
      s.after.holder = at;
      s.hops.push_back({action, at, std::move(reason), {}});
    }
    if (top) {
      s.after.in_inbox = true;
      s.after.due = {};
      return;
    }
    const auto next = holder ? holder->manager : at.parent();
    if (!holder) {
      reason = at.text + " is not in the org any more";
    } else if (!holder->available) {
      s.hops.push_back({hop_action::skipped, at, at.text + " is quarantined or stopped", {}});
      reason = at.text + " can't take it";
    } else if (holder->investigate.count() > 0) {
      s.after.due = now + holder->investigate;
      return;
    } else if (apply_policy(s, at, holder->then, can_retry)) {
      return;
    } else {
      reason = at.text + " passes it up at once";
    }
    if (holder) action = hop_action::moved;
    at = next;
  }
}

}  // namespace

escalation_step raise_escalation(const org_view& org, const agent_path& origin, bool can_retry, timestamp now) {
  escalation_step s;
  const auto self = org(origin);
  const auto manager = self ? self->manager : origin.parent();
  hand_to(org, s, manager.empty() ? origin : manager, hop_action::raised, "raised by " + origin.text, can_retry, now);
  return s;
}

escalation_step escalation_due(const org_view& org, const standing& before, bool can_retry, timestamp now) {
  escalation_step s;
  s.after = before;
  if (before.status != escalation_status::open || before.in_inbox) return s;
  const auto& at = before.holder;
  const auto holder = org(at);
  std::string reason = "the time of " + at.text + " is over";
  if (!holder) {
    reason = at.text + " is not in the org any more";
  } else if (!holder->available) {
    s.hops.push_back({hop_action::skipped, at, at.text + " is quarantined or stopped", {}});
    reason = at.text + " can't take it";
  } else if (apply_policy(s, at, holder->then, can_retry)) {
    return s;
  }
  const auto next = holder ? holder->manager : at.parent();
  hand_to(org, s, next.empty() ? at : next, hop_action::moved, reason, can_retry, now);
  return s;
}

escalation_step acknowledge_escalation(const standing& before, const std::string& by, const std::string& note) {
  escalation_step s;
  s.after = before;
  if (before.status != escalation_status::open) return s;
  s.after.status = escalation_status::acknowledged;
  s.after.due = {};
  s.hops.push_back({hop_action::acknowledged, before.holder, note, by});
  return s;
}

escalation_step resolve_escalation(const standing& before, const std::string& by, const std::string& note) {
  escalation_step s;
  s.after = before;
  if (before.status == escalation_status::resolved) return s;
  settle(s, agent_path{by}, note);
  return s;
}

}  // namespace cadre::storage::decide
