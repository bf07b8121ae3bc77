#pragma once

#include "config/company.hpp"
#include "look.hpp"
#include "storage/read/reader.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <map>
#include <memory>
#include <string>

namespace cadre::actors {

struct findings_state {
  struct told {
    timestamp looked_at, reported_at;
    std::string seen;  ///< What the last report that was sent said; `-`: it may have got lost.
  };
  std::unique_ptr<storage::reader> source;
  std::map<std::string, told, std::less<>> kinds;
  bool database_away = false;
  static inline const char* name = "findings";
};

/// Looks for findings for as long as its node leads, one kind after the other, each as often as its table says, and
/// reports what changed to the writer, all of it once a minute. It reads the database over a connection of its own, so
/// the writer is never kept waiting by a search. Blocks: spawn it detached.
caf::behavior findings_actor(caf::stateful_actor<findings_state>* self, std::string reader_url,
                             std::shared_ptr<const config::company> company, caf::actor commands);

}  // namespace cadre::actors
