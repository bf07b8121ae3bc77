#pragma once

#include "session.hpp"

#include <string>

namespace cadre::cli {

/// Orders `start`, `terminate`, `restart` or `kill` of an agent and returns the node that carries it out. Only the node
/// where the agent's supervisor (or, for kill, the agent) lives can: each is asked. Blocks up to 5 s per node; throws
/// `command_error`.
std::string order_agent(session& s, const std::string& order, const std::string& path);

/// Throws a usage error if `path` is not an agent's path.
void check_path(const std::string& path);

}  // namespace cadre::cli
