#pragma once

#include "actors/notify/notify_machine.hpp"
#include "actors/runner/exit_info.hpp"
#include "bus/events.hpp"
#include "config/company.hpp"
#include "schemas/commands.hpp"
#include "schemas/messages.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/type_id.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

/// What the actors of one node say to each other, beside the messages of the bus. Only caf_core is linked, so CAF never
/// serialises any of it (bytes between nodes are made by schemas/codec): every type here travels as plain memory that
/// nobody changes after it was sent.
namespace cadre::storage {
class leadership;
}

namespace cadre::actors {

/// The bus answered a node's batch of commands, or did not. To: command client.
struct batch_answer {
  std::uint64_t batch = 0;
  result<std::vector<outcome>> outcomes;
};

/// A time set by the command queue is over. To: command client.
struct queue_wake {
  std::uint64_t generation = 0;
};

/// Bytes of a run's stdout. To: agent, auditor.
struct run_stdout {
  run_id run;
  std::string bytes;
};

/// A run's process and its whole group are dead. To: agent, auditor.
struct run_exited {
  run_id run;
  exit_info exit;
};

/// No process could be had for a run; try again. To: agent (itself).
struct run_retry {
  run_id run;
};

/// A program that works for the agent asks something over the bus. To: agent.
struct program_message {
  std::string verb, body;
  std::string reply_to;
  std::shared_ptr<void> place;  ///< Its place in the gate, given back when this goes.
};

/// A command that was answered busy or in doubt is due again. To: agent (itself).
struct repeat_command {
  run_id run;
  command what;
};

/// Asks for a staged output and what the declared checks say about it. From: auditor. To: audit desk, which passes it
/// on to an audit reader.
struct audit_order {
  agent_path auditor;  ///< Who asks: the desk lets auditors take turns.
  output_id output;
  agent_path worker;
  std::string dataset;
  std::vector<config::check_spec> checks;
  config::sample_spec sample;
  bool with_rows = false;           ///< Whether the auditor's own command wants to read the rows.
  std::int64_t rows_bytes_max = 0;  ///< Of `row_lines`.
};

/// The answer.
struct audit_material {
  failure error;                  ///< unreachable, storage, too_large; code none: the rest is good.
  std::string status;             ///< Of the output now: only a sealed one needs a verdict.
  std::int64_t rows = 0;          ///< Of the output.
  std::int64_t rows_given = 0;    ///< Of those, in the auditor's sample: for its command.
  std::int64_t rows_checked = 0;  ///< The fewest that a check of rows looked at, or that are given to the command.
  std::vector<audit_finding> findings;  ///< Of the declared checks.
  std::vector<std::string> notes;       ///< Of the declared checks.
  json_text statistics;                 ///< Of all rows, by column.
  std::string row_lines;                ///< JSON Lines for the command's stdin.
};

/// Commands that came over the bus, with the way to answer them. To: writer.
struct incoming_commands {
  std::vector<command> commands;
  std::function<void(std::vector<outcome>)> answer;  ///< One outcome per command, in order; from any thread, once.
  std::shared_ptr<void> place;                       ///< Its place in the gate, given back when this goes.
};

/// Something is due. To: writer (itself).
struct writer_wake {
  std::uint64_t generation = 0;
};

/// This node won the election. To: leader.
struct elected {
  std::shared_ptr<storage::leadership> lead;
  epoch reign = 0;
};

/// A brief is to be written under this id. To: brief writer.
struct brief_due {
  brief_id id;
};

/// Events as they were committed, in order. From: writer. To: event relay.
struct committed_events {
  std::vector<event> events;
};

/// The publisher stopped. To: event relay (itself).
struct relay_failed {
  std::int64_t from = 0;
  failure why;
};

/// An output to look at, with the right to answer for its event. To: auditor.
struct audit_call {
  bus::delivery delivery;
};

/// A verdict that was answered busy or in doubt is due again. To: auditor (itself).
struct verdict_again {
  run_id run;
  verdict_add verdict;
};

/// A message for a channel. From: notifier. To: the channel's sender.
struct delivery_order {
  std::string channel;
  std::function<notify::attempt_end()> hand_over;  ///< Blocks.
};

/// How that ended. To: notifier.
struct delivery_done {
  std::string channel;
  notify::attempt_end end;
};

/// What an agent can take, each time it changes. To: node reporter.
struct capacity_note {
  agent_capacity capacity;
  incarnation_token token;  ///< The life that says so: a dead life's note must not hide its successor's.
  bool gone = false;
};

}  // namespace cadre::actors

