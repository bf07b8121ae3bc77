#pragma once

#include "storage/decide/retention.hpp"
#include "storage/writer/unit.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

/// Pruning of what is past its time, in small steps between the writer's commits.
namespace cadre::storage::writer {

/// Where pruning is. It goes round: partitions are made ahead, finished ones dropped, and then the rows that no dropped
/// partition takes along are looked at, table by table. Nothing of it has to survive: a successor begins a round anew,
/// and what a step did is done.
class pruner {
 public:
  /// One step, inside a transaction that has a lock_timeout: at most one partition is made or dropped, or so many rows
  /// looked at as options say. Throws libpqxx's exceptions; nothing changed then, see `failed`.
  void step(unit& u);

  /// The transaction of the last step committed. Returns how long to wait until the next one.
  std::chrono::milliseconds committed(std::chrono::microseconds took);
  /// It did not: the same step comes again. Returns how long to wait until then.
  std::chrono::milliseconds failed();
  /// It was given up while it searched: the same step comes again, for fewer rows.
  std::chrono::milliseconds too_slow(std::chrono::microseconds took);
  /// How many rows the next step shall look at, of `most`.
  [[nodiscard]] std::int64_t rows_max(std::int64_t most) const noexcept;

  /// Begins a round anew: the config changed.
  void restart();

  [[nodiscard]] int failures() const noexcept { return failures_; }

 private:
  /// Where a walk through one table is.
  struct walk {
    std::size_t range = 0;                 ///< Of decide::ranges_by_row.
    std::string at;                        ///< Looked at up to this id; empty: from where the range begins.
    std::string at_more;                   ///< The rest of the key, where it has more.
    std::string begin_at;                  ///< Where the next round begins; empty: at the first id.
    std::optional<std::string> last_upto;  ///< How far the first range went in this round.
    std::string first_left;                ///< The first id of it that was looked at and stays for now.
    bool is_behind = false;                ///< See decide::behind_after.
  };
  static constexpr std::size_t stages = 10;
  struct state {
    std::size_t stage = 0;
    timestamp stage_began;  ///< Empty before its first step.
    std::array<walk, stages> walks;
    decide::round_facts round;
    decide::round_facts before_stage;  ///< The round as the stage began.
    bool whole = true;                 ///< This one looks at everything.
    timestamp last_whole;              ///< When the last such one ended.
    std::int64_t events_gone = 0;      ///< The last seq that went.
    bool rest = false;                 ///< The round is over.
  };

  bool run_stage(unit& u, state& s);
  [[nodiscard]] bool is_behind() const { return now_.walks.at(now_.stage).is_behind; }

  state now_;
  state next_;  ///< After the step, if it commits.
  int failures_ = 0;
  int slow_looks_ = 0;           ///< Up with each look that was given up, down with each step that was done.
  config::retention_rule kept_;  ///< Of the round that ended last.
};

}  // namespace cadre::storage::writer
