#include "storage/decide/schedule.hpp"

#include <algorithm>
#include <optional>

namespace cadre::storage::decide {

namespace {

using act = fire_step::act;
using config::catch_up_policy;
using config::overlap_policy;

bool is_under_way(const open_fire& f) {
  return f.outcome != fire_outcome::expected;
}

/// Backfills and what is caught up one by one wait for each other whatever `overlap` says.
bool one_by_one(const config::schedule& rule, fire_kind kind) {
  return kind == fire_kind::backfill || (kind == fire_kind::catch_up && rule.catch_up.policy == catch_up_policy::all);
}

struct decider {
  const config::schedule& rule;
  const config::calendar& moments;
  const schedule_state& state;
  const timestamp now;
  const schedule_bounds& bounds;
  schedule_decision out;
  std::vector<open_fire> open;  ///< With what is written down now.
  std::size_t fired = 0;
  bool more_to_fire = false;
  bool passed_unwritten = false;  ///< Moments that passed were written down only now.
  bool behind = false;            ///< There may be more moments that passed without having been written.

  void step(act what, const open_fire& f, std::string reason = {}, std::int64_t count = 1) {
    out.steps.push_back({what, f.due, f.fire_at, f.kind, std::move(reason), count});
  }

  [[nodiscard]] bool is_open(timestamp due) const {
    return std::any_of(open.begin(), open.end(), [&](const open_fire& f) { return f.due == due; });
  }

  void expect(timestamp due) {
    open_fire f;
    f.due = due;
    f.fire_at = moments.fire_at(due);
    if (!is_open(due)) {
      step(act::expect, f);
      open.push_back(f);
    }
    out.planned_until = std::max(out.planned_until, due);
  }

  /// Where planning begins. If the next moment was planned and is not expected, it was decided under a clock that was
  /// ahead: what is still to come is expected again, unless it fired.
  [[nodiscard]] timestamp plan_from() const {
    if (state.planned_until.empty()) return now;
    const auto next = moments.next(now);
    const bool clock_was_ahead = !next.empty() && next <= state.planned_until && !is_open(next);
    return clock_was_ahead ? now : state.planned_until;
  }

  /// How many of these, which passed unwritten, are missed for certain, from the oldest on.
  [[nodiscard]] std::size_t lost_of(const std::vector<timestamp>& passed) const {
    auto in_time = now + -std::chrono::microseconds{rule.grace + rule.jitter};
    if (rule.catch_up.policy == catch_up_policy::all)
      in_time = std::min(in_time, now + -std::chrono::microseconds{rule.catch_up.window});
    const auto first = std::lower_bound(passed.begin(), passed.end(), in_time);
    const auto lost = static_cast<std::size_t>(first - passed.begin());
    const bool last_fires = rule.catch_up.policy == catch_up_policy::once && !behind && lost > 0;
    return last_fires ? lost - 1 : lost;
  }

  /// Moments that passed while nobody wrote them down.
  void write_what_passed(timestamp from) {
    const auto passed = moments.between(from, now, bounds.behind_max);
    behind = passed.size() >= bounds.behind_max;
    auto lost = lost_of(passed);
    if (lost <= bounds.missed_rows_max) lost = 0;
    if (lost > 0) {
      open_fire last;
      last.due = passed[lost - 1];
      last.fire_at = moments.fire_at(last.due);
      step(act::miss, last, "nobody was there to fire these " + std::to_string(lost) + " moments",
           static_cast<std::int64_t>(lost));
      out.planned_until = std::max(out.planned_until, last.due);
    }
    for (auto i = lost; i < passed.size(); ++i) expect(passed[i]);
    passed_unwritten = !passed.empty();
  }

