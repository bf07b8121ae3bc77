#include "commands.hpp"
#include "orders.hpp"
#include "worker_bridge.hpp"

#include <memory>
#include <unistd.h>

namespace cadre::cli {

void add_worker_command(const application& a) {
  auto o = std::make_shared<bridge_options>();
  auto patience = std::make_shared<std::int64_t>(60);
  auto sub =
      a.app.add_command("worker", "Work for an agent with `run: {bus: {}}`: its tasks on stdout, results on stdin");
  add_fleet_options(sub, a.fleet);
  sub.add("PATH", o->agent, "The agent").required();
  sub.add("--name", o->name, "Who works, for people (default: cadre worker and its process id)");
  sub.add("--patience", *patience, "Seconds to wait for an agent that does not answer")
      .range(1, 86'400)
      .default_shown();
  sub.examples(
      "  cadre worker ceo.data.rows\n"
      "      prints {\"op\":\"run\",\"run\":\"0190...\",\"task\":{...},...} for each task; write its lines to stdin:\n"
      "      {\"type\":\"output\",\"dataset\":\"row\",\"row\":{...}}\n"
      "      {\"type\":\"response\",\"metrics\":{}}      or {\"type\":\"failure\",\"message\":\"...\"}\n"
      "      and read {\"op\":\"done\",...}; {\"op\":\"stop\",...} takes a run away, {\"op\":\"refused\",...} a line.\n"
      "  actors/program/examples/worker.py does that in 30 lines of Python.");
  sub.does([=] {
    check_path(o->agent);
    if (o->name.empty()) o->name = "cadre worker " + std::to_string(getpid());
    o->patience = std::chrono::seconds{*patience};
    session s{a.fleet};
    return run_bridge(s, *o);
  });
}

}  // namespace cadre::cli
