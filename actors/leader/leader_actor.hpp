#pragma once

#include "actors/local_messages.hpp"
#include "bus/connection.hpp"
#include "bus/gate.hpp"
#include "campaign.hpp"
#include "config/company.hpp"
#include "reach.hpp"

#include <caf/actor.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace cadre::actors {

struct leader_config {
  std::shared_ptr<const config::company> company;
  std::string node;
  node_life_id life;
  std::string writer_url;
  std::string reader_url;
  std::shared_ptr<bus::connection> bus;
  caf::actor node_host;
  caf::actor commands;
  /// Signs of the database, see campaign, writer_outlets and storage::candidate. From any thread.
  std::function<void()> database_lost, database_heard;
  /// Whether this node drains while another could lead. Written from any thread; never null.
  std::shared_ptr<const std::atomic<bool>> stands_aside = std::make_shared<std::atomic<bool>>(false);
  /// Between the bus and the writer's mailbox: batches of new tasks alone, and all others. Each has its own bound, so
  /// that there is room for what ends work however many tasks are added.
  bus::gate_limits new_task_gate{2'048, 32 * 1024 * 1024};
  bus::gate_limits command_gate;
};

struct leader_state {
  std::unique_ptr<campaign> candidacy;
  std::optional<bus::gate> gate, new_task_gate;
  /// What the writer says of when there will be room. Shared with the threads that refuse.
  std::shared_ptr<std::atomic<std::int64_t>> room_after_us = std::make_shared<std::atomic<std::int64_t>>(0);
  bus::subscription commands;
  epoch reign = 0;  ///< 0: this node does not lead.
  caf::actor writer, relay, brief_writer, notifier, findings, dead_man;
  std::shared_ptr<std::atomic<bool>> dead_man_stop;  ///< Set: a ping that is under way ends.
  reach reachable{std::chrono::milliseconds{0}};
  /// When the database last answered, as steady time since its epoch; written by the threads that ask it.
  std::shared_ptr<std::atomic<std::chrono::steady_clock::rep>> database_heard;
  bool ready = false;     ///< The writer takes commands.
  bool yielding = false;  ///< The writer was told to end its reign.
  bool stopping = false;
  caf::error stop_reason;
  static inline const char* name = "leader";
};

/// A control node's part in leading: runs for leader, and while it reigns keeps the writer, the event relay, the
/// brief's writer and the root of the tree. When the writer ends, for whatever reason, the reign is over: everything of
/// it is stopped but the agents, which the next leader adopts, and the node runs again. It runs only with the bus in
/// reach, and hands over soon after that is gone, or when its node drains; while the database is silent for a lease it
/// takes no commands: see `reach`. An exit message ends the reign in order and quits.
caf::behavior leader_actor(caf::stateful_actor<leader_state>* self, leader_config config);

}  // namespace cadre::actors
