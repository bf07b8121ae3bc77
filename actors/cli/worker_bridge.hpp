#pragma once

#include "session.hpp"

#include <chrono>
#include <string>

namespace cadre::cli {

struct bridge_options {
  std::string agent;
  std::string name;  ///< For people.
  std::chrono::seconds patience{60};
};

/// Works for an agent in the name of the program on stdin and stdout: one JSON object a line, requests and news out,
/// the lines of a command in (actors/program/README.md). Ends with the end of stdin, or when it is asked to stop; both
/// detach. Returns the exit code: exit_findings if stdin ended in mid-run. Blocks; throws `command_error` if the agent
/// does not answer for `patience`.
int run_bridge(session& s, const bridge_options& options);

}  // namespace cadre::cli
