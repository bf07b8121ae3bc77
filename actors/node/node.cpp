#include "node.hpp"

#include "actors/agent/agent_actor.hpp"
#include "actors/audit/audit_desk.hpp"
#include "actors/audit/auditor_actor.hpp"
#include "actors/findings/watch_actor.hpp"
#include "actors/leader/leader_actor.hpp"
#include "actors/notify/notifier.hpp"
#include "actors/version.hpp"
#include "actors/watch/canary.hpp"
#include "actors/watch/watchdog.hpp"
#include "bus_link.hpp"
#include "node_reporter.hpp"
#include "schemas/log.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>

#include <array>
#include <atomic>
#include <iostream>
#include <signal.h>
#include <unistd.h>

namespace cadre::actors {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds report_every{1'000};
constexpr milliseconds bus_ping_min{100};
constexpr milliseconds drain_time_max{12'000};  ///< Below the grace that `cadre up` and systemd give a node.
constexpr milliseconds actor_end_time_max{3'000};

/// Two scheduler threads are enough for actors that never block; a bound on messages per turn keeps them fair.
struct system_config : caf::actor_system_config {
  system_config() {
    set("scheduler.max-threads", 2);
    set("scheduler.max-throughput", 100);
  }
};

std::string host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

/// An agent of the org as an actor.
caf::actor spawn_agent(caf::event_based_actor* host, const std::shared_ptr<const agent_services>& services,
                       agent_directory& directory, const supervision::agent_birth& birth) {
  const auto* spec = services->company->find_agent(birth.path);
  if (!spec) throw std::runtime_error(birth.path.text + " is not in the config");
  auto life = spec->role == agent_role::auditor ? host->spawn(auditor_actor, services, *spec, birth.token)
                                                : host->spawn(agent_actor, services, *spec, birth.token);
  directory.put(birth.path, life);
  return life;
}

std::map<std::string, std::string> environment_of(const node_options& o) {
  std::map<std::string, std::string> env;
  env["CADRE_BIN"] = o.program;
  env["CADRE_STATE"] = o.state;
  return env;
}

/// Ends an actor and waits for its end, for at most `limit`.
void end_actor(caf::scoped_actor& self, const caf::actor& target, milliseconds limit, const char* what) {
  if (!target) return;
  self->monitor(target);
  self->send_exit(target, caf::exit_reason::user_shutdown);
  bool ended = false;
  const auto source = target.address();
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!ended && std::chrono::steady_clock::now() < until) {
    self->receive([&](const caf::down_msg& down) { ended = down.source == source; },
                  caf::after(milliseconds{100}) >> [] {});
  }
  if (!ended) {
    log::warn("{} did not end within {} ms: killed", what, limit.count());
    self->send_exit(target, caf::exit_reason::kill);
  }
}

/// Everything of a running node, in the order in which it is made; ended the other way round.
class running_node {
 public:
  running_node(caf::actor_system& system, const node_options& o, std::shared_ptr<bus::connection> bus)
      : system_{system}, bus_{std::move(bus)} {
    node_identity who{o.name, new_id<node_life_id>(), host_name(), getpid(), std::string{version_text}};
    auto services = std::make_shared<agent_services>();
    services->company = o.company;
    services->node = o.name;
    services->life = who.life;
    services->bus = bus_;
    services->answer_program = [bus = bus_](const std::string& to, const std::string& text) {
      return bus->publish_plain(to, text);
    };
    services->env = environment_of(o);
    services->processes = processes_ =
        std::make_shared<process_host>(process_host_options{o.state + "/scratch/" + o.name, 64});
    services->commands = commands_ =
        system.spawn(command_client, writer_road(bus_, o.name, signs_), command_queue_options{});
    services->reporter = reporter_ = system.spawn(node_reporter, commands_, who, report_every);
    services->audit_desk = audit_desk_ = system.spawn(audit_desk, o.reader_url, o.company->name);

    supervision::node_host_config host;
    host.node = o.name;
    host.life = who.life;
    host.company = o.company;
    host.link = std::make_shared<bus_link>(bus_, o.name);
    host.seed = std::hash<std::string>{}(who.life.text);
    host.make_agent = [services, directory = directory_](caf::event_based_actor* self,
                                                         const supervision::agent_birth& birth) {
      return spawn_agent(self, services, *directory, birth);
    };
    host.reporter = [reporter = caf::actor_cast<caf::actor_addr>(reporter_)](const agent_report& report) {
      if (auto target = caf::actor_cast<caf::actor>(reporter)) caf::anon_send(target, report);
    };
    host.drained = [reporter = caf::actor_cast<caf::actor_addr>(reporter_)](bool draining) {
      if (auto target = caf::actor_cast<caf::actor>(reporter)) caf::anon_send(target, draining_atom_v, draining);
    };
    host.stands_aside = [aside = stands_aside_](bool now) { *aside = now; };
    node_host_ = system.spawn(supervision::node_host, std::move(host));
    watch_ =
        system.spawn<caf::detached>(watch_actor, watch_options{o.company, o.name, o.reader_url, commands_, directory_});
    if (o.company->find_node(o.name)->has(node_role::egress) && !o.company->channels.empty())
      notifier_ = system.spawn<caf::detached>(notifier_actor,
                                              notifier_options{o.company, o.reader_url, commands_, o.name, false});
    if (o.company->find_node(o.name)->has(node_role::control)) stand_for_leader(o, who.life);
    start_watchdog(o);
  }

  result<void> listen(const node_options& o) {
    auto ears = actors::listen(bus_, o.company->name, o.name,
                               {node_host_, reporter_, directory_, signs_, [this] { return watchdog_->report(); }});
    if (!ears) return tl::unexpected{ears.error()};
    ears_ = std::move(*ears);
    watchdog_->ready();
    return {};
  }

  void end() {
    caf::scoped_actor self{system_};
    watchdog_->draining();
    end_actor(self, node_host_, drain_time_max, "the node host");
    end_actor(self, leader_, actor_end_time_max, "the leader");
    end_actor(self, watch_, actor_end_time_max, "the watch of schedules");
    end_actor(self, notifier_, actor_end_time_max, "the notifier");
    ears_.subscriptions.clear();
    end_actor(self, reporter_, actor_end_time_max, "the node reporter");
    end_actor(self, audit_desk_, actor_end_time_max, "the audit desk");
    end_actor(self, commands_, actor_end_time_max, "the command client");
    node_host_ = leader_ = watch_ = notifier_ = reporter_ = audit_desk_ = commands_ = nullptr;
    processes_.reset();
    watchdog_.reset();
    end_actor(self, canary_, actor_end_time_max, "the canary");
    canary_ = nullptr;
  }

 private:
  void stand_for_leader(const node_options& o, const node_life_id& life) {
    leader_config c;
    c.company = o.company;
    c.node = o.name;
    c.life = life;
    c.writer_url = o.writer_url;
    c.reader_url = o.reader_url;
    c.bus = bus_;
    c.node_host = node_host_;
    c.commands = commands_;
    c.stands_aside = stands_aside_;
    c.database_lost = [signs = signs_] { signs->lost_database(); };
    c.database_heard = [signs = signs_] { signs->heard_database(); };
    leader_ = system_.spawn<caf::detached>(leader_actor, std::move(c));
  }

  void start_watchdog(const node_options& o) {
    canary_ = system_.spawn(canary, signs_, [directory = directory_] { return directory->all(); });
    watchdog_options w;
    w.limits.leader_max = w.limits.database_max = 2 * o.company->timing.lease;
    watchdog_ = std::make_unique<watchdog>(
        w, signs_,
        [canary = caf::actor_cast<caf::actor_addr>(canary_)](std::uint64_t number) {
          if (auto target = caf::actor_cast<caf::actor>(canary)) caf::anon_send(target, number);
        },
        [bus = bus_] { return bus->connected(); });
  }

  caf::actor_system& system_;
  std::shared_ptr<bus::connection> bus_;
  std::shared_ptr<agent_directory> directory_ = std::make_shared<agent_directory>();
  std::shared_ptr<process_host> processes_;
  std::shared_ptr<pulse> signs_ = std::make_shared<pulse>();
  std::shared_ptr<std::atomic<bool>> stands_aside_ = std::make_shared<std::atomic<bool>>(false);
  caf::actor commands_, reporter_, audit_desk_, node_host_, watch_, notifier_, leader_, canary_;
  node_ears ears_;
  std::unique_ptr<watchdog> watchdog_;  ///< Last: it is the first to see anything else hang.
};

}  // namespace

int run_node(const node_options& o) {
  const auto* me = o.company->find_node(o.name);
  if (!me) {
    std::cerr << "cadre: " << o.company->file << " has no node '" << o.name << "'\n";
    return 2;
  }
  if (me->has(node_role::control) && o.writer_url.empty()) {
    std::cerr << "cadre: node '" << o.name << "' may lead and needs the writer's database URL (--postgres-writer)\n";
    return 1;
  }
  sigset_t signals;
  sigemptyset(&signals);
  for (const int s : {SIGINT, SIGTERM}) sigaddset(&signals, s);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  bus::options bus_options;
  bus_options.url = o.nats_url;
  bus_options.company = o.company->name;
  bus_options.name = "cadre-node-" + o.name;
  bus_options.retry_first_connect = true;
  // A dead link is noticed after three of them at most, and a leader then hands over within a quarter of the lease:
  // both before other nodes count as lost.
  bus_options.ping_interval = std::max(bus_ping_min, o.company->timing.lease / 8);
  auto bus = bus::connection::open(std::move(bus_options));
  if (!bus) {
    std::cerr << "cadre: " << bus.error().message << "\n";
    return 1;
  }
  system_config config;
  caf::actor_system system{config};
  {
    running_node node{system, o, *bus};
    if (auto heard = node.listen(o); !heard) {
      std::cerr << "cadre: " << heard.error().message << "\n";
      node.end();
      return 1;
    }
    log::info("node {} of {} is up", o.name, o.company->name);
    int signal_number = 0;
    sigwait(&signals, &signal_number);
    log::info("node {} drains after signal {}", o.name, signal_number);
    node.end();
  }
  log::info("node {} is down", o.name);
  return 0;
}

}  // namespace cadre::actors
