#pragma once

#include "fields.hpp"

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

namespace cadre {

enum class task_status : std::uint8_t {
  draft,       ///< Written, not released.
  queued,      ///< Waits for a claim (and for run_after and its dependencies).
  active,      ///< A run holds its lease.
  review,      ///< Done by the worker; its outputs wait for verdicts.
  approved,    ///< Every auditor passed it; promotion follows in the same transaction.
  blocked,     ///< Can't go on; `blocked_on` says who can unblock it.
  complete,    ///< Terminal.
  failed,      ///< Terminal: out of attempts, or refused by an auditor.
  superseded,  ///< Terminal: another task replaced it.
  stale        ///< Terminal: cancelled, or past its deadline before it ran.
};

template <>
struct enum_names<task_status> {
  static constexpr std::array<std::pair<task_status, std::string_view>, 10> value{
      {{task_status::draft, "draft"},
       {task_status::queued, "queued"},
       {task_status::active, "active"},
       {task_status::review, "review"},
       {task_status::approved, "approved"},
       {task_status::blocked, "blocked"},
       {task_status::complete, "complete"},
       {task_status::failed, "failed"},
       {task_status::superseded, "superseded"},
       {task_status::stale, "stale"}}};
};

/// True for the four states that nothing leaves. To run such a task again, a new task is made that names it.
constexpr bool is_terminal(task_status s) noexcept {
  return s == task_status::complete || s == task_status::failed || s == task_status::superseded ||
         s == task_status::stale;
}

/// The only legal steps. The trigger `task_transition` holds the same table; a test compares the two.
constexpr bool may_become(task_status from, task_status to) noexcept {
  using enum task_status;
  if (is_terminal(from) || from == to) return false;
  if (to == superseded || to == stale) return true;
  switch (from) {
    case draft:
      return to == queued || to == blocked;
    case queued:
      return to == active || to == blocked;
    case active:
      return to == queued || to == review || to == complete || to == failed || to == blocked;
    case review:
      return to == approved || to == failed;
    case approved:
      return to == complete;
    case blocked:
      return to == queued || to == failed;
    default:
      return false;
  }
}

enum class run_status : std::uint8_t {
  active,     ///< Holds the lease.
  succeeded,  ///< Ended with a response.
  failed,     ///< Ended with an error.
  expired,    ///< Its lease ran out or its node was lost.
  cancelled   ///< Ended because its task was cancelled.
};

template <>
struct enum_names<run_status> {
  static constexpr std::array<std::pair<run_status, std::string_view>, 5> value{{{run_status::active, "active"},
                                                                                 {run_status::succeeded, "succeeded"},
                                                                                 {run_status::failed, "failed"},
                                                                                 {run_status::expired, "expired"},
                                                                                 {run_status::cancelled, "cancelled"}}};
};

/// How a promoted output changes the canonical rows of its worker in its dataset.
enum class output_mode : std::uint8_t {
  replace,  ///< The output is the whole truth: rows that it lacks disappear.
  upsert,   ///< Rows with the same key are replaced, others stay.
  append    ///< Rows are added under keys of their own and never changed.
};

template <>
struct enum_names<output_mode> {
  static constexpr std::array<std::pair<output_mode, std::string_view>, 3> value{
      {{output_mode::replace, "replace"}, {output_mode::upsert, "upsert"}, {output_mode::append, "append"}}};
};

enum class output_status : std::uint8_t {
  staged,    ///< Rows still arrive.
  sealed,    ///< Complete; waits for verdicts.
  rejected,  ///< An auditor failed it. Its rows stay as evidence.
  promoted,  ///< Its rows are canonical.
  dropped    ///< Its run ended without success.
};

template <>
struct enum_names<output_status> {
  static constexpr std::array<std::pair<output_status, std::string_view>, 5> value{
      {{output_status::staged, "staged"},
       {output_status::sealed, "sealed"},
       {output_status::rejected, "rejected"},
       {output_status::promoted, "promoted"},
       {output_status::dropped, "dropped"}}};
};

enum class severity : std::uint8_t { info, warning, error, critical };

template <>
struct enum_names<severity> {
  static constexpr std::array<std::pair<severity, std::string_view>, 4> value{{{severity::info, "info"},
                                                                               {severity::warning, "warning"},
                                                                               {severity::error, "error"},
                                                                               {severity::critical, "critical"}}};
};

enum class escalation_status : std::uint8_t { open, acknowledged, resolved };

template <>
struct enum_names<escalation_status> {
  static constexpr std::array<std::pair<escalation_status, std::string_view>, 3> value{
      {{escalation_status::open, "open"},
       {escalation_status::acknowledged, "acknowledged"},
       {escalation_status::resolved, "resolved"}}};
};

/// What a holder of an escalation does when its time to investigate is over.
enum class escalation_policy : std::uint8_t { escalate, resolve, retry };

template <>
struct enum_names<escalation_policy> {
  static constexpr std::array<std::pair<escalation_policy, std::string_view>, 3> value{
      {{escalation_policy::escalate, "escalate"},
       {escalation_policy::resolve, "resolve"},
       {escalation_policy::retry, "retry"}}};
};

/// What the holder of an escalation or a person does about it.
enum class escalation_action : std::uint8_t {
  resolve,   ///< Settled.
  retry,     ///< Its failed task runs again.
  reassign,  ///< The same, by another agent of its mode.
  delegate,  ///< Another agent below or beside the holder holds it for a while.
  snooze,    ///< It comes back to the same holder at a moment.
  escalate   ///< The next above takes it now.
};

template <>
struct enum_names<escalation_action> {
  static constexpr std::array<std::pair<escalation_action, std::string_view>, 6> value{
      {{escalation_action::resolve, "resolve"},
       {escalation_action::retry, "retry"},
       {escalation_action::reassign, "reassign"},
       {escalation_action::delegate, "delegate"},
       {escalation_action::snooze, "snooze"},
       {escalation_action::escalate, "escalate"}}};
};

}  // namespace cadre
