/// Restarts and starts of supervised agents, measured. tests/bench/run runs it beside an Erlang/OTP supervisor.
/// supervision restart N | storm N | idle N: prints one JSON object.
#include "actors/supervision/exits.hpp"
#include "actors/supervision/node_host.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>
#include <unistd.h>

using namespace cadre;
using namespace cadre::actors::supervision;
using bench_clock = std::chrono::steady_clock;

namespace {

class no_bus final : public node_link {
 public:
  void send_heartbeat(const node_heartbeat&) override {}
  void request(const std::string&, const message&, std::chrono::milliseconds, std::uint64_t,
               const caf::actor&) override {}
  void reply(const std::string&, const message&) override {}
};

/// What the lives tell the measuring thread.
struct board {
  std::atomic<std::uint64_t> born{0};
  std::atomic<std::int64_t> storm_left{0};
  caf::actor_addr last;  ///< Written before `born` is raised; by one worker at a time, never in a storm.
};

/// Runs once it answers; in a storm it dies at once, as long as deaths are left.
caf::behavior worker(caf::event_based_actor* self, std::shared_ptr<board> told, bool storms) {
  // In a storm many are born at once, and nobody asks for the last of them.
  if (!storms) told->last = self->address();
  if (storms && told->storm_left.fetch_sub(1) > 0)
    caf::anon_send_exit(caf::actor_cast<caf::actor>(self), caf::exit_reason::kill);
  told->born.fetch_add(1);
  told->born.notify_all();
  return {[](ready_atom) { return true; }};
}

/// As small as an agent can be.
caf::behavior idler(caf::event_based_actor*, std::shared_ptr<board> told) {
  told->born.fetch_add(1, std::memory_order_relaxed);
  return {[](ready_atom) { return true; }};
}

config::agent agent(const std::string& path, bool manager) {
  config::agent a;
  a.path = {path};
  a.role = manager ? agent_role::manager : agent_role::worker;
  a.nodes = {"n1"};
  if (!manager) return a;
  a.branch.emplace();
  a.branch->intensity = 1'000'000;
  a.branch->period = std::chrono::milliseconds{1'000};
  a.branch->wait.initial = std::chrono::milliseconds{0};
  return a;
}

struct fleet_of_one {
  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;
  std::shared_ptr<board> told = std::make_shared<board>();
  std::shared_ptr<config::company> company = std::make_shared<config::company>();
  caf::actor host;

  enum class kind { worker, storm, idler };

  fleet_of_one(std::int64_t workers, kind what) {
    config.set("scheduler.max-threads", 2);
    system = std::make_unique<caf::actor_system>(config);
    company->agents.push_back(agent("ceo", true));
    for (std::int64_t i = 0; i < workers; ++i) company->agents.push_back(agent("ceo.w" + std::to_string(i), false));
    node_host_config cfg;
    cfg.node = "n1";
    cfg.life = new_id<node_life_id>();
    cfg.company = company;
    cfg.link = std::make_shared<no_bus>();
    cfg.make_agent = [board = told, what](caf::event_based_actor* self, const agent_birth& b) {
      if (what == kind::idler || b.path.text == "ceo") return self->spawn(idler, board);
      return self->spawn(worker, board, what == kind::storm);
    };
    cfg.reporter = [](const agent_report& r) {
      if (r.state == agent_state::quarantined || r.state == agent_state::waiting)
        std::fprintf(stderr, "%s is %s: %s\n", r.agent.text.c_str(), std::string{to_text(r.state)}.c_str(),
                     r.cause.c_str());
    };
    host = system->spawn(node_host, std::move(cfg));
  }

  void begin() { caf::anon_send(host, lead{1}); }

  void await_births(std::uint64_t n) const {
    for (auto seen = told->born.load(); seen < n; seen = told->born.load()) told->born.wait(seen);
  }
};

std::int64_t resident_bytes() {
  std::ifstream statm{"/proc/self/statm"};
  std::int64_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

double seconds_since(bench_clock::time_point from) {
  return std::chrono::duration<double>(bench_clock::now() - from).count();
}

/// One agent is killed and awaited, again and again.
void restart(std::int64_t n) {
  auto& f = *new fleet_of_one{1, fleet_of_one::kind::worker};
  f.begin();
  f.await_births(2);
  std::vector<double> us;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto born = f.told->born.load();
    const auto from = bench_clock::now();
    caf::anon_send_exit(caf::actor_cast<caf::actor>(f.told->last), caf::exit_reason::kill);
    f.await_births(born + 1);
    us.push_back(seconds_since(from) * 1e6);
  }
  std::sort(us.begin(), us.end());
  std::printf("{\"p50_us\": %.1f, \"p99_us\": %.1f}\n", us[us.size() / 2], us[us.size() * 99 / 100]);
}

/// Sixteen agents die as soon as they live, until n died.
void storm(std::int64_t n) {
  auto& f = *new fleet_of_one{16, fleet_of_one::kind::storm};
  f.told->storm_left = n;
  const auto from = bench_clock::now();
  f.begin();
  f.await_births(static_cast<std::uint64_t>(n) + 17);
  std::printf("{\"restarts_per_s\": %.0f}\n", static_cast<double>(n) / seconds_since(from));
}

/// n agents start and do nothing.
void idle(std::int64_t n) {
  auto& f = *new fleet_of_one{n, fleet_of_one::kind::idler};
  const auto before = resident_bytes();
  const auto from = bench_clock::now();
  f.begin();
  while (f.told->born.load(std::memory_order_relaxed) < static_cast<std::uint64_t>(n) + 1)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  std::printf("{\"start_s\": %.3f, \"bytes_per_agent\": %lld}\n", seconds_since(from),
              static_cast<long long>((resident_bytes() - before) / n));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: supervision restart|storm|idle N\n");
    return 2;
  }
  const auto n = std::atoll(argv[2]);
  if (std::strcmp(argv[1], "restart") == 0) restart(n);
  if (std::strcmp(argv[1], "storm") == 0) storm(n);
  if (std::strcmp(argv[1], "idle") == 0) idle(n);
  std::fflush(stdout);
  // Stopping 100,000 agents is not what is measured; the fleet is left to the end of the process.
  std::_Exit(0);
}
