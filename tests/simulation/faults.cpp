#include "fleet.hpp"

#include <algorithm>

/// What clients ask for, and what goes wrong.
namespace cadre::simulation {

namespace {

/// Of what looks like a loss to others, in a fleet that is to stay in one piece: well below the lease.
constexpr std::int64_t short_ms = 900;
constexpr std::int64_t long_ms = 7'000;

const std::vector<std::string> harms{"kill", "its code threw", "its code threw", "quit"};

}  // namespace

void fleet::client_asks() {
  if (healed_) return;
  time.after(chance.time(20, 900), [this] { client_asks(); });
  auto* node = some_node();
  if (node == nullptr || node->frozen()) return;
  const auto number = std::to_string(++count_);
  const auto& agent = chance.pick(plan.company->agents);
  command c;
  c.id = named_id<command_id>("command " + number);
  c.from = "node." + node->name;
  if (chance.chance(0.7)) {
    task_add add;
    add.id = named_id<task_id>("task " + number);
    add.agent = agent.path;
    add.mode = agent.mode;
    c.body = add;
    watch.asked(c.id, "task " + number, node->life);
  } else {
    escalation_raise raise;
    raise.id = named_id<escalation_id>("escalation " + number);
    raise.origin = agent.path;
    raise.problem = "trouble " + std::to_string(chance.between(1, 4));
    c.body = raise;
    watch.asked(c.id, "escalation " + number, node->life);
  }
  node->ask(c);
}

void fleet::plan_faults() {
  for (int i = 0; i < plan.faults; ++i) time.after(chance.time(1'000, plan.faulty.count() - 500), [this] { fault(); });
}

void fleet::fault() {
  auto* node = some_node();
  if (node == nullptr) return;
  switch (chance.between(0, 3)) {
    case 0: {
      // One agent fails, perhaps again and again.
      const auto agent = chance.pick(plan.company->agents).path;
      const auto how = chance.pick(harms);
      const auto pause = chance.time(1, 400);
      for (auto times = chance.between(1, 8); times > 0; --times)
        time.after(pause * times, [this, agent, how] {
          for (const auto& [name, where] : nodes_)
            if (!where->frozen() && where->harm(agent, how)) log.note("{} on {}: {}", agent.text, name, how);
        });
      return;
    }
    case 1:
      return fault_of_a_node(*node);
    case 2:
      if (plan.lossy) return fault_of_the_bus(*node);
      [[fallthrough]];
    default:
      return fault_of_the_database(*node);
  }
}

void fleet::fault_of_a_node(node_process& node) {
  const auto name = node.name;
  switch (chance.between(0, 3)) {
    case 0:
      log.note("{} is asked to stop", name);
      return node.stop();
    case 1:
    case 2: {
      log.note("{} is frozen", name);
      node.freeze();
      const auto life = node.life;
      return time.after(chance.time(100, plan.splits ? long_ms : short_ms), [this, name, life] {
        auto* frozen = find(name);
        if (frozen == nullptr || frozen->life != life) return;
        log.note("{} goes on", name);
        frozen->thaw();
      });
    }
    default:
      return kill(name);
  }
}

void fleet::fault_of_the_bus(node_process& node) {
  const auto lasts = chance.time(100, plan.splits ? long_ms : short_ms);
  const auto name = node.name;
  const auto other = chance.pick(plan.nodes);
  switch (chance.between(0, 3)) {
    case 0:
      log.note("the bus is away");
      bus.down = true;
      return time.after(lasts, [this] { bus.down = false; });
    case 1:
      if (other == name) return;
      log.note("{} does not hear {}", other, name);
      bus.cut_links.insert({name, other});
      if (chance.chance(0.5)) bus.cut_links.insert({other, name});
      return time.after(lasts, [this, name, other] {
        bus.cut_links.erase({name, other});
        bus.cut_links.erase({other, name});
      });
    default:
      log.note("{} is cut off from the bus", name);
      bus.cut_off.insert(name);
      return time.after(lasts, [this, name] {
        log.note("{} has the bus again", name);
        bus.cut_off.erase(name);
      });
  }
}

void fleet::fault_of_the_database(node_process& node) {
  const auto lasts = chance.time(100, long_ms);
  const auto name = node.name;
  switch (chance.between(0, 3)) {
    case 0:
      log.note("the database is away");
      database.stop();
      return time.after(lasts, [this] { database.start(); });
    case 1:
      log.note("{} is cut off from the database", name);
      cut_from_database.insert(name);
      return time.after(lasts, [this, name] { cut_from_database.erase(name); });
    case 2:
      log.note("the leader's session is terminated");
      return database.close(database.lock_holder());
    default:
      log.note("the leader's lock slips");
      return database.slip_lock();
  }
}

void fleet::heal() {
  log.note("everything is healed");
  healed_ = true;
  commit_trouble = run_trouble = 0;
  bus.heal();
  database.start();
  cut_from_database.clear();
  // Sometimes one node never comes back: its agents must run elsewhere.
  if (chance.chance(0.3)) {
    stays_dead_ = chance.pick(plan.nodes);
    log.note("{} will stay dead", stays_dead_);
    take_away(stays_dead_, false);
  }
  for (const auto& [name, node] : nodes_) node->thaw();
  for (const auto& name : plan.nodes)
    if (!nodes_.contains(name)) time.after(chance.time(0, 1'000), [this, name] { boot(name); });
}

}  // namespace cadre::simulation
