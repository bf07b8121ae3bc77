#include "machine.hpp"

#include <set>

namespace cadre::actors::supervision {

result<void> check_child(const supervisor_flags& flags, const child_spec& c) {
  if (c.significant && flags.auto_shutdown == auto_shutdown::never)
    return fail(errc::bad_value, c.id.text + ": significant has no effect while auto_shutdown is never");
  if (c.significant && c.restart == restart_type::permanent)
    return fail(errc::bad_value, c.id.text + ": a permanent child can't be significant, it never ends for good");
  return {};
}

namespace {

result<void> check_all(const supervisor_flags& flags, const std::vector<child_spec>& children) {
  std::set<agent_path> seen;
  for (const auto& c : children) {
    if (!seen.insert(c.id).second) return fail(errc::bad_value, c.id.text + ": is a child twice");
    if (const auto ok = check_child(flags, c); !ok) return ok;
  }
  return {};
}

}  // namespace

result<void> check(const supervisor_flags& flags, const std::vector<child_spec>& children,
                   const std::vector<child_spec>& members) {
  if (flags.strategy == restart_strategy::dynamic && children.size() != 1)
    return fail(errc::bad_value, "strategy: dynamic takes exactly one child, of which it makes all others");
  if (flags.strategy != restart_strategy::dynamic && !members.empty())
    return fail(errc::bad_value, "only a dynamic supervisor has members");
  if (flags.intensity < 0) return fail(errc::bad_value, "intensity: must be 0 or more");
  if (flags.period <= milliseconds{0}) return fail(errc::bad_value, "period: must be more than 0");
  if (const auto ok = check_all(flags, children); !ok) return ok;
  return check_all(flags, members);
}

}  // namespace cadre::actors::supervision
