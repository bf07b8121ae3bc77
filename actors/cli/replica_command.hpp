#pragma once

#include "commands.hpp"

namespace cadre::cli {

void add_replica_command(const application& a);  ///< promote-replica

}  // namespace cadre::cli
