#pragma once

#include "actors/brief/brief.hpp"
#include "schemas/json.hpp"
#include "schemas/time.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

/// Snapshots to write briefs of, and questions to ask a page.
namespace cadre::brief_world {

using nlohmann::json;

inline const std::filesystem::path folder = std::filesystem::path{CADRE_SOURCE_DIR} / "tests" / "golden" / "brief";

inline std::string slurp(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// `calm`, `busy` or `first`.
inline json snapshot(const std::string& name) {
  return json::parse(slurp(folder / (name + ".snapshot.json")));
}

inline std::string document_of(const json& parts) {
  const auto document = brief::compose(parts.dump());
  BOOST_REQUIRE_MESSAGE(document, (document ? "" : document.error().message));
  return *document;
}

inline std::size_t count(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) ++n;
  return n;
}

inline std::size_t lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

inline std::size_t longest_line(const std::string& text) {
  std::size_t longest = 0;
  for (std::size_t from = 0; from < text.size();) {
    const auto end = std::min(text.find('\n', from), text.size());
    longest = std::max(longest, end - from);
    from = end + 1;
  }
  return longest;
}

inline std::string iso_before(const std::string& moment, std::int64_t seconds) {
  return to_iso(*from_iso(moment) + std::chrono::seconds{-seconds});
}

/// Every text in `value` that an agent or a person chose is replaced.
inline void replace_texts(json& value, const std::string& text) {
  if (value.is_string()) {
    value = text;
  } else if (value.is_structured()) {
    for (auto& part : value) replace_texts(part, text);
  }
}

inline bool is_moment_or_id(const std::string& key) {
  return key == "id" || key.ends_with("_at") || key == "at" || key == "since" || key == "task" || key == "first_seen" ||
         key == "deadline";
}

/// `s` with `text` for each text that is not a moment, an id or a status.
inline json with_texts(json s, const std::string& text) {
  for (auto& [part, rows] : s.items()) {
    if (part == "as_of" || part == "open_tasks" || part == "previous") continue;
    for (auto& row : rows)
      for (auto& [key, value] : row.items())
        if (!is_moment_or_id(key)) replace_texts(value, text);
  }
  for (auto& f : s["runs"][0]["failures"]) f["last_at"] = "2026-11-21T05:00:00+00:00";
  for (auto& a : s["runs"][0]["measured"])
    if (a["metrics"].is_object()) {
      a["metrics"] = json::object();
      for (char c = 'a'; c < 'k'; ++c) a["metrics"][text + c] = text;
    }
  return s;
}

inline json busy_with(const std::string& text) {
  return with_texts(snapshot("busy"), text);
}

/// Every list of `s`, repeated to `rows` entries that differ by a number at the end of `names`.
inline void repeat(json& rows, std::size_t most, std::initializer_list<const char*> names) {
  const auto few = rows;
  rows = json::array();
  for (std::size_t i = 0; i < most; ++i) {
    auto row = few[i % few.size()];
    for (const auto* name : names) row[name] = row[name].get<std::string>() + "-" + std::to_string(i);
    rows.push_back(std::move(row));
  }
}

/// 10,000 escalations, 1,000 agents, 500 datasets, everything late and causes of 10 KB; with `text`, each text is
/// that.
inline json storm(const std::string& text = {}) {
  auto s = text.empty() ? snapshot("busy") : busy_with(text);
  std::string cause = "it broke because";
  while (cause.size() < 10'000) cause += " of what was broken before";
  if (text.empty())
    for (auto& e : s["decisions"]) e["cause"] = cause;
  s["escalation_sums"][0] = {{"raised", 12'345},   {"resolved", 1'345},     {"open", 11'000},
                             {"in_inbox", 10'000}, {"new_in_inbox", 9'990}, {"settled", 3}};
  if (text.empty()) {
    s["decision_kinds"] = {{{"problem", "run_failed"}, {"decisions", 9'000}, {"times", 90'000}, {"agents", 1'000}},
                           {{"problem", "audit_failed"}, {"decisions", 1'000}, {"times", 1'000}, {"agents", 40}}};
  }
  repeat(s["decisions"], 20, {"origin"});
  repeat(s["decision_counts"], 100, {"id"});
  repeat(s["under_investigation"], 20, {"origin"});
  repeat(s["settled_at_once"], 20, {"origin"});
  repeat(s["runs"][0]["failures"], 200, {"agent"});
  for (std::size_t i = 0; i < 200; ++i) {
    auto& error = s["runs"][0]["failures"][i]["error"];
    error = error.get<std::string>() + std::string(i / 8, 'x');
  }
  s["runs"][0]["whole"] = false;
  repeat(s["missed_schedules"], 500, {"schedule"});
  repeat(s["overdue_audits"], 200, {"worker"});
  repeat(s["findings"], 200, {"subject"});
  for (auto& f : s["findings"]) f["total"] = 300;
  repeat(s["changes"], 40, {"dataset"});
  for (auto& c : s["changes"]) c["datasets"] = 500;
  repeat(s["agents"], 1'000, {"path"});
  repeat(s["runs"][0]["measured"], 1'000, {});
  for (std::size_t i = 0; i < 1'000; ++i) s["runs"][0]["measured"][i]["path"] = s["agents"][i]["path"];
  repeat(s["paused"], 200, {"name"});
  repeat(s["priorities"], 20, {"key"});
  repeat(s["nodes"], 40, {"name"});
  return s;
}

/// What agents may write: each a few KB long.
inline std::vector<std::string> hostile_texts() {
  std::vector<std::string> all;
  for (const char* part :
       {"&", "<b>", "\"", "\\", "`", "*_~[](x)", "x", "x ", "\n# x\r", "\x1b[2J\x07", "\xe2\x82\xac",
        "\xf0\x9f\x94\xa5", "\xe2\x80\xae", "a\xcc\x81\xcc\x81\xcc\x81\xcc\x81", "\xd7\x90", "</code></bdi><script>"}) {
    std::string text;
    while (text.size() < 3'000) text += part;
    all.push_back(std::move(text));
  }
  return all;
}

}  // namespace cadre::brief_world
