#include "actors/brief/brief.hpp"
#include "actors/brief/brief_writer.hpp"
#include "actors/launch/up.hpp"
#include "actors/node/node.hpp"
#include "bus/events.hpp"
#include "commands.hpp"
#include "config/load.hpp"
#include "replica_command.hpp"
#include "round.hpp"
#include "schemas/json.hpp"
#include "schemas/subjects.hpp"
#include "storage/prepare.hpp"

#include <spdlog/spdlog.h>

#include <filesystem>
#include <iostream>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

namespace cadre::cli {

namespace fs = std::filesystem;

namespace {

constexpr std::chrono::minutes round_limit{10};
constexpr std::chrono::seconds agents_limit{30};
constexpr std::chrono::seconds election_limit{30};
constexpr std::chrono::milliseconds election_pause{200};
constexpr std::chrono::milliseconds election_answer{500};

fleet_options fleet_of(const launch::runtime& r) {
  fleet_options f;
  f.state = r.state;
  return f;
}

/// A bus that is not there is said now and by its address, not by a node that never gets ready.
result<void> find_bus(const launch::runtime& r, const std::stop_token& stop) {
  bus::options o;
  o.url = r.nats_url;
  o.company = r.company;
  o.name = "cadre-up";
  bus::stream_options stream;
  stream.replicas = bus::replicas_for(r.nats_url);
  // A cluster without a leader does not answer at all.
  if (stream.replicas > 1) o.request_timeout = election_answer;
  auto bus = bus::connection::open(std::move(o));
  if (!bus) return tl::unexpected{bus.error()};
  const auto until = std::chrono::steady_clock::now() + election_limit;
  for (;;) {
    auto made = bus::ensure_stream(**bus, stream);
    // The servers of a cluster elect who keeps its streams before they can make one.
    const bool hopeless = stream.replicas == 1 || stop.stop_requested() || std::chrono::steady_clock::now() > until;
    if (made || hopeless) return made;
    std::this_thread::sleep_for(election_pause);
  }
}

result<void> prepare(const launch::runtime& r, const std::stop_token& stop) {
  if (auto found = find_bus(r, stop); !found) return found;
  storage::role_passwords passwords{r.database.migrator_password, r.database.writer_password,
                                    r.database.reader_password};
  return storage::prepare_database(r.database.superuser_url, r.database.database, passwords, {r.company});
}

/// Hears the heartbeats of the nodes while they start.
class node_listener {
 public:
  bool heard(const launch::runtime& r, const std::string& node) {
    std::lock_guard lock{mutex_};
    if (!bus_) connect(r);
    std::lock_guard heard_lock{heard_mutex_};
    return heard_.contains(node);
  }

 private:
  void connect(const launch::runtime& r) {
    bus::options o;
    o.url = r.nats_url;
    o.company = r.company;
    o.name = "cadre-up";
    auto opened = bus::connection::open(std::move(o));
    if (!opened) return;
    bus_ = std::move(*opened);
    auto subscribed = bus_->subscribe(subjects::heartbeat("*"), [this](const bus::incoming& in) {
      if (const auto* beat = std::get_if<node_heartbeat>(&in.message.body)) note(beat->node);
    });
    if (subscribed) beats_ = std::move(*subscribed);
  }
  void note(const std::string& node) {
    std::lock_guard lock{heard_mutex_};
    heard_.insert(node);
  }

