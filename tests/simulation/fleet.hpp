#pragma once

#include "model_bus.hpp"
#include "model_database.hpp"
#include "node_process.hpp"
#include "oracle.hpp"
#include "scenario.hpp"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

/// A company's fleet in a world of its own: nodes, bus and database, driven through one seed's faults.
namespace cadre::simulation {

class fleet {
 public:
  explicit fleet(std::uint64_t seed, sabotage what = sabotage::none, bool traced = false);
  ~fleet();
  fleet(const fleet&) = delete;
  fleet& operator=(const fleet&) = delete;

  /// Set up, run with faults, heal, rest, check. Returns the first broken promise; empty if none is.
  std::string play();

  // For the parts of the fleet.

  /// Every node hears it (a heartbeat, a grant, a revoke), each at its own time.
  template <class Message>
  void publish(const std::string& from, const Message& what) {
    for (const auto& to : plan.nodes)
      bus.send(from, to, [this, to, what] {
        if (const auto node = find(to)) node->hear(what);
      });
  }
  void request(node_process& from, const std::string& to, const message& order, std::uint64_t request);
  void reply(const std::string& from, const std::string& reply_to, const message& answer);
  void send_batch(node_process& from, std::vector<command> commands,
                  std::function<void(result<std::vector<outcome>>)> answer, milliseconds timeout);
  [[nodiscard]] bool reaches_database(const std::string& node) const {
    return database.is_up() && !cut_from_database.contains(node);
  }
  [[nodiscard]] timestamp wall_clock() const {
    return {std::chrono::duration_cast<std::chrono::microseconds>(time.now().time_since_epoch()).count()};
  }
  /// `kill -9` now; a new life starts after a while.
  void kill(const std::string& node);
  /// A node ended in order.
  void ended(const std::string& node);

  const sabotage broken;
  timeline time;
  dice chance;
  scenario plan;
  chronicle log;
  oracle watch;
  model_database database;
  model_bus bus;
  std::set<std::string> cut_from_database;
  double commit_trouble = 0;
  double run_trouble = 0;

 private:
  struct asker {
    std::weak_ptr<node_process> who;
    std::uint64_t request = 0;
  };

  [[nodiscard]] node_process* find(const std::string& node) const;
  [[nodiscard]] node_process* some_node();
  void boot(const std::string& node);
  void take_away(const std::string& node, bool restarts);
  void haunt(const std::string& node, const node_life_id& life);
  void run_until(time_point end);
  void settle_messages();
  void client_asks();
  void plan_faults();
  void fault();
  void fault_of_a_node(node_process& node);
  void fault_of_the_bus(node_process& node);
  void fault_of_the_database(node_process& node);
  void heal();

  std::map<std::string, std::shared_ptr<node_process>> nodes_;
  std::vector<std::shared_ptr<node_process>> graves_;
  std::map<std::string, asker> asked_;
  std::string stays_dead_;
  bool healed_ = false;
  int lives_ = 0;
  std::uint64_t count_ = 0;
};

}  // namespace cadre::simulation
