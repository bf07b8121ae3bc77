#include "watch_rules.hpp"

#include "config/calendar.hpp"
#include "schemas/json.hpp"

#include <algorithm>
#include <cmath>

namespace cadre::actors {

using json = nlohmann::json;
using std::chrono::milliseconds;

namespace {

/// A new leader looks at everything that is due within this; before that, lateness is not the scheduler's silence.
constexpr std::chrono::seconds leader_begins_within{2};
constexpr std::size_t shown_max = 10;

struct late_step {
  std::string due, step, why;
};

timestamp moment_of(const json& value) {
  return value.is_number() ? timestamp{value.get<std::int64_t>()} : timestamp{};
}

bool is_true(const json& value) {
  return value.is_boolean() && value.get<bool>();
}

std::string seconds_text(std::chrono::microseconds d) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(d).count()) + " s";
}

/// All that the ledger has of one schedule, compared with its rule.
std::vector<late_step> late_steps(const config::company& company, const config::schedule& rule, const json& row) {
  std::vector<late_step> late;
  const auto now = moment_of(row["now"]);
  const auto leader_since = moment_of(row["leader_since"]);
  const bool just_begun = leader_since.empty() || now - leader_since < leader_begins_within;
  if (row["missed"].is_array())
    for (const auto& fire : row["missed"])
      late.push_back({fire["due"].get<std::string>(), "fired", "it was missed: " + fire["reason"].get<std::string>()});
  if (just_begun) return late;
  if (row["open"].is_array()) {
    for (const auto& fire : row["open"]) {
      const auto step = fire["next_step"].get<std::string>();
      if ((step == "fired" && is_true(fire["held"])) || (step == "started" && is_true(row["agent_paused"]))) continue;
      const auto waits = now - moment_of(fire["waits_since"]);
      if (waits < time_for(company, rule, step)) continue;
      late.push_back({fire["due"].get<std::string>(), step, "it has waited for that for " + seconds_text(waits)});
    }
  }
  if (is_true(row["paused"]) || row["cron"] != rule.cron || row["tz"] != rule.tz) return late;
  const auto dates = config::calendar::make(rule);
  if (!dates) return late;
  const auto next = dates->next(moment_of(row["planned_until"]));
  if (!next.empty() && now - dates->fire_at(next) >= rule.grace)
    late.push_back({to_iso(next), "expected", "the ledger does not have it"});
  return late;
}

finding_seen to_finding(const config::schedule& rule, const std::vector<late_step>& late, timestamp now) {
  finding_seen seen;
  seen.subject = rule.name;
  seen.origin = rule.agent;
  const auto& first = late.front();
  seen.what = "schedule " + rule.name + ": the fire due at " + first.due.substr(0, 19) + " is not " +
              (first.step == "effect" ? "in effect" : first.step) + ", " + first.why;
  if (late.size() > 1) seen.what += " (and " + std::to_string(late.size() - 1) + " more)";
  auto fires = json::array();
  for (const auto& l : late) {
    if (fires.size() >= shown_max) break;
    fires.push_back({{"due", l.due}, {"missing", l.step}, {"why", l.why}});
  }
  seen.evidence.text =
      json{{"schedule", rule.name}, {"watcher", rule.watcher.text}, {"missing", first.step}, {"late", late.size()},
           {"fires", fires},        {"looked_at", to_iso(now)}}
          .dump();
  return seen;
}

}  // namespace

milliseconds time_for(const config::company& company, const config::schedule& schedule, std::string_view step) {
  const auto* agent = company.find_agent(schedule.agent);
  if (agent == nullptr || step == "fired" || step == "started") return schedule.grace;
  if (step == "finished") {
    auto all = agent->timeout * agent->retry.attempts;
    auto wait = static_cast<double>(agent->retry.wait.initial.count());
    for (std::int64_t i = 1; i < agent->retry.attempts; ++i) {
      const auto longest = std::min(wait, static_cast<double>(agent->retry.wait.max.count()));
      all += milliseconds{std::llround(longest * (1 + agent->retry.wait.jitter))};
      wait *= agent->retry.wait.factor;
    }
    return all + schedule.grace;
  }
  milliseconds slowest{0};
  for (const auto* auditor : company.auditors_of(agent->path)) slowest = std::max(slowest, auditor->within);
  return slowest + schedule.grace;
}

watch_places read_watch_places(const std::string& row) {
  const auto found = json::parse(row);
  watch_places places;
  if (found["leader"].is_string()) places.leader = found["leader"].get<std::string>();
  found["nodes"].get_to(places.nodes);
  for (const auto& [path, node] : found["homes"].items()) places.homes[agent_path{path}] = node.get<std::string>();
  for (const auto& [path, look] : found["looks"].items())
    places.looks[agent_path{path}] = {look["node"].get<std::string>(),
                                      milliseconds{look["age_ms"].get<std::int64_t>()}};
  return places;
}

bool looks_for(const agent_path& watcher, bool here, const std::string& node, const watch_places& places) {
  const auto home = places.homes.find(watcher);
  const bool at_leader = here ? node == places.leader : home != places.homes.end() && home->second == places.leader;
  if (!at_leader) return here;
  const std::string* other = nullptr;
  for (const auto& name : places.nodes)
    if (name != places.leader && (other == nullptr || name < *other)) other = &name;
  if (other == nullptr) return here;
  if (*other == node) return true;
  const auto last = places.looks.find(watcher);
  return here && (last == places.looks.end() || last->second.node == node || last->second.age > stand_in_silent_after);
}

watch_rules::watch_rules(const config::company& company) : company_{&company}, schedules_{company.schedules} {
  if (auto brief = company.schedule_of_brief()) schedules_.push_back(std::move(*brief));
  for (const auto& s : schedules_)
    if (std::find(watchers_.begin(), watchers_.end(), s.watcher) == watchers_.end()) watchers_.push_back(s.watcher);
}

std::map<agent_path, watched> watch_rules::look(const std::string& rows) const {
  std::map<agent_path, watched> found;
  for (const auto& row : json::parse(rows)) {
    const auto name = row["name"].get<std::string>();
    const auto rule = std::find_if(schedules_.begin(), schedules_.end(), [&](const auto& s) { return s.name == name; });
    if (rule == schedules_.end()) continue;
    auto& of = found[agent_path{row["watcher"].get<std::string>()}];
    of.schedules.push_back(name);
    of.at = moment_of(row["now"]);
    const auto late = late_steps(*company_, *rule, row);
    if (late.empty()) continue;
    of.late.push_back(to_finding(*rule, late, of.at));
    of.summary += name + "\n";
    for (const auto& l : late) of.summary += l.due + " " + l.step + "\n";
  }
  return found;
}

}  // namespace cadre::actors
