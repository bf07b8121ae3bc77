#pragma once

#include "actors/local_messages.hpp"
#include "config/company.hpp"
#include "schedule_clock.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <memory>

namespace cadre::actors {

struct scheduler_state {
  std::unique_ptr<schedule_clock> clock;
  static inline const char* name = "scheduler";
};

/// Fires the company's schedules: a `schedule_fire` command per due moment, whose task id is made from schedule and
/// moment, so that two leaders can't fire it twice. The ceo's brief is written by `brief_writer` at its own cron.
caf::behavior scheduler_actor(caf::stateful_actor<scheduler_state>* self,
                              std::shared_ptr<const config::company> company, caf::actor commands,
                              caf::actor brief_writer);

}  // namespace cadre::actors
