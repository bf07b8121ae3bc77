#include "actors/launch/runtime.hpp"
#include "commands.hpp"
#include "config/load.hpp"
#include "drill_faults.hpp"
#include "drill_report.hpp"
#include "orders.hpp"
#include "print.hpp"
#include "schemas/json.hpp"
#include "schemas/log.hpp"
#include "schemas/subjects.hpp"
#include "storage/read/drill_queries.hpp"

#include <algorithm>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <thread>

namespace cadre::cli {

using json = nlohmann::json;
using std::chrono::milliseconds;
using clock = std::chrono::steady_clock;
namespace queries = storage::queries;

namespace {

constexpr milliseconds look_every{20};
constexpr milliseconds commit_time_max{1'000};
constexpr milliseconds freeze_beyond_lease{1'000};
constexpr auto brain_key = "drill";
constexpr auto local_only = "faults are possible only for processes that `cadre up` started on this machine";

struct drill_flags {
  std::string target;
  std::int64_t within_s = 60;
  bool yes = false;
};

/// Heartbeats since the last `forget`.
class heartbeats {
 public:
  explicit heartbeats(bus::connection& bus) {
    auto subscribed = bus.subscribe(subjects::heartbeat("*"), [this](const bus::incoming& in) {
      const auto* beat = std::get_if<node_heartbeat>(&in.message.body);
      if (beat == nullptr) return;
      const std::lock_guard guard{mutex_};
      heard_[beat->node] = beat->life.text;
    });
    if (!subscribed) throw command_error{exit_unreachable, subscribed.error().message};
    subscription_ = std::move(*subscribed);
  }
  void forget() {
    const std::lock_guard guard{mutex_};
    heard_.clear();
  }
  std::map<std::string, std::string> heard() {
    const std::lock_guard guard{mutex_};
    return heard_;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> heard_;
  bus::subscription subscription_;
};

/// A company in a state directory of this machine, and what a drill does to it.
class driller {
 public:
  driller(const fleet_options& fleet, const drill_flags& flags)
      : fleet_{fleet}, flags_{flags}, session_{fleet}, beats_{session_.bus()} {}

  drill_report drill(fault_kind kind, const std::string& target);
  /// Every fault that this company can have, one after another; the first that fails ends it. `tell` gets each report
  /// when it is made.
  void drill_all(const std::function<void(const drill_report&)>& tell);

 private:
  [[nodiscard]] launch::runtime running() const;
  fleet_look look();
  /// The company must be sound before it is struck: what was broken before proves nothing.
  fleet_look sound();
  strike aim(fault_kind kind, const std::string& target, const fleet_look& before) const;
  [[nodiscard]] pid_t struck_pid(const strike& what) const;
  std::string cause(const strike& what);
  bool commits(const command_id& id, const strike& what);
  void watch(drill_watch& watching, const strike& what);
  void count(drill_report& report, const json& mark);

  fleet_options fleet_;
  drill_flags flags_;
  session session_;
  heartbeats beats_;
  std::vector<command_id> acknowledged_;
  std::unique_ptr<frozen_process> frozen_;
};

launch::runtime driller::running() const {
  auto r = launch::load_runtime(find_state(fleet_));
  if (!r) throw command_error{exit_unreachable, r.error().message};
  return std::move(*r);
}

fleet_look driller::look() {
  fleet_look now;
  now.speaking = beats_.heard();
  const auto found = session_.reader().snapshot(queries::drill_look(session_.company()));
  if (!found) return now;
  const auto all = json::parse(*found);
  now.database = true;
  if (!all["leader"].empty()) {
    const auto& leader = all["leader"].front();
    now.leader = leader["node"];
    now.leader_epoch = leader["epoch"];
    now.leads = leader["ended_at"].is_null() && !leader["lease_over"].get<bool>();
  }
  for (const auto& a : all["agents"])
    now.agents[a["path"]] = {a["state"], a["node"].is_string() ? a["node"].get<std::string>() : "", a["epoch"]};
  for (const auto& n : all["nodes"])
    if (n["state"] == "up" && n["life"].is_string()) now.nodes_up[n["name"]] = n["life"];
  now.stranded_runs = all["stranded"].front()["runs"];
  return now;
}

fleet_look driller::sound() {
  const auto until = clock::now() + std::chrono::seconds{flags_.within_s};
  for (;;) {
    auto now = look();
    const auto settled = [](const auto& a) {
      return a.second.state == "running" || a.second.state == "quarantined" || a.second.state == "stopped";
    };
    const bool speak = std::all_of(now.nodes_up.begin(), now.nodes_up.end(),
                                   [&](const auto& n) { return now.speaking.contains(n.first); });
    if (now.database && now.leads && speak && now.stranded_runs == 0 &&
        std::all_of(now.agents.begin(), now.agents.end(), settled))
      return now;
    if (clock::now() > until)
      throw command_error{exit_findings,
                          "nothing was struck: the company is not sound now (not all agents run, or nobody leads); see "
                          "`cadre status` and `cadre org`"};
    std::this_thread::sleep_for(look_every);
  }
}

strike driller::aim(fault_kind kind, const std::string& target, const fleet_look& before) const {
  const auto r = running();
  strike what;
  what.kind = kind;
  what.target = target;
  if (kind == fault_kind::agent) {
    if (!before.agents.contains(target))
      throw command_error{exit_findings, "there is no agent " + target + " in company " + session_.company()};
    if (before.agents.at(target).state != "running")
      throw command_error{exit_findings,
                          target + " is " + before.agents.at(target).state + ": there is nothing to kill"};
    return what;
  }
  if (kind == fault_kind::leader) what.target = before.leader;
  what.of_leader = what.target == before.leader;
  const auto is_node = kind == fault_kind::node || kind == fault_kind::leader || kind == fault_kind::freeze;
  if (is_node && std::none_of(r.nodes.begin(), r.nodes.end(), [&](const auto& n) { return n.name == what.target; }))
    throw command_error{exit_findings,
                        "node " + what.target + " is not run by the `up` of " + r.state + ": " + local_only};
  what.pid = struck_pid(what);
  if (what.pid != 0 && is_child(static_cast<pid_t>(what.pid), r.pid)) return what;
  if (!is_node && what.pid == 0)
    throw command_error{exit_findings,
                        "the " + word_of(kind) + " is not this company's own (it was given to `up`): " + local_only};
  throw command_error{exit_findings,
                      word_of(kind) + " " + what.target + " is not running at the moment; see `cadre status`"};
}

pid_t driller::struck_pid(const strike& what) const {
  const auto r = launch::load_runtime(find_state(fleet_));
  if (!r || what.kind == fault_kind::agent) return 0;
  if (what.kind == fault_kind::bus) return r->nats_pid;
  if (what.kind == fault_kind::database) return r->postgres_pid;
  for (const auto& node : r->nodes)
    if (node.name == what.target) return node.pid;
  return 0;
}

/// Does it, and says what died.
std::string driller::cause(const strike& what) {
  const auto process = " (pid " + std::to_string(what.pid) + (what.of_leader ? ", the leader)" : ")");
  if (what.kind == fault_kind::agent)
    return what.target + ", killed on node " + order_agent(session_, "kill", what.target).node;
  if (what.kind == fault_kind::freeze) {
    const auto config = config::load_file(running().config);
    const auto time = config.value.timing.lease + freeze_beyond_lease;
    frozen_ = std::make_unique<frozen_process>(static_cast<pid_t>(what.pid), time);
    return "nothing; node " + what.target + process + " was stopped for " + std::to_string(time.count()) + " ms";
  }
  kill_process(static_cast<pid_t>(what.pid));
  if (what.kind == fault_kind::bus) return "nats-server" + process;
  if (what.kind == fault_kind::database) return "Postgres" + process;
  return "node " + what.target + process;
}

/// Sends a command that leaves its own id in the database: what is acknowledged can be looked for afterwards.
bool driller::commits(const command_id& id, const strike& what) {
  cadre::command c;
  c.id = id;
  c.from = "cli";
  c.body =
      brain_set{id, brain_key, json_text{json{{"fault", word_of(what.kind)}, {"target", what.target}}.dump()}, "cli"};
  command_batch batch;
  batch.commands.push_back(std::move(c));
  const auto answer = session_.bus().request_wait(subjects::command(session_.company(), command_batch::kind),
                                                  session_.bus().make_envelope("cli", 0, batch), commit_time_max);
  const auto* outcomes = answer ? std::get_if<command_outcomes>(&answer->body) : nullptr;
  if (outcomes == nullptr || outcomes->outcomes.size() != 1 ||
      outcomes->outcomes.front().status != outcome_status::committed)
    return false;
  acknowledged_.push_back(id);
  return true;
}

void driller::watch(drill_watch& watching, const strike& what) {
  const auto struck = clock::now();
  const auto since = [&] { return std::chrono::duration_cast<milliseconds>(clock::now() - struck); };
  const auto probe = new_id<command_id>();
  while (!watching.whole() && since() < std::chrono::seconds{flags_.within_s}) {
    if (frozen_ && frozen_->thawed()) {
      frozen_.reset();
      beats_.forget();
    }
    auto now = look();
    now.pid = struck_pid(what);
    now.stopped = frozen_ != nullptr;
    watching.look(since(), now);
    if (watching.wants_commit() && commits(probe, what)) watching.committed(since());
    std::this_thread::sleep_for(look_every);
  }
  frozen_.reset();
}

void driller::count(drill_report& report, const json& mark) {
  std::string ids = "{";
  for (const auto& id : acknowledged_) ids += (ids.size() > 1 ? "," : "") + id.text;
  const auto row = session_.reader().row(queries::drill_ledger(session_.company(), mark["at"].get<std::string>(),
                                                               mark["tasks"].get<std::string>(), ids + "}"));
  if (!row) return;
  report.ledger = ledger_from(json::parse(*row));
  report.ledger_known = true;
}

drill_report driller::drill(fault_kind kind, const std::string& target) {
  drill_report report;
  const auto before = sound();
  const auto what = report.what = aim(kind, target, before);
  if (!commits(new_id<command_id>(), what))
    throw command_error{exit_unreachable, "nothing was struck: no command commits now"};
  const auto mark = json::parse(session_.row(queries::drill_mark(session_.company()), "mark"));
  drill_watch watching{what, before};
  beats_.forget();
  report.died = cause(what);
  watch(watching, what);
  const auto victims = watching.victims();
  report.victims.assign(victims.begin(), victims.end());
  report.noticed = watching.noticed();
  report.recovered = watching.recovered();
  report.whole = watching.whole();
  if (!report.whole) report.missing = watching.missing();
  count(report, mark);
  return report;
}

drill_report skip(fault_kind kind, std::string why) {
  drill_report report;
  report.what.kind = kind;
  report.skipped = std::move(why);
  return report;
}

void driller::drill_all(const std::function<void(const drill_report&)>& tell) {
  bool going_well = true;
  const auto strike_one = [&](fault_kind kind, const std::function<std::string()>& target) {
    if (!going_well) return;
    drill_report report;
    report.what.kind = kind;
    try {
      report = drill(kind, target());
    } catch (const command_error& e) {
      // What was found out before must not be lost over it.
      report.died = "nothing";
      report.missing = {e.message};
    }
    going_well = report.passed();
    tell(report);
  };
  /// Nodes may have changed places since the last fault.
  const auto follower = [&] {
    const auto now = sound();
    for (const auto& [node, life] : now.nodes_up)
      if (node != now.leader) return node;
    return std::string{};
  };
  const auto all = sound();
  const auto deepest = std::max_element(all.agents.begin(), all.agents.end(), [](const auto& a, const auto& b) {
    return agent_path{a.first}.depth() < agent_path{b.first}.depth();
  });
  if (deepest != all.agents.end()) strike_one(fault_kind::agent, [&] { return deepest->first; });
  for (const auto kind : {fault_kind::node, fault_kind::freeze}) {
    if (all.nodes_up.size() < 2)
      tell(skip(kind, "there is no other node than the leader's"));
    else
      strike_one(kind, follower);
  }
  strike_one(fault_kind::leader, [] { return std::string{}; });
  for (const auto kind : {fault_kind::bus, fault_kind::database}) {
    if (struck_pid(strike{kind, "", 0, false}) == 0)
      tell(skip(kind, std::string{"it was given to `up`: "} + local_only));
    else
      strike_one(kind, [] { return std::string{}; });
  }
}

/// The config of the running company says whether it is one to try things out on; if it can't be read, it is not.
void spare_production(const fleet_options& fleet, bool yes) {
  if (yes) return;
  const auto r = launch::load_runtime(find_state(fleet));
  if (!r) throw command_error{exit_unreachable, r.error().message};
  const auto config = config::load_file(r->config);
  if (!config.ok())
    throw command_error{exit_usage, r->config + " can't be read, so nobody knows whether " + r->company +
                                        " is in production; --yes drills nevertheless"};
  if (config.value.production)
    throw command_error{exit_usage, r->company + " is in production (" + r->config + "); --yes drills nevertheless"};
}

int drill(const fleet_options& fleet, const drill_flags& flags, std::optional<fault_kind> kind) {
  spare_production(fleet, flags.yes);
  // It breaks the connections itself: that it lost them is no news, least of all in the middle of JSON.
  log::turn_off();
  driller d{fleet, flags};
  std::vector<drill_report> reports;
  const auto tell = [&](const drill_report& report) {
    reports.push_back(report);
    if (!fleet.json) std::cout << text_of(report) << std::flush;
  };
  if (kind)
    tell(d.drill(*kind, flags.target));
  else
    d.drill_all(tell);
  const bool passed = std::all_of(reports.begin(), reports.end(), [](const auto& r) { return r.passed(); });
  if (fleet.json) {
    auto all = json::array();
    for (const auto& report : reports) all.push_back(json_of(report));
    print_json({{"passed", passed}, {"drills", all}});
  }
  return passed ? exit_ok : exit_findings;
}

}  // namespace

void add_drill_commands(const application& a) {
  auto flags = std::make_shared<drill_flags>();
  auto top = a.app.add_command("drill", "Cause a fault on purpose, watch the recovery, report what was lost");
  top.needs_a_command();
  top.examples(
      "  cadre drill agent ceo.data.ingest\n"
      "  cadre drill node two --within 30\n"
      "  cadre drill all --json\n"
      "Exits 1 if anything was lost, done twice or did not recover. Needs the state directory of an `up` on this\n"
      "machine. Leaves its mark in the brain, under the key `drill`.");
  const auto add = [&](const std::string& name, const std::string& help, std::optional<fault_kind> kind,
                       const std::string& target, const std::string& target_help) {
    auto sub = top.add_command(name, help);
    sub.add("--state", a.fleet.state, "State directory of the company (default: the nearest .cadre, or $CADRE_STATE)");
    sub.add("--json", a.fleet.json, "Print JSON for programs");
    sub.add("--within", flags->within_s, "Seconds for the recovery from one fault").range(1, 3'600).default_shown();
    sub.add("--yes", flags->yes, "Also if the config says production: true");
    if (!target.empty()) sub.add(target, flags->target, target_help).required();
    sub.does([=] { return drill(a.fleet, *flags, kind); });
  };
  add("agent", "Kill an agent", fault_kind::agent, "PATH", "The agent");
  add("node", "Kill the process of a node", fault_kind::node, "NAME", "The node");
  add("leader", "Kill the process of the node that leads", fault_kind::leader, "", "");
  add("freeze", "Stop a node for longer than the lease, then let it go on", fault_kind::freeze, "NAME", "The node");
  add("bus", "Kill the private nats-server", fault_kind::bus, "", "");
  add("database", "Kill the private Postgres", fault_kind::database, "", "");
  add("all", "Every one of these, one after another", std::nullopt, "", "");
}

}  // namespace cadre::cli
