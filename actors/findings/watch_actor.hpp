#pragma once

#include "actors/node/agent_directory.hpp"
#include "config/company.hpp"
#include "storage/read/reader.hpp"
#include "watch_rules.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace cadre::actors {

struct watch_options {
  std::shared_ptr<const config::company> company;
  std::string node;
  std::string reader_url;
  caf::actor commands;
  /// Who lives on this node.
  std::shared_ptr<const agent_directory> lives;
};

struct watch_state {
  struct told {
    timestamp at;
    std::string late;
    bool on_its_way = false;
  };
  std::optional<watch_rules> rules;
  std::unique_ptr<storage::reader> source;
  watch_places places;
  std::chrono::steady_clock::time_point places_until;  ///< Read again after this.
  std::map<agent_path, told> watchers;
  bool database_away = false;
  static inline const char* name = "watch";
};

/// The eyes of the watchers that this node looks for, as `looks_for` says: twice a second it compares the ledger of
/// their schedules with the calendars and the clock, tells the writer at once when what is late changes, and that it
/// looked every few seconds. Reads over a connection of its own. Blocks: spawn it detached.
caf::behavior watch_actor(caf::stateful_actor<watch_state>* self, watch_options options);

}  // namespace cadre::actors