  /// What is open later than `from` was written under a clock that was ahead: it stands for none of those before.
  void write_what_comes(timestamp from) {
    const auto ahead = static_cast<std::size_t>(std::count_if(open.begin(), open.end(), [&](const open_fire& f) {
      return f.due > now && f.due <= from && f.kind == fire_kind::cron;
    }));
    if (ahead >= std::max<std::size_t>(bounds.ahead_max / 2, 1)) return;
    auto coming = moments.between(from, now + bounds.ahead, bounds.ahead_max - ahead);
    if (coming.empty() && ahead == 0)
      if (const auto next = moments.next(from); !next.empty()) coming.push_back(next);
    for (const auto due : coming) expect(due);
  }

  void plan() {
    out.planned_until = plan_from();
    if (out.planned_until < now) write_what_passed(out.planned_until);
    if (!behind) write_what_comes(std::max(out.planned_until, now));
  }

  /// Those that may begin now, oldest first. The others that are due are cancelled or missed.
  std::vector<open_fire> candidates() {
    std::vector<open_fire> ready, late;
    bool one_in_time = false;
    for (auto& f : open) {
      if (is_under_way(f) || (f.fire_at > now && !f.held)) continue;
      if (f.kind != fire_kind::cron) {
        ready.push_back(f);
      } else if (state.paused) {
        step(act::cancel, f, "paused " + state.paused_why);
      } else if (f.held || now - f.fire_at <= rule.grace) {
        one_in_time = one_in_time || !f.held;
        ready.push_back(f);
      } else {
        late.push_back(f);
      }
    }
    const auto by_due = [](const open_fire& a, const open_fire& b) { return a.due < b.due; };
    std::sort(late.begin(), late.end(), by_due);
    catch_up(late, one_in_time, ready);
    std::sort(ready.begin(), ready.end(), by_due);
    return ready;
  }

  void catch_up(std::vector<open_fire>& late, bool one_in_time, std::vector<open_fire>& ready) {
    for (std::size_t i = 0; i < late.size(); ++i) {
      auto& f = late[i];
      if (rule.catch_up.policy == catch_up_policy::skip) {
        step(act::miss, f, "nobody was there to fire it in time; catch_up: skip");
      } else if (now - f.due > rule.catch_up.window) {
        step(act::miss, f, "nobody was there to fire it within the window of catch_up");
      } else if (rule.catch_up.policy == catch_up_policy::once && (one_in_time || i + 1 < late.size())) {
        step(act::miss, f, "nobody was there to fire it in time; a later one fires; catch_up: once");
      } else {
        f.kind = fire_kind::catch_up;
        ready.push_back(f);
      }
    }
  }

  void hold(const open_fire& f, const open_fire& because) {
    if (!f.held) step(act::hold, f, "waits for the fire of " + to_iso(because.due));
  }

  /// How those that wait, or are due now, begin beside what is under way.
  void begin(const std::vector<open_fire>& ready) {
    std::vector<open_fire> running;
    for (const auto& f : open)
      if (is_under_way(f)) running.push_back(f);
    std::size_t held = 0;
    for (std::size_t i = 0; i < ready.size(); ++i) {
      const auto& f = ready[i];
      const bool sequential = one_by_one(rule, f.kind);
      const auto policy = rule.overlap;
      if (fired >= bounds.fires_max) {
        more_to_fire = true;
        break;
      }
      if (policy == overlap_policy::allow) {
        if (running.size() >= bounds.running_max) {
          step(act::skip, f, std::to_string(running.size()) + " fires are under way");
        } else {
          fire(f, running);
        }
      } else if (running.empty()) {
        fire(f, running);
      } else if (sequential || policy == overlap_policy::buffer_all) {
        if (!f.held && held >= bounds.held_max) {
          step(act::skip, f, std::to_string(held) + " fires wait already");
        } else {
          hold(f, running.front());
          ++held;
        }
      } else if (policy == overlap_policy::buffer_one) {
        if (another_follows(ready, i)) {
          step(act::skip, f, "a later fire waits in its place; overlap: buffer_one");
        } else {
          hold(f, running.front());
        }
      } else if (policy == overlap_policy::cancel_other) {
        if (another_follows(ready, i)) {
          step(act::cancel, f, "a later fire takes its place; overlap: cancel_other");
        } else {
          for (const auto& r : running)
            step(act::stop, r, "the fire of " + to_iso(f.due) + " takes its place; overlap: cancel_other");
          running.clear();
          fire(f, running);
        }
      } else {
        step(act::skip, f, "the fire of " + to_iso(running.front().due) + " is still under way; overlap: skip");
      }
    }
  }

