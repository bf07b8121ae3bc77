#pragma once

#include "fields.hpp"

#include <tl/expected.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <utility>

namespace cadre {

/// Everything that can go wrong and that a caller may want to tell apart. A sentence per code.
enum class errc : std::uint8_t {
  none = 0,
  // Input from outside.
  bad_config,     ///< The config file has findings; each names file, line, column and key.
  bad_message,    ///< A message could not be decoded, lacks a field or has one of the wrong type.
  too_large,      ///< A message, line or document is over its bound.
  wrong_company,  ///< The message names another company than this fleet runs.
  unknown_kind,   ///< The kind of a message or command is not known to this version.
  bad_value,      ///< A field is well-formed and not allowed here.
  // The fleet.
  unreachable,  ///< Nobody answered: no connection, no responder, or the time ran out.
  busy,         ///< A bounded queue is full; try again after a pause.
  not_leader,   ///< The node that got the command does not lead (any more).
  in_doubt,     ///< It is not known whether it committed; send the same command again to learn it.
  // The writer.
  not_found,           ///< The row that the command names does not exist.
  illegal_transition,  ///< The state machine of the row does not allow the step.
  stale_epoch,         ///< The sender is an older incarnation than the one on record.
  stale_attempt,       ///< The run was replaced by a later attempt, or has ended.
  deposed,             ///< The child has a newer supervisor than the one that orders it.
  duplicate_key,       ///< Another row has the key, with other content.
  refused,             ///< A doctrine forbids it; the message says which.
  storage,             ///< Postgres refused it for a reason of its own; the message quotes it.
  // Runs of agents.
  command_not_found,  ///< The program of `run.command` does not exist or may not be executed.
  bad_output,         ///< A line on stdout is not valid JSON Lines of the contract.
  no_response,        ///< The program exited 0 without a `response` line.
  exit_code,          ///< The program exited with a code other than 0.
  signalled,          ///< The program was ended by a signal that the node did not send.
  timed_out,          ///< The program ran past its time and was killed.
  lease_expired,      ///< The node that ran it was not heard from within the lease.
  node_lost,          ///< The node that ran it was restarted or lost.
  worker_gone,        ///< The program that had claimed it over the bus was not heard from any more.
  worker_failed,      ///< The program that had claimed it over the bus said that it failed.
  cancelled,          ///< A person or a policy cancelled it.
  audit_failed,       ///< An auditor found the output wrong.
  audit_overdue,      ///< No verdict came within the auditor's time.
  crashed,            ///< An agent's actor ended with an error.
  intensity_reached,  ///< A supervisor saw more restarts than its intensity within its period.
  internal            ///< A defect of Cadre itself.
};

template <>
struct enum_names<errc> {
  static constexpr std::array<std::pair<errc, std::string_view>, 35> value{{
      {errc::none, "none"},
      {errc::bad_config, "bad_config"},
      {errc::bad_message, "bad_message"},
      {errc::too_large, "too_large"},
      {errc::wrong_company, "wrong_company"},
      {errc::unknown_kind, "unknown_kind"},
      {errc::bad_value, "bad_value"},
      {errc::unreachable, "unreachable"},
      {errc::busy, "busy"},
      {errc::not_leader, "not_leader"},
      {errc::in_doubt, "in_doubt"},
      {errc::not_found, "not_found"},
      {errc::illegal_transition, "illegal_transition"},
      {errc::stale_epoch, "stale_epoch"},
      {errc::stale_attempt, "stale_attempt"},
      {errc::deposed, "deposed"},
      {errc::duplicate_key, "duplicate_key"},
      {errc::refused, "refused"},
      {errc::storage, "storage"},
      {errc::command_not_found, "command_not_found"},
      {errc::bad_output, "bad_output"},
      {errc::no_response, "no_response"},
      {errc::exit_code, "exit_code"},
      {errc::signalled, "signalled"},
      {errc::timed_out, "timed_out"},
      {errc::lease_expired, "lease_expired"},
      {errc::node_lost, "node_lost"},
      {errc::worker_gone, "worker_gone"},
      {errc::worker_failed, "worker_failed"},
      {errc::cancelled, "cancelled"},
      {errc::audit_failed, "audit_failed"},
      {errc::audit_overdue, "audit_overdue"},
      {errc::crashed, "crashed"},
      {errc::intensity_reached, "intensity_reached"},
      {errc::internal, "internal"},
  }};
};

/// An error as a value: the code for programs, the message for people. The message names the place and the fix.
struct failure {
  errc code = errc::none;
  std::string message;
  std::int64_t retry_after_ms = 0;  ///< Of `busy`: when there should be room again; 0: nobody knows.

  bool operator==(const failure&) const = default;
  CADRE_FIELDS(code, message, retry_after_ms)
};

/// Either a value or a failure. Exceptions are left to the libraries and caught at their edge.
template <class T>
using result = tl::expected<T, failure>;

inline tl::unexpected<failure> fail(errc code, std::string message) {
  return tl::unexpected<failure>{failure{code, std::move(message)}};
}

}  // namespace cadre
