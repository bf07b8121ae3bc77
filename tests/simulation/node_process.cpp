#include "node_process.hpp"

#include "actors/command/command_client.hpp"
#include "actors/node/node_reporter.hpp"
#include "fleet.hpp"
#include "sim_agent.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>

namespace cadre::simulation {

namespace {

using namespace actors;
using namespace actors::supervision;

constexpr milliseconds report_every{1'000};
constexpr milliseconds batch_timeout{2'000};
constexpr milliseconds grave_time{60'000};

/// The bus as the node host sees it.
class sim_link final : public node_link {
 public:
  sim_link(fleet& in, node_process& of) : fleet_{in}, node_{of} {}
  void send_heartbeat(const node_heartbeat& beat) override { fleet_.publish(node_.name, beat); }
  void request(const std::string& node, const message& order, milliseconds, std::uint64_t request,
               const caf::actor&) override {
    fleet_.request(node_, node, order, request);
  }
  void reply(const std::string& reply_to, const message& answer) override {
    fleet_.reply(node_.name, reply_to, answer);
  }

 private:
  fleet& fleet_;
  node_process& node_;
};

/// A client of the company: asks for each command's outcome, and remembers what it was told.
caf::behavior clerk(caf::event_based_actor* self, caf::actor commands, oracle* watch) {
  return {[=](const command& c) {
    self->request(commands, command_timeout, c)
        .then([watch, id = c.id](const outcome& o) { watch->answered(id, o.status); }, [](const caf::error&) {});
  }};
}

}  // namespace

still_config::still_config() {
  set("scheduler.policy", caf::atom("testing"));
  set("scheduler.max-throughput", std::size_t{50});
}

node_process::node_process(fleet& in, std::string of_name, node_life_id of_life)
    : name(std::move(of_name)),
      life(std::move(of_life)),
      system_{config_},
      scheduler_{dynamic_cast<caf::scheduler::test_coordinator&>(system_.scheduler())},
      fleet_{in},
      leader{in, *this} {
  scheduler_.clock().current_time = in.time.now();
}

node_process::~node_process() = default;

void node_process::boot() {
  auto services = std::make_shared<agent_services>();
  services->company = fleet_.plan.obeyed;
  services->node = name;
  services->life = life;
  const auto send = [this](std::vector<command> commands, std::function<void(result<std::vector<outcome>>)> answer) {
    fleet_.send_batch(*this, std::move(commands), std::move(answer), batch_timeout);
  };
  services->commands = commands_ = system_.spawn(command_client, send, command_queue_options{});
  services->reporter = reporter_ =
      system_.spawn(node_reporter, commands_, node_identity{name, life, "host", 1, "1"}, report_every);
  clerk_ = system_.spawn(clerk, commands_, &fleet_.watch);
  spawn_host(services);
  after(fleet_.chance.time(0, 200), [this] { leader.campaign(); });
}

void node_process::spawn_host(const std::shared_ptr<const agent_services>& services) {
  node_host_config c;
  c.node = name;
  c.life = life;
  c.company = fleet_.plan.obeyed;
  c.link = std::make_shared<sim_link>(fleet_, *this);
  c.make_agent = [this, services](caf::event_based_actor* self, const agent_birth& b) {
    return birth(self, services, b);
  };
  c.reporter = [this](const agent_report& r) {
    if (dead_) return;
    fleet_.watch.reported(life, r);
    const bool told = fleet_.broken != sabotage::quarantine_untold || r.state != agent_state::quarantined;
    if (told) caf::anon_send(reporter_, r);
  };
  c.start_time = milliseconds{3'000};
  c.leave_time = milliseconds{5'000};
  c.seed = fleet_.chance.seed();
  host = system_.spawn(node_host, std::move(c));
  host->attach_functor([this](const caf::error&) {
    if (!dead_) fleet_.ended(name);
  });
}

caf::actor node_process::birth(caf::event_based_actor* self, const std::shared_ptr<const agent_services>& services,
                               const agent_birth& b) {
  sim_agent_config c;
  c.services = services;
  c.spec = *fleet_.plan.obeyed->find_agent(b.path);
  c.birth = b;
  c.chance = &fleet_.chance;
  c.watch = &fleet_.watch;
  c.trouble = fleet_.run_trouble;
  c.stubborn = fleet_.chance.chance(0.05);
  auto agent = self->spawn(sim_agent, std::move(c));
  directory_[b.path] = caf::actor_cast<caf::actor_addr>(agent);
  if (!dead_) fleet_.watch.born(b.path, life, b.token);
  agent->attach_functor([this, path = b.path, token = b.token](const caf::error&) {
    if (!dead_) fleet_.watch.died(path, life, token);
  });
  return agent;
}

void node_process::after(milliseconds delay, timeline::deed what) {
  fleet_.time.after(delay, [weak = weak_from_this(), what = std::move(what)]() mutable {
    const auto me = weak.lock();
    if (!me || me->dead_) return;
    if (me->frozen_)
      me->postponed_.push_back(std::move(what));
    else
      what();
  });
}

void node_process::thaw() {
  if (!frozen_) return;
  frozen_ = false;
  for (auto& what : std::exchange(postponed_, {}))
    if (!dead_) what();
}

void node_process::stop() {
  if (leaving_) return;
  leaving_ = true;
  caf::anon_send_exit(host, caf::exit_reason::user_shutdown);
}

void node_process::bury() {
  dead_ = true;
  leader.resign();
  for (const auto& [path, address] : directory_)
    if (const auto agent = caf::actor_cast<caf::actor>(address)) caf::anon_send_exit(agent, caf::exit_reason::kill);
  for (const auto& helper : {reporter_, clerk_, commands_}) caf::anon_send_exit(helper, caf::exit_reason::kill);
  caf::anon_send_exit(host, caf::exit_reason::user_shutdown);
  while (scheduler_.try_run_once()) {
  }
  // What the host still waits for will not come; its own patience ends it.
  scheduler_.advance_time(grave_time);
  while (scheduler_.try_run_once()) {
  }
  host = reporter_ = clerk_ = commands_ = nullptr;
}

bool node_process::do_one() {
  return !dead_ && !frozen_ && scheduler_.try_run_once();
}

time_point node_process::next() const {
  const auto& timers = scheduler_.clock().schedule();
  return dead_ || frozen_ || timers.empty() ? time_point::max() : timers.begin()->first;
}

void node_process::advance_to(time_point now) {
  if (dead_ || frozen_) return;
  auto& clock = scheduler_.clock();
  if (next() > now)
    clock.current_time = now;
  else
    scheduler_.advance_time(now - clock.current_time);
}

caf::actor node_process::find(const agent_path& agent) const {
  const auto at = directory_.find(agent);
  return at == directory_.end() ? caf::actor{} : caf::actor_cast<caf::actor>(at->second);
}

void node_process::hear(const node_heartbeat& beat) {
  if (beat.leads && beat.leader_epoch > newest_leader_) {
    newest_leader_ = beat.leader_epoch;
    caf::anon_send(reporter_, leader_seen_atom_v);
  }
  caf::anon_send(host, incoming_heartbeat{beat});
}

void node_process::hear(const run_grant& grant) {
  if (const auto agent = find(grant.agent)) caf::anon_send(agent, grant);
}

void node_process::hear(const run_revoke& revoke) {
  if (const auto agent = find(revoke.agent)) caf::anon_send(agent, revoke);
}

void node_process::hear(const life_replaced& news) {
  if (const auto agent = find(news.agent)) caf::anon_send(agent, news);
}

void node_process::ask(const command& c) {
  caf::anon_send(clerk_, c);
}

bool node_process::harm(const agent_path& agent, const std::string& how) {
  const auto victim = find(agent);
  if (!victim) return false;
  if (how == "kill")
    caf::anon_send_exit(victim, caf::exit_reason::kill);
  else
    caf::anon_send(victim, how);
  return true;
}

}  // namespace cadre::simulation
