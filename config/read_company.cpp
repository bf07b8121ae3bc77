#include "config/read.hpp"
#include "config/units.hpp"

namespace cadre::config {
namespace {

void read_defaults(const scope& keys, agent_defaults& out) {
  read_supervise(keys.inner("supervise"), out.branch);
  keys.read("restart", out.restart);
  keys.read("failback", out.failback);
  keys.read("shutdown", out.shutdown);
  keys.read("concurrency", out.concurrency);
  keys.read("timeout", out.timeout);
  read_retry(keys.inner("retry"), out.retry);
  read_escalation(keys.inner("on_escalation"), out.on_escalation);
}

void read_node(const std::string& name, const scope& keys, company& out) {
  node n;
  n.name = name;
  keys.read_list("roles", n.roles);
  keys.read("max_agents", n.max_agents);
  out.nodes.push_back(std::move(n));
}

void read_mode(const std::string& name, const scope& keys, company& out) {
  mode_rule m;
  m.name = name;
  keys.read("concurrency", m.concurrency);
  keys.read("per_key", m.per_key);
  out.modes.push_back(std::move(m));
}

void read_schedule(const std::string& name, const scope& keys, company& out) {
  schedule s;
  s.name = name;
  keys.read("agent", s.agent);
  keys.read("cron", s.cron);
  keys.read("tz", s.tz);
  keys.read("watcher", s.watcher);
  keys.read("grace", s.grace);
  keys.read("priority", s.priority);
  keys.read("payload", s.payload);
  keys.read("overlap", s.overlap);
  const scope catch_up = keys.inner("catch_up");
  catch_up.read("window", s.catch_up.window);
  catch_up.read("policy", s.catch_up.policy);
  keys.read("jitter", s.jitter);
  keys.read_list("exclude", s.exclude);
  keys.read("starts", s.starts);
  keys.read("ends", s.ends);
  out.schedules.push_back(std::move(s));
}

void read_brief(const scope& keys, company& out) {
  brief_rule rule;
  keys.read("cron", rule.cron);
  keys.read("tz", rule.tz);
  keys.read("watcher", rule.watcher);
  out.brief = std::move(rule);
}

void read_retention(const scope& keys, retention_rule& out) {
  keys.read("tasks", out.tasks);
  keys.read("runs", out.runs);
  keys.read("journal", out.journal);
  keys.read("outputs", out.outputs);
  keys.read("events", out.events);
  if (!out.tasks.forever && (out.runs.forever || out.runs.time > out.tasks.time))
    keys.complain(keys.has("runs") ? "runs" : "tasks", "runs would be kept longer than their tasks (" +
                                                           duration_text(out.tasks.time) +
                                                           "); allowed: runs at most as long as tasks");
}

void read_dead_man(const scope& keys, company& out) {
  dead_man_rule rule;
  keys.read("url", rule.url);
  keys.read("every", rule.every);
  keys.read("timeout", rule.timeout);
  keys.read("attempts", rule.attempts);
  // The URL may be a secret, so it is not quoted.
  if (!rule.url.empty() && !rule.url.starts_with("http://") && !rule.url.starts_with("https://"))
    keys.complain("url", "not a URL that can be pinged; allowed: http://... or https://...");
  out.dead_man = std::move(rule);
}

void read_backoff(const scope& keys, backoff& out) {
  keys.read("initial", out.initial);
  keys.read("max", out.max);
  keys.read("factor", out.factor);
  keys.read("jitter", out.jitter);
  const bool own = keys.has("initial") || keys.has("max");
  if (own && out.max < out.initial)
    keys.complain(keys.has("max") ? "max" : "initial", "max " + duration_text(out.max) + " is below initial " +
                                                           duration_text(out.initial) +
                                                           "; allowed: max at least initial");
}

}  // namespace

void read_supervise(const scope& keys, supervise& out) {
  keys.read("strategy", out.strategy);
  keys.read("intensity", out.intensity);
  keys.read("period", out.period);
  keys.read("auto_shutdown", out.shutdown_when);
  read_backoff(keys.inner("backoff"), out.wait);
}

void read_retry(const scope& keys, retry_policy& out) {
  keys.read("attempts", out.attempts);
  read_backoff(keys.inner("backoff"), out.wait);
}

void read_escalation(const scope& keys, escalation_rule& out) {
  keys.read("investigate", out.investigate);
  keys.read("then", out.then);
}

void read_company(const scope& file, company& out) {
  file.read("company", out.name);
  file.read("about", out.about);
  file.read("production", out.production);
  file.each_inner("nodes", shape::token,
                  [&](const std::string& name, const scope& keys) { read_node(name, keys, out); });
  const scope fleet_scope = file.inner("fleet");
  fleet_scope.read("lease", out.timing.lease);
  fleet_scope.read("run_lease", out.timing.run_lease);
  read_retention(file.inner("retention"), out.retention);
  agent_defaults defaults;
  read_defaults(file.inner("defaults"), defaults);
  std::size_t roots = 0;
  file.each_inner("org", shape::token, [&](const std::string& name, const scope& keys) {
    if (++roots > 1) return;
    read_agent(agent_path{name}, keys, defaults, out.agents);
    if (keys.has("brief")) read_brief(keys.inner("brief"), out);
  });
  if (file.has("org") && roots != 1)
    file.complain("org", "has " + std::to_string(roots) + " agents; allowed: exactly one root, of the role ceo");
  file.each_inner("modes", shape::token,
                  [&](const std::string& name, const scope& keys) { read_mode(name, keys, out); });
  file.each_inner("schedules", shape::token,
                  [&](const std::string& name, const scope& keys) { read_schedule(name, keys, out); });
  file.inner("notify").each_inner("channels", shape::token,
                                  [&](const std::string& name, const scope& keys) { read_channel(name, keys, out); });
  file.read_list("documents", out.documents);
  if (file.has("dead_man")) read_dead_man(file.inner("dead_man"), out);
}

}  // namespace cadre::config
