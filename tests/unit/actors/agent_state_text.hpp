#pragma once

#include "schemas/org.hpp"

#include <ostream>

/// For Boost.Test, which looks for it beside the type or in std.
namespace cadre {

inline std::ostream& operator<<(std::ostream& out, agent_state s) {
  return out << to_text(s);
}

}  // namespace cadre
