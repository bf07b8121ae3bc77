#pragma once

#include "session.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace cadre::cli {

/// Asks an agent who works for it over the bus: an object with `programs` (each `name`, `attached_ms`, `silent_ms`,
/// `runs`) and `claims_waiting`. Null where it takes no programs, does not run, or does not answer within a second.
/// Blocks; throws `command_error` if there is no bus.
nlohmann::json programs_of(session& s, const std::string& path);

/// Adds `programs` to each of `agents` (rows of the query of that name) that takes programs. Blocks for two seconds at
/// most; throws as above.
void add_programs(session& s, nlohmann::json& agents);

}  // namespace cadre::cli
