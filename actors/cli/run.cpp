#include "commands.hpp"
#include "config/did_you_mean.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <iostream>
#include <vector>

namespace cadre::cli {

namespace {

/// CLI11 alone would only say that a subcommand is required.
std::string unknown_subcommand(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return {};
  std::vector<std::string> names;
  for (const auto* sub : app.get_subcommands(nullptr)) names.push_back(sub->get_name());
  const std::string word = argv[1];
  if (std::find(names.begin(), names.end(), word) != names.end()) return {};
  return "there is no command '" + word + "'" + config::did_you_mean(word, {names.begin(), names.end()}) +
         " (see `cadre --help`)";
}

}  // namespace

void add_fleet_options(CLI::App& sub, fleet_options& fleet) {
  sub.add_option("--state", fleet.state,
                 "State directory of the company (default: the nearest .cadre, or $CADRE_STATE)");
  sub.add_option("--nats", fleet.nats, "URL of the bus, where there is no state directory");
  sub.add_option("--postgres", fleet.postgres, "URL of the database as a role that may read");
  sub.add_option("--company", fleet.company, "Company, with --nats and --postgres");
}

void add_listing_options(CLI::App& sub, fleet_options& fleet) {
  add_fleet_options(sub, fleet);
  sub.add_flag("--json", fleet.json, "Print JSON for programs");
}

void add_examples(CLI::App& sub, const std::string& lines) {
  sub.footer("Examples:\n" + lines);
}

int run(int argc, char** argv) {
  CLI::App app{"Cadre: an actor runtime for companies of agents.", "cadre"};
  app.require_subcommand(1);
  app.set_help_all_flag("--help-all", "Help of every subcommand");
  app.failure_message([](const CLI::App* a, const CLI::Error& e) {
    return "cadre: " + std::string{e.what()} + "\nSee `" + a->get_display_name() + " --help`.\n";
  });
  app.footer(
      "Exit codes: 0 ok, 1 findings or failure, 2 usage or config error, 3 can't reach the fleet.\n"
      "Start with: cadre up --config config/fleetwatch.yaml");
  fleet_options fleet;
  std::function<int()> chosen;
  const application a{app, fleet, chosen};
  add_fleet_commands(a);
  add_status_commands(a);
  add_task_commands(a);
  add_agent_commands(a);
  add_escalation_commands(a);
  add_config_commands(a);
  if (const auto unknown = unknown_subcommand(app, argc, argv); !unknown.empty()) {
    std::cerr << "cadre: " << unknown << "\n";
    return exit_usage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    const auto code = app.exit(e, std::cout, std::cerr);
    return code == 0 ? exit_ok : exit_usage;
  }
  try {
    return chosen ? chosen() : exit_usage;
  } catch (const command_error& e) {
    std::cerr << "cadre: " << e.message << "\n";
    return e.code;
  } catch (const std::exception& e) {
    std::cerr << "cadre: " << e.what() << "\n";
    return exit_findings;
  }
}

}  // namespace cadre::cli
