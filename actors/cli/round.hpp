#pragma once

#include "config/company.hpp"
#include "session.hpp"

#include <functional>
#include <stop_token>
#include <string>

/// A round: every worker does its work once, in the order of `needs`, audits included.
namespace cadre::cli {

struct round_result {
  int complete = 0;
  int failed = 0;       ///< Failed, stale or superseded.
  int blocked = 0;      ///< Waits, directly or over others, for one that failed.
  bool settled = true;  ///< False: time was over or a stop was asked for.
};

/// Adds a task for each agent that has a command to run and is no auditor, and waits until all have come to an end.
/// `say` gets a line for each change. Throws `command_error`.
round_result run_round(session& s, const config::company& company, std::chrono::milliseconds limit,
                       std::stop_token stop, const std::function<void(const std::string&)>& say);

/// Waits until every agent of the org runs; false if `limit` was over first.
bool wait_for_agents(session& s, std::size_t agents, std::chrono::milliseconds limit, std::stop_token stop);

}  // namespace cadre::cli
