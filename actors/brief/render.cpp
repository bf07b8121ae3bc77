#include "brief.hpp"
#include "page.hpp"
#include "text.hpp"

#include <algorithm>
#include <string>

namespace cadre::brief {

using json = nlohmann::json;
using kind = span::kind;

namespace {

/// The line that says how many entries are not shown; empty: all are.
line rest_of(const section& s) {
  if (s.lines.empty() || s.total <= s.lines.size()) return {};
  line l{{kind::words, "and " + std::to_string(s.total - s.lines.size()) + " more: "}};
  l.insert(l.end(), s.more.begin(), s.more.end());
  return l;
}

std::vector<line> items_of(const section& s) {
  auto items = s.lines;
  if (auto rest = rest_of(s); !rest.empty()) items.push_back(std::move(rest));
  items.insert(items.end(), s.notes.begin(), s.notes.end());
  return items;
}

std::string markdown_line(const line& l) {
  std::string out;
  for (const auto& s : l) {
    switch (s.what) {
      case kind::words:
      case kind::next_line:
        out += s.text;
        break;
      case kind::foreign:
        out += markdown_text(s.text, out.empty());
        break;
      case kind::badge:
        out += "**[" + markdown_text(s.text, false) + "]**";
        break;
      case kind::code:
        out += markdown_code(s.text);
        break;
    }
  }
  return out;
}

/// A severity is a word first. Colours come in pairs, so that they can be read on any background.
std::string badge(const std::string& word) {
  std::string colours = "#475569;color:#ffffff";
  if (word == "critical" || word == "quarantined") colours = "#b00020;color:#ffffff";
  if (word == "error" || word == "stopped") colours = "#b3410e;color:#ffffff";
  if (word == "warning" || word == "old" || word == "overdue") colours = "#fbbf24;color:#000000";
  std::string shown = word;
  for (auto& c : shown)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return "<strong style=\"background-color:" + colours + ";padding:1px 5px;border-radius:3px;font-size:0.8em\">" +
         html_text(shown) + "</strong>";
}

/// A command to type. A narrow page breaks lines after hyphens: an option is kept whole.
std::string html_code(const std::string& text) {
  constexpr std::size_t option_max = 20;
  std::string out = "<code style=\"font-family:monospace;font-size:0.9em\">";
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find(' ', at + 1), text.size());
    const bool option = text.compare(at, 3, " --") == 0 && end - at <= option_max;
    const auto word = html_text(text.substr(at, end - at));
    out += option ? " <span style=\"white-space:nowrap\">" + word.substr(1) + "</span>" : word;
    at = end;
  }
  return out + "</code>";
}

std::string html_line(const line& l) {
  std::string out;
  for (const auto& s : l) {
    switch (s.what) {
      case kind::words:
        out += html_text(s.text);
        break;
      case kind::foreign:
        out += "<bdi>" + html_text(s.text) + "</bdi>";
        break;
      case kind::badge:
        out += badge(s.text);
        break;
      case kind::code:
        out += html_code(s.text);
        break;
      case kind::next_line:
        out += "<br>";
        break;
    }
  }
  return out;
}

/// Whatever somebody stored as a brief: what is no document is a page of nothing.
json parsed(std::string_view document) {
  return json::parse(document, nullptr, false);
}

// The styles stand in the elements: mail clients drop style sheets. No colour of text or background but in pairs, so a
// client may show it dark. Nothing is wider than the window: long words break.
constexpr auto html_head =
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"supported-color-schemes\" content=\"light "
    "dark\">\n";
constexpr auto html_frame =
    "<div style=\"font-family:sans-serif;font-size:16px;line-height:1.45;max-width:44em;margin:0 auto;padding:12px;"
    "overflow-wrap:anywhere;word-break:break-word\">\n";

}  // namespace

std::string to_markdown(std::string_view document) {
  const auto p = layout(parsed(document));
  std::string out = "# " + markdown_text(p.title, false) + "\n\n" + markdown_text(p.subtitle, false) + "\n\n" +
                    markdown_line(p.headline) + "\n";
  for (const auto& s : p.sections) {
    out += "\n## " + s.title + "\n\n";
    for (const auto& item : items_of(s)) out += "- " + markdown_line(item) + "\n";
  }
  return out;
}

std::string to_html(std::string_view document) {
  const auto p = layout(parsed(document));
  std::string out = std::string{html_head} + "<title>" + html_text(p.title) +
                    "</title>\n</head>\n<body style=\"margin:0\">\n" + html_frame +
                    "<h1 style=\"font-size:1.4em;margin:0.3em 0\">" + html_text(p.title) +
                    "</h1>\n<p style=\"margin:0.3em 0\">" + html_text(p.subtitle) +
                    "</p>\n<p style=\"margin:0.8em 0\"><strong>" + html_line(p.headline) + "</strong></p>\n";
  for (const auto& s : p.sections) {
    out += "<h2 style=\"font-size:1.1em;margin:1.2em 0 0.4em;border-bottom:1px solid #999999\">" + html_text(s.title) +
           "</h2>\n<ul style=\"margin:0;padding-left:1.2em\">\n";
    for (const auto& item : items_of(s)) out += "<li style=\"margin:0 0 0.5em\">" + html_line(item) + "</li>\n";
    out += "</ul>\n";
  }
  return out + "</div>\n</body>\n</html>\n";
}

}  // namespace cadre::brief
