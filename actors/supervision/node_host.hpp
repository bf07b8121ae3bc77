#pragma once

#include "config/company.hpp"
#include "schemas/messages.hpp"
#include "type_ids.hpp"

#include <caf/actor.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

/// One actor per node: what runs here, which nodes are there, and the supervision edges between nodes.
namespace cadre::actors::supervision {

/// The bus as the node host sees it. Called from scheduler threads; must not block. A test connects two hosts with it.
class node_link {
 public:
  virtual ~node_link() = default;
  /// Publishes on cadre.node.NODE.hb; best effort.
  virtual void send_heartbeat(const node_heartbeat& beat) = 0;
  /// Sends `order` to cadre.node.NODE.ctl and, at best, sends one control_answer{request, ...} to `answer_to` (with
  /// anon_send). The host has a timer of its own: an answer that never comes does no harm.
  virtual void request(const std::string& node, const message& order, std::chrono::milliseconds timeout,
                       std::uint64_t request, const caf::actor& answer_to) = 0;
  /// Answers an incoming_control.
  virtual void reply(const std::string& reply_to, const message& answer) = 0;
};

/// What an agent is told at its birth. The actor made from it should call keep_exception_text, answer ready_atom with
/// `true` (not before it is ready for work; a life that does not know the atom counts as ready, too), and quit with
/// `to_error` when it fails.
struct agent_birth {
  agent_path path;
  incarnation_token token;
  supervisor_ref supervisor;
};

struct node_host_config {
  std::string node;
  node_life_id life;
  std::shared_ptr<const config::company> company;
  std::shared_ptr<node_link> link;
  /// Spawns an agent from the host's thread of control; must not block. An exception is a failed start.
  std::function<caf::actor(caf::event_based_actor* host, const agent_birth& birth)> make_agent;
  /// Takes what is to be told to people and kept: called from the host's thread of control, must not block.
  std::function<void(const agent_report& report)> reporter;
  /// Told when the node begins or ends to drain; as `reporter`. May be empty.
  std::function<void(bool draining)> drained;
  /// Told when this node drains while another control node is there that does not, and when that ends; as `reporter`.
  /// May be empty.
  std::function<void(bool aside)> stands_aside;
  std::chrono::milliseconds heartbeat_interval{500};
  std::chrono::milliseconds start_time{30'000};      ///< For one agent to answer after its start.
  std::chrono::milliseconds request_timeout{2'000};  ///< For one try of an order to another node.
  std::chrono::milliseconds retry_delay{250};        ///< Before an order without an answer is sent again.
  std::chrono::milliseconds leave_time{20'000};      ///< For the lives of a node that stops; then they are killed.
  std::uint64_t seed = 1;                            ///< Of the jitter of backoffs.

  /// bad_value: a missing part, or a time that is not positive.
  [[nodiscard]] result<void> validate() const;
};

class node_host_core;

struct node_host_state {
  node_host_state();
  ~node_host_state();
  std::unique_ptr<node_host_core> core;
  static inline const char* name = "node_host";
};

/// The node host. It sends a heartbeat at once and at each interval.
/// Messages: incoming_control, incoming_heartbeat, control_answer (from the bus); start_order, stop_order, child_report
/// (from the supervisors it spawned); lead, step_down; stop_company (answered with true once the company is down);
/// node_order (answered with order_answer; the same order over the bus is answered with ack or error_reply).
/// An exit message stops the node: it tells the others that it drains, stops its agents, kills its branch supervisors
/// so that their children elsewhere run on, tells the supervisors elsewhere (noconnection), and quits. A config that
/// `validate` refuses makes it quit at once with that failure.
caf::behavior node_host(caf::stateful_actor<node_host_state>* self, node_host_config cfg);

}  // namespace cadre::actors::supervision
