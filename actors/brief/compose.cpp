#include "brief.hpp"
#include "parts.hpp"
#include "since.hpp"
#include "text.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

namespace cadre::brief {

using json = nlohmann::json;

namespace {

constexpr std::int64_t document_version = 1;

// What a list shows; `totals` says how many there are. With the costs below they bound the document.
constexpr std::size_t listed_max = 10;
constexpr std::size_t metrics_listed_max = 24;
constexpr std::size_t metrics_each_max = 8;
constexpr std::size_t recommendations_max = 5;
constexpr std::size_t names_max = 6;
constexpr std::size_t settled_listed_max = 3;

constexpr std::size_t listed_name_cost = 80;
constexpr std::size_t listed_word_cost = 50;
constexpr std::size_t listed_text_cost = 300;

/// Old is what is older than three times the time between the agent's runs, and a minute.
constexpr std::int64_t stale_after_rounds = 3;
constexpr std::int64_t stale_after_s_min = 60;

const json& rows_of(const json& s, const char* key) {
  const auto& rows = s.at(key);
  return rows.is_array() ? rows : throw json::other_error::create(500, std::string{key} + " is no list", &rows);
}

json first_or_null(const json& rows) {
  return rows.is_array() && !rows.empty() ? rows.front() : json(nullptr);
}

template <class Entry>
json listed(const json& rows, std::size_t most, Entry&& entry) {
  json out = json::array();
  for (const auto& row : rows) {
    if (out.size() == most) break;
    out.push_back(entry(row));
  }
  return out;
}

/// The members `words`, which are names, and `as_is`: numbers, flags, moments and ids.
json row_with(const json& row, std::initializer_list<const char*> words, std::initializer_list<const char*> as_is) {
  json out = json::object();
  for (const auto* key : words)
    out[key] = row.at(key).is_null() ? json(nullptr) : json(text(row, key, listed_name_cost));
  for (const auto* key : as_is) {
    const auto& value = row.at(key);
    out[key] = value.is_structured() ? json(nullptr)
               : value.is_string()   ? json(text(row, key, listed_word_cost))
                                     : value;
  }
  return out;
}

/// Whom it passed on its way to where it is now, each once.
json climbed_past(const json& holders) {
  json out = json::array();
  if (!holders.is_array() || holders.empty()) return out;
  const auto& here = holders.back();
  for (const auto& holder : holders) {
    if (out.size() == names_max) break;
    if (!holder.is_string() || holder == here) continue;
    const auto name = tame(holder.get_ref<const std::string&>(), listed_name_cost);
    if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
  }
  return out;
}

json decisions_of(const json& s, const json& as_of, const decision_news& news) {
  return listed(rows_of(s, "decisions"), listed_max, [&](const json& e) {
    auto out = row_with(e, {"origin", "problem", "cause_code"},
                        {"id", "severity", "count", "status", "task", "raised_at", "last_at"});
    out["cause"] = text(e, "cause", listed_text_cost);
    out["age_s"] = seconds_between(e.at("raised_at"), as_of.at("at"));
    out["climbed_past"] = climbed_past(e.at("holders"));
    out["news"] = news.of(text(e, "id", listed_name_cost), number(e, "count"), e.at("raised_at"));
    return out;
  });
}

/// Words with a digit in them differ from one failure to the next: ids, counts, times.
std::string without_numbers(std::string_view error) {
  std::string out, word;
  bool digit = false;
  const auto end_word = [&] {
    out += digit ? "#" : word;
    word.clear();
    digit = false;
  };
  for (const char c : error) {
    const bool is_digit = c >= '0' && c <= '9';
    if (is_digit || c == '-' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
        static_cast<unsigned char>(c) >= 0x80) {
      word += c;
      digit |= is_digit;
      continue;
    }
    end_word();
    out += c;
  }
  end_word();
  return out;
}

/// One entry for a cause, whoever it struck and however often.
json failures_of(const json& groups) {
  std::map<std::pair<std::string, std::string>, json> by_cause;
  std::map<const json*, std::set<std::string>> struck;
  for (const auto& g : groups) {
    const auto code = text(g, "error_code", listed_word_cost), error = text(g, "error", listed_text_cost);
    auto& f = by_cause[{code, without_numbers(error)}];
    if (f.is_null())
      f = {{"error_code", code}, {"error", error}, {"agents", json::array()},   {"agents_total", 0},
           {"runs", 0},          {"recovered", 0}, {"last_at", g.at("last_at")}};
    const auto agent = text(g, "agent", listed_name_cost);
    if (struck[&f].insert(agent).second && f["agents"].size() < names_max) f["agents"].push_back(agent);
    f["agents_total"] = struck[&f].size();
    f["runs"] = number(f, "runs") + number(g, "runs");
    f["recovered"] = number(f, "recovered") + number(g, "recovered");
    if (f["last_at"] < g.at("last_at")) f["last_at"] = g.at("last_at");
  }
  std::vector<json> all;
  for (auto& [cause, f] : by_cause) all.push_back(std::move(f));
  std::stable_sort(all.begin(), all.end(), [](const json& a, const json& b) { return a["runs"] > b["runs"]; });
  return all;
}

/// One entry a schedule, with the newest of its fires that came to nothing.
json missed_of(const json& fires) {
  std::map<std::string, std::size_t> seen;
  json out = json::array();
  for (const auto& f : fires) {
    const auto name = text(f, "schedule", listed_name_cost);
    const auto [at, is_new] = seen.emplace(name, out.size());
    if (is_new) {
      out.push_back(row_with(f, {"schedule", "status"}, {"due_at", "task"}));
      out.back()["reason"] = text(f, "reason", listed_text_cost);
      out.back()["fires"] = 0;
    }
    auto& entry = out[at->second];
    entry["fires"] = number(entry, "fires") + std::max<std::int64_t>(1, number(f, "moments"));
  }
  return out;
}

/// Everything that is not running as it should, with its cause.
json troubled_agents(const json& agents) {
  json out = json::array();
  for (const auto& a : agents) {
    const auto state = text(a, "state", listed_word_cost);
    if (state == "running" || state == "planned") continue;
    out.push_back({{"path", text(a, "path", listed_name_cost)},
                   {"state", state},
                   {"node", text(a, "node", listed_name_cost)},
                   {"cause", text(a, "last_cause", listed_text_cost)}});
  }
  return out;
}

json metrics_of(const json& a, const json& as_of, const json& before) {
  json numbers = json::object(), was = json::object();
  for (const auto& [name, value] : a.at("metrics").items()) {
    if (numbers.size() == metrics_each_max) break;
    const auto key = tame(name, listed_word_cost);
    numbers[key] =
        value.is_number() || value.is_boolean() ? value : json(text(a.at("metrics"), name, listed_word_cost));
    if (const auto& old = part(before, key); old.is_number() && value.is_number() && old != value) was[key] = old;
  }
  const auto age_s = seconds_between(a.at("metrics_at"), as_of.at("at"));
  const auto every_s = number(a, "every_s");
  return {{"path", text(a, "path", listed_name_cost)},
          {"at", text(a, "metrics_at", listed_word_cost)},
          {"age_s", age_s},
          {"every_s", every_s > 0 ? json(every_s) : json(nullptr)},
          {"stale", every_s > 0 && age_s > stale_after_rounds * every_s + stale_after_s_min},
          {"metrics", numbers},
          {"metrics_total", std::max<std::int64_t>(number(a, "metrics_total"), std::int64_t(numbers.size()))},
          {"was", was}};
}

/// What each agent measured last, and when: old numbers must look old, and come first.
json all_metrics(const json& agents, const json& as_of, const json& previous) {
  std::map<std::string, const json*> before;
  for (const auto& m : part(previous, "metrics")) before[text(m, "path", listed_name_cost)] = &part(m, "metrics");
  std::vector<json> out;
  for (const auto& a : agents) {
    if (!a.at("metrics").is_object() || a.at("metrics").empty()) continue;
    const auto old = before.find(text(a, "path", listed_name_cost));
    out.push_back(metrics_of(a, as_of, old == before.end() ? json(nullptr) : *old->second));
  }
  std::stable_sort(out.begin(), out.end(), [](const json& a, const json& b) {
    return flag(a, "stale") != flag(b, "stale") ? flag(a, "stale")
                                                : flag(a, "stale") && number(a, "age_s") > number(b, "age_s");
  });
  return out;
}

json recommendations_of(const json& agents) {
  json out = json::array();
  for (const auto& a : agents) {
    if (!a.at("recommendations").is_array()) continue;
    for (const auto& advice : a.at("recommendations")) {
      if (out.size() == recommendations_max) return out;
      if (advice.is_string())
        out.push_back({{"from", text(a, "path", listed_name_cost)},
                       {"text", tame(advice.get_ref<const std::string&>(), listed_text_cost)}});
    }
  }
  return out;
}

json priorities_of(const json& rows) {
  return listed(rows, listed_max, [](const json& r) {
    const auto& row = r.at("row");
    json out{{"from", text(r, "worker", listed_name_cost)}, {"subject", text(row, "subject", listed_name_cost)}};
    for (const auto* key : {"rank", "score"})
      out[key] = part(row, key).is_number() ? row.at(key) : json(text(row, key, listed_word_cost));
    out["node"] = text(row, "node", listed_name_cost);
    out["why"] = text(row, "why", listed_text_cost);
    out["do"] = text(row, "do", listed_text_cost);
    return out;
  });
}

json paused_of(const json& rows, const json& as_of) {
  json out = json::array();
  for (const auto& p : rows) {
    auto entry = row_with(p, {"what", "name", "paused_by"}, {"paused_at"});
    entry["reason"] = text(p, "reason", listed_text_cost);
    entry["age_s"] = seconds_between(p.at("paused_at"), as_of.at("at"));
    out.push_back(std::move(entry));
  }
  return out;
}

json findings_of(const json& rows, const json& as_of) {
  return listed(rows, listed_max, [&](const json& f) {
    auto out = row_with(f, {"kind", "subject", "owner"}, {"first_seen", "deadline", "overdue"});
    out["what"] = text(f, "what", listed_text_cost);
    out["age_s"] = seconds_between(f.at("first_seen"), as_of.at("at"));
    return out;
  });
}

json counts_of(const json& rows) {
  json out = json::object();
  for (const auto& r : rows)
    out[r.at("status").get<std::string>()] = {{"tasks", r.at("tasks")}, {"more", r.at("more")}};
  return out;
}

/// Sums of what changed in all datasets, of which the snapshot lists some, and how many they are.
json change_sums(const json& rows) {
  const auto first = first_or_null(rows);
  return {{"datasets", number(first, "datasets")},
          {"added", number(first, "all_added")},
          {"changed", number(first, "all_changed")},
          {"removed", number(first, "all_removed")}};
}

json fleet_of(const json& s) {
  json out{{"leader", nullptr}, {"nodes", json::array()}};
  if (const auto leader = first_or_null(s.at("leader")); leader.is_object())
    out["leader"] = {{"node", text(leader, "node", listed_name_cost)}, {"epoch", number(leader, "epoch")}};
  // Those that are not up first: the others are many, and well.
  std::vector<json> nodes;
  for (const auto& n : rows_of(s, "nodes"))
    nodes.push_back({{"name", text(n, "name", listed_name_cost)}, {"state", text(n, "state", listed_word_cost)}});
  std::stable_sort(nodes.begin(), nodes.end(),
                   [](const json& a, const json& b) { return (a["state"] != "up") > (b["state"] != "up"); });
  out["nodes_total"] = nodes.size();
  nodes.resize(std::min(nodes.size(), listed_max));
  out["nodes"] = nodes;
  return out;
}

json cut(json rows, std::size_t most = listed_max) {
  if (rows.size() > most) rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(most), rows.end());
  return rows;
}

/// The agents in their order, each with what it measured last.
json agents_with_metrics(const json& agents, const json& measured) {
  std::map<std::string, const json*> by_path;
  for (const auto& m : measured) by_path[m.at("path").get<std::string>()] = &m;
  json out = json::array();
  for (auto a : agents) {
    const auto found = by_path.find(a.at("path").get<std::string>());
    for (const auto* key : {"metrics", "metrics_at", "metrics_total", "every_s", "recommendations"})
      a[key] = found == by_path.end() ? json(nullptr) : found->second->at(key);
    out.push_back(std::move(a));
  }
  return out;
}

json document_of(const json& s) {
  const auto as_of = first_or_null(rows_of(s, "as_of"));
  const auto previous = first_or_null(rows_of(s, "previous"));
  const auto sums = first_or_null(rows_of(s, "escalation_sums"));
  const auto runs = first_or_null(rows_of(s, "runs"));
  const auto agents = agents_with_metrics(rows_of(s, "agents"), runs.at("measured"));
  const decision_news news{part(previous, "kept"), rows_of(s, "decision_counts"), sums, as_of.at("since")};

  json d;
  d["version"] = document_version;
  d["company"] = text(as_of, "company", listed_name_cost);
  d["as_of"] = as_of.at("at");
  d["since"] = as_of.at("since");
  d["listed_from"] = as_of.at("listed_from");

  const auto failures = failures_of(runs.at("failures"));
  const auto missed = missed_of(rows_of(s, "missed_schedules"));
  const auto trouble = troubled_agents(agents);
  const auto metrics = all_metrics(agents, as_of, previous);
  const auto paused = paused_of(rows_of(s, "paused"), as_of);
  d["totals"] = {
      {"decisions", number(sums, "in_inbox")},
      {"under_investigation", number(sums, "open") - number(sums, "in_inbox")},
      {"failures", failures.size()},
      {"missed_schedules", missed.size()},
      {"overdue_audits", rows_of(s, "overdue_audits").size()},
      {"changes", number(first_or_null(rows_of(s, "changes")), "datasets")},
      {"agents", agents.size()},
      {"trouble", trouble.size()},
      {"metrics", metrics.size()},
      {"stale", std::count_if(metrics.begin(), metrics.end(), [](const json& m) { return flag(m, "stale"); })},
      {"paused", paused.size()}};
  d["decisions"] = decisions_of(s, as_of, news);
  d["decision_kinds"] = listed(rows_of(s, "decision_kinds"), names_max, [](const json& k) {
    return row_with(k, {"problem"}, {"decisions", "times", "agents"});
  });
  d["settled_at_once"] = listed(rows_of(s, "settled_at_once"), settled_listed_max, [](const json& k) {
    return row_with(k, {"problem", "origin"}, {"times"});
  });
  d["totals"]["settled_at_once"] = number(first_or_null(s["settled_at_once"]), "total");
  d["under_investigation"] = listed(rows_of(s, "under_investigation"), listed_max, [](const json& e) {
    auto out = row_with(e, {"origin", "problem", "holder"}, {"id", "severity", "count", "due_at"});
    out["cause"] = text(e, "cause", listed_text_cost);
    return out;
  });
  d["failures"] = cut(failures);
  d["runs"] = row_with(runs, {}, {"succeeded", "failed", "whole", "of_each"});
  d["missed_schedules"] = cut(missed);
  d["findings"] = findings_of(rows_of(s, "findings"), as_of);
  d["totals"]["findings"] = number(first_or_null(s["findings"]), "total");
  d["overdue_audits"] = listed(rows_of(s, "overdue_audits"), listed_max, [](const json& a) {
    return row_with(a, {"auditor", "worker", "dataset"}, {"audits", "due_at"});
  });
  d["changes"] = listed(rows_of(s, "changes"), listed_max, [](const json& c) {
    return row_with(c, {"dataset", "worker"}, {"rows", "added", "changed", "removed", "promotions", "last_at"});
  });
  d["change_sums"] = change_sums(s["changes"]);
  d["trouble"] = cut(trouble);
  d["paused"] = cut(paused);
  d["metrics"] = cut(metrics, metrics_listed_max);
  d["priorities"] = priorities_of(rows_of(s, "priorities"));
  d["recommendations"] = recommendations_of(agents);
  d["tasks"] = counts_of(rows_of(s, "open_tasks"));
  d["escalations"] = row_with(sums, {}, {"raised", "resolved", "open"});
  d["fleet"] = fleet_of(s);
  // Filled once costs are on record by agent: nothing is said of them before.
  d["spend"] = nullptr;

  const state_now now{news, trouble, paused, d};
  d["since_last"] = since_last(part(previous, "kept"), now);
  d["kept"] = kept_for_the_next(as_of, now);
  return d;
}

}  // namespace

result<std::string> compose(std::string_view snapshot) {
  const auto s = json::parse(snapshot, nullptr, false);
  if (!s.is_object()) return fail(errc::bad_message, "the snapshot of the brief is not a JSON object");
  try {
    return document_of(s).dump();
  } catch (const json::exception& e) {
    return fail(errc::bad_message, std::string{"the snapshot of the brief lacks a part: "} + e.what());
  }
}

}  // namespace cadre::brief