CAF_BEGIN_TYPE_ID_BLOCK(cadre_local, first_custom_type_id + 100)
CAF_ADD_TYPE_ID(cadre_local, (cadre::command))
CAF_ADD_TYPE_ID(cadre_local, (cadre::outcome))
CAF_ADD_TYPE_ID(cadre_local, (cadre::run_grant))
CAF_ADD_TYPE_ID(cadre_local, (cadre::run_revoke))
CAF_ADD_TYPE_ID(cadre_local, (cadre::life_replaced))
CAF_ADD_TYPE_ID(cadre_local, (cadre::actors::batch_answer))
CAF_ADD_TYPE_ID(cadre_local, (cadre::actors::queue_wake))
CAF_ADD_TYPE_ID(cadre_local, (cadre::actors::run_stdout))
CAF_ADD_TYPE_ID(cadre_local, (cadre::actors::run_exited))
CAF_ADD_TYPE_ID(cadre_local, (cadre::actors::run_retry))
CAF_ADD_TYPE_ID(cadre_local, (cadre::actors::program_message))
CAF_ADD_TYPE_ID(cadre_local, (cadre::actors::repeat_command))
CAF_ADD_TYPE_ID(cadre_local, (cadre::actors::audit_order))
CAF_ADD_TYPE_ID(cadre_local, (cadre::actors::audit_material))
CAF_ADD_TYPE_ID(cadre_local, (cadre::actors::incoming_commands))
CAF_ADD_TYPE_ID(cadre_local, (cadre::actors::writer_wake))
CAF_ADD_TYPE_ID(cadre_local, (cadre::actors::elected))
CAF_ADD_TYPE_ID(cadre_local, (cadre::actors::brief_due))
CAF_ADD_TYPE_ID(cadre_local, (cadre::actors::committed_events))
CAF_ADD_TYPE_ID(cadre_local, (cadre::actors::relay_failed))
CAF_ADD_TYPE_ID(cadre_local, (cadre::actors::audit_call))
CAF_ADD_TYPE_ID(cadre_local, (cadre::actors::verdict_again))
CAF_ADD_TYPE_ID(cadre_local, (cadre::agent_report))
CAF_ADD_TYPE_ID(cadre_local, (cadre::actors::capacity_note))
CAF_ADD_TYPE_ID(cadre_local, (cadre::actors::delivery_order))
CAF_ADD_TYPE_ID(cadre_local, (cadre::actors::delivery_done))
/// An agent whose life was replaced has waited long enough to be stopped by its supervisor.
CAF_ADD_ATOM(cadre_local, cadre::actors, replaced_atom, "replaced")
/// Something of the programs that work for an agent may be due. To: agent (itself).
CAF_ADD_ATOM(cadre_local, cadre::actors, desk_due_atom, "desk_due")
CAF_ADD_ATOM(cadre_local, cadre::actors, report_due_atom, "report_due")
CAF_ADD_ATOM(cadre_local, cadre::actors, leader_seen_atom, "leaderseen")
/// With a bool: whether the node takes no new agents.
CAF_ADD_ATOM(cadre_local, cadre::actors, draining_atom, "draining")
CAF_ADD_ATOM(cadre_local, cadre::actors, writer_flush_atom, "wr_flush")
CAF_ADD_ATOM(cadre_local, cadre::actors, writer_renew_atom, "wr_renew")
CAF_ADD_ATOM(cadre_local, cadre::actors, writer_ready_atom, "wr_ready")
CAF_ADD_ATOM(cadre_local, cadre::actors, writer_prune_atom, "wr_prune")
CAF_ADD_ATOM(cadre_local, cadre::actors, findings_look_atom, "find_look")
CAF_ADD_ATOM(cadre_local, cadre::actors, watch_look_atom, "watch_look")
CAF_ADD_ATOM(cadre_local, cadre::actors, dead_man_look_atom, "dead_man")
CAF_ADD_ATOM(cadre_local, cadre::actors, relay_start_atom, "rel_start")
CAF_ADD_ATOM(cadre_local, cadre::actors, relay_pump_atom, "rel_pump")
CAF_ADD_ATOM(cadre_local, cadre::actors, audit_next_atom, "audit_next")
CAF_ADD_ATOM(cadre_local, cadre::actors, audit_alive_atom, "auditalive")
CAF_ADD_ATOM(cadre_local, cadre::actors, audit_probe_atom, "auditprobe")
CAF_ADD_ATOM(cadre_local, cadre::actors, notify_look_atom, "notif_look")
CAF_END_TYPE_ID_BLOCK(cadre_local)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::command)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::outcome)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::run_grant)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::run_revoke)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::life_replaced)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::batch_answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::queue_wake)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::run_stdout)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::run_exited)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::run_retry)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::program_message)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::repeat_command)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::audit_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::audit_material)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::incoming_commands)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::writer_wake)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::elected)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::brief_due)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::committed_events)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::relay_failed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::audit_call)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::verdict_again)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::agent_report)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::capacity_note)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::delivery_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cadre::actors::delivery_done)
