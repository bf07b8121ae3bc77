#include "specs.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace cadre::actors::supervision {

namespace {

supervisor_flags flags_of(const config::supervise& s) {
  supervisor_flags flags;
  flags.strategy = s.strategy;
  flags.intensity = s.intensity;
  flags.period = s.period;
  flags.auto_shutdown = s.shutdown_when;
  flags.wait = s.wait;
  return flags;
}

/// Siblings mostly may run on the same nodes: each list is kept once.
using node_lists = std::map<std::vector<std::string>, frozen<std::vector<std::string>>>;

child_spec spec_of(const config::agent& agent, bool branch, node_lists& lists) {
  child_spec spec;
  spec.id = agent.path;
  spec.branch = branch;
  spec.restart = agent.restart;
  spec.shutdown = agent.shutdown;
  if (branch) spec.shutdown.how = config::shutdown_time::mode::infinity;
  spec.significant = agent.significant;
  spec.nodes = lists.try_emplace(agent.nodes, agent.nodes).first->second;
  spec.failback = agent.failback;
  return spec;
}

}  // namespace

result<branch_plan> plan_branch(const config::company& company, const agent_path& manager) {
  branch_plan plan;
  node_lists lists;
  if (manager.empty()) {
    if (company.agents.empty()) return fail(errc::not_found, "the company has no agents");
    const auto& ceo = company.agents.front();
    plan.flags = flags_of(ceo.branch.value_or(config::supervise{}));
    plan.flags.strategy = restart_strategy::one_for_one;
    plan.flags.auto_shutdown = auto_shutdown::never;
    plan.flags.root = true;
    plan.children.push_back(spec_of(ceo, true, lists));
    plan.children.back().significant = false;
    return plan;
  }
  const auto* agent = company.find_agent(manager);
  if (agent == nullptr) return fail(errc::not_found, manager.text + ": no such agent");
  if (!agent->branch) return fail(errc::bad_value, manager.text + ": has no branch, it is not a manager");
  plan.flags = flags_of(*agent->branch);
  auto own = spec_of(*agent, false, lists);
  // Significant is a word about this manager's branch among its siblings, not about the agent within its own branch.
  own.significant = false;
  own.nodes = {};
  plan.children.push_back(std::move(own));
  for (const auto* report : company.reports_of(manager))
    plan.children.push_back(spec_of(*report, report->branch.has_value(), lists));
  if (plan.flags.strategy == restart_strategy::dynamic) {
    if (plan.children.size() < 2) return fail(errc::bad_value, manager.text + ": strategy: dynamic and no pool");
    plan.members = std::move(plan.children);
    plan.children = {plan.members.back()};
  }
  if (const auto ok = check(plan.flags, plan.children, plan.members); !ok) return tl::unexpected{ok.error()};
  return plan;
}

config::shutdown_time shutdown_of(const config::company& company, const agent_path& path, bool branch) {
  config::shutdown_time time;
  if (const auto* agent = company.find_agent(path); agent != nullptr) time = agent->shutdown;
  if (branch) time.how = config::shutdown_time::mode::infinity;
  return time;
}

std::int64_t shutdown_ms(const config::shutdown_time& shutdown) {
  using mode = config::shutdown_time::mode;
  switch (shutdown.how) {
    case mode::brutal_kill:
      return 0;
    case mode::infinity:
      return -1;
    case mode::timed:
      return shutdown.time.count();
  }
  return 0;
}

std::size_t agents_in(const config::company& company, const agent_path& path) {
  return static_cast<std::size_t>(std::count_if(company.agents.begin(), company.agents.end(), [&](const auto& a) {
    return path.empty() || a.path == path || a.path.is_below(path);
  }));
}

}  // namespace cadre::actors::supervision
