#pragma once

#include "fields.hpp"

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

namespace cadre {

enum class agent_role : std::uint8_t { ceo, manager, worker, auditor };

template <>
struct enum_names<agent_role> {
  static constexpr std::array<std::pair<agent_role, std::string_view>, 4> value{{{agent_role::ceo, "ceo"},
                                                                                 {agent_role::manager, "manager"},
                                                                                 {agent_role::worker, "worker"},
                                                                                 {agent_role::auditor, "auditor"}}};
};

/// OTP's restart types.
enum class restart_type : std::uint8_t {
  permanent,  ///< Always restarted.
  transient,  ///< Restarted unless it ended with `normal` or `shutdown`.
  temporary   ///< Never restarted, not even when a sibling's failure took it down.
};

template <>
struct enum_names<restart_type> {
  static constexpr std::array<std::pair<restart_type, std::string_view>, 3> value{
      {{restart_type::permanent, "permanent"},
       {restart_type::transient, "transient"},
       {restart_type::temporary, "temporary"}}};
};

/// When an agent leaves the node it runs on for one that its list names earlier and that is there again.
enum class failback_rule : std::uint8_t {
  never,
  idle  ///< Once it has finished what it runs.
};

template <>
struct enum_names<failback_rule> {
  static constexpr std::array<std::pair<failback_rule, std::string_view>, 2> value{
      {{failback_rule::never, "never"}, {failback_rule::idle, "idle"}}};
};

/// OTP's strategies; `dynamic` is its simple_one_for_one.
enum class restart_strategy : std::uint8_t { one_for_one, one_for_all, rest_for_one, dynamic };

template <>
struct enum_names<restart_strategy> {
  static constexpr std::array<std::pair<restart_strategy, std::string_view>, 4> value{
      {{restart_strategy::one_for_one, "one_for_one"},
       {restart_strategy::one_for_all, "one_for_all"},
       {restart_strategy::rest_for_one, "rest_for_one"},
       {restart_strategy::dynamic, "dynamic"}}};
};

enum class auto_shutdown : std::uint8_t { never, any_significant, all_significant };

template <>
struct enum_names<auto_shutdown> {
  static constexpr std::array<std::pair<auto_shutdown, std::string_view>, 3> value{
      {{auto_shutdown::never, "never"},
       {auto_shutdown::any_significant, "any_significant"},
       {auto_shutdown::all_significant, "all_significant"}}};
};

/// What a node may do.
enum class node_role : std::uint8_t {
  control,  ///< May lead.
  work,     ///< Runs agents that name no node.
  gateway,  ///< Serves the console.
  egress    ///< May call the outside world.
};

template <>
struct enum_names<node_role> {
  static constexpr std::array<std::pair<node_role, std::string_view>, 4> value{{{node_role::control, "control"},
                                                                                {node_role::work, "work"},
                                                                                {node_role::gateway, "gateway"},
                                                                                {node_role::egress, "egress"}}};
};

/// Why a life ended, as a supervisor sees it.
enum class exit_reason : std::uint8_t {
  normal,        ///< Its work was done.
  shutdown,      ///< It was asked to stop.
  error,         ///< It failed; the cause says how.
  killed,        ///< It did not stop in time and was killed, or was killed from outside.
  noconnection,  ///< The node it ran on can't be heard any more; it may or may not still run.
};

template <>
struct enum_names<exit_reason> {
  static constexpr std::array<std::pair<exit_reason, std::string_view>, 5> value{
      {{exit_reason::normal, "normal"},
       {exit_reason::shutdown, "shutdown"},
       {exit_reason::error, "error"},
       {exit_reason::killed, "killed"},
       {exit_reason::noconnection, "noconnection"}}};
};

/// What a person sees of an agent's life.
enum class agent_state : std::uint8_t {
  planned,      ///< In the org, never started.
  starting,     ///< Its start was ordered.
  running,      ///< It answers.
  backoff,      ///< It failed and waits for its restart.
  waiting,      ///< Its node is not there; it starts when the node is.
  quarantined,  ///< Its branch gave up; it stays down until someone lifts that.
  stopped       ///< Stopped by order.
};

template <>
struct enum_names<agent_state> {
  static constexpr std::array<std::pair<agent_state, std::string_view>, 7> value{
      {{agent_state::planned, "planned"},
       {agent_state::starting, "starting"},
       {agent_state::running, "running"},
       {agent_state::backoff, "backoff"},
       {agent_state::waiting, "waiting"},
       {agent_state::quarantined, "quarantined"},
       {agent_state::stopped, "stopped"}}};
};

}  // namespace cadre
