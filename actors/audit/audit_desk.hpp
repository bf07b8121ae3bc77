#pragma once

#include "actors/audit/reader_turns.hpp"
#include "actors/local_messages.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <map>
#include <string>
#include <vector>

namespace cadre::actors {

/// Readers of a node, each with a connection of its own; they are started when they are needed.
inline constexpr std::size_t audit_readers_max = 4;

struct audit_desk_state {
  struct question {
    audit_order order;
    caf::typed_response_promise<audit_material> answer;
  };
  reader_turns turns{audit_readers_max};
  std::map<reader_turns::ticket, question> waiting;
  std::vector<caf::actor> idle;
  std::vector<caf::actor> all;
  static inline const char* name = "audit-desk";
};

/// Shares the readers of a node among its auditors. Does not block. `audit_order` -> `audit_material`, with the error
/// `unreachable` if a reader gave no answer within ten minutes; another one takes its place then.
caf::behavior audit_desk(caf::stateful_actor<audit_desk_state>* self, std::string reader_url, std::string company);

}  // namespace cadre::actors
