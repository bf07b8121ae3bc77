#pragma once

#include "actors/local_messages.hpp"
#include "bus/events.hpp"
#include "storage/event_log.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <memory>
#include <string>

namespace cadre::actors {

struct event_relay_options {
  std::string reader_url;
  bus::publisher_options publisher;
};

struct event_relay_state {
  std::unique_ptr<storage::event_log> log;
  std::unique_ptr<bus::event_publisher> publisher;
  std::int64_t next = 1;  ///< The sequence that the publisher gets next.
  bool live = false;      ///< Caught up: what the writer hands over is what comes next.
  static inline const char* name = "event-relay";
};

/// Carries the outbox to the event stream, in order and without a gap: what the stream lacks comes from Postgres, then
/// what the writer hands over after each commit. After any trouble it reads from Postgres again.
/// Blocks on the database: spawn it detached. Messages: committed_events (from the writer).
caf::behavior event_relay(caf::stateful_actor<event_relay_state>* self, std::shared_ptr<bus::connection> bus,
                          event_relay_options options);

}  // namespace cadre::actors
