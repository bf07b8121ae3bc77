#include "config/check.hpp"
#include "config/read.hpp"
#include "config/units.hpp"

#include <algorithm>
#include <set>

namespace cadre::config {
namespace {

void check_nodes(const company& c, findings& out) {
  const bool leads =
      std::any_of(c.nodes.begin(), c.nodes.end(), [](const node& n) { return n.has(node_role::control); });
  if (!leads && out.given("nodes"))
    out.add_at("nodes", "no node has the role control, so none may lead; give it to at least one");
  if (c.timing.run_lease < c.timing.lease)
    out.add_at(out.given("fleet.run_lease") ? "fleet.run_lease" : "fleet.lease",
               "run_lease " + duration_text(c.timing.run_lease) + " is below lease " + duration_text(c.timing.lease) +
                   "; a run must be held at least as long as its node counts as alive");
}

void check_placement(const company& c, const agent& a, const std::vector<std::string_view>& names, findings& out) {
  const auto at = config_key(a.path) + ".node";
  if (!out.given(at)) return;
  for (const auto& name : a.nodes)
    if (c.find_node(name) == nullptr)
      out.add_at(at, "no node is named `" + name + "`" + did_you_mean(name, names) + "; nodes: " + join(names));
}

void check_role(const agent& a, findings& out) {
  const auto at = config_key(a.path);
  const bool root = a.path.depth() == 1;
  if (root && a.role != agent_role::ceo && out.given(at + ".role"))
    out.add_at(at + ".role", "the root of the org must have the role ceo");
  if (!root && a.role == agent_role::ceo)
    out.add_at(at + ".role", "only the root of the org is the ceo; allowed here: manager, worker, auditor");
  if (a.role == agent_role::worker && !out.given(at + ".run"))
    out.add_at(
        at + ".run",
        "is required of a worker and missing; give it run: {command: [program, arguments...]}, or run: {bus: {}}");
}

/// What has no meaning where the program is not Cadre's to start.
void check_bus(const agent& a, const std::string& at, findings& out) {
  if (a.role == agent_role::auditor)
    out.add_at(at + ".bus", "an auditor takes no programs over the bus; give it checks, or a command");
  for (const auto* key : {".env", ".memory_bytes_max", ".open_files_max"})
    if (out.given(at + key))
      out.add_at(at + key, "has no meaning beside bus, where whoever starts the program decides it; leave it out");
}

/// Exactly one of command, check and bus, if none is already known to be wrong.
void check_run_kind(const agent& a, const std::string& at, findings& out) {
  if (!out.given(at) || out.flagged(at) || out.flagged(at + ".check") || out.flagged(at + ".command") ||
      out.flagged(at + ".bus"))
    return;
  const bool command = out.given(at + ".command");
  const bool check = out.given(at + ".check");
  const bool bus = out.given(at + ".bus");
  if (command + check + bus != 1)
    out.add_at(bus && command + check > 0 ? at + ".bus"
               : command                  ? at + ".check"
                                          : at,
               "give exactly one of command, check and bus");
  if (bus) check_bus(a, at, out);
  if (!check) return;
  if (a.role != agent_role::auditor)
    out.add_at(at + ".check", "only an auditor has checks to run; give a command");
  else if (a.checks.empty())
    out.add_at(at + ".check", "the auditor declares no checks; add checks, or give a command");
}

void check_run(const agent& a, findings& out) {
  const auto at = config_key(a.path) + ".run";
  check_run_kind(a, at, out);
  for (const auto& [name, value] : a.run.env) {
    const auto first = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
    const auto any = [&](char c) { return first(c) || (c >= '0' && c <= '9'); };
    if (name.empty() || !first(name.front()) || !std::all_of(name.begin(), name.end(), any))
      out.add_at(at + ".env." + name,
                 "not a name of an environment variable; allowed: letters, digits and _, no digit first");
    else if (name.starts_with("CADRE_"))
      out.add_at(at + ".env." + name, "names that begin with CADRE_ are set by Cadre itself; choose another");
  }
  constexpr std::int64_t memory_bytes_min = 1024 * 1024;
  if (a.run.memory_bytes_max != 0 && a.run.memory_bytes_max < memory_bytes_min)
    out.add_at(at + ".memory_bytes_max", "too small for any program; allowed: 0 (unlimited), or at least 1MiB");
  if (a.run.line_bytes_max > a.run.output_bytes_max)
    out.add_at(out.given(at + ".line_bytes_max") ? at + ".line_bytes_max" : at + ".output_bytes_max",
               "a line (" + bytes_text(a.run.line_bytes_max) + ") may not be longer than all output (" +
                   bytes_text(a.run.output_bytes_max) + ")");
}

}  // namespace

agent_index::agent_index(const company& c) {
  for (const auto& a : c.agents) {
    agents_.emplace(a.path, &a);
    paths_.push_back(a.path.text);
  }
}

const agent* agent_index::find(const agent_path& path) const {
  const auto found = agents_.find(path);
  return found == agents_.end() ? nullptr : found->second;
}

const agent* agent_index::expect(const agent_path& path, const std::string& key, findings& out) const {
  if (path.empty()) return nullptr;  // Missing or illegible, which was said already.
  const agent* found = find(path);
  if (found == nullptr)
    out.add_at(key, "there is no agent `" + path.text + "`" + did_you_mean(path.text, paths_) +
                        "; allowed: the path of an agent of org");
  return found;
}

namespace {

std::set<agent_path> watchers_of(const company& c) {
  std::set<agent_path> watchers;
  for (const auto& s : c.schedules) watchers.insert(s.watcher);
  if (c.brief) watchers.insert(c.brief->watcher);
  return watchers;
}

/// The same nodes for somebody who is to notice what the leader does not do: first those that can't lead, then those
/// that are named last, since the first one usually leads.
std::vector<std::string> away_from_leaders(const company& c, const std::vector<std::string>& names) {
  std::vector<std::string> away(names.rbegin(), names.rend());
  std::stable_partition(away.begin(), away.end(), [&](const std::string& name) {
    const auto* n = c.find_node(name);
    return n == nullptr || !n->has(node_role::control);
  });
  return away;
}

}  // namespace

void fill_nodes(company& c) {
  std::vector<std::string> all;
  std::vector<std::string> workers;
  for (const auto& n : c.nodes) {
    all.push_back(n.name);
    if (n.has(node_role::work)) workers.push_back(n.name);
  }
  const auto& anywhere = workers.empty() ? all : workers;
  const auto away = away_from_leaders(c, anywhere);
  const auto watches = watchers_of(c);
  for (auto& a : c.agents)
    if (a.nodes.empty()) a.nodes = watches.contains(a.path) ? away : anywhere;
}

void check_org(const company& c, findings& out) {
  check_nodes(c, out);
  std::vector<std::string_view> names;
  for (const auto& n : c.nodes) names.push_back(n.name);
  for (const auto& a : c.agents) {
    check_placement(c, a, names, out);
    check_role(a, out);
    check_run(a, out);
  }
}

void check(const company& c, findings& out) {
  const agent_index agents(c);
  check_org(c, out);
  check_needs(c, agents, out);
  check_branches(c, agents, out);
  check_pools(c, agents, out);
  check_audits(c, agents, out);
  check_modes(c, out);
  check_schedules(c, agents, out);
  check_notify(c, out);
  check_commands(c, out);
}

}  // namespace cadre::config
