#include "judge.hpp"

#include <algorithm>

namespace cadre::travel {

namespace {

constexpr std::size_t wrongs_max = 20;
/// What came due so shortly before the end may still be under way.
constexpr hours settling{3};
/// How late a fire may come in time: the scheduler's timer.
constexpr seconds late_max{1};

template <class T>
std::string array_of(const std::vector<T>& items) {
  std::string text = "{";
  for (const auto& item : items) {
    if constexpr (std::is_same_v<T, agent_path>) {
      text += (text.size() > 1 ? ",\"" : "\"") + item.text + "\"";
    } else {
      text += (text.size() > 1 ? ",\"" : "\"") + item + "\"";
    }
  }
  return text + "}";
}

}  // namespace

judge::judge(fleet& of, timestamp start, timestamp end, due_moments due)
    : fleet_{of}, start_{start}, end_{end}, schedules_{of.company().schedules}, moments_{std::move(due)} {
  if (auto brief = of.company().schedule_of_brief()) {
    brief->overlap = config::overlap_policy::skip;  // Nothing holds one up here, so none is to be given up.
    schedules_.push_back(std::move(*brief));
  }
}

void judge::wrong(const std::string& what) {
  fleet_.note("WRONG {}", what);
  if (wrongs_.size() < wrongs_max) wrongs_.push_back(what);
}

timestamp judge::next_moment(const std::string& schedule, timestamp after) const {
  const auto& all = moments_.at(schedule);
  const auto next = all.upper_bound(after);
  return next == all.end() ? timestamp{} : *next;
}

milliseconds judge::climb(const agent_path& origin) const {
  milliseconds sum{0};
  for (auto at = origin.parent(); !at.empty() && !at.parent().empty(); at = at.parent())
    sum += fleet_.company().find_agent(at)->on_escalation.investigate;
  return sum;
}

// Silences -----------------------------------------------------------------------------------------------------------

bool judge::is_heard(const silence& s) {
  const auto rows = fleet_.db().ask(
      "SELECT 1 FROM cadre.escalation WHERE company = $1 AND origin = ANY ($2::text[]) AND problem = ANY ($3::text[]) "
      "AND in_inbox AND status = 'open' LIMIT 1",
      fleet_.company().name, array_of(s.origins), array_of(s.problems));
  return !rows.empty();
}

bool judge::is_early(const silence& s, timestamp since) {
  const auto rows = fleet_.db().ask(
      "SELECT 1 FROM cadre.escalation WHERE company = $1 AND origin = ANY ($2::text[]) AND problem = ANY ($3::text[]) "
      "AND raised_at >= 'epoch'::timestamptz + $4::bigint * interval '1 us' LIMIT 1",
      fleet_.company().name, array_of(s.origins), array_of(s.problems), since.us);
  return !rows.empty();
}

/// Its list of decisions is bounded: where that is cut, the counts of the kinds of decisions speak for the rest.
bool judge::is_in_brief(const silence& s) {
  const auto page = fleet_.brief_now();
  const auto is_kind = [&](const nlohmann::json& e) {
    return std::any_of(s.problems.begin(), s.problems.end(), [&](const auto& p) { return e.at("problem") == p; });
  };
  const auto is_it = [&](const nlohmann::json& e) {
    return is_kind(e) && std::any_of(s.origins.begin(), s.origins.end(),
                                     [&](const agent_path& origin) { return e.at("origin") == origin.text; });
  };
  const auto& listed = page.at("decisions");
  if (std::any_of(listed.begin(), listed.end(), is_it)) return true;
  const auto& kinds = page.at("decision_kinds");
  const bool cut = page.at("totals").at("decisions").get<std::size_t>() > listed.size();
  return cut && std::any_of(kinds.begin(), kinds.end(), is_kind);
}

void judge::plant(const silence& s) {
  ++planted_;
  const auto planted_at = fleet_.now();
  if (s.not_before > planted_at)
    fleet_.at(s.not_before + -milliseconds{1}, [this, s, planted_at] {
      if (is_early(s, planted_at))
        wrong(to_iso(fleet_.now()) + ": an alarm about " + s.what + " before anybody could know");
    });
  // By then it was seen, and climbs; it is looked at only after the fleet did all that it does at the deadline.
  fleet_.at(s.deadline + -climb(s.origins.front()), [this] { fleet_.look_around(); });
  fleet_.at(s.deadline, [] {});
  fleet_.at(s.deadline + milliseconds{1}, [this, s] {
    ++judged_;
    const auto by = to_iso(fleet_.now()) + ": " + s.what + " is not in the ";
    if (!is_heard(s)) return wrong(by + "inbox, by its deadline " + to_iso(s.deadline));
    if (!is_in_brief(s)) wrong(by + "brief");
  });
}

void judge::excuse(timestamp from, timestamp upto, std::set<agent_path> origins, std::set<std::string> problems) {
  excused_.push_back({{from + -milliseconds{1}, upto}, std::move(origins), std::move(problems)});
}

bool judge::away_since(timestamp t) const {
  const auto later = [&](const span& x) { return x.upto > t; };
  return std::any_of(outages_.begin(), outages_.end(), later) || std::any_of(astray_.begin(), astray_.end(), later);
}

// The ledger ---------------------------------------------------------------------------------------------------------

std::map<std::string, std::vector<judge::row>> judge::read_ledger() {
  std::map<std::string, std::vector<row>> found;
  const auto us = [](const std::string& column) {
    return "coalesce((extract(epoch FROM " + column + ") * 1000000)::bigint, 0)";
  };
  const auto rows = fleet_.db().ask(
      "SELECT schedule, " + us("due_at") + ", " + us("fire_at") + ", " + us("expected_at") + ", " + us("fired_at") +
          ", " + us("ended_at") +
          ", kind, outcome, reason, coalesce(task::text, ''), moments FROM cadre.fire WHERE company = $1 "
          "ORDER BY schedule, due_at",
      fleet_.company().name);
  for (const auto& r : rows) {
    row one;
    one.due.us = r[1].as<std::int64_t>();
    one.fire_at.us = r[2].as<std::int64_t>();
    one.expected_at.us = r[3].as<std::int64_t>();
    one.fired_at.us = r[4].as<std::int64_t>();
    one.ended_at.us = r[5].as<std::int64_t>();
    one.kind = r[6].as<std::string>();
    one.outcome = r[7].as<std::string>();
    one.reason = r[8].as<std::string>();
    one.task.text = r[9].as<std::string>();
    one.count = r[10].as<std::int64_t>();
    found[r[0].as<std::string>()].push_back(std::move(one));
  }
  return found;
}

/// Each moment that was due is in exactly one row, and no row is about another.
void judge::judge_moments(const config::schedule& s, const std::vector<row>& rows) {
  const auto& due = moments_.at(s.name);
  auto next = due.begin();
  for (const auto& r : rows) {
    if (r.due > end_) continue;
    for (std::int64_t n = 1; n < r.count && next != due.end() && *next < r.due; ++n) ++next;
    while (next != due.end() && *next < r.due) wrong(s.name + ": the fire of " + to_iso(*next++) + " is lost");
    if (next == due.end() || *next != r.due) {
      wrong(s.name + ": a fire of " + to_iso(r.due) + ", when nothing was due (" + r.outcome + ")");
    } else {
      ++next;
    }
    fires_ += static_cast<std::size_t>(r.count);
    outcomes_[r.outcome] += static_cast<int>(r.count);
  }
  for (; next != due.end(); ++next) wrong(s.name + ": the fire of " + to_iso(*next) + " is lost");
}

void judge::judge_row(const config::schedule& s, const row& r, bool quiet) {
  const auto about = s.name + ": the fire of " + to_iso(r.due) + " ";
  const auto inside = [&](const std::vector<span>& all) {
    return std::any_of(all.begin(), all.end(), [&](const span& x) { return x.has(r.due) || x.has(r.fire_at); });
  };
  const bool away = inside(outages_);
  const bool astray = inside(astray_);
  if (r.fire_at < r.due || r.fire_at - r.due > s.jitter) wrong(about + "was to come at " + to_iso(r.fire_at));
  if (!r.fired_at.empty() && r.fired_at < r.fire_at && !astray) wrong(about + "came early, at " + to_iso(r.fired_at));
  if (r.due > end_ + -settling) return;
  if (r.ended_at.empty()) wrong(about + "is still " + r.outcome);
  if (!away && !astray) {
    if (r.expected_at > r.due) wrong(about + "was not written before it was due, but at " + to_iso(r.expected_at));
    if (r.outcome == "missed") wrong(about + "was missed while somebody led: " + r.reason);
  }
  if (!quiet) return;
  const bool overlaps =
      s.overlap != config::overlap_policy::skip || s.payload.text.find("takes_s") != std::string::npos;
  const bool by_intent = overlaps && (r.outcome == "skipped" || r.outcome == "cancelled");
  if (r.outcome != "effect" && !by_intent) wrong(about + "is " + r.outcome + ": " + r.reason);
  if (!overlaps && r.fired_at - r.fire_at > late_max) wrong(about + "came late, at " + to_iso(r.fired_at));
}

/// What fired late after an outage is what the policy says.
void judge::judge_catch_up(const config::schedule& s, const std::vector<row>& rows) {
  if (s.name == "brief") return;  // A later one takes its place.
  for (const auto& o : outages_) {
    const auto astray = std::any_of(astray_.begin(), astray_.end(), [&](const span& x) { return x.has(o.upto); });
    if (astray || o.upto > end_ + -settling) continue;
    std::vector<const row*> late;
    bool in_time = false;
    for (const auto& r : rows) {
      if (r.fire_at <= o.from || r.fire_at > o.upto || r.kind == "manual" || r.kind == "backfill") continue;
      if (o.upto - r.fire_at <= s.grace) {
        in_time = true;
      } else {
        late.push_back(&r);
      }
    }
    for (const auto* r : late) {
      const bool recent = o.upto - r->due <= s.catch_up.window;
      bool fires = recent;
      if (s.catch_up.policy == config::catch_up_policy::skip) fires = false;
      if (s.catch_up.policy == config::catch_up_policy::once) fires = recent && !in_time && r == late.back();
      const bool fired = !r->fired_at.empty() || r->outcome == "skipped";
      if (fires != fired)
        wrong(s.name + ": the fire of " + to_iso(r->due) + " was due while nobody led until " + to_iso(o.upto) +
              ", and is " + r->outcome + " (" + r->reason + "), against its catch_up " +
              std::string{to_text(s.catch_up.policy)});
    }
  }
}

/// No moment was worked on twice.
void judge::judge_tasks() {
  const auto strays = fleet_.db().ask(
      "SELECT t.schedule, t.id::text FROM cadre.task t LEFT JOIN cadre.fire f ON f.company = t.company AND f.task = "
      "t.id WHERE t.company = $1 AND t.schedule IS NOT NULL AND f.task IS NULL AND NOT EXISTS (SELECT 1 FROM "
      "cadre.task again WHERE again.company = t.company AND again.retry_of = t.id)",
      fleet_.company().name);
  for (const auto& r : strays)
    wrong(r[0].as<std::string>() + ": task " + r[1].as<std::string>() + " is of no fire: one was doubled");
  for (const auto& [task, times] : fleet_.done())
    if (times > 1) wrong("task " + task.text + " was done " + std::to_string(times) + " times");
}

void judge::judge_escalations(bool quiet) {
  const auto rows = fleet_.db().ask(
      "SELECT origin, problem, cause, (extract(epoch FROM raised_at) * 1000000)::bigint, status, in_inbox FROM "
      "cadre.escalation WHERE company = $1 ORDER BY raised_at",
      fleet_.company().name);
  for (const auto& r : rows) {
    const agent_path origin{r[0].as<std::string>()};
    const auto problem = r[1].as<std::string>();
    const timestamp at{r[3].as<std::int64_t>()};
    const bool known = !quiet && std::any_of(excused_.begin(), excused_.end(), [&](const auto& e) {
      return e.when.has(at) && (e.origins.empty() || e.origins.count(origin) > 0) &&
             (e.problems.empty() || e.problems.count(problem) > 0);
    });
    if (!known)
      wrong(to_iso(at) + ": a false alarm of " + origin.text + ": " + problem + ": " + r[2].as<std::string>());
  }
}

std::vector<std::string> judge::verdict(bool quiet) {
  for (const auto& c : fleet_.complaints()) wrong(c);
  if (judged_ != planted_)
    wrong("of " + std::to_string(planted_) + " silences only " + std::to_string(judged_) + " came to their deadlines");
  const auto ledger = read_ledger();
  static const std::vector<row> none;
  for (const auto& s : schedules_) {
    const auto found = ledger.find(s.name);
    const auto& rows = found == ledger.end() ? none : found->second;
    judge_moments(s, rows);
    for (const auto& r : rows)
      if (r.due <= end_) judge_row(s, r, quiet);
    judge_catch_up(s, rows);
  }
  judge_tasks();
  judge_escalations(quiet);
  const auto found =
      fleet_.db().ask("SELECT kind, what FROM cadre.finding WHERE company = $1 LIMIT 5", fleet_.company().name);
  for (const auto& r : found)
    if (quiet) wrong("a finding without a cause: " + r[0].as<std::string>() + ": " + r[1].as<std::string>());
  return wrongs_;
}

}  // namespace cadre::travel
