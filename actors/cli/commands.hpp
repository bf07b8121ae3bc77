#pragma once

#include "session.hpp"

#include <CLI/CLI.hpp>

#include <functional>
#include <string>

/// The subcommands. Each function adds its own to the application; a subcommand that was chosen leaves in `chosen` what
/// is to be done, and `main` does it after the whole command line was read.
namespace cadre::cli {

struct application {
  CLI::App& app;
  fleet_options& fleet;
  std::function<int()>& chosen;
};

void add_fleet_commands(const application& a);       ///< up, down, node
void add_status_commands(const application& a);      ///< status, org, data, brain, tail
void add_task_commands(const application& a);        ///< task
void add_agent_commands(const application& a);       ///< agent, schedule
void add_escalation_commands(const application& a);  ///< inbox, escalation, brief
void add_config_commands(const application& a);      ///< config, db, version, completion

/// The options that say where the company is, for a subcommand that talks to it.
void add_fleet_options(CLI::App& sub, fleet_options& fleet);
/// The same with `--json`.
void add_listing_options(CLI::App& sub, fleet_options& fleet);
/// Examples at the end of `--help`.
void add_examples(CLI::App& sub, const std::string& lines);

/// Reads and runs a command line. Never throws; returns the exit code.
int run(int argc, char** argv);

}  // namespace cadre::cli
