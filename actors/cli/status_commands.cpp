#include "actors/node/bus_link.hpp"
#include "commands.hpp"
#include "print.hpp"
#include "programs.hpp"
#include "schemas/codec.hpp"
#include "schemas/json.hpp"
#include "schemas/subjects.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <future>
#include <iostream>
#include <memory>
#include <signal.h>

namespace cadre::cli {

using json = nlohmann::json;
namespace queries = storage::queries;

namespace {

constexpr std::int64_t reigns_shown = 3;
constexpr std::chrono::milliseconds health_wait{1'000};

/// Asks all nodes at once how they are; adds `health` to each of those that are not known to be down.
void ask_nodes(bus::connection& bus, json& nodes) {
  operator_order question;
  question.order = actors::health_order;
  std::vector<std::pair<json*, std::future<result<envelope>>>> asked;
  for (auto& node : nodes) {
    if (node["state"] == "down") continue;
    auto answer = std::make_shared<std::promise<result<envelope>>>();
    asked.emplace_back(&node, answer->get_future());
    bus.request(subjects::control(node["name"].get<std::string>()), bus.make_envelope("cli", 0, question), health_wait,
                [answer](result<envelope> r) { answer->set_value(std::move(r)); });
  }
  for (auto& [node, answer] : asked) {
    const auto said = answer.get();
    const auto& why = said ? failure{} : said.error();
    (*node)["health"] = said ? "ok" : why.code == errc::refused ? why.message : "does not answer: " + why.message;
  }
}

/// Each server of ours with `name`, `state` (up or down) and `pid`, where there are several of a kind.
json servers_of(const session& s) {
  auto servers = json::array();
  for (const auto& server : s.servers()) {
    // Of another user (Postgres never runs as root) it is there all the same.
    const bool up = server.pid > 0 && (::kill(server.pid, 0) == 0 || errno == EPERM);
    servers.push_back({{"name", server.name}, {"state", up ? "up" : "down"}, {"pid", server.pid}});
  }
  return servers;
}

/// What keeps the company from its work, or its servers from surviving the next loss: `what` (no_leader, bus, node,
/// server) and `why`. The database answers, or there would
/// be no status at all.
json troubles_of(session& s, json& status) {
  auto troubles = json::array();
  const auto& lead = status["leader"];
  if (lead.is_null() || lead["lease_over"].get<bool>() || !lead["ended_at"].is_null())
    troubles.push_back({{"what", "no_leader"}, {"why", "nobody leads"}});
  try {
    ask_nodes(s.bus(), status["nodes"]);
    add_programs(s, status["agents"]);
  } catch (const command_error& e) {
    troubles.push_back({{"what", "bus"}, {"why", e.message}});
  }
  for (const auto& node : status["nodes"])
    if (node.contains("health") && node["health"] != "ok")
      troubles.push_back(
          {{"what", "node"}, {"why", node["name"].get<std::string>() + " " + node["health"].get<std::string>()}});
  for (const auto& server : status["servers"])
    if (server["state"] == "down")
      troubles.push_back({{"what", "server"}, {"why", server["name"].get<std::string>() + " is down"}});
  return troubles;
}

json status_of(session& s) {
  auto all = s.reader().snapshot({{"leader", queries::leader(s.company())},
                                  {"earlier_reigns", queries::earlier_reigns(s.company(), reigns_shown)},
                                  {"nodes", queries::nodes(s.company())},
                                  {"agents", queries::agents(s.company())},
                                  {"modes", queries::modes(s.company())},
                                  {"paused_schedules", queries::paused_schedules(s.company())},
                                  {"tasks", queries::task_counts(s.company())},
                                  {"inbox", queries::inbox(s.company())}});
  if (!all)
    throw command_error{all.error().code == errc::unreachable ? exit_unreachable : exit_findings, all.error().message};
  auto status = json::parse(*all);
  status["company"] = s.company();
  status["nats_url"] = bus::without_login(s.options().nats);
  status["leader"] = status["leader"].empty() ? json(nullptr) : status["leader"].front();
  status["followers"] = json::array();
  for (const auto& node : status["nodes"]) {
    const auto& roles = node["roles"];
    const bool may_lead = std::find(roles.begin(), roles.end(), "control") != roles.end() && node["state"] != "down";
    if (may_lead && (status["leader"].is_null() || status["leader"]["node"] != node["name"]))
      status["followers"].push_back(node["name"]);
  }
  status["servers"] = servers_of(s);
  status["troubles"] = troubles_of(s, status);
  return status;
}

std::string count_by_state(const json& agents) {
  std::map<std::string, int> counts;
  for (const auto& a : agents) ++counts[a["state"].get<std::string>()];
  std::string text;
  for (const auto& [state, n] : counts) text += (text.empty() ? "" : ", ") + std::to_string(n) + " " + state;
  return text.empty() ? "none" : text;
}

int status(const fleet_options& fleet) {
  session s{fleet};
  const auto all = status_of(s);
  if (fleet.json) {
    print_json(all);
    return exit_ok;
  }
  const auto& leader = all["leader"];
  std::cout << "company  " << s.company() << "\nleader   ";
  if (leader.is_null()) {
    std::cout << "none yet\n";
  } else {
    const bool over = leader["lease_over"].get<bool>() || !leader["ended_at"].is_null();
    std::cout << cell(leader["node"]) << ", epoch " << leader["epoch"] << ", since " << cell(leader["since"])
              << (over ? "  (LEASE OVER: nobody leads)" : ", lease until " + cell(leader["lease_until"])) << "\n";
  }
  if (!all["followers"].empty()) std::cout << "follow   " << cell(all["followers"]) << "\n";
  for (const auto& past : all["earlier_reigns"])
    std::cout << "before   " << cell(past["node"]) << ", epoch " << past["epoch"] << ": "
              << (past["end_reason"].is_null() ? "ended without a word" : cell(past["end_reason"])) << "\n";
  for (const auto& trouble : all["troubles"])
    std::cout << "TROUBLE  " << trouble["what"].get<std::string>() << ": " << trouble["why"].get<std::string>() << "\n";
  if (!all["servers"].empty()) {
    std::cout << "servers  ";
    for (std::size_t i = 0; i < all["servers"].size(); ++i)
      std::cout << (i ? ", " : "") << all["servers"][i]["name"].get<std::string>() << " "
                << all["servers"][i]["state"].get<std::string>();
    std::cout << "\n";
  }
  std::cout << "agents   " << count_by_state(all["agents"]) << "\n";
  for (const auto& agent : all["agents"])
    if (agent.contains("programs") && agent["programs"].empty())
      std::cout << "WORKER   " << agent["path"].get<std::string>() << ": no program attached\n";
  const auto say_paused = [](const std::string& what, const json& row) {
    if (row["paused_at"].is_null()) return;
    std::cout << "PAUSED   " << what << " since " << cell(row["paused_at"]) << " by " << cell(row["paused_by"]);
    if (!row["paused_reason"].empty()) std::cout << ": " << cell(row["paused_reason"]);
    std::cout << "\n";
  };
  for (const auto& agent : all["agents"]) say_paused(agent["path"].get<std::string>(), agent);
  for (const auto& mode : all["modes"]) say_paused("mode " + mode["name"].get<std::string>(), mode);
  for (const auto& schedule : all["paused_schedules"])
    say_paused("schedule " + schedule["name"].get<std::string>(), schedule);
  std::cout << "tasks    ";
  if (all["tasks"].empty()) std::cout << "none";
  for (std::size_t i = 0; i < all["tasks"].size(); ++i)
    std::cout << (i ? ", " : "") << all["tasks"][i]["tasks"] << " " << cell(all["tasks"][i]["status"]);
  std::cout << "\ninbox    " << all["inbox"].size() << (all["inbox"].empty() ? "" : "  (see `cadre inbox`)") << "\n\n";
  print_table(all["nodes"],
              {{"NODE", "name"},
               {"STATE", "state"},
               {"HEALTH", "health"},
               {"ROLES", "roles"},
               {"HOST", "host"},
               {"PID", "pid"},
               {"AGENTS", "agents"},
               {"SEEN", "seen_at"}},
              "no node was seen yet");
  return exit_ok;
}

int org(const fleet_options& fleet) {
  session s{fleet};
  const auto agents = json::parse(s.rows(queries::agents(s.company())));
  if (fleet.json) {
    print_json(agents);
    return exit_ok;
  }
  json tree = json::array();
  for (auto a : agents) {
    const agent_path path{a["path"].get<std::string>()};
    a["tree"] = std::string(2 * (path.depth() - 1), ' ') + std::string{path.name()};
    tree.push_back(std::move(a));
  }
  print_table(tree,
              {{"AGENT", "tree"},
               {"ROLE", "role"},
               {"STATE", "state"},
               {"NODE", "node"},
               {"RESTARTS", "restarts"},
               {"ABOUT", "about"}},
              "no agents");
  return exit_ok;
}

struct data_options {
  std::string dataset, worker, after;
  std::int64_t limit = 50;
  bool all = false;
};

/// Every page of a dataset; canonical data may be larger than one answer should be.
json canonical_rows(session& s, const data_options& o) {
  constexpr std::int64_t page = 2'000;
  json rows = json::array();
  auto after = o.after;
  const auto wanted = o.all ? std::numeric_limits<std::int64_t>::max() : o.limit;
  while (static_cast<std::int64_t>(rows.size()) < wanted) {
    const auto limit = std::min(page, wanted - static_cast<std::int64_t>(rows.size()));
    auto chunk = json::parse(s.rows(queries::canonical(s.company(), o.dataset, o.worker, after, limit)));
    for (auto& row : chunk) rows.push_back(std::move(row));
    if (static_cast<std::int64_t>(chunk.size()) < limit) break;
    after = rows.back()["worker"].get<std::string>() + " " + rows.back()["key"].get<std::string>();
  }
  return rows;
}

int data_show(const fleet_options& fleet, const data_options& o) {
  session s{fleet};
  const auto rows = canonical_rows(s, o);
  if (fleet.json) {
    print_json({{"dataset", o.dataset}, {"rows", rows}});
    return exit_ok;
  }
  print_table(rows, {{"WORKER", "worker"}, {"KEY", "key"}, {"ROW", "row", 120}},
              "no canonical rows in dataset " + o.dataset);
  if (!o.all && static_cast<std::int64_t>(rows.size()) == o.limit) std::cout << "(more: --all, or --limit N)\n";
  return exit_ok;
}

/// Prints what passes on the bus until it is interrupted.
int tail(const fleet_options& fleet, const std::string& subject) {
  session s{fleet};
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const auto full = subject.rfind("cadre.", 0) == 0 ? subject : "cadre." + s.company() + "." + subject;
  auto subscribed = s.bus().subscribe(full, [json_only = fleet.json](const bus::incoming& in) {
    const auto text = codec::encode_json(in.message);
    if (json_only) {
      std::cout << text << std::endl;
      return;
    }
    const auto* e = std::get_if<event>(&in.message.body);
    std::cout << to_iso(in.message.sent_at) << "  " << in.subject << "  "
              << (e ? e->what + "  " + e->data.text : json::parse(text)["body"].dump()) << std::endl;
  });
  if (!subscribed) throw command_error{exit_unreachable, subscribed.error().message};
  int signal_number = 0;
  sigwait(&signals, &signal_number);
  return exit_ok;
}

void add_brain(const application& a) {
  auto brain = a.app.add_command("brain", "Long-lived knowledge by key");
  brain.needs_a_command();
  auto key = std::make_shared<std::string>();
  auto content = std::make_shared<std::string>();

  auto sub = brain.add_command("list", "List the keys");
  add_listing_options(sub, a.fleet);
  sub.does([=] {
    session s{a.fleet};
    const auto rows = json::parse(s.rows(queries::brain(s.company())));
    if (a.fleet.json) {
      print_json(rows);
    } else {
      print_table(rows, {{"KEY", "key"}, {"VERSION", "version"}, {"BY", "by"}, {"AT", "at"}}, "the brain is empty");
    }
    return exit_ok;
  });

  sub = brain.add_command("get", "Print what a key holds (JSON)");
  add_fleet_options(sub, a.fleet);
  sub.add("KEY", *key, "The key").required();
  sub.does([=] {
    session s{a.fleet};
    print_json(
        json::parse(s.row(queries::brain_entry(s.company(), *key), "key '" + *key + "' in the brain"))["content"]);
    return exit_ok;
  });

  sub = brain.add_command("set", "Keep JSON under a key; the old version goes into the history");
  add_fleet_options(sub, a.fleet);
  sub.add("KEY", *key, "The key").required();
  sub.add("JSON", *content, "The content").required();
  sub.examples("  cadre brain set role/ingest '{\"rule\":\"never drop rows\"}'");
  sub.does([=] {
    if (!json::accept(*content)) throw command_error{exit_usage, "that is not JSON: " + *content};
    session s{a.fleet};
    s.order(brain_set{new_id<command_id>(), *key, json_text{*content}, "cli"});
    return exit_ok;
  });
}

}  // namespace

void add_status_commands(const application& a) {
  auto sub = a.app.add_command("status", "Leader, nodes, agents, tasks and inbox at a glance");
  add_listing_options(sub, a.fleet);
  sub.does([=] { return status(a.fleet); });

  sub = a.app.add_command("org", "The org chart with the state of every agent");
  add_listing_options(sub, a.fleet);
  sub.does([=] { return org(a.fleet); });

  auto data = a.app.add_command("data", "Canonical data: what auditors have passed");
  data.needs_a_command();
  sub = data.add_command("list", "List the datasets");
  add_listing_options(sub, a.fleet);
  sub.does([=] {
    session s{a.fleet};
    const auto rows = json::parse(s.rows(queries::datasets(s.company())));
    if (a.fleet.json) {
      print_json(rows);
    } else {
      print_table(rows, {{"DATASET", "dataset"}, {"WORKER", "worker"}, {"ROWS", "rows"}, {"CHANGED", "changed_at"}},
                  "nothing is canonical yet");
    }
    return exit_ok;
  });
  auto o = std::make_shared<data_options>();
  sub = data.add_command("show", "Show the canonical rows of a dataset");
  add_listing_options(sub, a.fleet);
  sub.add("DATASET", o->dataset, "The dataset").required();
  sub.add("--worker", o->worker, "Only rows of this worker");
  sub.add("--limit", o->limit, "Rows").range(1, 1'000'000).default_shown();
  sub.add("--all", o->all, "All rows");
  sub.examples("  cadre data show package --limit 5\n  cadre data show package --all --json");
  sub.does([=] { return data_show(a.fleet, *o); });

  add_brain(a);

  auto subject = std::make_shared<std::string>(">");
  sub = a.app.add_command("tail", "Print what passes on the bus, live");
  add_listing_options(sub, a.fleet);
  sub.add("SUBJECT", *subject, "Below cadre.COMPANY, with NATS wildcards; default: all of the company");
  sub.examples("  cadre tail 'esc.>'\n  cadre tail 'out.ceo.data.>' --json");
  sub.does([=] { return tail(a.fleet, *subject); });
}

}  // namespace cadre::cli
