#pragma once

#include "actors/command/command_client.hpp"
#include "actors/supervision/node_host.hpp"
#include "actors/watch/pulse.hpp"
#include "agent_directory.hpp"
#include "bus/connection.hpp"

#include <caf/actor.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// Between the bus and the actors of a node. Handlers of the bus run on its threads and only send.
namespace cadre::actors {

/// The node host's way to other nodes.
class bus_link final : public supervision::node_link {
 public:
  bus_link(std::shared_ptr<bus::connection> bus, std::string node) : bus_{std::move(bus)}, node_{std::move(node)} {}
  void send_heartbeat(const node_heartbeat& beat) override;
  void request(const std::string& node, const message& order, std::chrono::milliseconds timeout, std::uint64_t request,
               const caf::actor& answer_to) override;
  void reply(const std::string& reply_to, const message& answer) override;

 private:
  std::shared_ptr<bus::connection> bus_;
  std::string node_;
};

/// How the command client reaches the writer. `signs` is told of each batch of which something is committed.
batch_sender writer_road(std::shared_ptr<bus::connection> bus, std::string node, std::shared_ptr<pulse> signs);

/// What a node listens to: orders to it, heartbeats of all nodes, messages to its agents. Ends with the object.
struct node_ears {
  std::vector<bus::subscription> subscriptions;
};

struct ear_targets {
  caf::actor node_host;
  caf::actor reporter;  ///< Told when a new leader is heard of.
  std::shared_ptr<agent_directory> agents;
  std::shared_ptr<pulse> signs;           ///< Told of each heartbeat of a leader.
  std::function<health_report()> health;  ///< Asked on a thread of the bus.
};

/// What an `operator_order` says to ask a node how it is. Answered from the bus's own thread, so also by a node that is
/// stuck: `ack` if it is well, else an error_reply `refused` with the line that its log has.
inline constexpr std::string_view health_order = "health";

/// Subscribes. Errors: those of connection::subscribe.
result<node_ears> listen(const std::shared_ptr<bus::connection>& bus, const std::string& company,
                         const std::string& node, const ear_targets& targets);

}  // namespace cadre::actors
