#include "storage/decide/schedule.hpp"
#include "storage/writer/fires.hpp"
#include "storage/writer/handlers.hpp"

#include <algorithm>
#include <map>

namespace cadre::storage::writer {

namespace {

using decide::fire_step;
using fire_act = fire_step::act;

/// A brief that was not kept by then is asked for again.
constexpr std::chrono::seconds ask_again_after{30};
constexpr std::chrono::seconds retry_look_after{1};

void write_schedule(unit& u, const config::schedule& s) {
  std::vector<std::string> excluded;
  for (const auto day : s.exclude)
    excluded.push_back(
        to_iso({std::chrono::sys_days{day}.time_since_epoch() / std::chrono::microseconds{1}}).substr(0, 10));
  u.db.run(
      "INSERT INTO cadre.schedule AS s (company, name, agent, cron, tz, watcher, overlap, catch_up, catch_up_window, "
      "jitter, grace, exclude, starts, ends) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::bigint * interval '1 ms', "
      "$10::bigint * interval '1 ms', $11::bigint * interval '1 ms', $12::date[], $13::timestamptz, $14::timestamptz) "
      "ON CONFLICT (company, name) DO UPDATE SET agent = excluded.agent, cron = excluded.cron, tz = excluded.tz, "
      "watcher = excluded.watcher, overlap = excluded.overlap, catch_up = excluded.catch_up, "
      "catch_up_window = excluded.catch_up_window, jitter = excluded.jitter, grace = excluded.grace, "
      "exclude = excluded.exclude, starts = excluded.starts, ends = excluded.ends, retired = false, "
      "(since, planned_until) = (SELECT CASE WHEN c.changed THEN clock_timestamp() ELSE s.since END, "
      "CASE WHEN NOT c.changed THEN s.planned_until END FROM (SELECT s.retired OR "
      "(s.cron, s.tz, s.jitter, s.exclude, s.starts, s.ends) IS DISTINCT FROM (excluded.cron, excluded.tz, "
      "excluded.jitter, excluded.exclude, excluded.starts, excluded.ends) AS changed) c)",
      u.company(), s.name, s.agent, s.cron, s.tz, s.watcher, s.overlap, s.catch_up.policy, s.catch_up.window.count(),
      s.jitter.count(), s.grace.count(), excluded, s.starts, s.ends);
}

struct schedule_row {
  decide::schedule_state state;
  std::map<timestamp, task_id> tasks;  ///< Of what is under way, by due moment.
};

std::map<std::string, schedule_row> read_ledger(unit& u) {
  std::map<std::string, schedule_row> found;
  for (const auto& row : u.db.run("SELECT name, coalesce((extract(epoch FROM planned_until) * 1000000)::bigint, 0), "
                                  "paused_at IS NOT NULL, coalesce('by ' || paused_by || ': ' || paused_reason, '') "
                                  "FROM cadre.schedule WHERE company = $1 AND NOT retired",
                                  u.company())) {
    auto& state = found[row[0].as<std::string>()].state;
    state.planned_until.us = row[1].as<std::int64_t>();
    state.paused = row[2].as<bool>();
    state.paused_why = row[3].as<std::string>();
  }
  for (const auto& row :
       u.db.run("SELECT schedule, (extract(epoch FROM due_at) * 1000000)::bigint, "
                "(extract(epoch FROM fire_at) * 1000000)::bigint, kind, outcome, held_at IS NOT NULL, "
                "coalesce(task::text, '') FROM cadre.fire WHERE company = $1 AND ended_at IS NULL ORDER BY due_at",
                u.company())) {
    auto& of = found[row[0].as<std::string>()];
    decide::open_fire fire;
    fire.due.us = row[1].as<std::int64_t>();
    fire.fire_at.us = row[2].as<std::int64_t>();
    from_text(row[3].as<std::string>(), fire.kind);
    from_text(row[4].as<std::string>(), fire.outcome);
    fire.held = row[5].as<bool>();
    of.state.open.push_back(fire);
    of.tasks[fire.due].text = row[6].as<std::string>();
  }
  return found;
}

/// What happens to the fires of one schedule at one look.
class fire_steps {
 public:
  fire_steps(unit& u, const scheduled& of, const std::map<timestamp, task_id>& tasks, timestamp wall)
      : u_{u}, of_{of}, tasks_{tasks}, wall_{wall} {}

