#pragma once

#include "actors/agent/agent_services.hpp"
#include "actors/supervision/node_host.hpp"
#include "model_leader.hpp"
#include "timeline.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

/// One life of a node, from its start to its end: an actor system of its own without threads, whose clock is the
/// timeline's. In it run the product's node host with its supervisors, command client and node reporter.
namespace cadre::simulation {

class fleet;

/// Has no thread and starts nothing by itself.
struct still_config : caf::actor_system_config {
  still_config();
};

class node_process : public std::enable_shared_from_this<node_process> {
 public:
  node_process(fleet& in, std::string of_name, node_life_id of_life);
  ~node_process();  ///< Precondition: `bury` was called.
  node_process(const node_process&) = delete;
  node_process& operator=(const node_process&) = delete;

  /// Spawns its actors and stands for leader.
  void boot();
  /// Calls it after the delay; after its thaw, if it is frozen then; never, if it is dead then.
  void after(milliseconds delay, timeline::deed what);

  /// SIGSTOP and SIGCONT.
  void freeze() { frozen_ = true; }
  void thaw();
  [[nodiscard]] bool frozen() const { return frozen_; }
  /// SIGTERM: it ends in order, and then the fleet hears of it.
  void stop();
  /// SIGKILL: it does nothing from now on. `bury` may follow later.
  void die() { dead_ = true; }
  [[nodiscard]] bool dead() const { return dead_; }
  /// Frees what a dead process had.
  void bury();

  /// Handles one message. False: there is none, or it is frozen or dead.
  bool do_one();
  /// When its next timer is due.
  [[nodiscard]] time_point next() const;
  void advance_to(time_point now);

  void hear(const node_heartbeat& beat);
  void hear(const run_grant& grant);
  void hear(const run_revoke& revoke);
  void hear(const life_replaced& news);
  /// A client on this node gives a command to its command client.
  void ask(const command& c);
  /// An agent here fails, ends, or is killed. False: it does not run here.
  bool harm(const agent_path& agent, const std::string& how);

  const std::string name;
  const node_life_id life;

 private:
  still_config config_;
  caf::actor_system system_;
  caf::scheduler::test_coordinator& scheduler_;
  fleet& fleet_;
  bool frozen_ = false;
  bool dead_ = false;
  bool leaving_ = false;
  epoch newest_leader_ = 0;
  std::vector<timeline::deed> postponed_;
  std::unordered_map<agent_path, caf::actor_addr> directory_;
  caf::actor commands_, reporter_, clerk_;

  caf::actor birth(caf::event_based_actor* host, const std::shared_ptr<const actors::agent_services>& services,
                   const actors::supervision::agent_birth& b);
  void spawn_host(const std::shared_ptr<const actors::agent_services>& services);
  [[nodiscard]] caf::actor find(const agent_path& agent) const;

 public:
  caf::actor host;
  model_leader leader;
};

}  // namespace cadre::simulation
