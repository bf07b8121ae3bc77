#pragma once

#include "schemas/error.hpp"
#include "schemas/ids.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

/// Who leads a company: one session holds an advisory lock, and the number of its reign fences every transaction.
namespace cadre::storage {

struct candidate {
  std::string writer_url;  ///< A direct connection as cadre_writer; no transaction pooler, the lock is the session's.
  std::string company;
  std::string node;
  node_life_id life;
  std::chrono::milliseconds lease{5'000};  ///< A leader that does not renew for this long may be evicted.
  /// Called whenever the database has answered, if only with a refusal: at each attempt of `acquire` and each `renew`.
  /// On the caller's thread; must neither block nor throw; may be empty.
  std::function<void()> heard;
};

/// One candidacy of one node. The session that holds the lock is the session that the writer writes with: losing one is
/// losing both, and it never reconnects. Used by one thread at a time, but for `cancel`.
class leadership {
 public:
  explicit leadership(candidate who);
  ~leadership();  ///< Closes the session, which gives up the lock. The leader row stays open: use `step_down` first.
  leadership(const leadership&) = delete;
  leadership& operator=(const leadership&) = delete;

  /// Blocks until this node leads, and returns the epoch of its reign (>= 1). While another holds the lock it asks each
  /// 50 ms, and evicts a holder whose lease has run out: exactly the backend on record for the current epoch.
  /// Errors: cancelled, unreachable (call again), storage. After an error nothing is held.
  result<epoch> acquire();

  /// Makes a running or the next `acquire` return `cancelled`. From any thread; does not block.
  void cancel() noexcept;

  /// Extends the lease by its whole length; due each lease/8, between transactions. Blocks for one statement.
  /// Errors: not_leader if another epoch began or the session is gone; storage if Postgres can't write now, which ends
  /// nothing: try again.
  result<void> renew();

  /// Ends the reign in order: the leader row gets its end and the lock is free at once. Nothing if it does not lead.
  result<void> step_down(const std::string& reason);

  /// The epoch that it leads with; 0 if it does not lead as far as it knows.
  [[nodiscard]] epoch held() const noexcept;
  [[nodiscard]] const candidate& who() const noexcept;

 private:
  friend struct leadership_access;
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace cadre::storage
