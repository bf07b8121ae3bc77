#pragma once

#include "actors/watch/health.hpp"

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>

namespace cadre::actors {

/// Where the parts of a node leave signs of life for the watchdog. Thread safe; nothing here waits for long.
class pulse {
 public:
  void heard_leader() { leader_heard_ = clock::now().time_since_epoch().count(); }
  /// The database could not be reached, or could not do what was asked of it.
  void lost_database() { database_lost_ = clock::now().time_since_epoch().count(); }
  /// The database answered this node.
  void heard_database() { database_heard_ = clock::now().time_since_epoch().count(); }
  void committed() { committed_ = clock::now().time_since_epoch().count(); }
  /// The canary took ping `number`.
  void answered(std::uint64_t number) { answered_ = number; }
  [[nodiscard]] std::uint64_t last_answered() const { return answered_; }

  /// An agent was asked. A question to one that has not answered the last does not make its silence younger.
  void asked(const agent_path& agent) {
    const std::lock_guard lock{mutex_};
    waits_.emplace(agent.text, clock::now());
  }
  /// It answered, or is no more.
  void settled(const agent_path& agent) {
    const std::lock_guard lock{mutex_};
    waits_.erase(agent.text);
  }

  /// Fills leader_heard, committed, database_lost, database_heard and silent.
  void read(vital_signs& out) const {
    out.leader_heard = steady_time{clock::duration{leader_heard_}};
    out.committed = steady_time{clock::duration{committed_}};
    out.database_lost = steady_time{clock::duration{database_lost_}};
    out.database_heard = steady_time{clock::duration{database_heard_}};
    const std::lock_guard lock{mutex_};
    for (const auto& [agent, since] : waits_) out.silent.push_back({agent_path{agent}, since});
  }

 private:
  using clock = std::chrono::steady_clock;
  std::atomic<clock::rep> leader_heard_{0};
  std::atomic<clock::rep> committed_{0};
  std::atomic<clock::rep> database_lost_{0};
  std::atomic<clock::rep> database_heard_{0};
  std::atomic<std::uint64_t> answered_{0};
  mutable std::mutex mutex_;
  std::map<std::string, steady_time> waits_;  ///< Agents that were asked: since when.
};

}  // namespace cadre::actors
