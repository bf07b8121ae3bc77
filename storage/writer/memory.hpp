#pragma once

#include "config/calendar.hpp"
#include "config/company.hpp"
#include "schemas/messages.hpp"
#include "storage/writer/open_problems.hpp"
#include "storage/writer/work_queue.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

/// What the writer knows by heart, so that a claim needs no search. Rebuilt from the database at takeover.
namespace cadre::storage::writer {

/// A run that holds its lease. As many as the agents have slots.
struct active_run {
  run_id id;
  task_id task;
  std::int64_t attempt = 0;
  agent_path agent;
  std::string mode;   ///< The task's.
  std::string title;  ///< The task's.
  std::string key;    ///< See decide::key_of.
  epoch incarnation = 0;
  std::string node;
  node_life_id life;
  timestamp lease_until;
  timestamp granted_at;  ///< When it was last sent to its agent; at takeover, the takeover.
  bool held = false;     ///< Its node reported to work on it.
  bool resend = false;   ///< Its node should hold it and does not: the grant got lost.
};

/// One agent on one node, as reported.
struct seat {
  epoch incarnation = 0;
  std::string mode;
  std::int64_t free_slots = 0;  ///< Runs granted since and not yet reported as held come off it.
};

struct node_view {
  node_life_id life;
  std::deque<node_life_id> ended_lives;  ///< The last few, so that a late report of one is known as such.
  bool up = false;
  timestamp seen_at;
  timestamp row_written_at;
  node_report row;  ///< What the node's row says; without agents.
  std::int64_t row_agents = 0;
  std::map<agent_path, seat> seats;
};

/// A schedule of the config, the brief's among them.
struct scheduled {
  config::schedule rule;
  config::calendar moments;
};

/// A fire by the two columns that name it.
struct fire_name {
  std::string schedule;
  timestamp due;
};

/// A brief that the leader has to write.
struct owed_brief {
  timestamp due;      ///< Of the fire of schedule `brief`.
  timestamp told_at;  ///< When the leader was told. Empty: not in this reign.
};

/// Its id, which is the same for whoever leads.
inline brief_id brief_of(const std::string& company, timestamp due) {
  return named_id<brief_id>(company + "/brief/" + std::to_string(due.us));
}

/// Schedules go by the wall clock, which may jump; all else by the engine's.
struct schedule_clock {
  timestamp looked_at;                      ///< The last look at schedules. Empty: none in this reign.
  timestamp look_at;                        ///< The next is due then.
  std::chrono::microseconds wall_ahead{0};  ///< Of the engine's clock, at the last tick.
};

/// A task whose run looks into an escalation.
struct investigation {
  escalation_id escalation;
  timestamp due;  ///< It is cancelled then.
};

/// What a task belongs to that an investigation added, or that came of such a task.
struct errand {
  escalation_id escalation;
  agent_path holder;  ///< Whose investigation it was.
};

struct memory {
  config::company company;  ///< Changed by `adopt` only.
  std::int64_t last_seq = 0;
  epoch last_incarnation = 0;
  std::unordered_map<agent_path, epoch> agent_epochs;
  std::unordered_map<agent_path, agent_state> agent_states;
  std::map<std::string, node_view> nodes;
  std::map<run_id, active_run> runs;
  run_id runs_ended_before;   ///< As `cadre.run_mark` has it: where a takeover begins to look for active runs.
  run_id last_run;            ///< The greatest id of a run that this reign made.
  timestamp runs_marked_at;   ///< When the mark was written.
  bool runs_changed = false;  ///< A run began or ended since.
  work_queue queue;
  std::set<std::string> paused_modes;
  std::set<agent_path> paused_agents;
  open_problems problems;
  std::unordered_map<task_id, investigation> investigations;  ///< Under way; one per escalation at most.
  /// Of tasks that are not over, or that somebody still has to give a verdict about.
  std::unordered_map<task_id, errand> errands;
  agent_path last_served;                   ///< Who was given a task last: the next turn begins after it.
  timestamp last_created;                   ///< Of a task: no two of one reign have the same.
  std::optional<timestamp> next_run_after;  ///< The earliest that may be due; too early is harmless.
  timestamp run_after_looked_at;            ///< Tasks that waited for a moment up to this one are in the queue.
  bool has_dependencies = false;            ///< Some task may wait for others.
  /// The earliest moment at which something other than a lease falls due. Too early is harmless.
  std::optional<timestamp> next_due;
  schedule_clock schedules;
  std::unordered_map<task_id, fire_name> fires;  ///< Those that go on: so no other task costs a statement.
  std::map<brief_id, owed_brief> briefs_owed;
  /// Something may have become workable, or somebody free, since tasks were last looked for. Too often is harmless.
  bool look_for_work = true;

  void adopt(config::company c);
  /// The agent's config; null if the org does not have it.
  [[nodiscard]] const config::agent* agent(const agent_path& path) const;
  [[nodiscard]] const std::vector<const config::agent*>& auditors_of(const agent_path& worker) const;
  [[nodiscard]] const std::vector<scheduled>& all_schedules() const { return schedules_; }
  /// Null if the config does not have it.
  [[nodiscard]] const scheduled* schedule(const std::string& name) const;
  /// True if an agent that runs something claims tasks of the mode.
  [[nodiscard]] bool has_mode(const std::string& mode) const { return modes_.count(mode) > 0; }

  /// A task waits for this moment.
  void runs_after(timestamp t) {
    if (!next_run_after || t < *next_run_after) next_run_after = t;
    due_at(t);
  }
  void due_at(timestamp t) {
    if (!t.empty() && (!next_due || t < *next_due)) next_due = t;
  }

 private:
  std::unordered_map<agent_path, const config::agent*> agents_;
  std::unordered_map<agent_path, std::vector<const config::agent*>> auditors_;
  std::unordered_set<std::string> modes_;
  std::vector<scheduled> schedules_;
};

}  // namespace cadre::storage::writer
