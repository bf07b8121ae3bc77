#include "config/did_you_mean.hpp"
#include "config/load.hpp"
#include "config/units.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace cadre::config {
namespace {

/// The values of a thing by key, as text to compare. `shown` is false for what may hold a secret.
struct value {
  std::string key;
  std::string text;
  bool shown = true;
};
using values = std::vector<value>;

template <class List, class Text>
std::string listed(const List& items, Text text) {
  std::string all;
  for (const auto& item : items) all += (all.empty() ? "" : ", ") + std::string(text(item));
  return all;
}

std::string texts(const std::vector<std::string>& items) {
  return listed(items, [](const std::string& s) { return s; });
}

std::string paths(const std::vector<agent_path>& items) {
  return listed(items, [](const agent_path& p) { return p.text; });
}

/// Unlike `texts`, never the same for different lists.
std::string exact(const std::vector<std::string>& items) {
  return listed(items, [](const std::string& s) { return std::to_string(s.size()) + ":" + s; });
}

std::string yes_no(bool b) {
  return b ? "true" : "false";
}

std::string shutdown_text(const shutdown_time& s) {
  if (s.how == shutdown_time::mode::timed) return duration_text(s.time);
  return s.how == shutdown_time::mode::infinity ? "infinity" : "brutal_kill";
}

std::string kept_text(const kept_time& k) {
  return k.forever ? "forever" : duration_text(k.time);
}

std::string time_text(std::int64_t minutes) {
  const auto two = [](std::int64_t n) { return (n < 10 ? "0" : "") + std::to_string(n); };
  return two(minutes / 60) + ":" + two(minutes % 60);
}

void add_backoff(values& all, const std::string& at, const backoff& b) {
  all.push_back({at + ".initial", duration_text(b.initial)});
  all.push_back({at + ".max", duration_text(b.max)});
  all.push_back({at + ".factor", number_text(b.factor)});
  all.push_back({at + ".jitter", number_text(b.jitter)});
}

void add_run(values& all, const run_spec& run) {
  all.push_back({"run.command", exact(run.command), false});
  all.push_back({"run.check", yes_no(run.how == run_spec::mode::check)});
  if (run.how == run_spec::mode::bus) {
    all.push_back({"run.bus.heartbeat", duration_text(run.heartbeat)});
    all.push_back({"run.bus.programs_max", std::to_string(run.programs_max)});
  }
  for (const auto& [name, text] : run.env) all.push_back({"run.env." + name, "=" + text, false});
  all.push_back({"run.output_bytes_max", bytes_text(run.output_bytes_max)});
  all.push_back({"run.line_bytes_max", bytes_text(run.line_bytes_max)});
  all.push_back({"run.memory_bytes_max", bytes_text(run.memory_bytes_max)});
  all.push_back({"run.open_files_max", std::to_string(run.open_files_max)});
}

std::string sample_text(const sample_spec& s) {
  if (s.all()) return "all rows";
  return (s.rows > 0 ? std::to_string(s.rows) + " rows" : number_text(s.share * 100) + "%") +
         (s.seed == 0 ? "" : " of seed " + std::to_string(s.seed));
}

std::string check_text(const check_spec& c) {
  const auto bound = [](const std::optional<double>& b) { return b ? number_text(*b) : "-"; };
  return std::to_string(static_cast<int>(c.type)) +
         exact({c.name, c.dataset, c.schema.text, c.sql, c.other_dataset, c.other_column, sample_text(c.sample)}) +
         exact(c.columns) + bound(c.min) + bound(c.max) + number_text(c.max_drop_fraction) + '/' +
         number_text(c.tolerance) + bound(c.drift.row_change) + '/' + bound(c.drift.null_change) + '/' +
         bound(c.drift.shift) + '/' + std::to_string(c.drift.history);
}

values values_of(const agent& a) {
  values all{{"role", std::string(to_text(a.role))},
             {"about", a.title},
             {"mode", a.mode},
             {"node", texts(a.nodes)},
             {"restart", std::string(to_text(a.restart))},
             {"shutdown", shutdown_text(a.shutdown)},
             {"failback", std::string(to_text(a.failback))},
             {"significant", yes_no(a.significant)}};
  if (a.branch) {
    all.push_back({"supervise.strategy", std::string(to_text(a.branch->strategy))});
    all.push_back({"supervise.intensity", std::to_string(a.branch->intensity)});
    all.push_back({"supervise.period", duration_text(a.branch->period)});
    all.push_back({"supervise.auto_shutdown", std::string(to_text(a.branch->shutdown_when))});
    add_backoff(all, "supervise.backoff", a.branch->wait);
    all.push_back({"on_escalation.investigate", duration_text(a.on_escalation.investigate)});
    all.push_back({"on_escalation.then", std::string(to_text(a.on_escalation.then))});
  }
  add_run(all, a.run);
  all.push_back({"concurrency", std::to_string(a.concurrency)});
  all.push_back({"timeout", duration_text(a.timeout)});
  all.push_back({"retry.attempts", std::to_string(a.retry.attempts)});
  add_backoff(all, "retry.backoff", a.retry.wait);
  for (const auto& o : a.outputs) {
    all.push_back({"outputs." + o.dataset + ".key", "[" + texts(o.key) + "]"});
    all.push_back({"outputs." + o.dataset + ".mode", std::string(to_text(o.mode))});
  }
  all.push_back({"needs", paths(a.needs)});
  all.push_back({"brain", texts(a.brain)});
  all.push_back({"audits", paths(a.audits)});
  all.push_back({"within", duration_text(a.within)});
  all.push_back({"checks", listed(a.checks, check_text), false});
  all.push_back({"sample", sample_text(a.sample)});
  return all;
}

values values_of(const node& n) {
  return {{"roles", listed(n.roles, [](node_role r) { return to_text(r); })},
          {"max_agents", std::to_string(n.max_agents)}};
}

values values_of(const schedule& s) {
  return {{"agent", s.agent.text},
          {"cron", s.cron},
          {"tz", s.tz},
          {"watcher", s.watcher.text},
          {"grace", duration_text(s.grace)},
          {"priority", std::to_string(s.priority)},
          {"payload", s.payload.text, false},
          {"overlap", std::string(to_text(s.overlap))},
          {"catch_up.window", duration_text(s.catch_up.window)},
          {"catch_up.policy", std::string(to_text(s.catch_up.policy))},
          {"jitter", duration_text(s.jitter)},
          {"exclude", listed(s.exclude, date_text)},
          {"starts", s.starts.empty() ? std::string{} : to_iso(s.starts)},
          {"ends", s.ends.empty() ? std::string{} : to_iso(s.ends)}};
}

values values_of(const mode_rule& m) {
  return {{"concurrency", std::to_string(m.concurrency)}, {"per_key", std::to_string(m.per_key)}};
}

values values_of(const notify_channel& c) {
  values all{{"kind", std::string(to_text(c.type))},
             {"url", c.url, false},
             {"secret", c.secret, false},
             {"to", texts(c.to)},
             {"from", c.from},
             {"user", c.user, false},
             {"tls", std::string(to_text(c.tls))},
             {"ca", c.ca, false},
             {"severity", std::string(to_text(c.level))},
             {"brief", yes_no(c.briefs)},
             {"resolved", yes_no(c.resolved)},
             {"digest", duration_text(c.digest)},
             {"retry.attempts", std::to_string(c.retry.attempts)}};
  add_backoff(all, "retry.backoff", c.retry.wait);
  if (c.quiet) {
    all.push_back({"quiet_hours.from", time_text(c.quiet->from_minutes)});
    all.push_back({"quiet_hours.to", time_text(c.quiet->to_minutes)});
    all.push_back({"quiet_hours.tz", c.quiet->tz});
    all.push_back({"quiet_hours.unless", std::string(to_text(c.quiet->unless))});
  }
  return all;
}

values values_of(const brief_rule& b) {
  return {{"cron", b.cron}, {"tz", b.tz}, {"watcher", b.watcher.text}};
}

values values_of(const company& c) {
  // Its URL may hold a secret.
  const auto ping = c.dead_man ? c.dead_man->url + " " + duration_text(c.dead_man->every) + " " +
                                     duration_text(c.dead_man->timeout) + " " + std::to_string(c.dead_man->attempts)
                               : std::string{};
  std::string documents;
  for (const auto& name : c.documents) documents += (documents.empty() ? "" : ", ") + name;
  return {{"company", c.name},
          {"about", c.about},
          {"production", yes_no(c.production)},
          {"fleet.lease", duration_text(c.timing.lease)},
          {"fleet.run_lease", duration_text(c.timing.run_lease)},
          {"retention.tasks", kept_text(c.retention.tasks)},
          {"retention.runs", kept_text(c.retention.runs)},
          {"retention.journal", kept_text(c.retention.journal)},
          {"retention.outputs", kept_text(c.retention.outputs)},
          {"retention.events", kept_text(c.retention.events)},
          {"documents", documents},
          {"dead_man", ping, false}};
}

struct difference {
  std::vector<std::string> keys;
  std::string text;  ///< `timeout: 5m -> 10m; run.command: changed`.
};

difference compare(const values& before, const values& after) {
  difference found;
  const auto note = [&](const std::string& key, const std::string& text) {
    found.keys.push_back(key);
    found.text += (found.text.empty() ? "" : "; ") + key + ": " + text;
  };
  const auto find = [](const values& all, const std::string& key) {
    const auto at = std::find_if(all.begin(), all.end(), [&](const value& v) { return v.key == key; });
    return at == all.end() ? nullptr : &*at;
  };
  const auto shown = [](const value& v) { return v.text.empty() ? std::string("none") : v.text; };
  for (const auto& old : before) {
    const value* now = find(after, old.key);
    if (now == nullptr)
      note(old.key, "removed");
    else if (now->text != old.text)
      note(old.key, old.shown ? shown(old) + " -> " + shown(*now) : "changed");
  }
  for (const auto& now : after)
    if (find(before, now.key) == nullptr) note(now.key, "added");
  return found;
}

/// New nodes at the end of the preferences move nothing that runs.
bool moves(const agent& before, const agent& after) {
  return before.nodes.size() > after.nodes.size() ||
         !std::equal(before.nodes.begin(), before.nodes.end(), after.nodes.begin());
}

std::string action_for(const agent& before, const agent& after, const std::vector<std::string>& keys) {
  if (moves(before, after)) return "move";
  const bool in_place =
      std::all_of(keys.begin(), keys.end(), [](const auto& k) { return k == "about" || k == "node"; });
  return in_place ? "update" : "restart";
}

void plan_agents(const company& before, const company& after, std::vector<plan_step>& steps) {
  std::map<agent_path, const agent*> old;
  std::map<agent_path, const agent*> now;
  for (const auto& a : before.agents) old.emplace(a.path, &a);
  for (const auto& a : after.agents) now.emplace(a.path, &a);
  // Stops come first and in reverse, as a supervisor stops its children.
  for (auto a = before.agents.rbegin(); a != before.agents.rend(); ++a)
    if (!now.contains(a->path)) steps.push_back({"stop", a->path.text, "was on " + texts(a->nodes)});
  for (const auto& a : after.agents) {
    const auto was = old.find(a.path);
    if (was == old.end()) {
      steps.push_back({"start", a.path.text, std::string(to_text(a.role)) + " on " + texts(a.nodes)});
      continue;
    }
    const auto changed = compare(values_of(*was->second), values_of(a));
    if (!changed.keys.empty()) steps.push_back({action_for(*was->second, a, changed.keys), a.path.text, changed.text});
  }
}

/// Added, removed and changed things that have a name.
template <class T>
void plan_named(const std::string& what, const std::vector<T>& before, const std::vector<T>& after,
                std::vector<plan_step>& steps) {
  const auto find = [](const std::vector<T>& all, const std::string& name) {
    return std::find_if(all.begin(), all.end(), [&](const T& t) { return t.name == name; });
  };
  for (const auto& old : before)
    if (find(after, old.name) == after.end()) steps.push_back({what + "-remove", old.name, ""});
  for (const auto& now : after) {
    const auto old = find(before, now.name);
    if (old == before.end()) {
      steps.push_back({what + "-add", now.name, ""});
      continue;
    }
    const auto changed = compare(values_of(*old), values_of(now));
    if (!changed.keys.empty()) steps.push_back({what + "-change", now.name, changed.text});
  }
}

void plan_brief(const company& before, const company& after, std::vector<plan_step>& steps) {
  if (!before.brief && !after.brief) return;
  if (!before.brief || !after.brief) {
    steps.push_back({after.brief ? "schedule-add" : "schedule-remove", brief_schedule, ""});
    return;
  }
  const auto changed = compare(values_of(*before.brief), values_of(*after.brief));
  if (!changed.keys.empty()) steps.push_back({"schedule-change", brief_schedule, changed.text});
}

}  // namespace

std::vector<plan_step> plan(const company& before, const company& after) {
  std::vector<plan_step> steps;
  const auto changed = compare(values_of(before), values_of(after));
  if (!changed.keys.empty()) steps.push_back({"company-change", after.name, changed.text});
  plan_named("node", before.nodes, after.nodes, steps);
  plan_agents(before, after, steps);
  plan_named("mode", before.modes, after.modes, steps);
  plan_brief(before, after, steps);
  plan_named("schedule", before.schedules, after.schedules, steps);
  plan_named("channel", before.channels, after.channels, steps);
  return steps;
}

}  // namespace cadre::config
