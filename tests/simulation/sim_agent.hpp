#pragma once

#include "actors/agent/agent_services.hpp"
#include "actors/agent/run_machine.hpp"
#include "actors/supervision/node_host.hpp"
#include "oracle.hpp"

#include <caf/stateful_actor.hpp>

#include <map>
#include <memory>

/// An agent whose processes are imagined. What decides about a run is the product's run_machine; what asks for its
/// epoch and reports its end is the product's, too.
namespace cadre::simulation {

struct sim_agent_config {
  std::shared_ptr<const actors::agent_services> services;
  config::agent spec;
  actors::supervision::agent_birth birth;
  dice* chance = nullptr;
  oracle* watch = nullptr;
  double trouble = 0;     ///< Of a run.
  bool stubborn = false;  ///< Does not end when its supervisor asks it to.
};

struct sim_agent_state {
  sim_agent_config cfg;
  epoch incarnation = 0;
  std::map<run_id, actors::run_machine> runs;
  bool replaced = false;
  bool stopping = false;
  caf::error stop_reason;
  static inline const char* name = "sim_agent";
};

/// Messages: those of agent_actor; a text makes it throw, the text `quit` makes it end normally.
caf::behavior sim_agent(caf::stateful_actor<sim_agent_state>* self, sim_agent_config cfg);

}  // namespace cadre::simulation
