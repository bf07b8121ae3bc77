#include "commands.hpp"

#include <exception>
#include <iostream>

namespace cadre::cli {

void add_fleet_options(command sub, fleet_options& fleet) {
  sub.add("--state", fleet.state, "State directory of the company (default: the nearest .cadre, or $CADRE_STATE)");
  sub.add("--nats", fleet.nats, "URL of the bus, where there is no state directory");
  sub.add("--postgres", fleet.postgres, "URL of the database as a role that may read");
  sub.add("--company", fleet.company, "Company, with --nats and --postgres");
}

void add_listing_options(command sub, fleet_options& fleet) {
  add_fleet_options(sub, fleet);
  sub.add("--json", fleet.json, "Print JSON for programs");
}

int run(int argc, char** argv) {
  command_line line{"cadre", "Cadre: an actor runtime for companies of agents.",
                    "Exit codes: 0 ok, 1 findings or failure, 2 usage or config error, 3 can't reach the fleet.\n"
                    "Start with: cadre up --config config/fleetwatch.yaml"};
  fleet_options fleet;
  const application a{line.top(), fleet};
  add_fleet_commands(a);
  add_status_commands(a);
  add_task_commands(a);
  add_agent_commands(a);
  add_schedule_commands(a);
  add_mode_commands(a);
  add_escalation_commands(a);
  add_notify_commands(a);
  add_findings_command(a);
  add_worker_command(a);
  add_drain_command(a);
  add_drill_commands(a);
  add_config_commands(a);
  try {
    return line.read(argc, argv, exit_usage)();
  } catch (const command_error& e) {
    std::cerr << "cadre: " << e.message << "\n";
    return e.code;
  } catch (const std::exception& e) {
    std::cerr << "cadre: " << e.what() << "\n";
    return exit_findings;
  }
}

}  // namespace cadre::cli
