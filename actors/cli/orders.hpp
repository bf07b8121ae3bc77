#pragma once

#include "session.hpp"

#include <string>

namespace cadre::cli {

struct ordered {
  std::string node;   ///< Which carries it out.
  bool done = false;  ///< Else it is still under way.
};

/// Orders `start`, `terminate`, `restart`, `add`, `delete` or `kill` of an agent. Only the node where the agent's
/// supervisor (or, for kill, the agent) lives can carry it out: each is asked. Blocks up to 5 s per node; throws
/// `command_error` with the reason if it was refused.
ordered order_agent(session& s, const std::string& order, const std::string& path);

/// Throws a usage error if `path` is not an agent's path.
void check_path(const std::string& path);

}  // namespace cadre::cli
