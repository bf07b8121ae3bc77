#pragma once

#include "actors/leader/writer_intake.hpp"
#include "actors/local_messages.hpp"
#include "config/company.hpp"
#include "storage/leadership.hpp"
#include "storage/writer_engine.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace cadre::actors {

/// What the writer hands out after a commit. Called on the writer's thread; must not block.
struct writer_outlets {
  std::function<void(const run_grant&)> grant;
  std::function<void(const run_revoke&)> revoke;
  std::function<void(const life_replaced&)> replaced;
  std::function<void(const brief_id&)> write_brief;  ///< May be asked for again before it is kept.
  std::function<void(std::vector<event>)> publish;
  std::function<void()> database_lost;  ///< Postgres could not commit, or could not extend the lease.
};

struct writer_options {
  writer_intake::limits intake;
  /// Where the writer says how long what waits will take, for who has to be refused. May be null.
  std::shared_ptr<std::atomic<std::int64_t>> room_after_us;
};

struct writer_state {
  std::shared_ptr<storage::leadership> lead;  ///< Outlives the engine.
  std::unique_ptr<storage::writer_engine> engine;
  writer_intake waiting{{}};
  bool flush_pending = false;
  std::uint64_t wake_generation = 0;
  std::uint64_t commits = 0;
  std::string trouble;  ///< Why nothing can be written now, as the log was told; empty: it can.
  static inline const char* name = "writer";
};

/// The only hand that writes. Spawn it detached: it blocks on the database, on a thread of its own.
/// Group commit: whatever waits when a transaction ends forms the next one. Each `incoming_commands` is answered once,
/// after commit, or with `busy` while Postgres can't write (a full disk). Sends `writer_ready` to `owner` once the org
/// is written and commands may come. Quits with `not_leader` when its reign is over; an exit message ends the reign,
/// and its cause becomes the reason on record. Messages: incoming_commands (from the bus, through the gate).
caf::behavior writer_actor(caf::stateful_actor<writer_state>* self, std::shared_ptr<storage::leadership> lead,
                           std::shared_ptr<const config::company> company, caf::actor owner, writer_outlets outlets,
                           writer_options options);

}  // namespace cadre::actors
