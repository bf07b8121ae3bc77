#pragma once

#include "command_line.hpp"
#include "session.hpp"

/// The commands. Each function adds its own to the program.
namespace cadre::cli {

struct application {
  command app;
  fleet_options& fleet;
};

void add_fleet_commands(const application& a);       ///< up, down, node
void add_status_commands(const application& a);      ///< status, org, data, brain, tail
void add_task_commands(const application& a);        ///< task
void add_agent_commands(const application& a);       ///< agent
void add_schedule_commands(const application& a);    ///< schedule
void add_mode_commands(const application& a);        ///< mode
void add_escalation_commands(const application& a);  ///< inbox, escalation, brief
void add_notify_commands(const application& a);      ///< notify
void add_findings_command(const application& a);     ///< findings
void add_worker_command(const application& a);       ///< worker
void add_drain_command(const application& a);        ///< drain
void add_drill_commands(const application& a);       ///< drill
void add_config_commands(const application& a);      ///< config, db, version, completion

/// Adds `pause` and `resume` to the command `agent`.
void add_agent_pauses(command agent, fleet_options& fleet);

/// The options that say where the company is, for a subcommand that talks to it.
void add_fleet_options(command sub, fleet_options& fleet);
/// The same with `--json`.
void add_listing_options(command sub, fleet_options& fleet);

/// Reads and runs a command line. Never throws; returns the exit code.
int run(int argc, char** argv);

}  // namespace cadre::cli
