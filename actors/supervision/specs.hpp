#pragma once

#include "config/company.hpp"
#include "machine.hpp"

#include <cstddef>
#include <string>
#include <vector>

/// From the org chart to supervisors and their children.
namespace cadre::actors::supervision {

/// What a supervisor is made of.
struct branch_plan {
  supervisor_flags flags;
  std::vector<child_spec> children;
  std::vector<child_spec> members;  ///< Of a dynamic supervisor: whom it starts with.
};

/// The branch of `manager`: its own agent first, on the node of the branch, then its reports in config order. Reports
/// that manage are branches: they get infinity to stop, as supervisors do in OTP. An empty path is the root: one
/// child, the ceo's branch, with the ceo's intensity. A dynamic branch has the spec of its pool as its child, and its
/// own agent and the members of the pool to start with. not_found: no such agent. bad_value: not a manager, or specs
/// that `check` refuses.
result<branch_plan> plan_branch(const config::company& company, const agent_path& manager);

/// How long a child may take to stop: its agent's setting, infinity for a branch. The default for unknown agents.
config::shutdown_time shutdown_of(const config::company& company, const agent_path& path, bool branch);

/// `shutdown` as child_stop carries it: milliseconds, 0 for brutal_kill, -1 for infinity.
std::int64_t shutdown_ms(const config::shutdown_time& shutdown);

/// The number of agents at or below `path`.
std::size_t agents_in(const config::company& company, const agent_path& path);

}  // namespace cadre::actors::supervision