  void apply(const std::vector<fire_step>& steps) {
    for (const auto& step : steps)
      if (step.what == fire_act::expect || (step.what == fire_act::miss && step.moments > 1)) write_.push_back(&step);
    write_new();
    for (const auto& step : steps) {
      switch (step.what) {
        case fire_act::expect:
          break;
        case fire_act::fire:
          fire(step);
          break;
        case fire_act::stop:
          stop(step);
          break;
        case fire_act::hold:
        case fire_act::skip:
        case fire_act::miss:
        case fire_act::cancel:
          if (step.moments == 1) close_.push_back(&step);
          tell(step);
          break;
      }
    }
    write_changed();
  }

 private:
  [[nodiscard]] fire_name name_of(const fire_step& step) const { return {of_.rule.name, step.due}; }

  static std::string_view outcome_of(fire_act what) {
    switch (what) {
      case fire_act::skip:
        return "skipped";
      case fire_act::miss:
        return "missed";
      case fire_act::cancel:
        return "cancelled";
      default:
        return "expected";
    }
  }

  void tell(const fire_step& step) {
    if (step.what == fire_act::hold)
      return tell_fire(u_, name_of(step), "due", {{"kind", to_text(step.kind)}, {"reason", step.reason}});
    nlohmann::json more{{"kind", to_text(step.kind)}, {"reason", step.reason}, {"over", true}};
    if (step.moments > 1) more["moments"] = step.moments;
    tell_fire(u_, name_of(step), outcome_of(step.what), more);
  }

  /// A moment that was given up under another calendar, or under a clock that was ahead, is expected again if it is
  /// still to come.
  void write_new() {
    if (write_.empty()) return;
    std::vector<pg::value> due, fire_at, outcomes, reasons, counts;
    for (const auto* step : write_) {
      due.push_back(pg::to_value(step->due));
      fire_at.push_back(pg::to_value(step->fire_at));
      outcomes.push_back(pg::to_value(outcome_of(step->what)));
      reasons.push_back(pg::to_value(step->reason));
      counts.push_back(pg::to_value(step->moments));
    }
    u_.db.run(
        "INSERT INTO cadre.fire AS f (company, schedule, due_at, kind, fire_at, outcome, reason, moments, ended_at) "
        "SELECT $1, $2, due_at, 'cron', fire_at, outcome, reason, moments, CASE WHEN outcome <> 'expected' THEN "
        "$3::timestamptz END FROM unnest($4::timestamptz[], $5::timestamptz[], $6::text[], $7::text[], $8::bigint[]) "
        "AS n (due_at, fire_at, outcome, reason, moments) ON CONFLICT (company, schedule, due_at) DO UPDATE SET "
        "outcome = excluded.outcome, reason = '', fire_at = excluded.fire_at, kind = 'cron', moments = 1, "
        "ended_at = NULL, held_at = NULL, expected_at = clock_timestamp() WHERE f.due_at > $3::timestamptz AND "
        "f.fired_at IS NULL AND f.outcome IN ('missed', 'cancelled') AND excluded.outcome = 'expected'",
        u_.company(), of_.rule.name, wall_, due, fire_at, outcomes, reasons, counts);
  }

