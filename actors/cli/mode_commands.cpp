#include "commands.hpp"
#include "orders.hpp"
#include "print.hpp"
#include "schemas/json.hpp"

#include <iostream>
#include <memory>

namespace cadre::cli {

using json = nlohmann::json;
namespace queries = storage::queries;

namespace {

constexpr std::size_t reason_bytes_max = 500;

int list_modes(const fleet_options& fleet) {
  session s{fleet};
  const auto rows = json::parse(s.rows(queries::modes(s.company())));
  if (fleet.json) {
    print_json(rows);
  } else {
    print_table(rows,
                {{"MODE", "name"},
                 {"AGENTS", "agents"},
                 {"QUEUED", "queued"},
                 {"ACTIVE", "active"},
                 {"CONCURRENCY", "concurrency"},
                 {"PER KEY", "per_key"},
                 {"PAUSED", "paused_at"},
                 {"BY", "paused_by"},
                 {"REASON", "paused_reason"}},
                "no agent claims tasks");
  }
  return exit_ok;
}

struct pause_options {
  std::string what, reason;
};

void check_reason(const std::string& reason) {
  if (reason.size() > reason_bytes_max) throw command_error{exit_usage, "--reason: longer than 500 bytes"};
}

int pause_mode(const fleet_options& fleet, const pause_options& o, bool paused) {
  check_reason(o.reason);
  session s{fleet};
  s.order(mode_pause{o.what, paused, {}, o.reason});
  std::cout << "mode " << o.what << (paused ? ": paused; what runs goes on\n" : ": goes on\n");
  return exit_ok;
}

int pause_agent(const fleet_options& fleet, const pause_options& o, bool paused) {
  check_path(o.what);
  check_reason(o.reason);
  session s{fleet};
  s.order(agent_pause{agent_path{o.what}, paused, {}, o.reason});
  std::cout << o.what << (paused ? ": paused; what it works on goes on\n" : ": goes on\n");
  return exit_ok;
}

}  // namespace

void add_mode_commands(const application& a) {
  auto mode = a.app.add_command("mode", "List the modes of tasks, pause and resume their work");
  mode.needs_a_command();
  auto sub = mode.add_command("list", "List the modes with their limits, what waits and what runs");
  add_listing_options(sub, a.fleet);
  sub.does([=] { return list_modes(a.fleet); });

  auto with = std::make_shared<pause_options>();
  sub = mode.add_command("pause", "Grant no task of a mode; what runs goes on");
  add_fleet_options(sub, a.fleet);
  sub.add("MODE", with->what, "The mode").required();
  sub.add("--reason", with->reason, "Why, for whoever wonders");
  sub.examples("  cadre mode pause billing --reason \"the bank is down\"");
  sub.does([=] { return pause_mode(a.fleet, *with, true); });

  sub = mode.add_command("resume", "Grant tasks of a mode again");
  add_fleet_options(sub, a.fleet);
  sub.add("MODE", with->what, "The mode").required();
  sub.does([=] { return pause_mode(a.fleet, *with, false); });
}

void add_agent_pauses(command agent, fleet_options& fleet) {
  auto with = std::make_shared<pause_options>();
  auto sub = agent.add_command("pause", "Grant an agent no task; what it works on goes on");
  add_fleet_options(sub, fleet);
  sub.add("PATH", with->what, "The agent").required();
  sub.add("--reason", with->reason, "Why, for whoever wonders");
  sub.does([=, &fleet] { return pause_agent(fleet, *with, true); });

  sub = agent.add_command("resume", "Grant an agent tasks again");
  add_fleet_options(sub, fleet);
  sub.add("PATH", with->what, "The agent").required();
  sub.does([=, &fleet] { return pause_agent(fleet, *with, false); });
}

}  // namespace cadre::cli