  std::mutex mutex_;
  std::mutex heard_mutex_;
  std::set<std::string> heard_;
  std::shared_ptr<bus::connection> bus_;
  bus::subscription beats_;
};

std::string print_brief(session& s) {
  auto add = actors::write_brief(s.reader(), s.company(), new_id<brief_id>());
  if (!add) throw command_error{exit_findings, add.error().message};
  auto page = add->markdown;
  s.order(std::move(*add));
  return page;
}

/// The first round of a company that never worked (or any of `--once`), then the brief.
int first_page(const launch::runtime& r, const config::company& company, bool once, std::stop_token stop) {
  session s{fleet_of(r)};
  if (!wait_for_agents(s, company.agents.size(), agents_limit, stop) && !stop.stop_requested())
    std::cout << "not all agents run yet: see `cadre org`\n";
  int code = exit_ok;
  const bool fresh = nlohmann::json::parse(s.rows(storage::queries::task_counts(s.company()))).empty();
  if (once || fresh) {
    std::cout << "round of every worker with its audits:\n";
    const auto result = run_round(s, company, round_limit, stop,
                                  [](const std::string& line) { std::cout << "  " << line << std::endl; });
    if (result.failed + result.blocked > 0 || !result.settled) code = exit_findings;
  }
  if (stop.stop_requested()) return exit_findings;
  std::cout << "\n" << print_brief(s) << std::endl;
  return code;
}

int up(launch::up_options o) {
  auto loaded = std::make_shared<config::loaded>(config::load_file(o.config));
  const auto listener = std::make_shared<node_listener>();
  o.prepare_database = [](const launch::runtime& r, std::stop_token stop) { return prepare(r, stop); };
  o.node_ready = [listener](const launch::runtime& r, const std::string& node) { return listener->heard(r, node); };
  o.when_ready = [loaded, once = o.once](const launch::runtime& r, std::stop_token stop) {
    try {
      return first_page(r, loaded->value, once, stop);
    } catch (const command_error& e) {
      std::cerr << "cadre: " << e.message << "\n";
      return e.code;
    }
  };
  return launch::run_up(o);
}

struct node_flags {
  std::string config, name, postgres_reader, postgres_writer;
};

int node(const fleet_options& fleet, const node_flags& flags) {
  const auto loaded = config::load_file(flags.config);
  for (const auto& problem : loaded.problems) std::cerr << problem.text() << "\n";
  if (!loaded.ok()) return exit_usage;
  actors::node_options o;
  o.company = std::make_shared<const config::company>(loaded.value);
  o.name = flags.name;
  o.state = find_state(fleet);
  o.nats_url = fleet.nats;
  o.reader_url = flags.postgres_reader;
  o.writer_url = flags.postgres_writer;
  if (o.nats_url.empty() || o.reader_url.empty()) {
    const auto running = launch::load_runtime(o.state);
    if (!running) throw command_error{exit_unreachable, running.error().message};
    if (o.nats_url.empty()) o.nats_url = running->nats_url;
    if (o.reader_url.empty()) o.reader_url = running->database.reader_url;
    if (o.writer_url.empty()) o.writer_url = running->database.writer_url;
  }
  o.program = fs::read_symlink("/proc/self/exe").string();
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ " + loaded.value.name + "/" + flags.name + " %v");
  return actors::run_node(o);
}

}  // namespace

void add_fleet_commands(const application& a) {
  auto o = std::make_shared<launch::up_options>();
  auto sub = a.app.add_command("up", "Start a whole company on this machine: Postgres, nats-server, every node");
  o->config = "cadre.yaml";
  sub.add("--config", o->config, "The company's file").default_shown();
  sub.add("--state", o->state, "State directory (default: .cadre beside the config)");
  sub.add("--postgres", o->postgres_url, "Use this Postgres (URL of a superuser) instead of a private one");
  sub.add("--nats", o->nats_url, "Use this nats-server (with JetStream) instead of a private one");
  sub.add("--nats-port", o->nats_port, "Port of the private nats-server; 0: a free one");
  sub.add("--ha", o->replicated, "Three nats-servers and two Postgres: any one of them may die");
  sub.add("--once", o->once, "Run every worker once with its audits, print the brief, stop");
  sub.add("--detach", o->detach, "Go on in the background");
  sub.examples(
      "  cadre up --config config/fleetwatch.yaml\n"
      "  cadre up --config config/examples/minimal.yaml --once\n"
      "  cadre up --config config/fleetwatch.yaml --ha\n"
      "  cadre up --config c.yaml --postgres postgresql://postgres@db/postgres --nats nats://bus:4222");
  sub.does([=] { return up(*o); });

  sub = a.app.add_command("down", "Stop a company that runs in the background");
  sub.add("--state", a.fleet.state, "State directory (default: the nearest .cadre)");
  sub.does([=] { return launch::run_down(find_state(a.fleet)); });

  add_replica_command(a);

  auto flags = std::make_shared<node_flags>();
  sub = a.app.add_command("node", "Run one node of a company (what `up` starts for each)");
  add_fleet_options(sub, a.fleet);
  sub.add("--config", flags->config, "The company's file").required();
  sub.add("--name", flags->name, "The node's name in it").required();
  sub.add("--postgres-reader", flags->postgres_reader, "Database URL as cadre_reader");
  sub.add("--postgres-writer", flags->postgres_writer, "Database URL as cadre_writer (control nodes)");
  sub.examples(
      "  cadre node --name iron-pc --config fleet.yaml --state /var/lib/cadre --nats nats://10.0.0.1:4222 \\\n"
      "    --postgres-reader postgresql://cadre_reader@db/cadre --postgres-writer postgresql://cadre_writer@db/cadre");
  sub.does([=] { return node(a.fleet, *flags); });
}

}  // namespace cadre::cli
