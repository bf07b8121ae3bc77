#include "actors/launch/runtime.hpp"
#include "actors/version.hpp"
#include "commands.hpp"
#include "completion.hpp"
#include "config/load.hpp"
#include "print.hpp"
#include "retention_command.hpp"
#include "schemas/codec.hpp"
#include "schemas/json.hpp"
#include "storage/migrate.hpp"

#include <iostream>
#include <memory>

namespace cadre::cli {

using json = nlohmann::json;

namespace {

json problems_json(const std::vector<config::problem>& problems) {
  json out = json::array();
  for (const auto& p : problems)
    out.push_back({{"file", p.file}, {"line", p.line}, {"column", p.column}, {"key", p.key}, {"message", p.message}});
  return out;
}

int check(const fleet_options& fleet, const std::string& file) {
  const auto loaded = config::load_file(file);
  if (fleet.json) {
    print_json({{"ok", loaded.ok()}, {"problems", problems_json(loaded.problems)}});
  } else if (loaded.ok()) {
    std::cout << file << ": ok: company " << loaded.value.name << ", " << loaded.value.nodes.size() << " nodes, "
              << loaded.value.agents.size() << " agents, " << loaded.value.schedules.size() << " schedules\n";
  } else {
    for (const auto& p : loaded.problems) std::cerr << p.text() << "\n";
    std::cerr << loaded.problems.size() << (loaded.problems.size() == 1 ? " problem\n" : " problems\n");
  }
  return loaded.ok() ? exit_ok : exit_usage;
}

int plan(const fleet_options& fleet, const std::string& before, const std::string& after) {
  const auto was = config::load_file(before);
  const auto is = config::load_file(after);
  for (const auto* side : {&was, &is})
    for (const auto& p : side->problems) std::cerr << p.text() << "\n";
  if (!was.ok() || !is.ok()) return exit_usage;
  json rows = json::array();
  for (const auto& step : config::plan(was.value, is.value))
    rows.push_back({{"action", step.action}, {"subject", step.subject}, {"detail", step.detail}});
  if (fleet.json) {
    print_json(rows);
  } else {
    print_table(rows, {{"ACTION", "action"}, {"SUBJECT", "subject"}, {"DETAIL", "detail", 120}}, "nothing changes");
  }
  return exit_ok;
}

int migrate(const fleet_options& fleet, const std::string& url) {
  auto target = url;
  if (target.empty()) {
    const auto running = launch::load_runtime(find_state(fleet));
    if (!running) throw command_error{exit_unreachable, running.error().message};
    target = running->database.migrator_url;
  }
  const auto done = storage::migrate(target);
  if (!done)
    throw command_error{done.error().code == errc::unreachable ? exit_unreachable : exit_findings,
                        done.error().message};
  for (const auto& name : done->applied) std::cout << "applied " << name << "\n";
  if (done->applied.empty()) std::cout << "the database is up to date\n";
  return exit_ok;
}

void add_config(const application& a) {
  auto config = a.app.add_command("config", "Check a company's file, plan a change, print its schema");
  config.needs_a_command();
  auto file = std::make_shared<std::string>();
  auto other = std::make_shared<std::string>();

  auto sub = config.add_command("check", "Check a file: what passes here starts");
  sub.add("FILE", *file, "The company's file").required();
  sub.add("--json", a.fleet.json, "Print JSON for programs");
  sub.examples("  cadre config check config/fleetwatch.yaml");
  sub.does([=] { return check(a.fleet, *file); });

  sub = config.add_command("schema", "Print the JSON Schema of the file, for editors");
  sub.examples("  cadre config schema > cadre.schema.json");
  sub.does([=] {
    std::cout << config::json_schema() << "\n";
    return exit_ok;
  });

  sub = config.add_command("plan", "Print what a change would start, stop, restart or move");
  sub.add("OLD", *file, "The file as it is").required();
  sub.add("NEW", *other, "The file as it shall be").required();
  sub.add("--json", a.fleet.json, "Print JSON for programs");
  sub.does([=] { return plan(a.fleet, *file, *other); });
}

}  // namespace

void add_config_commands(const application& a) {
  add_config(a);

  auto db = a.app.add_command("db", "The database");
  db.needs_a_command();
  auto url = std::make_shared<std::string>();
  auto sub = db.add_command("migrate", "Apply the migrations that are missing");
  sub.add("--state", a.fleet.state, "State directory of the company (default: the nearest .cadre)");
  sub.add("--postgres", *url, "URL of the database as cadre_migrator, where there is no state directory");
  sub.does([=] { return migrate(a.fleet, *url); });
  add_retention_command(db, a.fleet);

  sub = a.app.add_command("version", "Print version, commit and build type");
  sub.add("--json", a.fleet.json, "Print JSON for programs");
  sub.does([=] {
    if (a.fleet.json) {
      print_json({{"version", actors::version_text},
                  {"commit", actors::commit_text},
                  {"build_type", actors::build_type_text}});
    } else {
      std::cout << "cadre " << actors::version_text << " (" << actors::commit_text << ", " << actors::build_type_text
                << ")\n";
    }
    return exit_ok;
  });

  auto shell = std::make_shared<std::string>();
  sub = a.app.add_command("completion", "Print the completion script of a shell");
  sub.add("SHELL", *shell, "bash, zsh or fish").required().one_of({"bash", "zsh", "fish"});
  sub.examples("  source <(cadre completion bash)\n  cadre completion fish > ~/.config/fish/completions/cadre.fish");
  sub.does([=] {
    std::cout << completion_script(a.app.grammar(), *shell);
    return exit_ok;
  });
}

}  // namespace cadre::cli
