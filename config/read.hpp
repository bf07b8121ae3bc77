#pragma once

#include "config/company.hpp"
#include "config/scope.hpp"

#include <set>

/// From the tree of a file to a company, key by key. What only one key can get wrong is found here; what keys mean
/// together is for `config/check.hpp`.
namespace cadre::config {

/// The `defaults` of a file.
struct agent_defaults {
  supervise branch;
  restart_type restart = restart_type::permanent;
  failback_rule failback = failback_rule::idle;
  shutdown_time shutdown;
  std::int64_t concurrency = 1;
  milliseconds timeout{0};
  retry_policy retry;
  escalation_rule on_escalation;
};

/// Reads everything but `org`, then `org`.
void read_company(const scope& file, company& out);

/// Reads the agent and, below it, its reports, each manager before them.
void read_agent(const agent_path& path, const scope& keys, const agent_defaults& defaults, std::vector<agent>& out);

/// Reads what `supervise`, `retry` and `on_escalation` hold, over the values that are there.
void read_supervise(const scope& keys, supervise& out);
void read_retry(const scope& keys, retry_policy& out);
void read_escalation(const scope& keys, escalation_rule& out);

/// Reads one of `notify.channels`.
void read_channel(const std::string& name, const scope& keys, company& out);

void read_run(const scope& keys, run_spec& out);
void read_check(const scope& keys, check_spec& out);
void read_sample(const scope& keys, sample_spec& out);

/// Where an agent stands in the file: `org.ceo.reports.data` for `ceo.data`.
std::string config_key(const agent_path& path);

}  // namespace cadre::config
