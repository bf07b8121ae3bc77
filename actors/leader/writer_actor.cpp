#include "writer_actor.hpp"

#include "actors/supervision/exits.hpp"
#include "schemas/log.hpp"

#include <algorithm>

namespace cadre::actors {

namespace {

using writer = caf::stateful_actor<writer_state>;
using std::chrono::milliseconds;

/// Due times are looked at this often even if nothing says that something is due.
constexpr milliseconds tick_every_max{1'000};
constexpr milliseconds tick_every_min{5};
/// A new reign has more urgent things to do.
constexpr milliseconds first_prune_after{1'000};

/// What the bus may not ask of the writer.
bool forbidden(const command& c) {
  return std::holds_alternative<clock_tick>(c.body) || std::holds_alternative<schedule_tick>(c.body);
}

outcome refusal(const command& c) {
  outcome o;
  o.command = c.id;
  o.status = outcome_status::rejected;
  o.error = {errc::refused, "clock_tick and schedule_tick are the leader's own commands"};
  return o;
}

/// When there should be room: as long as what waits will take, at the pace of the last transaction.
void note_pace(writer_state& s, const writer_options& options, std::size_t commands, std::chrono::microseconds took) {
  if (!options.room_after_us || commands == 0) return;
  const auto each = took.count() / static_cast<std::int64_t>(commands);
  options.room_after_us->store(each * static_cast<std::int64_t>(s.waiting.waiting()), std::memory_order_relaxed);
}

void hand_out(const writer_outlets& outlets, storage::batch_result& result) {
  if (!result.events.empty()) outlets.publish(std::move(result.events));
  for (const auto& grant : result.grants) outlets.grant(grant);
  for (const auto& revoke : result.revokes) outlets.revoke(revoke);
  for (const auto& replaced : result.replaced) outlets.replaced(replaced);
  for (const auto& brief : result.briefs) outlets.write_brief(brief);
}

void wake_later(writer* self, milliseconds delay) {
  self->delayed_send(self, std::clamp(delay, tick_every_min, tick_every_max),
                     writer_wake{++self->state.wake_generation});
}

void end_reign(writer* self, const std::string& why) {
  log::warn("the writer's reign is over: {}", why);
  self->quit(supervision::to_error({errc::not_leader, why}));
}

/// Says once that nothing can be written, and once that it can again. The reign goes on: a successor could do no more.
void note_trouble(writer* self, const writer_outlets& outlets, const std::string& why) {
  auto& told = self->state.trouble;
  if (!why.empty()) {
    outlets.database_lost();
    if (told.empty()) log::error("the database can't write; commands wait: {}", why);
  } else if (!told.empty()) {
    log::info("the database writes again");
  }
  told = why;
}

/// Why the batch was not committed, if Postgres could not.
std::string trouble_of(const storage::batch_result& result) {
  const bool busy = !result.outcomes.empty() && result.outcomes.front().status == outcome_status::busy;
  return busy ? result.outcomes.front().error.message : std::string{};
}

void answer(std::vector<incoming_commands>& batches, std::vector<outcome>& outcomes) {
  std::size_t next = 0;
  for (auto& batch : batches) {
    std::vector<outcome> own;
    own.reserve(batch.commands.size());
    for (const auto& c : batch.commands) {
      if (forbidden(c)) {
        own.push_back(refusal(c));
      } else {
        own.push_back(std::move(outcomes[next++]));
      }
    }
    batch.answer(std::move(own));
  }
}

void flush(writer* self, const writer_outlets& outlets, const writer_options& options) {
  auto& s = self->state;
  s.flush_pending = false;
  auto batches = s.waiting.take();
  std::vector<command> commands;
  for (const auto& batch : batches)
    for (const auto& c : batch.commands)
      if (!forbidden(c)) commands.push_back(c);
  const auto began = std::chrono::steady_clock::now();
  auto result = s.engine->commit(commands);
  ++s.commits;
  note_pace(s, options, commands.size(),
            std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began));
  if (!commands.empty()) note_trouble(self, outlets, trouble_of(result));
  answer(batches, result.outcomes);
  hand_out(outlets, result);
  if (result.lost_leadership) return end_reign(self, "another epoch began, or the database connection broke");
  if (result.next_wakeup) wake_later(self, *result.next_wakeup);
  if (!s.waiting.empty()) {
    s.flush_pending = true;
    self->send(self, writer_flush_atom_v);
  }
}

command own_command(command_body body) {
  return make_command("leader", std::move(body));
}

void tick(writer* self, const writer_outlets& outlets) {
  auto& s = self->state;
  // Two, so that neither can spoil the other.
  auto result = s.engine->commit({own_command(clock_tick{s.engine->clock()}), own_command(schedule_tick{now()})});
  if (const auto why = trouble_of(result); !why.empty()) note_trouble(self, outlets, why);
  hand_out(outlets, result);
  if (result.lost_leadership) return end_reign(self, "another epoch began, or the database connection broke");
  for (const auto& o : result.outcomes)
    if (o.status == outcome_status::rejected) log::error("the writer's clock: {}", o.error.message);
  wake_later(self, result.next_wakeup.value_or(tick_every_max));
}

}  // namespace

caf::behavior writer_actor(writer* self, std::shared_ptr<storage::leadership> lead,
                           std::shared_ptr<const config::company> company, caf::actor owner, writer_outlets outlets,
                           writer_options options) {
  auto& s = self->state;
  s.lead = std::move(lead);
  s.engine = std::make_unique<storage::writer_engine>(*s.lead);
  s.waiting = writer_intake{options.intake};
  supervision::keep_exception_text(self);
  self->set_exit_handler([self](const caf::exit_msg& m) {
    const auto cause = supervision::cause_of(m.reason, self->system());
    const auto why = cause.code == errc::none ? std::string{"the node stops"} : cause.message;
    if (auto down = self->state.lead->step_down(why); !down)
      log::warn("the reign did not end in order: {}", down.error().message);
    self->quit(m.reason);
  });
  if (auto synced = s.engine->sync_company(*company); !synced) {
    end_reign(self, "the org could not be written: " + synced.error().message);
    return {};
  }
  const auto renew_every = s.lead->who().lease / 8;
  self->send(owner, writer_ready_atom_v);
  self->delayed_send(self, renew_every, writer_renew_atom_v);
  self->delayed_send(self, first_prune_after, writer_prune_atom_v);
  wake_later(self, tick_every_min);
  return {
      [=](incoming_commands& batch) {
        auto& state = self->state;
        state.waiting.add(std::move(batch));
        if (state.flush_pending) return;
        // Lands behind everything that is in the mailbox now: that is the group of the next commit.
        state.flush_pending = true;
        self->send(self, writer_flush_atom_v);
      },
      [=](writer_flush_atom) { flush(self, outlets, options); },
      [=](writer_wake wake) {
        if (wake.generation == self->state.wake_generation) tick(self, outlets);
      },
      [=](writer_prune_atom) {
        const auto next = self->state.engine->prune();
        if (!next) return end_reign(self, "another epoch began, or the database connection broke");
        self->delayed_send(self, *next, writer_prune_atom_v);
      },
      [=](writer_renew_atom) {
        self->delayed_send(self, renew_every, writer_renew_atom_v);
        const auto renewed = self->state.engine->renew();
        if (renewed) return;
        if (renewed.error().code == errc::not_leader) return end_reign(self, renewed.error().message);
        note_trouble(self, outlets, renewed.error().message);
      },
  };
}

}  // namespace cadre::actors
