#pragma once

#include "actors/runner/process.hpp"
#include "bus/connection.hpp"
#include "config/company.hpp"
#include "schemas/ids.hpp"

#include <caf/actor.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace cadre::actors {

/// Before a command of an agent that was answered busy or in doubt goes again.
constexpr std::chrono::milliseconds repeat_after{500};
/// From SIGTERM to SIGKILL of an agent's process.
constexpr std::chrono::milliseconds kill_grace{2'000};

/// What every agent of a node shares. Handed to agents as a shared, immutable value.
struct agent_services {
  std::shared_ptr<const config::company> company;
  std::string node;
  node_life_id life;
  caf::actor commands;    ///< command_client
  caf::actor reporter;    ///< node_reporter
  caf::actor audit_desk;  ///< Reads staged outputs for the auditors of the node.
  std::shared_ptr<process_host> processes;
  std::shared_ptr<bus::connection> bus;  ///< Null in tests without a bus: auditors then hear nothing.
  /// Answers a program that works for an agent over the bus; may be empty where `bus` is null.
  /// Errors: those of connection::publish_plain.
  std::function<result<void>(const std::string& to, const std::string& text)> answer_program;
  std::map<std::string, std::string> env;  ///< For every agent's process: how to reach this company's data.
};

}  // namespace cadre::actors
