#pragma once

#include "actors/agent/agent_services.hpp"
#include "actors/local_messages.hpp"
#include "audit_machine.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace cadre::actors {

/// An audit that is under way.
struct running_audit {
  running_audit(bus::delivery d, audit_machine m) : delivery{std::move(d)}, machine{std::move(m)} {}
  bus::delivery delivery;
  audit_machine machine;
  std::optional<process_id> process;
};

struct auditor_state {
  std::shared_ptr<const agent_services> services;
  config::agent spec;
  incarnation_token token;
  epoch incarnation = 0;
  std::vector<bus::event_consumer> consumers;  ///< One per audited worker.
  std::deque<bus::delivery> waiting;           ///< Bounded by the consumers' ack_pending_max.
  std::map<run_id, running_audit> running;     ///< At most `concurrency`; the id names the audit to the process host.
  bool database_away = false;                  ///< The staged rows could not be read: one audit at a time tries again.
  bool probing = false;                        ///< The next try is due by timer.
  bool replaced = false;                       ///< A newer life is on record: nothing more is taken.
  bool stopping = false;
  caf::error stop_reason;
  static inline const char* name = "auditor";

  ~auditor_state();  ///< A killed auditor leaves no process behind.
};

/// An auditor: hears of the outputs of the workers it audits from the event stream, as a durable consumer, so that none
/// is missed while it restarts; checks up to `concurrency` outputs at once by its declared checks and its own command;
/// sends a verdict, and answers for the event only once the verdict is on record. An audit that can't be carried out is
/// tried again as its retry policy says, then escalated; while the database is away it waits, which is no attempt.
/// Messages: audit_call (from its consumers), run_stdout, run_exited (from the process host).
caf::behavior auditor_actor(caf::stateful_actor<auditor_state>* self, std::shared_ptr<const agent_services> services,
                            config::agent spec, incarnation_token token);

}  // namespace cadre::actors
