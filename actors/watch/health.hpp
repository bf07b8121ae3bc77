#pragma once

#include "schemas/agent_path.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// How a node is, decided: what was seen goes in, a state with its reasons comes out. No threads, no clock, no I/O.
namespace cadre::actors {

using steady_time = std::chrono::steady_clock::time_point;

enum class health_state {
  ok,
  degraded,  ///< Something it needs is away; it waits, and a restart would not help.
  stalled,   ///< It does not work itself; only a restart helps. The one state in which systemd is not told "alive".
  draining   ///< It is being stopped. Reasons are still kept.
};

enum class ailment {
  scheduler,  ///< No scheduler thread took a message in time: something blocks all of them.
  agent,      ///< An agent did not answer in time: its actor blocks a scheduler thread, or its mailbox is endless.
  database,   ///< It can't be reached or can't write, or the leader is there and nothing commits.
  bus,        ///< No connection to nats-server.
  no_leader   ///< Nobody who leads was heard of.
};

/// "scheduler", "agent", "database", "bus", "no_leader"; "ok", "degraded", "stalled", "draining".
std::string_view to_text(ailment a);
std::string_view to_text(health_state s);

struct health_reason {
  ailment what = ailment::scheduler;
  std::string about;  ///< The agent's path; else empty.
  steady_time since;  ///< When it was last known to be well.
  bool operator==(const health_reason&) const = default;
};

struct health_report {
  health_state state = health_state::ok;
  steady_time since;                   ///< Of this state.
  std::vector<health_reason> reasons;  ///< In the order of `ailment`, agents by path.
};

/// One line for people: `degraded: bus for 12 s, no_leader for 9 s`.
std::string to_line(const health_report& report, steady_time now);
/// What /healthz answers: `{"state","since_ms","reasons":[{"what","about","since_ms"}]}`, times as milliseconds ago.
std::string to_json(const health_report& report, steady_time now);

/// How long each may be silent.
struct health_limits {
  std::chrono::milliseconds scheduler_max{5'000};  ///< A ping to an actor that does nothing else.
  std::chrono::milliseconds agent_max{30'000};     ///< A question to an agent. A busy one answers late.
  std::chrono::milliseconds leader_max{10'000};    ///< A leader's heartbeats; two leases are right.
  std::chrono::milliseconds commit_max{10'000};    ///< Commits; a node reports each second.
  std::chrono::milliseconds database_max{10'000};  ///< Answers of the database to a control node; two leases are right.
  /// A failure of the database counts until it has been well for as long as `database_well_min`, at most this long:
  /// attempts go on meanwhile.
  std::chrono::milliseconds database_retry_max{15'000};
  /// A full disk refuses one transaction and takes the next: that is one trouble, not many.
  std::chrono::milliseconds database_well_min{2'000};
  /// Looks that come later than this after the one before mean that the node itself was frozen: silence meanwhile is
  /// nobody else's fault.
  std::chrono::milliseconds look_gap_max{3'000};
};

struct silent_agent {
  agent_path agent;
  steady_time asked;
};

/// What is known at one moment.
struct vital_signs {
  std::optional<steady_time> ping_waits_since;  ///< When the ping that is unanswered was sent; none: all answered.
  std::vector<silent_agent> silent;             ///< Asked and still without an answer.
  bool bus_connected = true;
  steady_time leader_heard;   ///< Last heartbeat of a leader; never: the epoch of the clock.
  steady_time committed;      ///< Last answer of the writer that something is committed.
  steady_time database_lost;  ///< Last failure of the database (control nodes ask it); never: as above.
  /// Last answer of the database to this node; never: it does not ask, or has not reached it yet.
  steady_time database_heard;
  bool draining = false;
};

class health_machine {
 public:
  health_machine(health_limits limits, steady_time started);

  /// Judges. True if the state or the reasons are others than before. `now` must not go back.
  bool look(const vital_signs& signs, steady_time now);

  [[nodiscard]] const health_report& report() const noexcept { return report_; }
  /// Whether systemd may be told that all is well: nothing that a restart would mend.
  [[nodiscard]] bool alive() const noexcept;

 private:
  [[nodiscard]] std::vector<health_reason> reasons(const vital_signs& signs, steady_time now);
  [[nodiscard]] bool database_failed(const vital_signs& signs, steady_time now) const;

  health_limits limits_;
  steady_time awake_since_;  ///< No silence counts from before this.
  steady_time looked_;
  std::optional<steady_time> bus_lost_;
  steady_time bus_back_since_;
  std::optional<steady_time> database_lost_;
  steady_time writer_in_reach_since_;  ///< Bus and leader are there since.
  health_report report_;
};

}  // namespace cadre::actors
