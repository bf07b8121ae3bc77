#include "node_registry.hpp"

#include <utility>

namespace cadre::actors::supervision {

node_registry::node_registry(std::string self, node_life_id life, std::chrono::milliseconds lease)
    : self_(std::move(self)), life_(std::move(life)), lease_(lease) {}

std::vector<node_change> node_registry::heard(const node_heartbeat& beat, time_point now) {
  auto changes = heard(beat.node, beat.life, now);
  if (const auto at = nodes_.find(beat.node); at != nodes_.end() && at->second.life == beat.life) {
    // Open again after draining, or with room again, is as good as new to children that wait for a node.
    const bool opens = (at->second.draining && !beat.draining) || (at->second.full && !beat.full);
    if (opens) changes.push_back({node_change::kind::found, beat.node, beat.life});
    if (!at->second.draining && beat.draining) changes.push_back({node_change::kind::drains, beat.node, beat.life});
    at->second.draining = beat.draining;
    at->second.full = beat.full;
  }
  return changes;
}

std::vector<node_change> node_registry::heard(const std::string& node, const node_life_id& life, time_point now) {
  std::vector<node_change> changes;
  if (node == self_ || node.empty() || life.empty()) return changes;
  auto at = nodes_.find(node);
  if (at != nodes_.end() && at->second.life != life) {
    // Lives are time-ordered: what is still on its way from an older one must not bury the present one.
    if (life < at->second.life) return changes;
    changes.push_back({node_change::kind::lost, node, at->second.life});
    nodes_.erase(at);
    at = nodes_.end();
  }
  if (at == nodes_.end()) {
    nodes_[node] = entry{life, now, false, false};
    changes.push_back({node_change::kind::found, node, life});
  } else {
    at->second.last = now;
  }
  return changes;
}

std::vector<node_change> node_registry::tick(time_point now) {
  std::vector<node_change> changes;
  const bool paused = last_tick_ != time_point{} && now - last_tick_ > lease_ / 2;
  last_tick_ = now;
  for (auto at = nodes_.begin(); at != nodes_.end();) {
    if (paused) at->second.last = now;
    if (now - at->second.last > lease_) {
      changes.push_back({node_change::kind::lost, at->first, at->second.life});
      at = nodes_.erase(at);
    } else {
      ++at;
    }
  }
  return changes;
}

bool node_registry::is_there(const std::string& node) const {
  return node == self_ || nodes_.contains(node);
}

bool node_registry::is_there(const std::string& node, const node_life_id& life) const {
  return is_there(node) && life_of(node) == life;
}

node_life_id node_registry::life_of(const std::string& node) const {
  if (node == self_) return life_;
  const auto at = nodes_.find(node);
  return at == nodes_.end() ? node_life_id{} : at->second.life;
}

std::vector<node_change> node_registry::drain_self(bool draining) {
  if (draining == draining_) return {};
  draining_ = draining;
  return {{draining ? node_change::kind::drains : node_change::kind::found, self_, life_}};
}

std::vector<node_change> node_registry::fill_self(bool full) {
  const bool opens = full_ && !full;
  full_ = full;
  if (!opens) return {};
  return {{node_change::kind::found, self_, life_}};
}

bool node_registry::is_draining(const std::string& node) const {
  if (node == self_) return draining_;
  const auto at = nodes_.find(node);
  return at != nodes_.end() && at->second.draining;
}

std::string node_registry::first_open(const std::vector<std::string>& nodes) const {
  for (const auto& node : nodes) {
    if (node == self_) {
      if (!draining_ && !full_) return node;
      continue;
    }
    const auto at = nodes_.find(node);
    if (at != nodes_.end() && !at->second.draining && !at->second.full) return node;
  }
  return {};
}

}  // namespace cadre::actors::supervision
