#pragma once

#include "schemas/ids.hpp"
#include "schemas/messages.hpp"

#include <chrono>
#include <map>
#include <string>
#include <vector>

/// Which nodes are there, judged by their heartbeats on the monotonic clock. Pure: no I/O, no clock of its own.
namespace cadre::actors::supervision {

/// A node came, went, or takes nothing new (`drains`; once it does again, or has room again, it is `found`). A
/// restarted node is `lost` with its old life, then `found` with the new one.
struct node_change {
  enum class kind { found, lost, drains };
  kind what = kind::found;
  std::string node;
  node_life_id life;
};

class node_registry {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  /// `self` is always there. A node that is silent for longer than `lease` is lost.
  node_registry(std::string self, node_life_id life, std::chrono::milliseconds lease);

  /// A sign of life. Returns what it changes, in order.
  std::vector<node_change> heard(const node_heartbeat& beat, time_point now);

  /// A sign of life other than a heartbeat (a control message). Does not tell about draining.
  std::vector<node_change> heard(const std::string& node, const node_life_id& life, time_point now);

  /// Call about every heartbeat interval. A gap of more than half the lease between two calls means that this process
  /// was paused, not that the others were silent: their leases start again.
  std::vector<node_change> tick(time_point now);

  [[nodiscard]] bool is_there(const std::string& node) const;
  [[nodiscard]] bool is_there(const std::string& node, const node_life_id& life) const;
  /// The present life of a node that is there; empty otherwise.
  [[nodiscard]] node_life_id life_of(const std::string& node) const;
  /// The first node of the list that is there, not draining and not full; empty if there is none.
  [[nodiscard]] std::string first_open(const std::vector<std::string>& nodes) const;
  /// True for a node, this one included, that is there and takes no new children.
  [[nodiscard]] bool is_draining(const std::string& node) const;
  /// Whether this node takes no new children. Returns what that changes.
  std::vector<node_change> drain_self(bool draining);
  [[nodiscard]] bool draining() const noexcept { return draining_; }
  /// Whether this node runs as many agents as it may: full nodes keep what they have and get nothing more. Returns what
  /// that changes.
  std::vector<node_change> fill_self(bool full);
  [[nodiscard]] bool full() const noexcept { return full_; }

 private:
  struct entry {
    node_life_id life;
    time_point last;
    bool draining = false;
    bool full = false;
  };

  std::string self_;
  node_life_id life_;
  std::chrono::milliseconds lease_;
  bool draining_ = false;
  bool full_ = false;
  std::map<std::string, entry> nodes_;
  time_point last_tick_{};
};

}  // namespace cadre::actors::supervision
