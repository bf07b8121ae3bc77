#pragma once

#include "commands.hpp"

namespace cadre::cli {

/// Adds `retention` to the command `db`.
void add_retention_command(const command& db, fleet_options& fleet);

}  // namespace cadre::cli
