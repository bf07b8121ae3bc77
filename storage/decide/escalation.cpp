#include "storage/decide/escalation.hpp"

#include <utility>

namespace cadre::storage::decide {

namespace {

void settle(escalation_step& s, const std::string& by, std::string note) {
  s.after.status = escalation_status::resolved;
  s.after.due = {};
  s.after.snoozed = false;
  s.hops.push_back({hop_action::resolved, s.after.holder, note, by});
  s.resolved_by = by;
  s.note = std::move(note);
}

/// Applies a holder's policy. False: it is to be passed up.
bool apply_policy(escalation_step& s, const agent_path& holder, escalation_policy then, bool can_retry) {
  if (then == escalation_policy::resolve) {
    settle(s, holder.text, "resolved by the policy of " + holder.text);
    return true;
  }
  if (then == escalation_policy::retry && can_retry) {
    s.retry = true;
    s.hops.push_back({hop_action::retried, holder, "run again by the policy of " + holder.text, holder.text});
    settle(s, holder.text, "its task runs again, by the policy of " + holder.text);
    return true;
  }
  return false;
}

agent_path above(const std::optional<holder_view>& holder, const agent_path& at) {
  return holder ? holder->manager : at.parent();
}

agent_path top_of(const org_view& org, agent_path at) {
  for (;;) {
    auto next = above(org(at), at);
    if (next.empty()) return at;
    at = std::move(next);
  }
}

std::string absence(const agent_path& at, const holder_view& holder) {
  return at.text + " " + (holder.absent.empty() ? "is quarantined or stopped" : holder.absent);
}

void give_time(escalation_step& s, const agent_path& at, const holder_view& holder, std::chrono::milliseconds time,
               timestamp now) {
  s.after.due = now + time;
  if (!holder.runs) return;
  s.investigate = true;
  s.hops.push_back({hop_action::investigating, at, "its agent looks into it until " + to_iso(s.after.due), at.text});
}

/// It lies with `at` now. False: he does not keep it, because of `reason`.
bool stays(const org_view& org, escalation_step& s, const agent_path& at, bool can_retry, timestamp now,
           std::string& reason) {
  const auto holder = org(at);
  if (above(holder, at).empty()) {
    s.after.in_inbox = true;
    s.after.due = {};
    return true;
  }
  if (!holder) {
    reason = at.text + " is not in the org any more";
  } else if (!holder->available) {
    s.hops.push_back({hop_action::skipped, at, absence(at, *holder), {}});
    reason = at.text + " can't take it";
  } else if (holder->investigate.count() > 0) {
    give_time(s, at, *holder, holder->investigate, now);
    return true;
  } else if (apply_policy(s, at, holder->then, can_retry)) {
    return true;
  } else {
    reason = at.text + " passes it up at once";
  }
  return false;
}

/// Hands it to `at` and, while nobody keeps it, further up. Each round is one level higher, so it ends.
void hand_to(const org_view& org, escalation_step& s, agent_path at, hop first, bool can_retry, timestamp now) {
  auto next = std::move(first);
  for (;;) {
    const auto so_far = s.after.hops + static_cast<std::int64_t>(s.hops.size());
    if (so_far >= hops_max) {
      at = top_of(org, std::move(at));
      next.reason = "nobody settled it in " + std::to_string(so_far) + " steps";
    }
    const auto holder = org(at);
    const auto up = above(holder, at);
    if (holder || up.empty()) {
      s.after.holder = next.holder = at;
      s.hops.push_back(next);
      next.action = hop_action::moved;
    }
    std::string reason;
    if (stays(org, s, at, can_retry, now, reason)) return;
    next.reason = std::move(reason);
    next.by = {};
    at = up;
  }
}

/// From its holder to the next above.
void pass_up(const org_view& org, escalation_step& s, std::string reason, const std::string& by, bool can_retry,
             timestamp now) {
  const auto at = s.after.holder;
  const auto next = above(org(at), at);
  s.after.due = {};
  hand_to(org, s, next.empty() ? at : next, {hop_action::moved, {}, std::move(reason), by}, can_retry, now);
}

bool climbs(const standing& s) {
  return s.status == escalation_status::open && !s.in_inbox;
}

/// His time is over, for `reason`.
void apply_or_pass_up(const org_view& org, escalation_step& s, std::string reason, bool can_retry, timestamp now) {
  const auto at = s.after.holder;
  const auto holder = org(at);
  if (!holder) {
    reason = at.text + " is not in the org any more";
  } else if (!holder->available) {
    s.hops.push_back({hop_action::skipped, at, absence(at, *holder), {}});
    reason = at.text + " can't take it";
  } else if (apply_policy(s, at, holder->then, can_retry)) {
    return;
  }
  pass_up(org, s, std::move(reason), {}, can_retry, now);
}

std::string or_else(const std::string& note, std::string otherwise) {
  return note.empty() ? std::move(otherwise) : note;
}

result<void> check_rerun(const wish& wanted, const failed_task& task) {
  if (!task.failed) return fail(errc::illegal_transition, "there is no failed task to run again");
  if (wanted.by_agent && task.repeats)
    return fail(errc::refused, "its task is a repetition already; only a person may run it once more");
  if (wanted.by_agent && task.in_vain)
    return fail(errc::refused, "its task ran again in vain; only a person may run it once more");
  if (wanted.by_agent && task.again && wanted.action == escalation_action::reassign)
    return fail(errc::refused, "its task runs again already; only a person may give it to another agent");
  return {};
}

/// Somebody of the org who is there.
result<holder_view> find_taker(const org_view& org, const standing& before, const wish& wanted) {
  if (wanted.to.empty()) return fail(errc::bad_value, "to: an agent's path is needed");
  auto taker = org(wanted.to);
  if (!taker) return fail(errc::not_found, "to: agent " + wanted.to.text + " is not in the org");
  if (!taker->available) return fail(errc::refused, "to: " + absence(wanted.to, *taker));
  if (wanted.by_agent && !wanted.to.is_below(before.holder) && wanted.action == escalation_action::reassign)
    return fail(errc::refused, "to: " + wanted.to.text + " does not report to " + before.holder.text);
  return *taker;
}

result<void> check_moves(const standing& before, const wish& wanted) {
  if (wanted.by_agent && before.moves >= agent_moves_max)
    return fail(errc::refused, "it was delegated or put off " + std::to_string(before.moves) +
                                   " times already; agents may do so no more");
  if (before.hops >= hops_max)
    return fail(errc::refused, "it has made " + std::to_string(before.hops) + " steps; it has to be settled now");
  return {};
}

result<void> reassign(const org_view& org, escalation_step& s, const wish& wanted, const failed_task& task) {
  if (auto can = check_rerun(wanted, task); !can) return can;
  const auto taker = find_taker(org, s.after, wanted);
  if (!taker) return tl::unexpected{taker.error()};
  if (wanted.to == task.agent)
    return fail(errc::refused, "to: it was " + wanted.to.text + " that failed; retry gives it to the same agent");
  if (!taker->runs || taker->mode != task.mode)
    return fail(errc::refused, "to: " + wanted.to.text + " does no tasks of mode " + task.mode);
  s.retry = true;
  s.retry_by = wanted.to;
  s.retry_anew = !wanted.by_agent;
  s.hops.push_back({hop_action::reassigned, s.after.holder,
                    or_else(wanted.note, "its task runs again") + ": " + wanted.to.text, wanted.by});
  settle(s, wanted.by, or_else(wanted.note, "its task runs again, by " + wanted.to.text));
  return {};
}

result<void> delegate(const org_view& org, escalation_step& s, const agent_path& origin, const wish& wanted,
                      timestamp now) {
  if (auto may = check_moves(s.after, wanted); !may) return may;
  const auto taker = find_taker(org, s.after, wanted);
  if (!taker) return tl::unexpected{taker.error()};
  const auto& from = s.after.holder;
  if (wanted.to == from) return fail(errc::refused, "to: " + from.text + " holds it already");
  if (wanted.to == origin)
    return fail(errc::refused, "to: it is about " + origin.text + ", who can't be the judge of that");
  const bool beside = !from.parent().empty() && wanted.to.parent() == from.parent();
  if (!wanted.to.is_below(from) && !beside)
    return fail(errc::refused, "to: " + wanted.to.text + " is neither below " + from.text + " nor beside");
  if (wanted.time.count() < 0 || wanted.time > snooze_max)
    return fail(errc::bad_value, "for: over 0 and at most 90 days");
  auto time = wanted.time;
  if (time.count() == 0) time = taker->investigate;
  if (const auto holder = org(from); time.count() == 0 && holder) time = holder->investigate;
  if (time.count() == 0) time = delegation_time;
  ++s.after.moves;
  s.after.holder = wanted.to;
  s.hops.push_back({hop_action::delegated, wanted.to, or_else(wanted.note, "given by " + from.text), wanted.by});
  give_time(s, wanted.to, *taker, time, now);
  return {};
}

result<void> snooze(escalation_step& s, const wish& wanted, timestamp now) {
  if (auto may = check_moves(s.after, wanted); !may) return may;
  if (wanted.time.count() <= 0 || wanted.time > snooze_max)
    return fail(errc::bad_value, "for: over 0 and at most 90 days");
  ++s.after.moves;
  s.after.snoozed = true;
  s.after.due = now + wanted.time;
  s.hops.push_back({hop_action::snoozed, s.after.holder,
                    "until " + to_iso(s.after.due) + (wanted.note.empty() ? "" : ": " + wanted.note), wanted.by});
  return {};
}

}  // namespace

escalation_step raise_escalation(const org_view& org, const agent_path& origin, bool can_retry, timestamp now,
                                 const agent_path& above_agent) {
  escalation_step s;
  auto at = above(org(origin), origin);
  if (at.empty()) at = origin;
  std::string reason = "raised by " + origin.text;
  if (!above_agent.empty()) {
    auto least = above(org(above_agent), above_agent);
    if (least.empty()) least = above_agent;
    if (at != least && !least.is_below(at)) at = std::move(least);
    reason += ", in a task of an investigation that " + above_agent.text + " had";
  }
  hand_to(org, s, std::move(at), {hop_action::raised, {}, std::move(reason), {}}, can_retry, now);
  return s;
}

escalation_step escalation_due(const org_view& org, const standing& before, bool can_retry, timestamp now) {
  escalation_step s;
  s.after = before;
  if (!climbs(before)) return s;
  if (!before.snoozed) {
    apply_or_pass_up(org, s, "the time of " + before.holder.text + " is over", can_retry, now);
    return s;
  }
  s.after.snoozed = false;
  s.hops.push_back({hop_action::woken, before.holder, "the moment has come that it was put off to", {}});
  std::string reason;
  if (!stays(org, s, before.holder, can_retry, now, reason)) pass_up(org, s, reason, {}, can_retry, now);
  return s;
}

escalation_step investigation_over(const org_view& org, const standing& before, const std::string& why, bool can_retry,
                                   timestamp now) {
  escalation_step s;
  s.after = before;
  if (!climbs(before) || before.snoozed) return s;
  s.hops.push_back({hop_action::undecided, before.holder, why, before.holder.text});
  apply_or_pass_up(org, s, before.holder.text + " did not decide: " + why, can_retry, now);
  return s;
}

escalation_step errand_failed(const org_view& org, const standing& before, const agent_path& holder,
                              const std::string& why, bool can_retry, timestamp now) {
  escalation_step s;
  s.after = before;
  if (!climbs(before) || before.snoozed || before.holder != holder) return s;
  s.hops.push_back({hop_action::undecided, before.holder, why, before.holder.text});
  pass_up(org, s, why, {}, can_retry, now);
  return s;
}

escalation_step acknowledge_escalation(const standing& before, const std::string& by, const std::string& note) {
  escalation_step s;
  s.after = before;
  if (before.status != escalation_status::open) return s;
  s.after.status = escalation_status::acknowledged;
  s.after.due = {};
  s.after.snoozed = false;
  s.hops.push_back({hop_action::acknowledged, before.holder, note, by});
  return s;
}

escalation_step resolve_escalation(const standing& before, const std::string& by, const std::string& note) {
  escalation_step s;
  s.after = before;
  if (before.status == escalation_status::resolved) return s;
  settle(s, by, note);
  return s;
}

result<escalation_step> act_on(const org_view& org, const standing& before, const agent_path& origin,
                               const wish& wanted, const failed_task& task, timestamp now) {
  if (before.status == escalation_status::resolved) return fail(errc::illegal_transition, "it is resolved already");
  escalation_step s;
  s.after = before;
  s.after.status = escalation_status::open;
  s.after.snoozed = false;
  s.after.in_inbox = false;
  result<void> done;
  switch (wanted.action) {
    case escalation_action::resolve:
      return resolve_escalation(before, wanted.by, wanted.note);
    case escalation_action::retry:
      done = check_rerun(wanted, task);
      if (!done) break;
      s.after.in_inbox = before.in_inbox;
      s.retry = true;
      s.retry_anew = !wanted.by_agent;
      s.hops.push_back({hop_action::retried, before.holder, or_else(wanted.note, "run again"), wanted.by});
      settle(s, wanted.by, or_else(wanted.note, "its task runs again"));
      break;
    case escalation_action::reassign:
      s.after.in_inbox = before.in_inbox;
      done = reassign(org, s, wanted, task);
      break;
    case escalation_action::delegate:
      done = delegate(org, s, origin, wanted, now);
      break;
    case escalation_action::snooze:
      done = snooze(s, wanted, now);
      break;
    case escalation_action::escalate:
      if (before.in_inbox) return fail(errc::illegal_transition, "it is in the inbox: nobody is above");
      pass_up(org, s, or_else(wanted.note, "passed up by " + wanted.by), wanted.by, task.can_run_again(), now);
      break;
  }
  if (!done) return tl::unexpected{done.error()};
  return s;
}

}  // namespace cadre::storage::decide
