#pragma once

#include "storage/leadership.hpp"
#include "storage/pg/session.hpp"

#include <atomic>
#include <memory>
#include <string>

namespace cadre::storage {

/// What a reign consists of; shared with the engine, which writes over the very session that holds the lock.
struct leadership_session {
  candidate who;
  std::unique_ptr<pg::session> db;
  std::atomic<epoch> reign{0};

  /// See leadership::renew.
  result<void> renew();

  /// Closing the session is what gives up the lock.
  void drop() {
    reign = 0;
    db.reset();
  }

  [[nodiscard]] tl::unexpected<failure> not_leader() const {
    return fail(errc::not_leader, "node " + who.node + " does not lead company " + who.company + " (any more)");
  }
};

/// The engine's way to the session of a reign.
struct leadership_access {
  static leadership_session& of(leadership& lead);
};

}  // namespace cadre::storage
