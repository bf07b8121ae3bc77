#include "config/company.hpp"

#include <algorithm>

namespace cadre::config {

bool node::has(node_role r) const {
  return std::find(roles.begin(), roles.end(), r) != roles.end();
}

const agent* company::find_agent(const agent_path& path) const {
  const auto found = std::find_if(agents.begin(), agents.end(), [&](const agent& a) { return a.path == path; });
  return found == agents.end() ? nullptr : &*found;
}

const node* company::find_node(std::string_view wanted) const {
  const auto found = std::find_if(nodes.begin(), nodes.end(), [&](const node& n) { return n.name == wanted; });
  return found == nodes.end() ? nullptr : &*found;
}

std::vector<const agent*> company::reports_of(const agent_path& manager) const {
  std::vector<const agent*> found;
  for (const auto& a : agents)
    if (!a.path.empty() && a.path.parent() == manager && a.path != manager) found.push_back(&a);
  return found;
}

std::vector<const agent*> company::auditors_of(const agent_path& worker) const {
  std::vector<const agent*> found;
  for (const auto& a : agents)
    if (std::find(a.audits.begin(), a.audits.end(), worker) != a.audits.end()) found.push_back(&a);
  return found;
}

std::optional<schedule> company::schedule_of_brief() const {
  if (!brief || agents.empty()) return std::nullopt;
  schedule s;
  s.name = brief_schedule;
  s.agent = agents.front().path;
  s.cron = brief->cron;
  s.tz = brief->tz;
  s.watcher = brief->watcher;
  s.overlap = overlap_policy::cancel_other;
  return s;
}

}  // namespace cadre::config
