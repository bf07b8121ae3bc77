#pragma once

#include "commands.hpp"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

/// What travels on the bus, and the envelope around it.
namespace cadre {

/// Commands of one node, in the order in which they are to be applied. Subject: cadre.COMPANY.cmd.command_batch.
struct command_batch {
  static constexpr std::string_view kind = "command_batch";
  std::vector<command> commands;
  CADRE_FIELDS(commands)
};

/// The reply: one outcome per command, in the same order.
struct command_outcomes {
  static constexpr std::string_view kind = "command_outcomes";
  std::vector<outcome> outcomes;
  CADRE_FIELDS(outcomes)
};

/// The reply to what could not be handled at all.
struct error_reply {
  static constexpr std::string_view kind = "error_reply";
  failure error;
  CADRE_FIELDS(error)
};

/// A plain yes.
struct ack {
  static constexpr std::string_view kind = "ack";
  CADRE_NO_FIELDS()
};

/// The writer grants a run: work for an agent. Subject: cadre.COMPANY.agent.PATH. Sent again until the node reports
/// the run as held, so the receiver must know a run that it already has by its id.
struct run_grant {
  static constexpr std::string_view kind = "run_grant";
  run_id run;
  task_id task;
  std::int64_t attempt = 0;
  agent_path agent;
  epoch incarnation = 0;
  std::string mode;
  std::string title;
  json_text payload;
  timestamp deadline;
  json_text brain;  ///< The brain rows that the agent's config asks for.
  std::string op;   ///< `investigate`: the task is an escalation to look into. Empty: an ordinary one.
  CADRE_FIELDS(run, task, attempt, agent, incarnation, mode, title, payload, deadline, brain, op)
};

/// A run is no longer wanted (cancelled, or its attempt was replaced): stop it and report nothing.
struct run_revoke {
  static constexpr std::string_view kind = "run_revoke";
  run_id run;
  agent_path agent;
  std::string reason;
  CADRE_FIELDS(run, agent, reason)
};

/// A newer life of an agent is on record: every older one, wherever it runs, does nothing more and ends itself.
/// Subject: cadre.COMPANY.agent.PATH. Sent at each grant of an epoch, and again while a node reports an older life.
/// Also sent while a node reports a life that supervisors gave up: `newest` is the epoch after its own.
struct life_replaced {
  static constexpr std::string_view kind = "life_replaced";
  agent_path agent;
  epoch newest = 0;
  CADRE_FIELDS(agent, newest)
};

/// An event as it stands in the outbox. Subject: the one in the row; header Nats-Msg-Id: `COMPANY-seq`.
struct event {
  static constexpr std::string_view kind = "event";
  std::int64_t seq = 0;
  std::string subject;
  std::string what;  ///< `output_sealed`, `verdict`, `escalation_moved`, `task_changed`, `fire`, `brief`, ...
  json_text data;
  timestamp at;
  CADRE_FIELDS(seq, subject, what, data, at)
};

/// A node lives. Subject: cadre.node.NODE.hb, each 500 ms.
struct node_heartbeat {
  static constexpr std::string_view kind = "node_heartbeat";
  std::string node;
  node_life_id life;
  bool leads = false;
  epoch leader_epoch = 0;  ///< The epoch this node leads with, or the highest it heard of.
  bool draining = false;
  bool full = false;  ///< Runs as many agents as its `max_agents` allows.
  CADRE_FIELDS(node, life, leads, leader_epoch, draining, full)
};

/// Where a supervisor is: its branch's path, its node and the life of that node; and its rank. Of two supervisors of
/// one branch the one with the later reign is the newer, within a reign the one with the later token: nodes obey no
/// older supervisor of a child than the one they know.
struct supervisor_ref {
  agent_path branch;  ///< The manager whose branch it is; empty for the root.
  std::string node;
  node_life_id life;
  epoch reign = 0;          ///< The leader epoch in which this supervisor was started.
  incarnation_token token;  ///< Of its own life; ordered by time.
  CADRE_FIELDS(branch, node, life, reign, token)
};

/// A supervisor orders a node to start a child. Subject: cadre.node.NODE.ctl. If the child runs there already it is
/// adopted: it keeps its life and its DOWN goes to the new supervisor from now on.
struct child_start {
  static constexpr std::string_view kind = "child_start";
  agent_path child;
  bool branch = false;  ///< True: a manager's branch supervisor; false: a single agent.
  incarnation_token token;
  supervisor_ref supervisor;
  epoch leader_epoch = 0;
  /// Adopt the child if it runs there, else start nothing and answer not_found: asked by a supervisor that is new and
  /// does not know where its children are. A child that is being stopped is awaited first.
  bool adopt_only = false;
  CADRE_FIELDS(child, branch, token, supervisor, leader_epoch, adopt_only)
};

/// The answer once the child answers (ordered start), or with the cause if it did not.
struct child_started {
  static constexpr std::string_view kind = "child_started";
  agent_path child;
  incarnation_token token;  ///< The life that runs: another one than asked for if it was adopted.
  bool adopted = false;
  failure error;  ///< Code none: it runs.
  CADRE_FIELDS(child, token, adopted, error)
};

/// A supervisor orders a child to stop. Answered with `child_down` once it is gone.
struct child_stop {
  static constexpr std::string_view kind = "child_stop";
  agent_path child;
  bool branch = false;
  incarnation_token token;
  std::int64_t shutdown_ms = 0;  ///< 0: brutal_kill. -1: infinity.
  supervisor_ref supervisor;
  /// It moves to another node: an agent takes nothing new and finishes what it runs, however long that takes; the
  /// children of a branch run on and are adopted from there. A stop without this overtakes it.
  bool finish = false;
  bool exact = false;  ///< Only the life with this token is meant; if another runs, it stays.
  CADRE_FIELDS(child, branch, token, shutdown_ms, supervisor, finish, exact)
};

/// A child ended. Sent to the node of its supervisor (request, repeated until acknowledged or the node is lost).
struct child_down {
  static constexpr std::string_view kind = "child_down";
  agent_path child;
  bool branch = false;
  incarnation_token token;
  exit_reason reason = exit_reason::normal;
  failure cause;  ///< The first cause, kept through every level.
  supervisor_ref supervisor;
  CADRE_FIELDS(child, branch, token, reason, cause, supervisor)
};

/// A person orders something of an agent or a node. `order`: `start`, `terminate`, `restart`, `add`, `delete`, `kill`
/// (agents; all but `restart` and `kill` of a manager mean its whole branch), `drain`, `undrain`. Answered with ack
/// once it is done; else with an error: not_found (it is for another node), refused (and why), timed_out (still being
/// done).
struct operator_order {
  static constexpr std::string_view kind = "operator_order";
  std::string order;
  agent_path agent;
  CADRE_FIELDS(order, agent)
};

using message = std::variant<command_batch, command_outcomes, error_reply, ack, run_grant, run_revoke, life_replaced,
                             event, node_heartbeat, child_start, child_started, child_stop, child_down, operator_order>;

/// What is around every message. Unknown fields are ignored by readers, so nodes of adjacent versions work together.
struct envelope {
  static constexpr std::uint32_t current_version = 1;

  std::uint32_t version = current_version;
  message_id id;
  std::string company;
  std::string from;
  epoch incarnation = 0;
  message_id causation;  ///< The message that caused this one; may be empty.
  std::string trace;     ///< W3C traceparent; may be empty.
  timestamp sent_at;
  message body;
};

}  // namespace cadre
