#include "brief.hpp"
#include "schemas/json.hpp"

#include <sstream>
#include <utility>
#include <vector>

namespace cadre::brief {

using json = nlohmann::json;

namespace {

/// A page is a list of sections; Markdown and HTML are two ways to write them down.
struct section {
  std::string title;
  std::vector<std::string> lines;
  std::string more;  ///< Says what was left out.
};

struct page {
  std::string title;
  std::string subtitle;
  std::vector<section> sections;
};

constexpr std::size_t lines_max = 8;
constexpr std::size_t text_max = 200;
constexpr std::size_t words_max = 12;  ///< Of a list within a line.

/// Text from agents stands in one line and stays short.
std::string brief_text(const json& value) {
  auto text = value.is_string() ? value.get<std::string>() : value.is_null() ? std::string{} : value.dump();
  for (auto& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  if (text.size() <= text_max) return text;
  auto end = text_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

std::string text(const json& object, const char* key) {
  return object.contains(key) ? brief_text(object[key]) : std::string{};
}

/// `2026-11-21 04:13` of an ISO time.
std::string minute(const std::string& iso) {
  auto t = iso.substr(0, 16);
  if (t.size() > 10 && t[10] == 'T') t[10] = ' ';
  return t;
}

/// Up to and including the first random digits: what comes before is the millisecond, which a storm shares.
constexpr std::size_t short_id_length = 23;

std::string short_id(const json& object) {
  return text(object, "id").substr(0, short_id_length);
}

template <class Line>
section list(std::string title, const json& rows, Line&& line, const std::string& see) {
  section s{std::move(title), {}, {}};
  for (const auto& row : rows) {
    if (s.lines.size() == lines_max) {
      s.more = "and " + std::to_string(rows.size() - lines_max) + " more: " + see;
      break;
    }
    s.lines.push_back(line(row));
  }
  return s;
}

std::string times(const json& row) {
  const auto n = row.value("count", 1);
  return n > 1 ? " (" + std::to_string(n) + " times)" : "";
}

section decisions(const json& d) {
  auto s = list(
      "Needs a decision", d["decisions"],
      [](const json& e) {
        return "[" + text(e, "severity") + "] " + text(e, "origin") + ": " + text(e, "problem") + times(e) + " - " +
               text(e, "cause") + "  `cadre escalation show " + short_id(e) + "`";
      },
      "`cadre inbox`");
  if (s.lines.empty()) s.lines.push_back("Nothing.");
  return s;
}

section priorities(const json& d) {
  return list(
      "Do today", d["priorities"],
      [](const json& p) {
        auto line = text(p, "subject");
        if (const auto node = text(p, "node"); !node.empty()) line += " on " + node;
        if (const auto score = text(p, "score"); !score.empty()) line += " (score " + score + ")";
        if (const auto why = text(p, "why"); !why.empty()) line += ": " + why;
        if (const auto action = text(p, "do"); !action.empty()) line += "  `" + action + "`";
        return line;
      },
      "`cadre data show action`");
}

section failures(const json& d) {
  return list(
      "What failed and why", d["failures"],
      [](const json& f) {
        auto line = text(f, "agent") + ": " + text(f, "error_code") + ", " + text(f, "runs") + " run(s)";
        if (f.value("recovered", 0) > 0) line += ", recovered by retry";
        return line + " - " + text(f, "error");
      },
      "`cadre task list --status failed`");
}

section late(const json& d) {
  auto s = list(
      "Late", d["missed_schedules"],
      [](const json& f) {
        return "schedule " + text(f, "schedule") + " of " + minute(text(f, "due_at")) + ": " + text(f, "status") + " " +
               text(f, "reason");
      },
      "`cadre schedule list`");
  auto audits = list(
      "", d["overdue_audits"],
      [](const json& a) {
        return "audit by " + text(a, "auditor") + " of " + text(a, "worker") + " (" + text(a, "dataset") + "), due " +
               minute(text(a, "due_at"));
      },
      "`cadre task list --status review`");
  if (!s.more.empty()) s.lines.push_back(std::exchange(s.more, {}));
  s.lines.insert(s.lines.end(), audits.lines.begin(), audits.lines.end());
  s.more = audits.more;
  return s;
}

section trouble(const json& d) {
  return list(
      "Agents not running", d["agents"]["trouble"],
      [](const json& a) {
        auto line = text(a, "path") + ": " + text(a, "state");
        if (const auto cause = text(a, "cause"); !cause.empty()) line += " - " + cause;
        return line;
      },
      "`cadre agent list`");
}

section investigation(const json& d) {
  return list(
      "Under investigation", d["under_investigation"],
      [](const json& e) {
        return text(e, "origin") + ": " + text(e, "problem") + times(e) + ", held by " + text(e, "holder") + " until " +
               minute(text(e, "due_at"));
      },
      "`cadre escalation list`");
}

section changes(const json& d) {
  section s = list(
      "What changed in canonical data", d["changes"],
      [](const json& c) {
        return text(c, "dataset") + " by " + text(c, "worker") + ": " + text(c, "rows") + " rows (+" +
               text(c, "added") + " ~" + text(c, "changed") + " -" + text(c, "removed") + ")";
      },
      "`cadre data list`");
  return s;
}

section metrics(const json& d) {
  return list(
      "Metrics", d["metrics"],
      [](const json& m) {
        auto line = text(m, "path") + ":";
        std::size_t shown = 0;
        for (const auto& [name, value] : m["metrics"].items()) {
          if (shown++ == words_max) {
            line += " and " + std::to_string(m["metrics"].size() - words_max) + " more";
            break;
          }
          line += " " + brief_text(name) + "=" + brief_text(value);
        }
        return line + " (at " + minute(text(m, "at")) + ")";
      },
      "`cadre agent show PATH`");
}

section advice(const json& d) {
  return list(
      "Recommendations", d["recommendations"],
      [](const json& r) { return text(r, "text") + " (" + text(r, "from") + ")"; }, "`cadre agent list`");
}

section fleet(const json& d) {
  section s{"The fleet", {}, {}};
  std::string nodes = "nodes:";
  std::size_t shown = 0;
  for (const auto& n : d["nodes"]) {
    if (shown++ == words_max) {
      nodes += " and " + std::to_string(d["nodes"].size() - words_max) + " more;";
      break;
    }
    nodes += " " + text(n, "name") + " " + text(n, "state") + ";";
  }
  nodes.back() = '.';
  if (d["leader"].is_object())
    nodes += " Leader " + text(d["leader"], "node") + ", epoch " + text(d["leader"], "epoch") + ".";
  s.lines.push_back(nodes);
  std::string tasks = "tasks:";
  for (const auto& [status, n] : d["tasks"].items()) tasks += " " + n.dump() + " " + status + ";";
  tasks.back() = '.';
  s.lines.push_back(tasks);
  const auto& e = d["escalations"];
  s.lines.push_back("escalations: " + text(e, "raised") + " raised = " + text(e, "resolved") + " resolved + " +
                    text(e, "open") + " open.");
  return s;
}

page layout(const json& d) {
  const auto since = text(d, "since");
  page p;
  p.title = "Brief of " + text(d, "company");
  p.subtitle = "As of " + minute(text(d, "as_of")) + " UTC" +
               (since.empty() || since == "-infinity" ? ", the first one." : ", since " + minute(since) + " UTC.");
  p.sections = {decisions(d),     priorities(d), trouble(d), failures(d), late(d),
                investigation(d), changes(d),    metrics(d), advice(d),   fleet(d)};
  std::erase_if(p.sections, [](const section& s) { return s.lines.empty(); });
  return p;
}

std::string escaped(const std::string& plain) {
  std::string out;
  for (const char c : plain) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

/// Text between backquotes becomes code.
std::string html_line(const std::string& line) {
  std::string out;
  bool code = false;
  for (const char c : escaped(line)) {
    if (c == '`') {
      out += code ? "</code>" : "<code>";
      code = !code;
    } else {
      out += c;
    }
  }
  return code ? out + "</code>" : out;
}

}  // namespace

std::string to_markdown(std::string_view document) {
  const auto p = layout(json::parse(document));
  std::ostringstream out;
  out << "# " << p.title << "\n\n" << p.subtitle << "\n";
  for (const auto& s : p.sections) {
    out << "\n## " << s.title << "\n\n";
    for (const auto& line : s.lines) out << "- " << line << "\n";
    if (!s.more.empty()) out << "- " << s.more << "\n";
  }
  return out.str();
}

std::string to_html(std::string_view document) {
  const auto p = layout(json::parse(document));
  std::ostringstream out;
  out << "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>"
      << escaped(p.title)
      << "</title>\n</head>\n"
         "<body style=\"font-family:sans-serif;max-width:44em;margin:1em auto;padding:0 1em;line-height:1.5;"
         "color:#222;background:#fff\">\n<h1 style=\"font-size:1.4em\">"
      << escaped(p.title) << "</h1>\n<p>" << escaped(p.subtitle) << "</p>\n";
  for (const auto& s : p.sections) {
    out << "<h2 style=\"font-size:1.1em\">" << escaped(s.title) << "</h2>\n<ul>\n";
    for (const auto& line : s.lines) out << "<li>" << html_line(line) << "</li>\n";
    if (!s.more.empty()) out << "<li>" << html_line(s.more) << "</li>\n";
    out << "</ul>\n";
  }
  out << "</body>\n</html>\n";
  return out.str();
}

}  // namespace cadre::brief
