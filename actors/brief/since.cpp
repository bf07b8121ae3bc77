#include "since.hpp"

#include "parts.hpp"
#include "schemas/time.hpp"
#include "text.hpp"

#include <algorithm>
#include <utility>

namespace cadre::brief {

using json = nlohmann::json;

namespace {

constexpr std::size_t decisions_kept_max = 100;
constexpr std::size_t names_kept_max = 30;
constexpr std::size_t names_listed_max = 9;  // The page shows 8, and that there are more.
constexpr std::size_t key_cost = 80;

/// Of `counts` in the document, those whose change is worth a word. Not what waits and runs: that changes all the time.
constexpr std::pair<const char*, const char*> compared[] = {{"overdue_audits", "overdue audits"},
                                                            {"under_investigation", "under investigation"},
                                                            {"findings", "findings"},
                                                            {"stale", "agents with old metrics"}};

std::map<std::string, std::int64_t> counts_by_id(const json& object) {
  std::map<std::string, std::int64_t> out;
  if (!object.is_object()) return out;
  for (const auto& [id, count] : object.items()) out[id] = count.is_number_integer() ? count.get<std::int64_t>() : 0;
  return out;
}

/// path -> state.
json states_of(const json& trouble) {
  json out = json::object();
  for (const auto& a : trouble) out[text(a, "path", key_cost)] = text(a, "state", key_cost);
  return out;
}

/// `mode billing` -> `paused`.
json names_of(const json& paused) {
  json out = json::object();
  for (const auto& p : paused) out[text(p, "what", key_cost) + " " + text(p, "name", key_cost)] = "paused";
  return out;
}

/// As much of it as a brief keeps.
json first_of(const json& all) {
  json out = json::object();
  for (const auto& [key, value] : all.items()) {
    if (out.size() == names_kept_max) break;
    out[key] = value;
  }
  return out;
}

/// What the brief before kept under `key`, and whether that was all there was.
struct kept_part {
  const json& first;
  std::int64_t total = 0;
  [[nodiscard]] bool whole() const { return total == static_cast<std::int64_t>(first.size()); }
};

kept_part kept_of(const json& kept, const std::string& key) {
  return {object_in(kept, key), number(kept, key + "_total")};
}

/// The entries of `one` that are not so in `other`, at most as many as a line has room for.
json only_in(const json& one, const json& other, bool with_value) {
  json out = json::array();
  for (const auto& [key, value] : one.items()) {
    if (out.size() == names_listed_max) break;
    if (with_value ? part(other, key) == value : other.contains(key)) continue;
    out.push_back(tame(key, key_cost) + (with_value && value.is_string() ? " (" + text(one, key, key_cost) + ")" : ""));
  }
  return out;
}

json counts_now(const json& document) {
  json out = json::object();
  for (const auto& [key, words] : compared) out[key] = number(part(document, "totals"), key);
  std::int64_t waiting = 0;
  for (const auto* status : {"blocked", "review", "draft", "approved", "waiting"})
    waiting += number(part(part(document, "tasks"), status), "tasks");
  out["waiting"] = waiting;
  return out;
}

void compare(json& counts, const std::string& what, std::int64_t was, std::int64_t now) {
  if (was != now) counts.push_back({{"what", what}, {"was", was}, {"now", now}});
}

json changed_counts(const json& before, const json& now) {
  json out = json::array();
  for (const auto& [key, words] : compared) compare(out, words, number(before, key), number(now, key));
  compare(out, "tasks that wait for somebody", number(before, "waiting"), number(now, "waiting"));
  return out;
}

}  // namespace

decision_news::decision_news(const json& kept, const json& counts, const json& sums, json since)
    : before_{counts_by_id(part(kept, "decisions"))}, since_(std::move(since)) {
  for (const auto& e : counts) {
    if (now_.size() == decisions_kept_max) break;
    now_[text(e, "id", key_cost)] = number(e, "count");
  }
  total_before_ = number(kept, "decisions_total");
  total_ = number(sums, "in_inbox");
  raised_since_ = number(sums, "new_in_inbox");
  resolved_since_ = number(sums, "settled");
}

bool decision_news::exact() const {
  return total_before_ == static_cast<std::int64_t>(before_.size()) && total_ == static_cast<std::int64_t>(now_.size());
}

std::string decision_news::of(const std::string& id, std::int64_t count, const json& raised_at) const {
  if (const auto before = before_.find(id); before != before_.end()) return before->second < count ? "again" : "open";
  // Of a storm only a part was kept: what is older than the last brief may have been there.
  if (total_before_ == static_cast<std::int64_t>(before_.size()) || since_.is_null()) return "new";
  const auto since = since_.is_string() ? from_iso(since_.get<std::string>()) : std::nullopt;
  const auto raised = raised_at.is_string() ? from_iso(raised_at.get<std::string>()) : std::nullopt;
  return since && raised && *raised > *since ? "new" : "open";
}

json decision_news::sums() const {
  std::int64_t fresh = 0, again = 0, still = 0;
  for (const auto& [id, count] : now_) {
    const auto before = before_.find(id);
    fresh += before == before_.end() ? 1 : 0;
    still += before != before_.end() ? 1 : 0;
    again += before != before_.end() && before->second < count ? 1 : 0;
  }
  if (exact())
    return {{"new", fresh}, {"still_open", still}, {"gone", total_before_ - still}, {"again", again}, {"exact", true}};
  return {{"new", raised_since_},
          {"still_open", std::max<std::int64_t>(0, total_ - raised_since_)},
          {"gone", resolved_since_},
          {"again", again},
          {"exact", false}};
}

json decision_news::kept() const {
  json out = json::object();
  for (const auto& [id, count] : now_) out[id] = count;
  return out;
}

json since_last(const json& kept, const state_now& now) {
  json out;
  out["first"] = part(now.document, "since").is_null();
  out["decisions"] = now.decisions.sums();
  out["counts"] = changed_counts(part(kept, "counts"), counts_now(now.document));
  const auto states = states_of(now.trouble), names = names_of(now.paused);
  const auto trouble = kept_of(kept, "trouble"), paused = kept_of(kept, "paused");
  // Of a list that was cut, nobody knows who was not on it.
  out["down"] = trouble.whole() ? only_in(states, trouble.first, true) : json::array();
  out["back"] = only_in(trouble.first, states, false);
  out["paused"] = paused.whole() ? only_in(names, paused.first, false) : json::array();
  out["resumed"] = only_in(paused.first, names, false);
  if (!trouble.whole())
    compare(out["counts"], "agents not running", trouble.total, static_cast<std::int64_t>(states.size()));
  if (!paused.whole()) compare(out["counts"], "pauses", paused.total, static_cast<std::int64_t>(names.size()));
  bool nothing = true;
  for (const auto* key : {"new", "gone", "again"}) nothing &= number(out["decisions"], key) == 0;
  for (const auto* key : {"down", "back", "paused", "resumed", "counts"}) nothing &= out[key].empty();
  for (const auto* key : {"failures", "missed_schedules", "changes"})
    nothing &= number(part(now.document, "totals"), key) == 0;
  out["nothing"] = nothing;
  return out;
}

json kept_for_the_next(const json& as_of, const state_now& now) {
  const auto states = states_of(now.trouble), names = names_of(now.paused);
  return {{"as_of_us", number(as_of, "us")},
          {"decisions", now.decisions.kept()},
          {"decisions_total", now.decisions.total()},
          {"trouble", first_of(states)},
          {"trouble_total", states.size()},
          {"paused", first_of(names)},
          {"paused_total", names.size()},
          {"counts", counts_now(now.document)}};
}

}  // namespace cadre::brief
