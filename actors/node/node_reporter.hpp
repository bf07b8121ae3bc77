#pragma once

#include "actors/local_messages.hpp"

#include <caf/actor_addr.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <chrono>
#include <unordered_map>
#include <unordered_set>

namespace cadre::actors {

/// Who this node is, for its reports.
struct node_identity {
  std::string name;
  node_life_id life;
  std::string host;
  std::int64_t pid = 0;
  std::string version;
};

struct node_reporter_state {
  struct entry {
    agent_capacity capacity;
    incarnation_token token;
    caf::actor_addr life;  ///< Monitored: the entry of a life that ended without a word goes with it.
  };
  std::unordered_map<agent_path, entry> agents;
  std::unordered_set<agent_path> changed;  ///< Since the last report.
  bool full_due = true;
  bool in_flight = false;
  bool draining = false;
  static inline const char* name = "node-reporter";
};

/// Tells the writer what this node's agents can take and what they hold: at once when something changes, all of it each
/// `full_every`, and all of it at once on `leader_seen` (a new leader knows nobody's slots). One report is on its
/// way at a time; what changes meanwhile goes with the next.
/// Messages: capacity_note (from agents), agent_report (what supervisors did, from the node host), draining_atom and
/// bool (from it, too), leader_seen (from the node), report_due (itself).
caf::behavior node_reporter(caf::stateful_actor<node_reporter_state>* self, caf::actor commands, node_identity who,
                            std::chrono::milliseconds full_every);

}  // namespace cadre::actors
