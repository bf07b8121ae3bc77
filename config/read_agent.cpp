#include "config/read.hpp"
#include "config/units.hpp"

#include <algorithm>

namespace cadre::config {
namespace {

constexpr std::size_t path_chars_max = 200;

void read_outputs(const scope& keys, std::vector<output_spec>& out) {
  keys.each_inner("outputs", shape::dataset, [&](const std::string& dataset, const scope& inner) {
    output_spec o;
    o.dataset = dataset;
    inner.read_list("key", o.key);
    inner.read("mode", o.mode);
    if (o.key.empty() && o.mode != output_mode::append && !inner.has("key"))
      inner.complain("key", "is missing; a dataset of the mode " + std::string(to_text(o.mode)) +
                                " needs the columns that identify a row, only append goes without");
    else if (o.key.empty() && o.mode != output_mode::append)
      inner.complain("key", "may be empty only with the mode append");
    out.push_back(std::move(o));
  });
}

/// A name for people: the kind, and the columns where there are any.
std::string check_name(const check_spec& c) {
  std::string name(c.type == check_spec::kind::sql          ? "sql"
                   : c.type == check_spec::kind::schema     ? "schema"
                   : c.type == check_spec::kind::max_drop   ? "max_drop " + number_text(c.max_drop_fraction * 100) + "%"
                   : c.type == check_spec::kind::unique     ? "unique"
                   : c.type == check_spec::kind::range      ? "range"
                   : c.type == check_spec::kind::total      ? "total of " + c.other_dataset
                   : c.type == check_spec::kind::drift      ? "drift"
                   : c.type == check_spec::kind::references ? c.other_dataset + " has"
                                                            : "not_null");
  if (!c.columns.empty()) name += " " + join({c.columns.begin(), c.columns.end()});
  return c.dataset.empty() ? name : c.dataset + ": " + name;
}

/// Names must tell checks apart: the second of the same name that nobody chose gets a number.
void name_checks(const std::vector<bool>& chosen, std::vector<check_spec>& checks) {
  std::set<std::string> taken;
  for (std::size_t i = 0; i < checks.size(); ++i)
    if (chosen[i]) taken.insert(checks[i].name);
  for (std::size_t i = 0; i < checks.size(); ++i) {
    if (chosen[i]) continue;
    const auto base = check_name(checks[i]);
    auto name = base;
    for (int n = 2; !taken.insert(name).second; ++n) name = base + " #" + std::to_string(n);
    checks[i].name = name;
  }
}

void read_checks(const scope& keys, std::vector<check_spec>& out) {
  std::vector<bool> chosen;
  std::set<std::string> names;
  keys.each_listed("checks", [&](const scope& inner) {
    check_spec c;
    read_check(inner, c);
    if (!c.name.empty() && !names.insert(c.name).second)
      inner.complain("name", "another check of this auditor has the same name");
    chosen.push_back(!c.name.empty());
    out.push_back(std::move(c));
  });
  name_checks(chosen, out);
}

/// An agent without a legible role is taken for what its keys suggest, so that the other findings stay few and true.
void read_role(const scope& keys, agent_role& out) {
  std::optional<agent_role> given;
  keys.read("role", given);
  if (given)
    keys.check_roles(*given);
  else
    given = keys.has("reports") ? agent_role::manager : keys.has("audits") ? agent_role::auditor : agent_role::worker;
  out = *given;
}

void read_role_keys(const scope& keys, const agent_defaults& defaults, agent& a) {
  if (a.role == agent_role::auditor) {
    keys.read_list("audits", a.audits);
    keys.read("within", a.within);
    read_checks(keys, a.checks);
    if (keys.has("sample")) read_sample(keys.inner("sample"), a.sample);
    if (a.run.how == run_spec::mode::none && !a.checks.empty() && !keys.has("run")) a.run.how = run_spec::mode::check;
    return;
  }
  read_outputs(keys, a.outputs);
  if (a.role == agent_role::worker) return;
  a.branch = defaults.branch;
  read_supervise(keys.inner("supervise"), *a.branch);
  a.on_escalation = defaults.on_escalation;
  read_escalation(keys.inner("on_escalation"), a.on_escalation);
}

}  // namespace

std::string config_key(const agent_path& path) {
  std::string key = "org.";
  for (const char c : path.text) {
    if (c == '.')
      key += ".reports.";
    else
      key += c;
  }
  return key;
}

void read_run(const scope& keys, run_spec& out) {
  bool check = false;
  keys.read_list("command", out.command);
  keys.read("check", check);
  keys.read_map("env", out.env);
  keys.read("output_bytes_max", out.output_bytes_max);
  keys.read("line_bytes_max", out.line_bytes_max);
  keys.read("memory_bytes_max", out.memory_bytes_max);
  keys.read("open_files_max", out.open_files_max);
  if (keys.has("bus")) {
    const auto bus = keys.inner("bus");
    bus.read("heartbeat", out.heartbeat);
    bus.read("programs_max", out.programs_max);
  }
  using kind = run_spec::mode;
  out.how = check ? kind::check : !out.command.empty() ? kind::command : keys.has("bus") ? kind::bus : kind::none;
}

void read_agent(const agent_path& path, const scope& keys, const agent_defaults& defaults, std::vector<agent>& out) {
  agent a;
  a.path = path;
  read_role(keys, a.role);
  if (path.text.size() > path_chars_max)
    keys.complain("role",
                  "the path " + path.text + " is too long; allowed: " + std::to_string(path_chars_max) + " characters");
  keys.read("about", a.title);
  a.mode = path.name();
  keys.read("mode", a.mode);
  keys.read_list("node", a.nodes);
  a.restart = defaults.restart;
  keys.read("restart", a.restart);
  a.failback = defaults.failback;
  keys.read("failback", a.failback);
  a.shutdown = defaults.shutdown;
  keys.read("shutdown", a.shutdown);
  keys.read("significant", a.significant);
  read_run(keys.inner("run"), a.run);
  keys.read("instances", a.instances);
  a.concurrency = defaults.concurrency;
  keys.read("concurrency", a.concurrency);
  a.timeout = defaults.timeout;
  keys.read("timeout", a.timeout);
  a.retry = defaults.retry;
  read_retry(keys.inner("retry"), a.retry);
  keys.read_list("needs", a.needs);
  keys.read_list("brain", a.brain);
  read_role_keys(keys, defaults, a);
  out.push_back(std::move(a));
  keys.each_inner("reports", shape::token, [&](const std::string& name, const scope& below) {
    read_agent(agent_path{path.text + "." + name}, below, defaults, out);
  });
}

}  // namespace cadre::config
