#pragma once

#include "config/company.hpp"
#include "schemas/messages.hpp"
#include "storage/leadership.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

/// The only road into the database: commands in, one transaction, outcomes out.
namespace cadre::storage {

/// What one commit did. Grants, revokes and events are there only if it committed: send them after looking at it.
struct batch_result {
  std::vector<outcome> outcomes;    ///< One per command, in the same order.
  std::vector<run_grant> grants;    ///< To cadre.COMPANY.agent.PATH; lost ones are granted again after a node_report.
  std::vector<run_revoke> revokes;  ///< To the same subject, best effort.
  std::vector<life_replaced> replaced;  ///< To the same subject; again with each node_report that shows the old life.
  std::vector<brief_id> briefs;         ///< To be written by the leader; asked for again until they are kept.
  std::vector<event> events;            ///< As they stand in the outbox, in the order of seq.
  /// A clock_tick is due after this long at the latest; nothing: not known to be due.
  std::optional<std::chrono::milliseconds> next_wakeup;
  /// Another epoch began or the session is gone. The engine is of no more use: candidate anew.
  bool lost_leadership = false;
};

struct engine_options {
  std::int64_t grants_per_commit_max = 1'000;
  std::size_t queue_kept_max = 2'000;  ///< Tasks per lane and priority that are held in memory; the rest is read.
  std::int64_t tick_rows_max = 500;    ///< Rows that a clock_tick takes from each list at once; it repeats.
  std::int64_t tick_rounds_max = 20;   ///< Repeats per clock_tick; the rest waits for the next tick.
  std::chrono::milliseconds regrant_after{2'000};   ///< A grant that a node does not report as held is sent again.
  std::chrono::milliseconds node_row_every{5'000};  ///< The node's row is written at most this often without a change.
  std::chrono::milliseconds run_mark_every{2'000};  ///< How often it is noted where the active runs are, at most.
  std::int64_t prune_rows_max = 500;                ///< Rows that one step of pruning looks at, when it is not behind.
  std::chrono::milliseconds prune_lock_wait{20};    ///< A partition is not dropped while somebody reads it for longer.
  std::chrono::milliseconds prune_look_max{100};    ///< A search for rows to prune is given up after this long.
  /// Schedules are looked at this often at least, whatever their fires say.
  std::chrono::milliseconds schedules_look_every{60'000};
  std::uint64_t seed = 0;  ///< Of the jitter of retries; 0: from the clock.
  /// What `clock()` says, and so what every commit is measured with; never goes back. Empty: see `clock()`. Whoever
  /// gives another one sees to it that the server's clock_timestamp() says the same (tests/integration/travel).
  std::function<timestamp()> clock{};
};

/// Commits commands of one company for as long as `lead` leads. Keeps what a claim needs in memory: the nodes' free
/// slots and the active runs. Used by one thread at a time; every call blocks on the database. `lead` outlives it.
class writer_engine {
 public:
  /// Does not touch the database: call `sync_company` first.
  writer_engine(leadership& lead, engine_options options = {});
  ~writer_engine();
  writer_engine(const writer_engine&) = delete;
  writer_engine& operator=(const writer_engine&) = delete;

  /// Writes the org, the nodes and the schedules of the config, retires what vanished from it, and reads what memory
  /// holds. At takeover, and again after a reload of the config. Errors: not_leader, storage.
  result<void> sync_company(const config::company& company);

  /// Applies the commands in order, in one transaction, and grants work to free agents. An empty batch grants only.
  /// A command that fails, fails alone: `rejected` with the reason. The others commit.
  /// All `in_doubt`: the connection broke before the answer to COMMIT; the senders repeat to the next leader.
  /// All `rejected` with not_leader: another epoch began, nothing was applied.
  /// All `busy`: Postgres can't now (disk full, a lock, shutting down): nothing was applied, try again after a pause.
  /// Leases of nodes and runs begin anew then, since reports could not be heard.
  batch_result commit(const std::vector<command>& commands);

  /// One small step of pruning what is past the company's retention, in a transaction of its own: makes partitions of
  /// coming months, drops one that is over, or deletes at most `prune_rows_max` rows of one table. Between commits.
  /// While it is behind, twice as many. Returns when to call again: pruning takes a fifth of the time at most, half of
  /// it while it is behind, and rests when there is nothing to do. A search that takes longer than `prune_look_max`
  /// comes again, for fewer rows. A step that failed (somebody holds a lock, the disk is full) is logged, changed
  /// nothing, and comes again later.
  /// Nothing: another epoch began or the session is gone, as in batch_result::lost_leadership.
  std::optional<std::chrono::milliseconds> prune();

  /// Extends the leader's lease; between commits, each lease/8. Errors: those of leadership::renew.
  result<void> renew();

  /// Events after `seq`, in order, at most `limit`, over the writer's own session. Other threads use `event_log`.
  result<std::vector<event>> events_after(std::int64_t seq, std::int64_t limit);

  /// The time that leases and due times are measured with: the database's wall clock when memory was read, carried on
  /// by the monotonic clock. A jump of the machine's clock moves it not. For `clock_tick::at`.
  [[nodiscard]] timestamp clock() const;

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace cadre::storage
