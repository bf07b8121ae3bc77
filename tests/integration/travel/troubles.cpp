#include "troubles.hpp"

#include <algorithm>
#include <cmath>

namespace cadre::travel {

namespace {

/// A run of a played worker takes at most this long, a verdict of a played auditor that long.
constexpr seconds run_max{20};
constexpr seconds verdict_max{15};
/// Between what is due and that somebody acts on it: a timer of the leader; a look of a watcher.
constexpr seconds timer{1};
/// Of the leader in search of findings, by the kind's table; 30 s without a look make a watcher silent.
constexpr seconds watcher_patience{30};
constexpr seconds looks_soon{10};
constexpr minutes looks_rarely{1};
constexpr hours rhythm_max{12};
constexpr int rhythm_gaps = 21;
constexpr minutes healed_after{1};

/// The longest waits between the attempts of a run.
milliseconds waits_of(const config::agent& a) {
  milliseconds all{0};
  auto wait = static_cast<double>(a.retry.wait.initial.count());
  for (std::int64_t i = 1; i < a.retry.attempts; ++i, wait *= a.retry.wait.factor)
    all += milliseconds{
        std::llround(std::min(wait, static_cast<double>(a.retry.wait.max.count())) * (1 + a.retry.wait.jitter))};
  return all;
}

const std::set<std::string> about_fires{"fire_late", "fire_without_effect", "schedule_never_fired"};

}  // namespace

troubles::troubles(fleet& f, judge& j, timestamp from, timestamp upto, std::vector<trouble> kinds)
    : fleet_{f}, judge_{j}, upto_{upto}, kinds_{std::move(kinds)} {
  if (kinds_.empty())
    for (std::size_t i = 0; i < troubles_count; ++i) kinds_.push_back(static_cast<trouble>(i));
  fleet_.at(from, [this] { next(); });
}

void troubles::next() {
  if (fleet_.now() >= upto_) return;
  const auto kind = fleet_.chance().pick(kinds_);
  const auto until = plant(kind);
  if (!until) return fleet_.after(minutes{30}, [this] { next(); });
  ++planted_[kind];
  fleet_.at(*until, [this] { fleet_.look_around(); });
  fleet_.at(*until + minutes{2}, [this] { settle(); });
  fleet_.at(*until + minutes{5} + minutes{fleet_.chance().between(10, 400)}, [this] { next(); });
}

troubles::over troubles::plant(trouble kind) {
  switch (kind) {
    case trouble::leader_change:
      return change_leader();
    case trouble::leader_away:
      return lose_leader();
    case trouble::clock_astray:
      return lead_astray();
    case trouble::scheduler_stuck:
      return stick_scheduler();
    case trouble::worker_hangs:
      return hang_worker();
    case trouble::worker_fails:
      return fail_worker();
    case trouble::no_rows:
      return empty_hands();
    case trouble::data_stops:
      return stop_data();
    case trouble::bad_rows:
      return bring_bad_rows();
    case trouble::auditor_silent:
      return silence_auditor();
    case trouble::watcher_silent:
      return silence_watcher();
  }
  return {};
}

/// A person reads the inbox: what was mended is settled.
void troubles::settle() {
  const auto open = fleet_.db().ask("SELECT id::text FROM cadre.escalation WHERE company = $1 AND status <> 'resolved'",
                                    fleet_.company().name);
  for (const auto& row : open) {
    escalation_resolve settled;
    settled.id.text = row[0].as<std::string>();
    settled.by = "a person";
    settled.note = "mended";
    fleet_.send(settled, "cli");
  }
}

std::optional<troubles::fire> troubles::next_fire(bool audited) {
  std::vector<fire> found;
  const auto& company = fleet_.company();
  for (const auto& s : company.schedules) {
    const auto* worker = company.find_agent(s.agent);
    const bool rows = std::any_of(worker->outputs.begin(), worker->outputs.end(),
                                  [](const auto& o) { return o.mode != output_mode::append; });
    if (audited && (!rows || company.auditors_of(worker->path).empty())) continue;
    if (s.overlap != config::overlap_policy::skip || s.payload.text.find("takes_s") != std::string::npos) continue;
    const auto due = judge_.next_moment(s.name, fleet_.now() + minutes{2});
    if (due.empty() || due - fleet_.now() > hours{48} || due > upto_) continue;
    found.push_back({&s, worker, due, due + s.jitter});
  }
  if (found.empty()) return std::nullopt;
  return fleet_.chance().pick(found);
}

timestamp troubles::first_of(const agent_path& agent) const {
  timestamp first;
  for (const auto& s : fleet_.company().schedules) {
    const auto due = judge_.next_moment(s.name, fleet_.now());
    if (s.agent == agent && !due.empty() && (first.empty() || due < first)) first = due;
  }
  return first;
}

void troubles::excuse_missed(timestamp from, timestamp upto) {
  for (const auto& [name, moments] : judge_.moments()) {
    const auto first = moments.upper_bound(from);
    if (first == moments.end() || *first > upto) continue;
    const auto again = judge_.next_moment(name, upto);
    const auto until = again.empty() ? upto_ + hours{24} : again + hours{2};
    for (const auto& s : fleet_.company().schedules)
      if (s.name == name) judge_.excuse(from, until, {s.agent}, about_fires);
    if (name == "brief") judge_.excuse(from, until, {fleet_.company().agents.front().path}, about_fires);
  }
}

// Leaders and clocks -------------------------------------------------------------------------------------------------

troubles::over troubles::change_leader() {
  const auto f = next_fire(false);
  if (!f) return {};
  // Its jitter is known to the calendar alone; most have none.
  const auto due = f->due;
  const auto new_leader = [this] { fleet_.lead(); };
  switch (fleet_.chance().between(0, 4)) {
    case 0:
      fleet_.at(due + -milliseconds{1}, new_leader);
      break;
    case 1:
      fleet_.at(due, new_leader);
      break;
    case 2:
      fleet_.at(due + milliseconds{1}, new_leader);
      break;
    case 3:
      fleet_.at(due, [this] { fleet_.swallow_next_answer(); });
      fleet_.at(due + milliseconds{700}, new_leader);
      break;
    default:
      fleet_.at(due + -seconds{2}, [this] { fleet_.lose_leader(); });
      fleet_.at(due + seconds{3}, new_leader);
      judge_.outage(due + -seconds{2}, due + seconds{3});
  }
  return f->latest + minutes{10};
}

troubles::over troubles::lose_leader() {
  static const std::vector<minutes> lengths{minutes{3}, minutes{40}, hours{5}, hours{30}};
  const auto from = fleet_.now();
  auto upto = from + fleet_.chance().pick(lengths);
  upto = upto + seconds{fleet_.chance().between(0, 3'599)};
  if (upto > upto_) return {};
  fleet_.lose_leader();
  fleet_.at(upto, [this] { fleet_.lead(); });
  judge_.outage(from, upto);
  excuse_missed(from, upto);
  judge_.excuse(from, upto + hours{2}, {}, {"audit_overdue", "watcher_silent", "fire_late"});
  // Nobody could say so while nobody led. What is not caught up with is said as soon as somebody does.
  for (const auto& s : fleet_.company().schedules) {
    const auto first = judge_.next_moment(s.name, from);
    if (s.catch_up.policy != config::catch_up_policy::skip || first.empty() || first + s.jitter + s.grace >= upto)
      continue;
    const auto next = judge_.next_moment(s.name, upto + -s.grace);
    if (!next.empty() && next < upto + minutes{10}) continue;
    judge_.plant(
        {"the missed fire of " + s.name, {s.agent}, {"fire_late"}, upto, upto + timer + timer + judge_.climb(s.agent)});
  }
  return upto + minutes{30};
}

troubles::over troubles::lead_astray() {
  static const std::vector<milliseconds> jumps{minutes{90}, hours{26}, -minutes{5}, -hours{3}};
  const auto ahead = fleet_.chance().pick(jumps);
  const auto by = std::max(ahead, -ahead);
  const auto from = fleet_.now();
  const auto upto = from + minutes{fleet_.chance().between(2, 50)};
  if (upto + by + hours{3} > upto_) return {};
  fleet_.note("the leader's clock jumps by {} s", ahead.count() / 1'000);
  fleet_.set_wall_ahead(ahead);
  fleet_.at(upto, [this] {
    fleet_.note("the leader's clock is right again");
    fleet_.set_wall_ahead(milliseconds{0});
  });
  judge_.clock_astray(from + -by, upto + by);
  excuse_missed(from + -by, upto + by);
  judge_.excuse(from, upto + by + hours{1}, {}, about_fires);
  return upto + by + minutes{30};
}

troubles::over troubles::stick_scheduler() {
  const auto f = next_fire(false);
  if (!f || first_of(f->worker->path) != f->due) return {};
  const auto from = f->due + -minutes{1};
  const auto climb = judge_.climb(f->worker->path);
  const auto deadline = f->latest + f->of->grace + timer + climb;
  const auto heal = deadline + healed_after;
  fleet_.at(from, [this, f, deadline] {
    fleet_.note("the scheduler is stuck");
    fleet_.stick_scheduler(true);
    judge_.plant({"the unfired job " + f->of->name, {f->worker->path}, {"fire_late"}, f->due + f->of->grace, deadline});
  });
  fleet_.at(heal, [this] { fleet_.stick_scheduler(false); });
  judge_.outage(from, heal);
  excuse_missed(from, heal);
  judge_.excuse(from, heal + hours{1}, {}, about_fires);
  return heal + minutes{30};
}

// Workers ------------------------------------------------------------------------------------------------------------

troubles::over troubles::hang_worker() {
  const auto f = next_fire(false);
  if (!f || first_of(f->worker->path) != f->due) return {};
  const auto* w = f->worker;
  const auto begun = f->due + -seconds{30};
  const auto patience = w->timeout * w->retry.attempts + waits_of(*w) + f->of->grace;
  const auto seen = f->latest + patience + timer;
  const auto deadline = seen + judge_.climb(w->path);
  fleet_.at(begun, [=, this] {
    fleet_.hang(w->path);
    judge_.plant({"the dead worker " + w->path.text + " with a living row",
                  {w->path},
                  {"fire_late"},
                  f->due + std::min<milliseconds>(patience, f->of->grace),
                  deadline});
  });
  fleet_.at(deadline + healed_after, [this, w] { fleet_.restart(w->path); });
  excuse_missed(begun, deadline + hours{1});
  judge_.excuse(begun, deadline + hours{2}, {w->path}, {"fire_late", "dataflow_silent"});
  return deadline + hours{1};
}

troubles::over troubles::fail_worker() {
  const auto f = next_fire(false);
  if (!f || first_of(f->worker->path) != f->due) return {};
  const auto* w = f->worker;
  const auto begun = f->due + -seconds{30};
  const auto deadline =
      f->latest + run_max * w->retry.attempts + waits_of(*w) + timer * (w->retry.attempts + 1) + judge_.climb(w->path);
  fleet_.at(begun, [=, this] {
    fleet_.fail_runs(w->path, true);
    judge_.plant({"the failed job " + f->of->name, {w->path}, {"run_failed"}, f->due, deadline});
  });
  fleet_.at(deadline + healed_after, [this, w] { fleet_.fail_runs(w->path, false); });
  excuse_missed(begun, deadline + healed_after);
  judge_.excuse(begun, deadline + hours{1}, {w->path}, {"run_failed"});
  return deadline + minutes{30};
}

troubles::over troubles::empty_hands() {
  const auto f = next_fire(true);
  if (!f || first_of(f->worker->path) != f->due) return {};
  const auto* w = f->worker;
  const auto begun = f->due + -seconds{30};
  const auto seen = f->latest + run_max + looks_rarely + timer;
  const auto deadline = seen + judge_.climb(w->path);
  fleet_.at(begun, [=, this] {
    fleet_.empty_handed(w->path, true);
    judge_.plant({"the vanished data of " + f->of->name, {w->path}, {"fire_without_effect"}, f->due, deadline});
  });
  fleet_.at(deadline + healed_after, [this, w] { fleet_.empty_handed(w->path, false); });
  excuse_missed(begun, deadline + healed_after);
  judge_.excuse(begun, deadline + hours{72}, {w->path}, {"dataflow_silent"});
  return deadline + minutes{30};
}

troubles::over troubles::stop_data() {
  std::vector<const config::schedule*> often;
  for (const auto& s : fleet_.company().schedules) {
    const auto* w = fleet_.company().find_agent(s.agent);
    const auto first = judge_.next_moment(s.name, fleet_.now());
    if (w->outputs.empty() || first.empty() || first != first_of(w->path)) continue;
    const auto second = judge_.next_moment(s.name, first);
    if (second.empty() || second - first > hours{3}) continue;
    // A silence is part of the rhythm for as long as it is among the last gaps.
    const auto heard = flows_again_.find(w->path);
    if (heard == flows_again_.end() || fleet_.now() - heard->second > (second - first) * rhythm_gaps)
      often.push_back(&s);
  }
  if (often.empty() || judge_.away_since(fleet_.now() + -hours{30})) return {};
  const auto* s = fleet_.chance().pick(often);
  const auto* w = fleet_.company().find_agent(s->agent);
  const auto due = judge_.next_moment(s->name, fleet_.now());
  const auto begun = std::max(fleet_.now(), due + -seconds{30});
  // Three times its rhythm, however earlier troubles stretched that; then the leader looks once a day.
  const auto seen = due + rhythm_max + hours{24} + timer;
  const auto deadline = seen + judge_.climb(w->path);
  if (deadline + hours{3} > upto_) return {};
  fleet_.at(begun, [=, this] {
    fleet_.empty_handed(w->path, true);
    judge_.plant({"the quiet of " + w->path.text, {w->path}, {"dataflow_silent"}, due, deadline});
  });
  flows_again_[w->path] = deadline + healed_after;
  fleet_.at(deadline + healed_after, [this, w] { fleet_.empty_handed(w->path, false); });
  excuse_missed(begun, deadline + healed_after);
  judge_.excuse(begun, deadline + hours{30}, {w->path}, {"dataflow_silent"});
  return deadline + hours{1};
}

troubles::over troubles::bring_bad_rows() {
  const auto f = next_fire(true);
  if (!f || first_of(f->worker->path) != f->due) return {};
  const auto* w = f->worker;
  const auto begun = f->due + -seconds{30};
  const auto deadline = f->latest + run_max + verdict_max + timer + judge_.climb(w->path);
  fleet_.at(begun, [=, this] {
    fleet_.find_fault(w->path, true);
    judge_.plant({"the bad rows of " + f->of->name, {w->path}, {"audit_failed"}, f->due, deadline});
  });
  fleet_.at(deadline + healed_after, [this, w] { fleet_.find_fault(w->path, false); });
  excuse_missed(begun, deadline + healed_after);
  judge_.excuse(begun, deadline + hours{1}, {w->path}, {"audit_failed", "run_failed"});
  return deadline + minutes{30};
}

// Those who check ----------------------------------------------------------------------------------------------------

troubles::over troubles::silence_auditor() {
  const auto f = next_fire(true);
  if (!f || first_of(f->worker->path) != f->due) return {};
  const auto all = fleet_.company().auditors_of(f->worker->path);
  const auto* a = fleet_.chance().pick(all);
  const auto begun = f->due + -seconds{30};
  const auto deadline = f->latest + run_max + a->within + timer + judge_.climb(a->path);
  fleet_.at(begun, [=, this] {
    fleet_.silence(a->path, true);
    judge_.plant({"the stopped auditor " + a->path.text, {a->path}, {"audit_overdue"}, f->due + a->within, deadline});
  });
  fleet_.at(deadline + healed_after, [this, a] { fleet_.silence(a->path, false); });
  excuse_missed(begun, deadline + healed_after);
  judge_.excuse(begun, deadline + hours{1}, {}, {"audit_overdue", "watcher_silent", "auditor_without_verdicts"});
  return deadline + minutes{30};
}

troubles::over troubles::silence_watcher() {
  const auto& schedules = fleet_.company().schedules;
  if (schedules.empty()) return {};
  const auto& watcher = fleet_.chance().pick(schedules).watcher;
  fleet_.look_around();
  const auto begun = fleet_.now() + milliseconds{1};
  const auto seen = begun + watcher_patience + looks_soon + timer;
  const auto deadline = seen + judge_.climb(watcher);
  fleet_.at(begun, [=, this] {
    fleet_.silence(watcher, true);
    judge_.plant(
        {"the stopped watcher " + watcher.text, {watcher}, {"watcher_silent"}, begun + watcher_patience, deadline});
    fleet_.at(begun + watcher_patience + -milliseconds{2}, [this] { fleet_.look_around(); });
  });
  fleet_.at(deadline + healed_after, [this, watcher] { fleet_.silence(watcher, false); });
  excuse_missed(begun, deadline + healed_after);
  judge_.excuse(begun, deadline + hours{1}, {watcher}, {"watcher_silent", "audit_overdue", "auditor_without_verdicts"});
  return deadline + minutes{30};
}

}  // namespace cadre::travel
