#pragma once

#include "config/company.hpp"
#include "config/cron.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace cadre::actors {

/// Which schedules are due, as a pure machine over the wall clock: no timers, no I/O.
class schedule_clock {
 public:
  struct due {
    std::string schedule;
    timestamp at;  ///< The moment the cron expression names, not the moment it was noticed.
  };

  /// Schedules with a cron that can't be read are left out; config/load refuses them before.
  /// Nothing that was due before `start` fires.
  schedule_clock(const std::vector<config::schedule>& schedules, timestamp start);

  /// What has come due since the last call, in order of time. After a jump of the clock (a suspended machine) each
  /// schedule fires once, for the latest moment that it missed; the clock going back fires nothing twice.
  std::vector<due> advance(timestamp now);

  /// How long until something may be due; at most `max`.
  [[nodiscard]] std::chrono::milliseconds wait(timestamp now, std::chrono::milliseconds max) const;

 private:
  struct entry {
    std::string name;
    config::cron_expression cron;
    timestamp next;
  };
  std::vector<entry> entries_;
};

}  // namespace cadre::actors
