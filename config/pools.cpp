#include "config/check.hpp"
#include "config/read.hpp"

#include <algorithm>
#include <set>

namespace cadre::config {
namespace {

agent_path member_of(const agent_path& pool, std::int64_t number) {
  return {pool.text + "-" + std::to_string(number)};
}

void check_pool(const agent& pool, const agent_index& agents, findings& out) {
  const auto at = config_key(pool.path);
  const auto last = member_of(pool.path, pool.instances);
  if (!is_agent_path(last.text))
    out.add_at(at + ".instances",
               "its members would have names like " + std::string(last.name()) + "; give it a shorter name");
  for (std::int64_t n = 1; n <= pool.instances; ++n)
    if (const auto member = member_of(pool.path, n); agents.find(member) != nullptr)
      out.add_at(config_key(member), "has the name of a member of the pool " + pool.path.text + "; choose another");
  for (const auto& o : pool.outputs)
    if (o.mode != output_mode::append)
      out.add_at(at + ".outputs." + o.dataset + ".mode",
                 "canonical rows belong to the worker that made them, so two members of a pool could have the same "
                 "key; allowed in a pool: append");
}

/// `strategy: dynamic` is for a pool and nothing else.
void check_dynamic(const agent& manager, const std::vector<const agent*>& reports, findings& out) {
  const bool pool = reports.size() == 1 && reports.front()->instances > 0;
  if (!pool)
    out.add_at(config_key(manager.path) + ".supervise.strategy",
               "dynamic is for a branch of equal workers, and the reports of " + manager.path.text +
                   " are not; allowed with it: exactly one report, with instances");
}

std::vector<agent_path> with_members(const std::vector<agent_path>& paths, const std::set<agent_path>& pools,
                                     const company& c) {
  std::vector<agent_path> all;
  for (const auto& path : paths) {
    if (!pools.contains(path)) {
      all.push_back(path);
      continue;
    }
    const auto size = c.find_agent(path)->instances;
    for (std::int64_t n = 1; n <= size; ++n) all.push_back(member_of(path, n));
  }
  return all;
}

}  // namespace

void check_pools(const company& c, const agent_index& agents, findings& out) {
  for (const auto& a : c.agents) {
    if (a.instances > 0) check_pool(a, agents, out);
    if (a.branch && a.branch->strategy == restart_strategy::dynamic) check_dynamic(a, c.reports_of(a.path), out);
  }
}

void expand_pools(company& c) {
  std::set<agent_path> pools;
  for (const auto& a : c.agents)
    if (a.instances > 0) pools.insert(a.path);
  if (pools.empty()) return;
  for (auto& a : c.agents) {
    a.audits = with_members(a.audits, pools, c);
    a.needs = with_members(a.needs, pools, c);
  }
  std::vector<agent> all;
  for (auto& a : c.agents) {
    for (std::int64_t n = 1; n <= a.instances; ++n) {
      auto& member = all.emplace_back(a);
      member.path = member_of(a.path, n);
      member.instances = 0;
    }
    if (a.instances == 0) all.push_back(std::move(a));
  }
  c.agents = std::move(all);
}

}  // namespace cadre::config
