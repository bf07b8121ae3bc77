#include "scheduler_actor.hpp"

#include "actors/command/command_client.hpp"
#include "schemas/log.hpp"

namespace cadre::actors {

namespace {

using scheduler = caf::stateful_actor<scheduler_state>;

constexpr std::chrono::milliseconds look_every_max{1'000};
/// The name that the brief's cron goes by; config/load reserves it.
constexpr auto brief_schedule = "brief";

std::vector<config::schedule> all_schedules(const config::company& company) {
  auto all = company.schedules;
  if (company.brief) {
    config::schedule brief;
    brief.name = brief_schedule;
    brief.cron = company.brief->cron;
    all.push_back(std::move(brief));
  }
  return all;
}

void fire(scheduler* self, const config::company& company, const caf::actor& commands, const schedule_clock::due& due) {
  schedule_fire f;
  f.schedule = due.schedule;
  f.due = due.at;
  f.task = named_id<task_id>(company.name + "/" + due.schedule + "/" + std::to_string(due.at.us));
  command c;
  c.id = new_id<command_id>();
  c.from = "leader";
  c.body = std::move(f);
  self->request(commands, command_timeout, std::move(c))
      .then(
          [due](const outcome& o) {
            if (o.status == outcome_status::rejected)
              log::error("schedule {} of {}: {}", due.schedule, to_iso(due.at), o.error.message);
          },
          [due](const caf::error&) {
            log::error("schedule {} of {}: the writer did not answer", due.schedule, to_iso(due.at));
          });
}

}  // namespace

caf::behavior scheduler_actor(scheduler* self, std::shared_ptr<const config::company> company, caf::actor commands,
                              caf::actor brief_writer) {
  self->state.clock = std::make_unique<schedule_clock>(all_schedules(*company), now());
  self->send(self, scheduler_look_atom_v);
  return {
      [=](scheduler_look_atom) {
        for (const auto& due : self->state.clock->advance(now())) {
          if (due.schedule == brief_schedule) {
            self->send(brief_writer,
                       brief_due{named_id<brief_id>(company->name + "/brief/" + std::to_string(due.at.us))});
          } else {
            fire(self, *company, commands, due);
          }
        }
        self->delayed_send(self, self->state.clock->wait(now(), look_every_max), scheduler_look_atom_v);
      },
  };
}

}  // namespace cadre::actors
