#pragma once

#include "timeline.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

/// The bus between nodes: late, lossy, repeating, out of order, and cut, as the seed wants it. What one node says to
/// another keeps its order, as NATS promises for one connection; repetitions and what comes from different nodes do
/// not.
namespace cadre::simulation {

class model_bus {
 public:
  model_bus(timeline& time, dice& chance) : time_{time}, dice_{chance} {}

  double drop = 0;
  double duplicate = 0;
  std::int64_t slow_ms = 5;       ///< Most that a message is late.
  bool down = false;              ///< The server is away.
  std::set<std::string> cut_off;  ///< Nodes without a connection to the server, not even to reach themselves.
  std::set<std::pair<std::string, std::string>> cut_links;  ///< Ordered: what the first says, the second does not hear.

  [[nodiscard]] bool carries(const std::string& from, const std::string& to) const {
    return !down && !cut_off.contains(from) && !cut_off.contains(to) && !cut_links.contains({from, to});
  }

  void send(const std::string& from, const std::string& to, const timeline::deed& deliver) {
    if (!carries(from, to) || dice_.chance(drop)) return;
    auto& last = last_[{from, to}];
    last = std::max(last, time_.now() + lateness());
    deliver_at(last, from, to, deliver);
    if (dice_.chance(duplicate)) deliver_at(last + lateness(), from, to, deliver);
  }

  void heal() {
    drop = duplicate = 0;
    slow_ms = 5;
    down = false;
    cut_off.clear();
    cut_links.clear();
  }

 private:
  milliseconds lateness() {
    return dice_.chance(0.8) ? dice_.time(0, 3) : dice_.time(0, std::max<std::int64_t>(slow_ms, 3));
  }
  void deliver_at(time_point t, const std::string& from, const std::string& to, const timeline::deed& deliver) {
    time_.at(t, [this, from, to, deliver] {
      if (carries(from, to)) deliver();
    });
  }

  std::map<std::pair<std::string, std::string>, time_point> last_;  ///< When a link's last message arrives.
  timeline& time_;
  dice& dice_;
};

}  // namespace cadre::simulation
