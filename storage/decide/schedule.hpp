#pragma once

#include "config/calendar.hpp"
#include "config/company.hpp"
#include "schemas/fields.hpp"
#include "schemas/time.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Which fires of a schedule to write down, to begin, to hold back and to give up: from its rule, its calendar, what
/// the ledger has, and the time. Pure. What it decides is idempotent by (schedule, due): the ledger alone remembers, so
/// that whoever leads next goes on from there.
namespace cadre::storage::decide {

enum class fire_kind : std::uint8_t {
  cron,      ///< A moment of the calendar.
  manual,    ///< Somebody asked for it now.
  backfill,  ///< Somebody asked for a moment that has passed.
  catch_up   ///< A moment of the calendar that fires late, since nobody could fire it in time.
};

/// As `cadre.fire.outcome`: the last step that a fire came to, or why it does not go on.
enum class fire_outcome : std::uint8_t {
  expected,
  fired,
  started,
  finished,
  effect,
  skipped,
  missed,
  failed,
  cancelled
};

/// A fire that is not over.
struct open_fire {
  timestamp due;
  timestamp fire_at;
  fire_kind kind = fire_kind::cron;
  fire_outcome outcome = fire_outcome::expected;
  bool held = false;  ///< Due, and waits for an earlier one to end.
};

/// What the ledger has of one schedule.
struct schedule_state {
  timestamp planned_until;  ///< Every moment of the calendar up to it was written. Empty: none, it is new.
  bool paused = false;
  std::string paused_why;       ///< `by NAME: REASON`, for the fires that are cancelled by it.
  std::vector<open_fire> open;  ///< In any order.
};

/// One thing to do, in this order. What names a fire names it by its due moment.
struct fire_step {
  enum class act : std::uint8_t {
    expect,  ///< Write it down; if it is there as missed or cancelled, never fired, and still to come, it is expected
             ///< again.
    fire,    ///< Add its task.
    hold,    ///< It waits for an earlier one.
    skip,
    miss,    ///< `moments` of them, the last of which is `due`; a row may have to be written.
    cancel,  ///< An expected one.
    stop     ///< One that is under way: its task is cancelled.
  };
  act what = act::expect;
  timestamp due;
  timestamp fire_at;
  fire_kind kind = fire_kind::cron;
  std::string reason;
  std::int64_t moments = 1;

  bool operator==(const fire_step&) const = default;
};

struct schedule_decision {
  std::vector<fire_step> steps;
  timestamp planned_until;
  timestamp look_at;  ///< Look again then, or when a fire of it ends. Never empty.
};

/// Bounds of one decision. What is left is decided at the next, which is then due at once.
struct schedule_bounds {
  std::chrono::milliseconds ahead{3'600'000};  ///< Expected fires are written for so long; the next one always.
  std::size_t ahead_max = 100;                 ///< But not more than so many.
  std::size_t behind_max = 2'000;              ///< Moments looked at that passed without having been written.
  std::size_t missed_rows_max = 100;           ///< More of them that are missed share one row.
  std::size_t fires_max = 100;                 ///< Fires that begin at once.
  std::size_t held_max = 1'000;                ///< Fires that wait; of more, the new ones are skipped.
  std::size_t running_max = 1'000;  ///< Fires under way at once with overlap `allow`; of more they are skipped.
  std::chrono::milliseconds look_every{60'000};
};

/// What to do now. `now`: the wall clock, which may have jumped since.
///
/// A fire that is due and no later than `grace` fires. One that is later was nobody's to fire: `catch_up` says whether
/// it still does. `skip`: missed. `once`: the latest within the window, unless one that is in time fires now anyway.
/// `all`: every one within the window, one after the other. A schedule that is paused cancels what comes due; what
/// somebody asks for (manual, backfill) fires all the same. Under way is what fired and is not over, also in review.
/// Backfills, and fires caught up with `all`, wait for each other whatever `overlap` says, except with `allow`.
schedule_decision decide_schedule(const config::schedule& rule, const config::calendar& moments,
                                  const schedule_state& state, timestamp now, const schedule_bounds& bounds = {});

/// The moments of (from, upto] that a backfill may fire, at most `limit`: those that never fired. `fired`: due moments
/// in that range of fires that did, or that still may.
std::vector<timestamp> moments_to_backfill(const config::calendar& moments, const std::vector<timestamp>& fired,
                                           timestamp from, timestamp upto, std::size_t limit);

/// A row that several moments share as missed: the latest of them is `due`, all are later than `after`.
struct missed_together {
  timestamp due;
  timestamp after;
  std::int64_t moments = 1;

  bool operator==(const missed_together&) const = default;
};

/// What a backfill leaves of it. `taken`: ascending, the moments that fire now and had no row of their own, and `due`
/// if it is among them. `moments` 0: nothing. A `due` that was taken gives way to the latest moment before the first
/// one taken that is not in `others`, else to a microsecond before that. `others`: in any order, the moments later than
/// `after` that have rows of their own. Costs a microsecond for each moment, and day, that it looks back.
missed_together left_of_missed(const config::calendar& moments, missed_together row,
                               const std::vector<timestamp>& taken, std::vector<timestamp> others);

}  // namespace cadre::storage::decide

namespace cadre {

template <>
struct enum_names<storage::decide::fire_kind> {
  using e = storage::decide::fire_kind;
  static constexpr std::array<std::pair<e, std::string_view>, 4> value{
      {{e::cron, "cron"}, {e::manual, "manual"}, {e::backfill, "backfill"}, {e::catch_up, "catch_up"}}};
};

template <>
struct enum_names<storage::decide::fire_outcome> {
  using e = storage::decide::fire_outcome;
  static constexpr std::array<std::pair<e, std::string_view>, 9> value{{{e::expected, "expected"},
                                                                        {e::fired, "fired"},
                                                                        {e::started, "started"},
                                                                        {e::finished, "finished"},
                                                                        {e::effect, "effect"},
                                                                        {e::skipped, "skipped"},
                                                                        {e::missed, "missed"},
                                                                        {e::failed, "failed"},
                                                                        {e::cancelled, "cancelled"}}};
};

}  // namespace cadre
