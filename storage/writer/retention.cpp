#include "storage/writer/retention.hpp"

#include "schemas/log.hpp"
#include "storage/writer/id_bounds.hpp"
#include "storage/writer/prune_rows.hpp"

#include <algorithm>

namespace cadre::storage::writer {

namespace {

using std::chrono::milliseconds;

/// A round goes on at the first row that the last one left, which may have been over too late for it; but it goes back
/// by no more than this part of the time that rows are kept, nor than an hour: some stay for long.
constexpr int step_back_part = 4;
constexpr milliseconds step_back_max = std::chrono::hours{1};
/// After this long a round begins at the first id, for what was left behind all the same.
constexpr milliseconds whole_every = std::chrono::hours{24};
/// Each look that took too long divides the rows of the next one by 8, up to so often.
constexpr int slow_looks_max = 2;
/// A step that is behind looks at so many times as many rows: half of what a step costs is its commit.
constexpr std::int64_t steps_behind = 2;
constexpr int months_ahead = 2;

/// In their order: what holds up the end of a partition goes before the partition, and runs before their tasks.
enum class stage_name : std::size_t { make, dependencies, drop, runs, tasks, journal, outputs, events, fires, keys };

/// Of what a walk goes by.
const config::kept_time& kept_of(const config::retention_rule& kept, std::size_t stage) {
  switch (static_cast<stage_name>(stage)) {
    case stage_name::runs:
      return kept.runs;
    case stage_name::journal:
      return kept.journal;
    case stage_name::outputs:
      return kept.outputs;
    case stage_name::events:
      return kept.events;
    default:
      return kept.tasks;
  }
}

/// Where the next round begins, given how far this one went and what it left first.
std::string next_begin(const config::kept_time& kept, const std::string& upto, const std::string& first_left) {
  const auto back = std::min(kept.time / step_back_part, step_back_max);
  const auto earliest = decide::earlier_id(upto, back);
  return first_left.empty() ? upto : std::max(earliest, first_left);
}

void write_rules(unit& u) {
  const auto& kept = u.mem.company.retention;
  std::vector<pg::value> kinds, times;
  for (const auto& [kind, k] :
       {std::pair{"tasks", kept.tasks}, std::pair{"runs", kept.runs}, std::pair{"journal", kept.journal},
        std::pair{"outputs", kept.outputs}, std::pair{"events", kept.events}}) {
    kinds.push_back(pg::to_value(kind));
    times.push_back(k.forever ? pg::value{} : pg::to_value(k.time.count()));
  }
  u.db.run(
      "INSERT INTO cadre.retention (company, kind, keep) SELECT $1, kind, ms * interval '1 millisecond' "
      "FROM unnest($2::text[], $3::bigint[]) AS k (kind, ms) ON CONFLICT (company, kind) DO UPDATE SET keep = "
      "excluded.keep WHERE retention.keep IS DISTINCT FROM excluded.keep",
      u.company(), kinds, times);
}

void make_months(unit& u) {
  for (const auto& row : u.db.run("SELECT * FROM cadre.make_months($1::int)", months_ahead))
    log::info("company {}: made partition {}", u.company(), row[0].as<std::string>());
}

/// True if there was one.
bool drop_month(unit& u, std::int64_t& pruned) {
  const auto rows = u.db.run("SELECT dropped, pruned_rows, moved FROM cadre.drop_finished_month($1)", u.company());
  if (rows.empty()) return false;
  pruned += rows[0][1].as<std::int64_t>();
  log::info("company {}: dropped partition {} with {} rows that are past their time; {} that must stay were moved",
            u.company(), rows[0][0].as<std::string>(), rows[0][1].as<std::int64_t>(), rows[0][2].as<std::int64_t>());
  return true;
}

}  // namespace

/// True if the stage is done.
bool pruner::run_stage(unit& u, state& s) {
  const auto& kept = u.mem.company.retention;
  auto& w = s.walks.at(s.stage);
  // What is over meanwhile waits for the next round: a stage that never catches up must not keep the others from
  // theirs.
  if (s.stage_began.empty()) {
    s.stage_began = u.now;
    s.before_stage = s.round;
  }
  const auto look_at = [&](const config::kept_time& k, auto&& look) {
    const auto before = decide::over_before(k, s.stage_began);
    const auto ranges = decide::ranges_by_row(k, s.stage_began);
    if (w.range >= ranges.size()) return true;
    const auto& r = ranges[w.range];
    if (w.at.empty()) w.at = w.range == 0 && !w.begin_at.empty() ? w.begin_at : r.from;
    row_place place{w.at, w.at_more};
    const auto found = look(place, r.upto, *before);
    if (w.range == 0 && w.first_left.empty()) w.first_left = found.first_left;
    s.round.pruned += found.pruned;
    w.at = place.id;
    w.at_more = place.more;
    if (found.more) return false;
    if (w.range == 0) w.last_upto = r.upto;
    ++w.range;
    w.at.clear();
    w.at_more.clear();
    return w.range >= ranges.size();
  };
  // Of a table that is in one piece.
  const auto look_at_all = [&](const config::kept_time& k, auto&& look) {
    const auto before = decide::over_before(k, s.stage_began);
    if (!before) return true;
    row_place place{w.at, {}};
    const auto found = look(place, *before);
    s.round.pruned += found.pruned;
    w.at = found.more ? place.id : "";
    return !found.more;
  };
  switch (static_cast<stage_name>(s.stage)) {
    case stage_name::make:
      write_rules(u);
      make_months(u);
      return true;
    case stage_name::dependencies:
      return look_at(kept.tasks,
                     [&](row_place& p, const std::string& upto, timestamp) { return prune_dependencies(u, p, upto); });
    case stage_name::drop:
      return !drop_month(u, s.round.pruned);
    case stage_name::runs:
      // Runs that are kept as long as their tasks go with them, so they need no look of their own.
      if (!s.whole && kept.runs == kept.tasks) return true;
      return look_at(kept.runs, [&](row_place& p, const std::string& upto, timestamp before) {
        return prune_runs(u, p, upto, before);
      });
    case stage_name::tasks:
      return look_at(kept.tasks, [&](row_place& p, const std::string& upto, timestamp before) {
        return prune_tasks(u, p, upto, before);
      });
    case stage_name::journal:
      return look_at(kept.journal, [&](row_place& p, const std::string& upto, timestamp before) {
        return prune_journal(u, p, upto, before);
      });
    case stage_name::outputs:
      return look_at_all(kept.outputs, [&](row_place& p, timestamp before) { return prune_outputs(u, p, before); });
    case stage_name::events:
      return look_at_all(kept.events,
                         [&](row_place&, timestamp before) { return prune_events(u, s.events_gone, before); });
    case stage_name::fires:
      return look_at_all(kept.tasks, [&](row_place&, timestamp before) { return prune_fires(u, before); });
    case stage_name::keys:
      break;
  }
  // A key outlives its task by as long as tasks are kept.
  return look_at_all(kept.tasks, [&](row_place& p, timestamp before) {
    return prune_keys(u, p, before + -std::chrono::microseconds{kept.tasks.time});
  });
}

void pruner::step(unit& u) {
  next_ = now_;
  next_.rest = false;
  const bool done = run_stage(u, next_);
  auto& walked = next_.walks.at(next_.stage);
  const auto goes_on = std::chrono::microseconds{u.now.us - next_.stage_began.us};
  const auto behind_after = decide::behind_after(kept_of(u.mem.company.retention, next_.stage));
  const auto& was = next_.before_stage;
  const bool much =
      decide::takes_much(next_.round.pruned - was.pruned, next_.round.steps - was.steps, u.options.prune_rows_max);
  if (goes_on > behind_after && much) walked.is_behind = true;
  if (!done) return;
  if (goes_on <= behind_after / 2 || !much) walked.is_behind = false;
  next_.stage_began = {};
  if (++next_.stage < stages) return;
  next_.stage = 0;
  next_.rest = true;
  kept_ = u.mem.company.retention;
  if (next_.whole) next_.last_whole = u.now;
  next_.whole = u.now >= next_.last_whole + whole_every;
  for (std::size_t stage = 0; stage < stages; ++stage) {
    auto& w = next_.walks.at(stage);
    walk next;
    next.is_behind = w.is_behind;
    if (!next_.whole && w.last_upto) next.begin_at = next_begin(kept_of(kept_, stage), *w.last_upto, w.first_left);
    w = std::move(next);
  }
}

milliseconds pruner::committed(std::chrono::microseconds took) {
  failures_ = 0;
  if (slow_looks_ > 0) --slow_looks_;
  now_ = next_;
  ++now_.round.steps;
  now_.round.took += took;
  if (!now_.rest) return decide::rest_after(took, is_behind());
  const auto rest = decide::rest_between_rounds(kept_, now_.round);
  now_.round = {};
  return rest;
}

milliseconds pruner::failed() {
  return decide::wait_after_failures(++failures_);
}

milliseconds pruner::too_slow(std::chrono::microseconds took) {
  slow_looks_ = std::min(slow_looks_ + 1, slow_looks_max);
  return decide::rest_after(took, is_behind());
}

std::int64_t pruner::rows_max(std::int64_t most) const noexcept {
  const auto rows = is_behind() ? most * steps_behind : most;
  return std::max<std::int64_t>(rows >> (3 * slow_looks_), 1);
}

void pruner::restart() {
  now_ = {};
}

}  // namespace cadre::storage::writer