  void write_changed() {
    if (close_.empty()) return;
    std::vector<pg::value> due, kinds, outcomes, reasons;
    for (const auto* step : close_) {
      due.push_back(pg::to_value(step->due));
      kinds.push_back(pg::to_value(step->kind));
      outcomes.push_back(pg::to_value(outcome_of(step->what)));
      reasons.push_back(pg::to_value(step->reason));
    }
    u_.db.run(
        "UPDATE cadre.fire f SET outcome = n.outcome, kind = n.kind, reason = n.reason, "
        "held_at = CASE WHEN n.outcome = 'expected' THEN $3::timestamptz ELSE f.held_at END, "
        "ended_at = CASE WHEN n.outcome <> 'expected' THEN $3::timestamptz END "
        "FROM unnest($4::timestamptz[], $5::text[], $6::text[], $7::text[]) AS n (due_at, kind, outcome, reason) "
        "WHERE f.company = $1 AND f.schedule = $2 AND f.due_at = n.due_at AND f.outcome = 'expected'",
        u_.company(), of_.rule.name, wall_, due, kinds, outcomes, reasons);
  }

  void fire(const fire_step& step) {
    const bool brief = of_.rule.name == config::brief_schedule;
    const auto id = named_id<task_id>(u_.company() + "/" + of_.rule.name + "/" + std::to_string(step.due.us));
    tell_fire(u_, name_of(step), "due", {{"kind", to_text(step.kind)}});
    if (!brief)
      if (const auto added = add_task(u_, "leader", task_of(step, id)); !added)
        return fail(step, added.error().message);
    u_.db.run(
        "UPDATE cadre.fire SET outcome = 'fired', kind = $4, reason = '', fired_at = $5::timestamptz, task = $6::uuid "
        "WHERE company = $1 AND schedule = $2 AND due_at = $3::timestamptz AND outcome = 'expected'",
        u_.company(), of_.rule.name, step.due, step.kind, wall_, brief ? task_id{} : id);
    nlohmann::json more{{"kind", to_text(step.kind)}};
    if (brief) {
      const auto owed = brief_of(u_.company(), step.due);
      u_.mem.briefs_owed.emplace(owed, owed_brief{step.due, {}});
      u_.on_rollback([&m = u_.mem, owed] { m.briefs_owed.erase(owed); });
      more["brief"] = owed.text;
    } else {
      u_.mem.fires.emplace(id, name_of(step));
      u_.on_rollback([&m = u_.mem, id] { m.fires.erase(id); });
      more["task"] = id.text;
    }
    tell_fire(u_, name_of(step), "fired", more);
  }

  /// One schedule whose task is refused must not hold up the others.
  void fail(const fire_step& step, const std::string& why) {
    u_.db.run(
        "UPDATE cadre.fire SET outcome = 'failed', reason = $4, ended_at = $5::timestamptz WHERE company = $1 AND "
        "schedule = $2 AND due_at = $3::timestamptz AND ended_at IS NULL",
        u_.company(), of_.rule.name, step.due, why, wall_);
    tell_fire(u_, name_of(step), "failed", {{"reason", why}, {"over", true}});
  }

  /// What the agent is told besides its payload: which moment this is about.
  [[nodiscard]] json_text payload_of(const fire_step& step) const {
    auto payload = parse_or_null(of_.rule.payload.text);
    if (!payload.is_null() && !payload.is_object()) return of_.rule.payload;
    if (!payload.contains("fire"))
      payload["fire"] = {{"schedule", of_.rule.name}, {"due", to_iso(step.due)}, {"kind", to_text(step.kind)}};
    return {dump(payload)};
  }

  [[nodiscard]] task_add task_of(const fire_step& step, const task_id& id) const {
    task_add add;
    add.id = id;
    add.agent = of_.rule.agent;
    add.title = of_.rule.name;
    add.payload = payload_of(step);
    add.priority = of_.rule.priority;
    add.schedule = of_.rule.name;
    return add;
  }

  void stop(const fire_step& step) {
    if (const auto found = tasks_.find(step.due); found != tasks_.end() && !found->second.empty()) {
      const auto stopped = writer::apply(u_, command{}, task_cancel{found->second, step.reason});
      if (!stopped) throw rejection{stopped.error()};
      return;
    }
    fail(step, "the brief was not written before the next one was due");
    const auto owed = u_.mem.briefs_owed.find(brief_of(u_.company(), step.due));
    if (owed == u_.mem.briefs_owed.end()) return;
    u_.on_rollback([&m = u_.mem, old = *owed] { m.briefs_owed.insert(old); });
    u_.mem.briefs_owed.erase(owed);
  }

