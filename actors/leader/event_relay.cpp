#include "event_relay.hpp"

#include "schemas/log.hpp"

namespace cadre::actors {

namespace {

using relay_self = caf::stateful_actor<event_relay_state>;
using std::chrono::milliseconds;

constexpr std::int64_t read_rows_max = 500;
constexpr milliseconds trouble_pause{500};  ///< After the database or the bus did not answer.
constexpr milliseconds busy_pause{20};      ///< While the publisher's buffer is full.

void pump_later(relay_self* self, milliseconds pause) {
  self->state.live = false;
  self->delayed_send(self, pause, relay_pump_atom_v);
}

/// Publishes from Postgres until nothing is left there.
void pump(relay_self* self) {
  auto& s = self->state;
  if (s.live) return;
  for (;;) {
    auto events = s.log->after(s.next - 1, read_rows_max);
    if (!events) {
      log::warn("events wait for the database: {}", events.error().message);
      return pump_later(self, trouble_pause);
    }
    if (events->empty()) {
      s.live = true;
      return;
    }
    const auto last = events->back().seq;
    // Events that were pruned are gone: the publisher begins anew at the oldest there is.
    if (events->front().seq > s.next) s.publisher->restart(events->front().seq);
    if (auto taken = s.publisher->publish(std::move(*events)); !taken) {
      if (taken.error().code == errc::busy) pump_later(self, busy_pause);
      return;  // Stopped: on_failed has the place to go on from.
    }
    s.next = last + 1;
  }
}

void start(relay_self* self, bus::connection& bus) {
  auto& s = self->state;
  const auto published = bus::last_published_seq(bus, bus.settings().company);
  if (!published) {
    log::warn("events wait for the bus: {}", published.error().message);
    self->delayed_send(self, trouble_pause, relay_start_atom_v);
    return;
  }
  s.next = *published + 1;
  s.publisher->restart(s.next);
  pump(self);
}

void take(relay_self* self, std::vector<event>& events) {
  auto& s = self->state;
  if (!s.live || events.empty() || events.back().seq < s.next) return;
  if (events.front().seq != s.next) return pump_later(self, milliseconds{0});
  const auto last = events.back().seq;
  if (s.publisher->publish(std::move(events))) {
    s.next = last + 1;
  } else {
    pump_later(self, busy_pause);
  }
}

}  // namespace

caf::behavior event_relay(relay_self* self, std::shared_ptr<bus::connection> bus, event_relay_options options) {
  auto& s = self->state;
  s.log = std::make_unique<storage::event_log>(options.reader_url, bus->settings().company);
  bus::event_publisher::callbacks callbacks;
  callbacks.on_acked = [](std::int64_t) {};
  callbacks.on_failed = [me = caf::actor_cast<caf::actor_addr>(self)](std::int64_t from, const failure& why) {
    if (auto target = caf::actor_cast<caf::actor>(me)) caf::anon_send(target, relay_failed{from, why});
  };
  s.publisher = std::make_unique<bus::event_publisher>(options.publisher, std::move(callbacks));
  self->send(self, relay_start_atom_v);
  return {
      [=](relay_start_atom) { start(self, *bus); },
      [=](relay_pump_atom) { pump(self); },
      [=](committed_events& committed) { take(self, committed.events); },
      [=](const relay_failed& failed) {
        log::warn("events go out again from {}: {}", failed.from, failed.why.message);
        self->state.next = failed.from;
        self->state.publisher->restart(failed.from);
        pump_later(self, busy_pause);
      },
  };
}

}  // namespace cadre::actors
