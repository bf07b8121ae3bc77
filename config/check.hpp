#pragma once

#include "config/company.hpp"
#include "config/scope.hpp"

#include <unordered_map>

/// What the keys of a company mean together: the doctrines, as far as a file can break them. Each function adds its
/// findings at the key that is to be changed, and finds all of them.
namespace cadre::config {

/// The agents of a company by path; lives no longer than the company.
class agent_index {
 public:
  explicit agent_index(const company& c);

  [[nodiscard]] const agent* find(const agent_path& path) const;
  /// Complains about a path that no agent has.
  const agent* expect(const agent_path& path, const std::string& key, findings& out) const;

 private:
  std::unordered_map<agent_path, const agent*> agents_;
  std::vector<std::string_view> paths_;
};

/// Gives every agent that names no node the nodes with the role work, or all nodes if none has it.
void fill_nodes(company& c);

/// Makes an agent of each member of a pool, named NAME-1, NAME-2 and so on, and has whoever audits or needs the pool
/// audit and need each of them. Of a company that was checked: the checks speak of a pool as of one agent.
void expand_pools(company& c);

/// All of the below.
void check(const company& c, findings& out);

/// Nodes, roles and places in the org, and what an agent of each role must have.
void check_org(const company& c, findings& out);
/// `needs`: they exist, run and do not go in a circle.
void check_needs(const company& c, const agent_index& agents, findings& out);
/// Whether restart settings agree with each other, as OTP demands.
void check_branches(const company& c, const agent_index& agents, findings& out);
/// Pools: of what they are made, and that nobody has a name that a member will have.
void check_pools(const company& c, const agent_index& agents, findings& out);
/// The agent that does the work never blesses it, and all work is looked at.
void check_audits(const company& c, const agent_index& agents, findings& out);
/// `modes`: somebody claims them.
void check_modes(const company& c, findings& out);
/// Every schedule is watched by another agent than it runs.
void check_schedules(const company& c, const agent_index& agents, findings& out);
/// `notify`: what a channel names can be used.
void check_notify(const company& c, findings& out);
/// Every program can be executed. Blocks on the file system.
void check_commands(const company& c, findings& out);

}  // namespace cadre::config