  unit& u_;
  const scheduled& of_;
  const std::map<timestamp, task_id>& tasks_;
  timestamp wall_;
  std::vector<const fire_step*> write_, close_;
};

void ask_for_briefs(unit& u, timestamp wall) {
  for (auto& [id, owed] : u.mem.briefs_owed) {
    const bool waits = !owed.told_at.empty() && wall >= owed.told_at && wall - owed.told_at < ask_again_after;
    if (waits) continue;
    owed.told_at = wall;
    u.briefs.push_back(id);
  }
}

void decide_fires(unit& u, timestamp wall) {
  auto& clock = u.mem.schedules;
  if (u.mem.all_schedules().empty()) return;
  if (!clock.looked_at.empty() && wall >= clock.looked_at && wall < clock.look_at) return;
  // What fails is not tried again at once.
  u.on_rollback([&clock, wall] { clock.look_at = wall + retry_look_after; });
  u.set(clock.looked_at, wall);
  const auto ledger = read_ledger(u);
  std::vector<std::string> names;
  std::vector<timestamp> planned;
  timestamp look_at;
  decide::schedule_bounds bounds;
  bounds.look_every = u.options.schedules_look_every;
  for (const auto& s : u.mem.all_schedules()) {
    const auto row = ledger.find(s.rule.name);
    if (row == ledger.end()) continue;
    const auto decision = decide::decide_schedule(s.rule, s.moments, row->second.state, wall, bounds);
    fire_steps{u, s, row->second.tasks, wall}.apply(decision.steps);
    if (look_at.empty() || decision.look_at < look_at) look_at = decision.look_at;
    if (decision.planned_until == row->second.state.planned_until) continue;
    names.push_back(s.rule.name);
    planned.push_back(decision.planned_until);
  }
  if (!names.empty())
    u.db.run(
        "UPDATE cadre.schedule s SET planned_until = n.planned_until FROM unnest($2::text[], $3::timestamptz[]) "
        "AS n (name, planned_until) WHERE s.company = $1 AND s.name = n.name",
        u.company(), names, planned);
  u.set(clock.look_at, look_at);
}

}  // namespace

void write_schedules(unit& u) {
  std::vector<std::string> names;
  for (const auto& s : u.mem.all_schedules()) {
    names.push_back(s.rule.name);
    write_schedule(u, s.rule);
  }
  u.db.run(
      "UPDATE cadre.schedule SET retired = true, planned_until = NULL WHERE company = $1 AND NOT retired "
      "AND name <> ALL ($2::text[])",
      u.company(), names);
  u.db.run(
      "UPDATE cadre.fire f SET outcome = 'cancelled', ended_at = clock_timestamp(), reason = CASE WHEN s.retired THEN "
      "'its schedule is no longer in the config' ELSE 'its schedule has another calendar now' END "
      "FROM cadre.schedule s WHERE f.company = $1 AND f.outcome = 'expected' AND f.ended_at IS NULL AND s.company = $1 "
      "AND s.name = f.schedule AND s.planned_until IS NULL AND (s.retired OR (f.kind = 'cron' AND f.held_at IS NULL "
      "AND f.due_at > clock_timestamp()))",
      u.company());
}

void look_at_schedules(unit& u, timestamp wall) {
  u.mem.schedules.wall_ahead = wall - u.now;
  decide_fires(u, wall);
  // Afterwards: one that was given up for the next is not asked for beside it.
  ask_for_briefs(u, wall);
}

void look_at_schedules_now(unit& u) {
  u.set(u.mem.schedules.looked_at, timestamp{});
  look_at_schedules(u, wall_now(u));
}

result<applied> apply(unit& u, const command&, const schedule_tick& body) {
  if (body.at.empty()) return cadre::fail(errc::bad_value, "at is needed");
  look_at_schedules(u, body.at);
  return applied{};
}

}  // namespace cadre::storage::writer
