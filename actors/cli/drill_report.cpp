#include "drill_report.hpp"

#include "schemas/json.hpp"

#include <array>
#include <cstdio>
#include <utility>

namespace cadre::cli {

using json = nlohmann::json;

namespace {

constexpr std::size_t victims_shown = 8;
constexpr std::size_t missing_shown = 12;

struct count_name {
  const char* key;
  const char* words;
  std::int64_t drill_ledger::*count;
};

constexpr std::array lost_counts{
    count_name{"tasks_vanished", "tasks that were there before", &drill_ledger::tasks_vanished},
    count_name{"commands_vanished", "acknowledged commands", &drill_ledger::commands_vanished},
    count_name{"events_missing", "events", &drill_ledger::events_missing},
    count_name{"escalations_astray", "escalations neither open nor resolved", &drill_ledger::escalations_astray}};
constexpr std::array doubled_counts{
    count_name{"tasks_ended_twice", "tasks with two successful runs", &drill_ledger::tasks_ended_twice},
    count_name{"outputs_doubled", "outputs that became canonical twice", &drill_ledger::outputs_doubled},
    count_name{"rows_without_verdict", "canonical rows without all verdicts", &drill_ledger::rows_without_verdict}};

using ms = std::chrono::milliseconds;

std::string seconds(const std::optional<ms>& time) {
  if (!time) return "NOT within the time";
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "after %.2f s", static_cast<double>(time->count()) / 1000);
  return text.data();
}

std::string list(const std::vector<std::string>& words, std::size_t shown) {
  std::string text;
  for (std::size_t i = 0; i < words.size() && i < shown; ++i) text += (i ? ", " : "") + words[i];
  if (words.size() > shown) text += " and " + std::to_string(words.size() - shown) + " more";
  return text;
}

template <class Counts>
std::string sum(const drill_ledger& ledger, std::int64_t total, const Counts& counts) {
  auto text = std::to_string(total);
  std::string parts;
  for (const auto& c : counts)
    if (ledger.*c.count != 0) parts += (parts.empty() ? "" : ", ") + std::to_string(ledger.*c.count) + " " + c.words;
  return parts.empty() ? text : text + " (" + parts + ")";
}

json number(const std::optional<ms>& time) {
  return time ? json(time->count()) : json(nullptr);
}

}  // namespace

drill_ledger ledger_from(const json& row) {
  drill_ledger out;
  for (const auto& c : lost_counts) out.*c.count = row.at(c.key).get<std::int64_t>();
  for (const auto& c : doubled_counts) out.*c.count = row.at(c.key).get<std::int64_t>();
  out.runs_retried = row.at("runs_retried").get<std::int64_t>();
  return out;
}

bool drill_report::passed() const noexcept {
  if (!skipped.empty()) return true;
  return recovered && whole && ledger_known && ledger.lost() == 0 && ledger.doubled() == 0;
}

std::string text_of(const drill_report& r) {
  auto title = word_of(r.what.kind) + (r.what.target.empty() ? "" : " " + r.what.target);
  if (!r.skipped.empty()) return title + "\n  skipped     " + r.skipped + "\n";
  auto text = title + "\n  died        " + r.died + "\n";
  if (!r.victims.empty()) text += "  with it     " + list(r.victims, victims_shown) + "\n";
  text += "  noticed     " + seconds(r.noticed) + "\n";
  text += "  recovered   " + seconds(r.recovered) + ": every agent runs, somebody leads, a command commits\n";
  text += "  whole       " + seconds(r.whole) + ": every process is back\n";
  if (!r.missing.empty()) text += "  missing     " + list(r.missing, missing_shown) + "\n";
  if (!r.ledger_known) return text + "  lost        not known: the database does not answer\n";
  text += "  retried     " + std::to_string(r.ledger.runs_retried) + " runs\n";
  text += "  lost        " + sum(r.ledger, r.ledger.lost(), lost_counts) + "\n";
  text += "  done twice  " + sum(r.ledger, r.ledger.doubled(), doubled_counts) + "\n";
  return text;
}

json json_of(const drill_report& r) {
  json out{{"fault", word_of(r.what.kind)}, {"target", r.what.target}, {"passed", r.passed()}};
  if (!r.skipped.empty()) {
    out["skipped"] = r.skipped;
    return out;
  }
  out["died"] = r.died;
  out["victims"] = r.victims;
  out["noticed_ms"] = number(r.noticed);
  out["recovered_ms"] = number(r.recovered);
  out["whole_ms"] = number(r.whole);
  out["missing"] = r.missing;
  if (!r.ledger_known) return out;
  out["runs_retried"] = r.ledger.runs_retried;
  out["lost"] = r.ledger.lost();
  out["done_twice"] = r.ledger.doubled();
  for (const auto& c : lost_counts) out[c.key] = r.ledger.*c.count;
  for (const auto& c : doubled_counts) out[c.key] = r.ledger.*c.count;
  return out;
}

}  // namespace cadre::cli
