#pragma once

#include "schemas/commands.hpp"
#include "schemas/messages.hpp"
#include "storage/decide/escalation.hpp"
#include "timeline.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

/// A small Postgres: sessions, one session lock, the fence with its epoch, and the tables that the checks need. What a
/// transaction does happens at its commit, all of it or nothing.
namespace cadre::simulation {

/// Numbers one connection; 0: none.
using session_id = std::uint64_t;

struct task_row {
  task_id id;
  agent_path agent;
  task_status status = task_status::queued;
  std::int64_t attempt = 0;
  timestamp run_after;
  int completions = 0;
};

struct run_row {
  run_id id;
  task_id task;
  agent_path agent;
  std::int64_t attempt = 0;
  epoch incarnation = 0;
  std::string node;
  node_life_id life;
  run_status status = run_status::active;
  timestamp lease_until, granted_at;
  bool held = false;
  bool resend = false;
};

struct escalation_row {
  escalation_id id;
  std::string fingerprint;
  std::int64_t count = 1;
  task_id task;
  storage::decide::standing at;
};

struct incarnation_row {
  epoch number = 0;
  agent_path agent;
  bool ended = false;
};

struct tables {
  std::map<task_id, task_row> tasks;
  std::vector<run_row> runs;
  std::vector<escalation_row> escalations;
  std::map<escalation_id, escalation_id> hops;  ///< Each raise, and the escalation that it became or was counted into.
  std::map<incarnation_token, incarnation_row> incarnations;
  std::map<agent_path, epoch> agent_epochs;
  std::map<agent_path, incarnation_token> agent_tokens;  ///< Of the newest life of each.
  std::map<agent_path, agent_state> agent_states;
  std::map<agent_path, timestamp> states_since;
  std::map<agent_path, command_id> last_reports;
  std::set<command_id> agent_events;
  std::set<std::pair<run_id, std::int64_t>> journal;
  epoch last_incarnation = 0;
  std::uint64_t runs_made = 0;
};

class model_database {
 public:
  enum class begun { open, fenced, lost };

  /// Takes connections. False between a stop and a start of the server.
  [[nodiscard]] bool is_up() const { return up_; }
  void stop();
  void start() { up_ = true; }

  session_id connect(const std::string& node);
  /// The server's side of a connection ends: its transaction is rolled back, its lock is free.
  void close(session_id session);
  [[nodiscard]] bool is_open(session_id session) const { return sessions_.contains(session); }
  [[nodiscard]] std::vector<session_id> sessions_of(const std::string& node) const;
  [[nodiscard]] session_id lock_holder() const { return lock_; }
  /// The lock is lost and its session is not: what a pooler or a careless administrator does.
  void slip_lock() { lock_ = 0; }

  /// storage/leadership.cpp `try_to_lead`: lock, bump and leader row in one statement. 0: another holds it.
  epoch try_to_lead(session_id session, milliseconds lease, time_point now);
  /// Ends the session on record for the current epoch if its lease is over while it holds the lock.
  void evict_expired(time_point now);
  bool renew(session_id session, epoch reign, milliseconds lease, time_point now);
  [[nodiscard]] epoch fence() const { return fence_; }

  /// Begins a transaction; `checked`: with the fence read FOR SHARE, so that no epoch can begin before it ends.
  begun begin(session_id session, epoch reign, bool checked);
  /// True: what the transaction did is durable. False: the session was gone.
  bool commit(session_id session);
  void roll_back(session_id session) { sharing_.erase(session), in_transaction_.erase(session); }
  /// The number of the session's open transaction; 0: none is open.
  [[nodiscard]] std::uint64_t transaction_of(session_id session) const {
    const auto at = in_transaction_.find(session);
    return at == in_transaction_.end() ? 0 : at->second;
  }

  tables data;

 private:
  bool up_ = true;
  session_id last_session_ = 0;
  std::map<session_id, std::string> sessions_;
  std::map<session_id, std::uint64_t> in_transaction_;
  std::uint64_t last_transaction_ = 0;
  std::set<session_id> sharing_;  ///< Those that hold the fence's row FOR SHARE.
  session_id lock_ = 0;
  epoch fence_ = 0;
  session_id leader_ = 0;  ///< backend_pid of the leader row.
  time_point lease_until_;
};

}  // namespace cadre::simulation
