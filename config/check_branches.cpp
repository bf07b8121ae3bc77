#include "config/check.hpp"
#include "config/read.hpp"

namespace cadre::config {
namespace {

void check_significant(const agent& a, const agent_index& agents, findings& out) {
  if (!a.significant) return;
  const auto at = config_key(a.path) + ".significant";
  const agent* manager = agents.find(a.path.parent());
  if (manager == nullptr) {
    out.add_at(at, "the root reports to nobody, so no branch could stop with it");
    return;
  }
  if (a.restart == restart_type::permanent)
    out.add_at(at,
               "a significant child may not be permanent, for its end must be able to last; "
               "allowed with it: restart transient or temporary");
  if (manager->branch && manager->branch->shutdown_when == auto_shutdown::never)
    out.add_at(at, "the branch of " + manager->path.text +
                       " has auto_shutdown never, which has no significant children; set its supervise.auto_shutdown "
                       "to any_significant or all_significant");
}

}  // namespace

void check_branches(const company& c, const agent_index& agents, findings& out) {
  for (const auto& a : c.agents) check_significant(a, agents, out);
}

}  // namespace cadre::config
