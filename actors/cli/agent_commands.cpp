#include "commands.hpp"
#include "orders.hpp"
#include "print.hpp"
#include "programs.hpp"
#include "schemas/json.hpp"

#include <iostream>
#include <memory>

namespace cadre::cli {

using json = nlohmann::json;
namespace queries = storage::queries;

namespace {

constexpr std::int64_t history_rows = 20;

int show(const fleet_options& fleet, const std::string& path) {
  check_path(path);
  session s{fleet};
  auto agent = json::parse(s.row(queries::agent(s.company(), path), "agent " + path));
  agent["events"] = json::parse(s.rows(queries::agent_events(s.company(), path, history_rows)));
  agent["runs"] = json::parse(s.rows(queries::agent_runs(s.company(), path, history_rows)));
  if (agent["state"] == "running" && agent["role"] != "auditor")
    if (const auto said = programs_of(s, path); !said.is_null()) agent["programs"] = said["programs"];
  if (fleet.json) {
    print_json(agent);
    return exit_ok;
  }
  print_fields(agent, {{"agent", "path"},
                       {"role", "role"},
                       {"about", "about"},
                       {"state", "state"},
                       {"node", "node"},
                       {"may run on", "nodes"},
                       {"epoch", "epoch"},
                       {"restarts", "restarts"},
                       {"last cause", "last_cause"},
                       {"changed", "changed_at"},
                       {"paused", "paused_at"},
                       {"paused by", "paused_by"},
                       {"because", "paused_reason"},
                       {"refused of older lives", "refused"},
                       {"last refused", "refused_at"}});
  if (agent.contains("programs")) {
    std::cout << "\n";
    print_table(agent["programs"],
                {{"PROGRAM", "name"}, {"ATTACHED MS", "attached_ms"}, {"SILENT MS", "silent_ms"}, {"RUNS", "runs"}},
                "no program attached: its tasks stay queued (see `cadre worker --help`)");
  }
  std::cout << "\n";
  print_table(agent["runs"],
              {{"STARTED", "started_at"},
               {"STATUS", "status"},
               {"TRY", "attempt"},
               {"TASK", "task", 36},
               {"NODE", "node"},
               {"METRICS", "metrics"},
               {"ERROR", "error"}},
              "no runs yet");
  std::cout << "\n";
  print_table(agent["events"],
              {{"AT", "at"},
               {"STATE", "state"},
               {"REASON", "reason"},
               {"NODE", "node"},
               {"RESTARTS", "restarts"},
               {"CAUSE", "cause"}},
              "no history yet");
  return exit_ok;
}

int list(const fleet_options& fleet) {
  session s{fleet};
  const auto rows = json::parse(s.rows(queries::agents(s.company())));
  if (fleet.json) {
    print_json(rows);
  } else {
    print_table(rows,
                {{"AGENT", "path"},
                 {"ROLE", "role"},
                 {"STATE", "state"},
                 {"NODE", "node"},
                 {"EPOCH", "epoch"},
                 {"RESTARTS", "restarts"},
                 {"RUNS", "active_runs"},
                 {"PAUSED", "paused_at"},
                 {"LAST CAUSE", "last_cause"}},
                "no agents");
  }
  return exit_ok;
}

int logs(const fleet_options& fleet, const std::string& path, std::int64_t limit) {
  check_path(path);
  session s{fleet};
  const auto rows = json::parse(s.rows(queries::agent_log(s.company(), path, limit)));
  if (fleet.json) {
    print_json(rows);
    return exit_ok;
  }
  for (const auto& line : rows)
    std::cout << cell(line["at"]) << "  " << cell(line["level"]) << "  " << cell(line["text"])
              << (line["data"].is_null() ? "" : "  " + line["data"].dump()) << "\n";
  return exit_ok;
}

int operate(const fleet_options& fleet, const std::string& order, const std::string& path) {
  session s{fleet};
  const auto where = order_agent(s, order, path);
  std::cout << order << " of " << path << (where.done ? ": done on " : ": still under way on ") << where.node << "\n";
  return exit_ok;
}

}  // namespace

void add_agent_commands(const application& a) {
  auto agent = a.app.add_command("agent", "List and show agents, read their journal, start, stop and restart them");
  agent.needs_a_command();
  auto sub = agent.add_command("list", "List the agents");
  add_listing_options(sub, a.fleet);
  sub.does([=] { return list(a.fleet); });

  auto path = std::make_shared<std::string>();
  sub = agent.add_command("show", "Show an agent with its runs and its restart history");
  add_listing_options(sub, a.fleet);
  sub.add("PATH", *path, "The agent").required();
  sub.does([=] { return show(a.fleet, *path); });

  auto limit = std::make_shared<std::int64_t>(100);
  sub = agent.add_command("logs", "Print the journal of an agent");
  add_listing_options(sub, a.fleet);
  sub.add("PATH", *path, "The agent").required();
  sub.add("--limit", *limit, "Lines").range(1, 10'000).default_shown();
  sub.does([=] { return logs(a.fleet, *path, *limit); });

  for (const auto& [order, help] : {std::pair{"start", "Start what was terminated; lifts a quarantine"},
                                    std::pair{"terminate",
                                              "Stop an agent, or a manager with all below it, until a "
                                              "start or a restart of its supervisor"},
                                    std::pair{"delete",
                                              "Have its supervisor forget an agent that was terminated: no restart of "
                                              "its group brings it back, only `add` or a new life of the supervisor"},
                                    std::pair{"add", "Give an agent that was deleted back to its supervisor"},
                                    std::pair{"restart", "Restart an agent; lifts a quarantine"},
                                    std::pair{"kill", "Kill an agent: its supervisor restarts it"}}) {
    sub = agent.add_command(order, help);
    add_fleet_options(sub, a.fleet);
    sub.add("PATH", *path, "The agent").required();
    sub.does([=, o = std::string{order}] { return operate(a.fleet, o, *path); });
  }

  add_agent_pauses(agent, a.fleet);
}

}  // namespace cadre::cli
