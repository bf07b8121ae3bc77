#pragma once

#include "machine.hpp"
#include "schemas/messages.hpp"

#include <cstdint>
#include <string>
#include <vector>

/// What supervisors, the node host and the bus say to each other inside one process. type_ids.hpp announces them.
namespace cadre::actors::supervision {

// To a supervisor.

/// An event for its machine: from the node host, from its own timers, or a person's order (`on::order`).
struct supervisor_input {
  on::event event;
};
/// An order whose end matters to the sender: answered with child_answer once it is carried out; the number in it is the
/// supervisor's own. A supervisor that is killed answers nothing: ask with a time limit.
struct child_order {
  on::order order;
};
struct child_answer {
  act::answer what;
};
/// OTP's which_children and count_children. Answered with children_answer at once.
struct children_query {};
struct children_answer {
  std::vector<child_view> children;
  child_count count;
};

// From a supervisor to its node host.

/// Start this child. Answered with one supervisor_input: started, start_failed or unavailable.
struct start_order {
  frozen<supervisor_ref> supervisor;
  frozen<child_spec> child;
};
/// Stop this child. Answered with a supervisor_input: down.
struct stop_order {
  frozen<supervisor_ref> supervisor;
  frozen<child_spec> child;
};
/// A child's state changed.
struct child_report {
  frozen<supervisor_ref> supervisor;
  act::report what;
};

// From the bus to the node host. All three may be sent with anon_send from any thread.

/// A request on cadre.NODE.ctl, checked to be of this company. `reply_to` goes to node_link::reply with the answer.
struct incoming_control {
  envelope request;
  std::string reply_to;
};
/// Another node's heartbeat (one's own is ignored).
struct incoming_heartbeat {
  node_heartbeat beat;
};
/// The answer to node_link::request. More than one for the same request, or a late one, does no harm.
struct control_answer {
  std::uint64_t request = 0;
  result<message> answer;
};

// From the node's integrator to the node host.

/// This node leads: start (or keep) the root supervisor. Repeating it with a later epoch only raises the epoch.
struct lead {
  epoch leader_epoch = 0;
};
/// This node leads no longer: the root ends; what it started runs on and is adopted by the next leader's root.
struct step_down {};
/// Stop the whole company, in reverse order, from the root. Answered (with `true`) once it is down; only the leader
/// can.
struct stop_company {};

/// A person's order about an agent or this node, as in operator_order. Answered with order_answer.
struct node_order {
  operator_order order;
};
/// Code none: it is done. not_found: the agent or its supervisor is not on this node. refused: it can't be done, and
/// why. timed_out: it is still being done.
struct order_answer {
  failure error;
};

// The node host to itself.

/// A time is over. `generation` is of the request, life or notice concerned.
struct host_timer {
  enum class kind : std::uint8_t { beat, request_expired, retry, life_expired, leave, settled };
  kind what = kind::beat;
  std::uint64_t generation = 0;
};

}  // namespace cadre::actors::supervision
