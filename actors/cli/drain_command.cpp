#include "commands.hpp"
#include "print.hpp"
#include "schemas/json.hpp"
#include "schemas/subjects.hpp"

#include <chrono>
#include <iostream>
#include <set>
#include <thread>

namespace cadre::cli {

namespace {

using json = nlohmann::json;
namespace queries = storage::queries;

constexpr std::chrono::milliseconds look_again{250};

struct drain_options {
  std::string node;
  bool undo = false;
  bool no_wait = false;
  std::int64_t within_seconds = 600;
};

/// The agents on a node: those that can move, and those for which no other node is there.
struct remaining {
  json movable = json::array();
  json bound = json::array();
};

remaining look(session& s, const std::string& node) {
  std::set<std::string> open;
  for (const auto& row : json::parse(s.rows(queries::nodes(s.company()))))
    if (row["state"] == "up" && row["name"] != node) open.insert(row["name"].get<std::string>());
  remaining here;
  for (const auto& row : json::parse(s.rows(queries::agents(s.company())))) {
    if (row["node"] != node || (row["state"] != "running" && row["state"] != "starting")) continue;
    bool can_move = false;
    for (const auto& name : row["nodes"]) can_move = can_move || open.contains(name.get<std::string>());
    (can_move ? here.movable : here.bound).push_back(row["path"]);
  }
  return here;
}

void order(session& s, const drain_options& o) {
  bool known = false;
  for (const auto& row : json::parse(s.rows(queries::nodes(s.company())))) known = known || row["name"] == o.node;
  if (!known) throw command_error{exit_usage, "there is no node '" + o.node + "' (see `cadre status`)"};
  operator_order body;
  body.order = o.undo ? "undrain" : "drain";
  const auto answer =
      s.bus().request_wait(subjects::control(o.node), s.bus().make_envelope("cli", 0, body), std::chrono::seconds{5});
  if (!answer) throw command_error{exit_unreachable, "node " + o.node + ": " + answer.error().message};
  if (const auto* refused = std::get_if<error_reply>(&answer->body))
    throw command_error{exit_findings, "node " + o.node + ": " + refused->error.message};
}

int report(const fleet_options& fleet, const drain_options& o, const remaining& here) {
  if (fleet.json) {
    print_json({{"node", o.node}, {"left", here.movable}, {"bound", here.bound}});
  } else {
    for (const auto& path : here.movable) std::cout << "still there: " << cell(path) << " (it finishes what it runs)\n";
    for (const auto& path : here.bound) std::cout << "stays: " << cell(path) << " (none of its other nodes is up)\n";
    if (here.movable.empty() && here.bound.empty()) std::cout << o.node << " is empty\n";
  }
  return here.movable.empty() && here.bound.empty() ? exit_ok : exit_findings;
}

int drain(const fleet_options& fleet, const drain_options& o) {
  session s{fleet};
  order(s, o);
  if (o.undo || o.no_wait) {
    if (!fleet.json) std::cout << o.node << (o.undo ? " takes agents again\n" : " drains\n");
    return exit_ok;
  }
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{o.within_seconds};
  std::size_t shown = 0;
  for (;;) {
    auto here = look(s, o.node);
    const bool over = std::chrono::steady_clock::now() >= until;
    if (here.movable.empty() || over) return report(fleet, o, here);
    if (!fleet.json && here.movable.size() != shown)
      std::cerr << "draining " << o.node << ": " << here.movable.size() << " agents to move\n";
    shown = here.movable.size();
    std::this_thread::sleep_for(look_again);
  }
}

}  // namespace

void add_drain_command(const application& a) {
  auto o = std::make_shared<drain_options>();
  auto sub = a.app.add_command("drain", "Move the agents of a node elsewhere, each once it is idle, and wait for it");
  add_listing_options(sub, a.fleet);
  sub.add("NODE", o->node, "The node").required();
  sub.add("--undo", o->undo, "Let it take agents again; those that prefer it come back (failback: idle)");
  sub.add("--no-wait", o->no_wait, "Return at once");
  sub.add("--within", o->within_seconds, "Wait so many seconds at most").range(1, 86'400).default_shown();
  sub.examples(
      "  cadre drain iron-pc && systemctl stop cadre-node@iron-pc\n"
      "  cadre drain iron-pc --undo");
  sub.does([=] { return drain(a.fleet, *o); });
}

}  // namespace cadre::cli
