#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

/// When a fault was noticed and when the company had recovered from it. Pure: looks in, marks out.
namespace cadre::cli {

enum class fault_kind : std::uint8_t { agent, node, leader, freeze, bus, database };

/// Its word on the command line.
std::string word_of(fault_kind kind);

/// What was struck.
struct strike {
  fault_kind kind = fault_kind::agent;
  std::string target;      ///< The agent's path, or the node's name; empty for bus and database.
  std::int64_t pid = 0;    ///< Of the process that was killed or stopped; 0 for an agent.
  bool of_leader = false;  ///< The node led when it was struck.
};

struct agent_look {
  std::string state;
  std::string node;
  std::int64_t epoch = 0;
};

/// The company as one look at its database, at its heartbeats and at runtime.json shows it.
struct fleet_look {
  bool database = false;  ///< It answered. If not, what comes from it says nothing.
  std::string leader;     ///< Of the highest epoch.
  std::int64_t leader_epoch = 0;
  bool leads = false;  ///< Its lease is not over.
  std::map<std::string, agent_look> agents;
  std::map<std::string, std::string> nodes_up;  ///< By the database: name and life.
  std::int64_t stranded_runs = 0;
  std::map<std::string, std::string> speaking;  ///< Heard on the bus since the strike (or thaw): name and life.
  std::int64_t pid = 0;                         ///< Of the process that is in the struck one's place now; 0: none.
  bool stopped = false;                         ///< The struck process is stopped by us at the moment.
};

/// Watches one fault. Recovered: noticed, every agent that ran before runs (those that died with the fault in a new
/// life), no run is left with a dead life, somebody leads, and a command commits. Whole: besides, every process that
/// was there before is there again and every node speaks.
class drill_watch {
 public:
  using ms = std::chrono::milliseconds;

  drill_watch(strike what, fleet_look before) : what_(std::move(what)), before_(std::move(before)) {}

  /// One look, `since` after the strike. Looks come in the order of time.
  void look(ms since, const fleet_look& now);
  /// True if a command is all that is missing: the moment to send one.
  [[nodiscard]] bool wants_commit() const noexcept { return waits_for_commit_; }
  /// A command committed, `since` after the strike.
  void committed(ms since);

  [[nodiscard]] std::optional<ms> noticed() const noexcept { return noticed_; }
  [[nodiscard]] std::optional<ms> recovered() const noexcept { return recovered_; }
  [[nodiscard]] std::optional<ms> whole() const noexcept { return whole_; }
  /// What stands in the way, as of the last look: a few words each.
  [[nodiscard]] const std::vector<std::string>& missing() const noexcept { return missing_; }
  /// Agents that end with the fault.
  [[nodiscard]] std::set<std::string> victims() const;

 private:
  [[nodiscard]] bool kills_node() const noexcept {
    return what_.kind == fault_kind::node || what_.kind == fault_kind::leader;
  }
  [[nodiscard]] bool is_noticed(const fleet_look& now) const;
  void miss_for_recovery(const fleet_look& now);
  void miss_for_whole(const fleet_look& now);

  strike what_;
  fleet_look before_;
  std::optional<ms> noticed_, recovered_, whole_;
  bool waits_for_commit_ = false;
  std::vector<std::string> missing_;
};

}  // namespace cadre::cli
