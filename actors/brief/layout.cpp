#include "brief.hpp"
#include "page.hpp"
#include "parts.hpp"
#include "text.hpp"

#include <algorithm>
#include <cstdio>

namespace cadre::brief {

using json = nlohmann::json;
using kind = span::kind;

namespace {

constexpr std::size_t name_cost = 64;
constexpr std::size_t text_cost = 180;
constexpr std::size_t value_cost = 32;
constexpr std::size_t listed_cost = 40;  ///< Of a name in a list of names.
constexpr std::size_t metrics_max = 8;
constexpr std::size_t words_max = 8;  ///< Of a list within a line.

/// So that a command can be copied as it stands. The beginning is unique: the end is cut after the first random digits,
/// since what is before is the millisecond, which a storm shares.
std::string short_id(const json& object) {
  constexpr std::size_t length = 23;
  auto id = text(object, "id", name_cost).substr(0, length);
  std::erase_if(id, [](char c) { return c != '-' && !(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'); });
  return id;
}

/// `2026-11-21 04:13` of an ISO time.
std::string minute(const json& object, const char* key) {
  auto t = text(object, key, name_cost).substr(0, 16);
  if (t.size() > 10 && t[10] == 'T') t[10] = ' ';
  return t;
}

line& operator<<(line& l, span s) {
  if (!s.text.empty() || s.what == kind::next_line) l.push_back(std::move(s));
  return l;
}
line& operator<<(line& l, std::string words) {
  return l << span{kind::words, std::move(words)};
}

span name(const json& o, const char* key) {
  return {kind::foreign, text(o, key, name_cost)};
}
span prose(const json& o, const char* key) {
  return {kind::foreign, text(o, key, text_cost)};
}

std::string count_of(std::int64_t n, const std::string& one, const std::string& many) {
  return std::to_string(n) + " " + (n == 1 ? one : many);
}

std::string times(const json& row) {
  const auto n = number(row, "count");
  return n > 1 ? " (" + std::to_string(n) + " times)" : "";
}

std::string names(const json& list) {
  std::string out;
  std::size_t shown = 0;
  for (const auto& n : list) {
    if (shown++ == words_max) return out + " and more";
    if (!n.is_string()) continue;
    out += (out.empty() ? "" : ", ") + tame(n.get_ref<const std::string&>(), listed_cost);
  }
  return out;
}

/// The first `most` of the document's list `key`, of which there are `totals.key`.
template <class Line>
section list(const json& d, const char* key, std::string title, std::size_t most, const std::string& see, Line&& make) {
  section s;
  s.title = std::move(title);
  const auto& rows = list_in(d, key);
  for (const auto& row : rows) {
    if (s.lines.size() == most) break;
    s.lines.push_back(make(row));
  }
  s.total = std::max(static_cast<std::size_t>(std::max<std::int64_t>(0, number(part(d, "totals"), key))), rows.size());
  s.more << span{kind::code, see};
  return s;
}

section decisions(const json& d) {
  auto s = list(d, "decisions", "Needs a decision", 10, "cadre inbox", [](const json& e) {
    line l;
    l << span{kind::badge, text(e, "severity", name_cost)} << " " << name(e, "origin") << ": " << name(e, "problem")
      << times(e);
    const auto news = text(e, "news", name_cost);
    if (const auto age = number(e, "age_s"); part(e, "age_s").is_number()) l << ", " + duration_text(age) + " old";
    if (news == "new") l << ", new";
    if (news == "again") l << ", happened again";
    if (text(e, "status", name_cost) == "acknowledged") l << ", acknowledged";
    if (const auto past = names(part(e, "climbed_past")); !past.empty())
      l << ", climbed past " << span{kind::foreign, past};
    l << span{kind::next_line, " - "} << prose(e, "cause") << span{kind::next_line, "  "}
      << span{kind::code, "cadre escalation resolve " + short_id(e) + " --note \"...\""};
    return l;
  });
  s.share = 8;
  if (s.lines.empty()) s.notes.push_back({{kind::words, "Nothing."}});
  // A storm has few kinds: those that are not shown one by one are in these counts.
  if (s.total > s.lines.size()) {
    line kinds;
    kinds << "of all: ";
    for (const auto& k : list_in(d, "decision_kinds"))
      kinds << (kinds.size() > 1 ? ", " : "") + std::to_string(number(k, "decisions")) + " x " << name(k, "problem")
            << " of " + count_of(number(k, "agents"), "agent", "agents");
    if (kinds.size() > 1) s.notes.push_back(std::move(kinds));
  }
  return s;
}

section since(const json& d) {
  section s;
  s.title = "Since the last brief";
  const auto& n = part(d, "since_last");
  if (!n.is_object() || flag(n, "first")) return s;
  if (flag(n, "nothing")) {
    s.notes.push_back({{kind::words, "Nothing changed."}});
    return s;
  }
  const auto& e = part(n, "decisions");
  s.notes.push_back(
      {{kind::words,
        "Decisions: " + std::to_string(number(e, "new")) + " new, " + std::to_string(number(e, "still_open")) +
            " still open, " + std::to_string(number(e, "gone")) + " settled" +
            (number(e, "again") > 0 ? "; " + std::to_string(number(e, "again")) + " happened again." : ".")}});
  for (const auto& [key, words] : {std::pair{"down", "Now not running: "}, std::pair{"back", "Running again: "},
                                   std::pair{"paused", "Paused: "}, std::pair{"resumed", "Resumed: "}}) {
    line l;
    if (const auto all = names(part(n, key)); !all.empty()) l << words << span{kind::foreign, all} << ".";
    if (!l.empty()) s.notes.push_back(std::move(l));
  }
  line counts;
  for (const auto& c : list_in(n, "counts"))
    counts << (counts.empty() ? "" : "; ") << name(c, "what")
           << ": " + std::to_string(number(c, "now")) + " (was " + std::to_string(number(c, "was")) + ")";
  if (!counts.empty()) s.notes.push_back(std::move(counts));
  return s;
}

section priorities(const json& d) {
  return list(d, "priorities", "Do today", 8, "cadre data show action", [](const json& p) {
    line l;
    l << name(p, "subject");
    if (const auto node = name(p, "node"); !node.text.empty()) l << " on " << node;
    if (const auto score = text(p, "score", value_cost); !score.empty())
      l << " (score " << span{kind::foreign, score} << ")";
    if (const auto why = prose(p, "why"); !why.text.empty()) l << ": " << why;
    if (const auto action = text(p, "do", text_cost); !action.empty())
      l << span{kind::next_line, "  "} << span{kind::code, action};
    return l;
  });
}

section failures(const json& d) {
  auto s = list(d, "failures", "What failed and why", 6, "cadre task list --status failed", [](const json& f) {
    line l;
    const auto agents = number(f, "agents_total");
    l << span{kind::foreign, names(part(f, "agents"))};
    if (agents > static_cast<std::int64_t>(list_in(f, "agents").size()))
      l << " and " + std::to_string(agents - static_cast<std::int64_t>(list_in(f, "agents").size())) + " more";
    l << ": " << name(f, "error_code") << ", " + count_of(number(f, "runs"), "run", "runs");
    if (const auto recovered = number(f, "recovered"); recovered > 0)
      l << (recovered == number(f, "runs") ? std::string{", all recovered by retry"}
                                           : ", " + std::to_string(recovered) + " recovered by retry");
    l << span{kind::next_line, " - "} << prose(f, "error");
    return l;
  });
  const auto& runs = part(d, "runs");
  if (part(runs, "whole").is_boolean() && !flag(runs, "whole"))
    s.notes.push_back({{kind::words, "Of each agent the newest " + std::to_string(number(runs, "of_each")) +
                                         " runs were looked at, and some ran more often. What failed for good is an "
                                         "escalation in any case."}});
  return s;
}

section late(const json& d) {
  return list(d, "missed_schedules", "Schedules late or missed", 6, "cadre schedule list", [](const json& f) {
    line l;
    l << name(f, "schedule") << " of " + minute(f, "due_at") + ": ";
    const auto task = text(f, "task", name_cost);
    l << (task == "failed" ? span{kind::words, "its task failed"} : name(f, "status"));
    if (const auto fires = number(f, "fires"); fires > 1) l << " (" + std::to_string(fires) + " fires)";
    if (const auto reason = prose(f, "reason"); !reason.text.empty()) l << " - " << reason;
    return l;
  });
}

section audits(const json& d) {
  return list(d, "overdue_audits", "Audits overdue", 5, "cadre task list --status review", [](const json& a) {
    line l;
    l << name(a, "auditor") << " of " << name(a, "worker") << " (" << name(a, "dataset")
      << "), due " + minute(a, "due_at");
    if (const auto n = number(a, "audits"); n > 1) l << ", " + std::to_string(n) + " outputs";
    return l;
  });
}

section trouble(const json& d) {
  return list(d, "trouble", "Agents not running", 6, "cadre agent list", [](const json& a) {
    line l;
    l << name(a, "path") << ": " << span{kind::badge, text(a, "state", name_cost)};
    if (const auto cause = prose(a, "cause"); !cause.text.empty()) l << span{kind::next_line, " - "} << cause;
    l << span{kind::next_line, "  "} << span{kind::code, "cadre agent restart " + text(a, "path", name_cost)};
    return l;
  });
}

section findings(const json& d) {
  return list(d, "findings", "Findings", 6, "cadre findings", [](const json& f) {
    line l;
    if (flag(f, "overdue")) l << span{kind::badge, "overdue"} << " ";
    l << name(f, "kind") << " " << name(f, "subject") << ", for " << name(f, "owner")
      << ", " + duration_text(number(f, "age_s")) + " old" << span{kind::next_line, " - "} << prose(f, "what");
    return l;
  });
}

section paused(const json& d) {
  return list(d, "paused", "Paused", 5, "cadre status", [](const json& p) {
    line l;
    const auto what = text(p, "what", name_cost);
    l << span{kind::foreign, what + " " + text(p, "name", name_cost)}
      << " for " + duration_text(number(p, "age_s")) + " by " << name(p, "paused_by");
    if (const auto reason = prose(p, "reason"); !reason.text.empty()) l << ": " << reason;
    l << span{kind::next_line, "  "} << span{kind::code, "cadre " + what + " resume " + text(p, "name", name_cost)};
    return l;
  });
}

section investigation(const json& d) {
  return list(d, "under_investigation", "Under investigation", 5, "cadre escalation list", [](const json& e) {
    line l;
    l << name(e, "origin") << ": " << name(e, "problem") << times(e) << ", held by " << name(e, "holder");
    if (const auto due = minute(e, "due_at"); !due.empty()) l << " until " + due;
    return l;
  });
}

section changes(const json& d) {
  auto s = list(d, "changes", "What changed in canonical data", 8, "cadre data list", [](const json& c) {
    const auto n = [&](const char* key) { return std::to_string(number(c, key)); };
    line l;
    l << name(c, "dataset") << " by " << name(c, "worker")
      << ": " + n("rows") + " rows (+" + n("added") + " ~" + n("changed") + " -" + n("removed") + ")";
    return l;
  });
  if (const auto& sums = part(d, "change_sums"); s.total > s.lines.size())
    s.notes.push_back(
        {{kind::words, "in all " + count_of(number(sums, "datasets"), "dataset", "datasets") + ": +" +
                           std::to_string(number(sums, "added")) + " ~" + std::to_string(number(sums, "changed")) +
                           " -" + std::to_string(number(sums, "removed")) + " rows"}});
  return s;
}

/// A number as people write it; else what stands there.
std::string value_text(const json& values, const std::string& key) {
  const auto& v = part(values, key);
  if (!v.is_number_float()) return text(values, key, value_cost);
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.6g", v.get<double>());
  return digits;
}

section metrics(const json& d) {
  return list(d, "metrics", "Metrics", 12, "cadre agent show PATH", [](const json& m) {
    line l;
    l << name(m, "path") << ":";
    const auto& values = object_in(m, "metrics");
    std::size_t shown = 0;
    for (const auto& [key, value] : values.items()) {
      if (shown++ == metrics_max) break;
      l << " " << span{kind::foreign, tame(key, value_cost) + "=" + value_text(values, key)};
      if (!part(part(m, "was"), key).is_null()) l << " (was " << span{kind::foreign, value_text(m["was"], key)} << ")";
    }
    const auto total = number(m, "metrics_total");
    if (const auto few = static_cast<std::int64_t>(std::min(shown, metrics_max)); total > few)
      l << " and " + std::to_string(total - few) + " more";
    const auto every = number(m, "every_s");
    if (flag(m, "stale")) l << ", " << span{kind::badge, "old"};
    l << (flag(m, "stale") ? ": " : ", ") + duration_text(number(m, "age_s")) + " ago";
    if (every > 0) l << (flag(m, "stale") ? ", runs every " : ", every ") + duration_text(every);
    return l;
  });
}

section advice(const json& d) {
  return list(d, "recommendations", "Recommendations", 5, "cadre agent list", [](const json& r) {
    line l;
    l << prose(r, "text") << " (" << name(r, "from") << ")";
    return l;
  });
}

section fleet(const json& d) {
  section s;
  s.title = "The fleet";
  line nodes;
  nodes << "nodes:";
  const auto& f = part(d, "fleet");
  const auto& all = list_in(f, "nodes");
  for (const auto& n : all)
    nodes << (nodes.size() > 1 ? ", " : " ")
          << span{kind::foreign, text(n, "name", name_cost) + " " + text(n, "state", name_cost)};
  if (const auto more = number(f, "nodes_total") - static_cast<std::int64_t>(all.size()); more > 0)
    nodes << " and " + std::to_string(more) + " more";
  nodes << ".";
  if (const auto& leader = part(f, "leader"); leader.is_object())
    nodes << " Leader " << name(leader, "node") << ", epoch " + std::to_string(number(leader, "epoch")) + ".";
  s.notes.push_back(std::move(nodes));
  const auto& runs = part(d, "runs");
  std::string tasks = "tasks:";
  for (const auto& [status, n] : object_in(d, "tasks").items())
    tasks += " " + (flag(n, "more") ? "over 10000" : std::to_string(number(n, "tasks"))) + " " +
             tame(status, name_cost) + ";";
  tasks += tasks.back() == ':' ? " none open;" : "";
  s.notes.push_back({{kind::words, tasks + (flag(runs, "whole") ? " " : " at least ") +
                                       count_of(number(runs, "succeeded"), "run", "runs") + " succeeded and " +
                                       std::to_string(number(runs, "failed")) + " failed since."}});
  const auto& e = part(d, "escalations");
  const auto n = [&](const char* key) { return std::to_string(number(e, key)); };
  s.notes.push_back({{kind::words, "escalations: " + n("raised") + " raised = " + n("resolved") + " resolved + " +
                                       n("open") + " open."}});
  const auto& settled = list_in(d, "settled_at_once");
  line by_policy;
  for (const auto& k : settled)
    by_policy << (by_policy.empty() ? "settled at once by policy: " : ", ") + std::to_string(number(k, "times")) + " x "
              << name(k, "problem") << " of " << name(k, "origin");
  const auto more = number(part(d, "totals"), "settled_at_once") - static_cast<std::int64_t>(settled.size());
  if (by_policy.empty()) return s;
  if (more > 0) by_policy << " and " + std::to_string(more) + " more";
  s.notes.push_back(std::move(by_policy));
  return s;
}

/// The state of things in a sentence.
line headline(const json& d) {
  const auto& t = part(d, "totals");
  if (!t.is_object()) return {};
  const auto waiting = number(t, "decisions"), down = number(t, "trouble"), failed = number(part(d, "runs"), "failed"),
             late = number(t, "missed_schedules"), overdue = number(t, "overdue_audits"), found = number(t, "findings"),
             old = number(t, "stale"), held = number(t, "paused");
  std::vector<std::string> said;
  if (waiting > 0) said.push_back(count_of(waiting, "decision waits", "decisions wait") + " for you");
  if (down > 0) said.push_back(count_of(down, "agent is", "agents are") + " not running");
  if (failed > 0) said.push_back(count_of(failed, "run", "runs") + " failed");
  if (late > 0) said.push_back(count_of(late, "schedule is", "schedules are") + " late");
  if (overdue > 0) said.push_back(count_of(overdue, "audit is", "audits are") + " overdue");
  if (found > 0) said.push_back(count_of(found, "finding is", "findings are") + " open");
  if (old > 0) said.push_back(count_of(old, "agent has", "agents have") + " old metrics");
  if (held > 0) said.push_back(count_of(held, "pause holds", "pauses hold") + " work back");
  std::string words;
  for (const auto& s : said) words += (words.empty() ? "" : ", ") + s;
  if (words.empty()) words = "All is well: no decision waits, all agents run, nothing failed, nothing is late";
  return {{kind::words, words + "."}};
}

std::size_t lines_of(const section& s) {
  return 3 + s.lines.size() + s.notes.size() + (s.total > s.lines.size() && !s.lines.empty() ? 1 : 0);
}

/// Takes lines from the longest section, measured by its share, until the page is one page.
void fit(page& p) {
  constexpr std::size_t head = 5;
  const auto total = [&] {
    std::size_t n = head;
    for (const auto& s : p.sections) n += lines_of(s);
    return n;
  };
  while (total() > page_lines_max) {
    section* longest = nullptr;
    for (auto& s : p.sections)
      if (s.lines.size() > 1 && (!longest || s.lines.size() * longest->share >= longest->lines.size() * s.share))
        longest = &s;
    if (!longest) return;
    longest->lines.pop_back();
  }
}

}  // namespace

page layout(const json& d) {
  page p;
  p.title = "Brief of " + text(d, "company", name_cost);
  const auto since_then = minute(d, "since");
  const auto listed = minute(d, "listed_from");
  p.subtitle = "As of " + minute(d, "as_of") + " UTC" +
               (since_then.empty() ? ", the first one." : ", since " + since_then + " UTC.");
  if (!listed.empty() && !since_then.empty() && listed > since_then)
    p.subtitle += " What happened is listed from " + listed + " UTC on.";
  p.headline = headline(d);
  p.sections = {decisions(d), since(d),  priorities(d),    trouble(d), failures(d), late(d),   audits(d),
                findings(d),  paused(d), investigation(d), changes(d), metrics(d),  advice(d), fleet(d)};
  std::erase_if(p.sections, [](const section& s) { return s.lines.empty() && s.notes.empty(); });
  fit(p);
  return p;
}

}  // namespace cadre::brief
