#pragma once

#include "config/company.hpp"
#include "schemas/commands.hpp"
#include "schemas/time.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

/// What a watcher decides: from the ledger, the calendars of its own config and the clock to what is late. Pure.
namespace cadre::actors {

/// How long a step of a fire may take once the one before it is done, before somebody should ask. `fired` and
/// `started`: the schedule's grace. `finished`: all attempts of the agent with the longest waits between them, and the
/// grace. `effect`: the time of the slowest auditor, and the grace.
std::chrono::milliseconds time_for(const config::company& company, const config::schedule& schedule,
                                   std::string_view step);

/// Who looked last for a watcher, and how long ago.
struct watch_look {
  std::string node;
  std::chrono::milliseconds age{0};
};

/// A stand-in whose last look is so old may be cut off from the database: the watcher's own node looks as well.
inline constexpr std::chrono::seconds stand_in_silent_after{10};

/// Where there is somebody who could look.
struct watch_places {
  std::string leader;                       ///< The node that leads; empty: none does.
  std::vector<std::string> nodes;           ///< That are up.
  std::map<agent_path, std::string> homes;  ///< The nodes of the watchers that run.
  std::map<agent_path, watch_look> looks;   ///< The newest of each watcher.
};

/// `row`: of queries::watch_places, as JSON.
watch_places read_watch_places(const std::string& row);

/// Whether `node` looks for a watcher, which lives on it if `here`. A watcher looks where it lives, and only while it
/// does. Where that is the node that leads, whose silence it is to notice, the first other node that is up looks for
/// it; and until one does (`stand_in_silent_after`), its own as well: what two of them report is the same.
bool looks_for(const agent_path& watcher, bool here, const std::string& node, const watch_places& places);

/// What one watcher found.
struct watched {
  std::vector<std::string> schedules;
  std::vector<finding_seen> late;  ///< One a schedule at most: its oldest late fire, with the count of all.
  std::string summary;             ///< Of `late`, without what changes from look to look.
  timestamp at;                    ///< Of the database; empty if it has no schedule.
};

/// The schedules of the company, that of the brief among them, with their calendars.
class watch_rules {
 public:
  explicit watch_rules(const config::company& company);

  /// The agents that watch something, each once.
  [[nodiscard]] const std::vector<agent_path>& watchers() const { return watchers_; }

  /// `rows`: of queries::watched_schedules, as JSON. By watcher. A moment that the calendar names and the ledger does
  /// not have is late in the step `expected`.
  [[nodiscard]] std::map<agent_path, watched> look(const std::string& rows) const;

 private:
  const config::company* company_;
  std::vector<config::schedule> schedules_;
  std::vector<agent_path> watchers_;
};

}  // namespace cadre::actors
