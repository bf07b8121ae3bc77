#pragma once

#include "actors/local_messages.hpp"
#include "actors/program/desk.hpp"
#include "agent_services.hpp"
#include "run_machine.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <deque>
#include <map>
#include <optional>

namespace cadre::actors {

/// A run in this agent's hands.
struct agent_run {
  explicit agent_run(run_machine m) : machine{std::move(m)} {}
  run_machine machine;
  std::optional<process_id> process;
  bool waits_for_slot = true;  ///< Granted beyond what the agent can run at once; or no process could be had yet.
  timestamp deadline;          ///< Of a run that a program claimed: fixed when it first got it.
};

struct agent_state_data {
  std::shared_ptr<const agent_services> services;
  config::agent spec;
  incarnation_token token;
  epoch incarnation = 0;  ///< 0 until the writer granted it.
  std::map<run_id, agent_run> runs;
  bool stopping = false;
  bool replaced = false;   ///< A newer life is on record: does nothing more, and ends soon.
  bool finishing = false;  ///< Takes nothing new and ends once nothing runs.
  caf::error stop_reason;
  // Of an agent whose programs attach over the bus.
  std::optional<program_desk> programs;          ///< From when the epoch is granted.
  bus::subscription door;                        ///< Closed first of all: nobody asks a dead agent.
  std::optional<program_desk::moment> looks_at;  ///< When the desk is due to look at the time.
  std::int64_t slots_told = 0;                   ///< Free slots in the last report.
  static inline const char* name = "agent";

  ~agent_state_data();  ///< A killed agent leaves no process behind.
};

/// An agent that does tasks: a worker, or a manager with a runner. Claims by telling the node reporter its free slots,
/// takes `run_grant`s, runs the command of its config for each, and reports through the command client. With
/// `run: {bus}` programs attached over NATS take the place of the command: the agent then has free slots only while one
/// of them waits for a run, so that tasks stay queued as long as nobody is there to do them.
/// Messages: run_grant, run_revoke, life_replaced, program_message (from the bus); run_stdout, run_exited (from the
/// process host).
/// An exit message stops it in order: its processes are killed, confirmed dead and their tasks handed back, then it
/// quits with the reason of the message.
caf::behavior agent_actor(caf::stateful_actor<agent_state_data>* self, std::shared_ptr<const agent_services> services,
                          config::agent spec, incarnation_token token);

}  // namespace cadre::actors