  /// Another one that does not wait for its turn whatever happens comes after this.
  [[nodiscard]] bool another_follows(const std::vector<open_fire>& ready, std::size_t i) const {
    return std::any_of(ready.begin() + static_cast<std::ptrdiff_t>(i) + 1, ready.end(),
                       [&](const open_fire& f) { return !one_by_one(rule, f.kind); });
  }

  void fire(open_fire f, std::vector<open_fire>& running) {
    step(act::fire, f);
    ++fired;
    f.outcome = fire_outcome::fired;
    running.push_back(std::move(f));
  }

  void look_again() {
    out.look_at = passed_unwritten || more_to_fire ? now : now + bounds.look_every;
    for (const auto& f : open)
      if (!is_under_way(f) && !f.held && f.fire_at > now) out.look_at = std::min(out.look_at, f.fire_at);
  }
};

/// The latest moment of (after, upto] that is not in `others`, which are ascending. Empty: there is none.
timestamp latest_without_row(const config::calendar& moments, timestamp after, timestamp upto,
                             const std::vector<timestamp>& others) {
  // Backwards, as `after` may be years ago, in spans that grow to a day: it has 86,400 moments at most.
  constexpr std::chrono::microseconds span_max = std::chrono::days{1};
  constexpr std::size_t span_moments_max = 86'400;
  std::chrono::microseconds span = std::chrono::minutes{1};
  for (auto end = upto; end > after;) {
    const auto begin = std::max(after, end + -span);
    const auto some = moments.between(begin, end, span_moments_max);
    const auto found = std::find_if(some.rbegin(), some.rend(),
                                    [&](timestamp t) { return !std::binary_search(others.begin(), others.end(), t); });
    if (found != some.rend()) return *found;
    end = begin;
    span = std::min(span * 2, span_max);
  }
  return {};
}

}  // namespace

schedule_decision decide_schedule(const config::schedule& rule, const config::calendar& moments,
                                  const schedule_state& state, timestamp now, const schedule_bounds& bounds) {
  decider d{rule, moments, state, now, bounds, {}, state.open};
  d.plan();
  // What was written for moments that passed may be there already, as over: under a clock that was ahead. Decided is
  // from what the ledger has, so not before it is read again.
  if (!d.passed_unwritten) d.begin(d.candidates());
  d.look_again();
  return std::move(d.out);
}

std::vector<timestamp> moments_to_backfill(const config::calendar& moments, const std::vector<timestamp>& fired,
                                           timestamp from, timestamp upto, std::size_t limit) {
  auto done = fired;
  std::sort(done.begin(), done.end());
  std::vector<timestamp> left;
  for (auto t = moments.next(from); !t.empty() && t <= upto && left.size() < limit; t = moments.next(t))
    if (!std::binary_search(done.begin(), done.end(), t)) left.push_back(t);
  return left;
}

missed_together left_of_missed(const config::calendar& moments, missed_together row,
                               const std::vector<timestamp>& taken, std::vector<timestamp> others) {
  const auto first = std::upper_bound(taken.begin(), taken.end(), row.after);
  const auto end = std::upper_bound(first, taken.end(), row.due);
  if (first == end) return row;
  const bool latest_too = *std::prev(end) == row.due;
  row.moments = std::max<std::int64_t>(row.moments - (end - first), latest_too ? 0 : 1);
  if (!latest_too || row.moments == 0) return row;
  const auto before = *first + -std::chrono::microseconds{1};
  std::sort(others.begin(), others.end());
  const auto older = latest_without_row(moments, row.after, before, others);
  row.due = older.empty() ? before : older;
  return row;
}

}  // namespace cadre::storage::decide
