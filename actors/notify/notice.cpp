#include "actors/notify/notice.hpp"

#include "actors/brief/brief.hpp"
#include "actors/brief/text.hpp"
#include "schemas/json.hpp"
#include "schemas/text.hpp"

#include <algorithm>

namespace cadre::notify {

using json = nlohmann::json;

namespace {

constexpr std::size_t cause_bytes_max = 500;
constexpr std::size_t title_bytes_max = 200;
constexpr std::size_t brief_bytes_max = 256 * 1024;

std::string word(const json& item, const char* key) {
  const auto found = item.find(key);
  return found != item.end() && found->is_string() ? one_line(clean_text(found->get<std::string>())) : std::string{};
}

/// `audit_failed at ceo.data.ingest`.
std::string place_of(const json& item) {
  return word(item, "problem") + " at " + word(item, "origin");
}

bool tells_the_end(const json& item) {
  return word(item, "what") == "resolved";
}

std::string headline(const json& item) {
  return (tells_the_end(item) ? std::string{"resolved"} : word(item, "severity")) + ": " + place_of(item);
}

/// What stands below the headline of an escalation.
std::vector<std::string> lines_of(const json& item) {
  std::vector<std::string> lines;
  lines.push_back(shortened(word(item, "cause"), cause_bytes_max));
  const auto times = item.value("count", std::int64_t{1});
  auto when = "raised " + word(item, "raised_at").substr(0, 19) + " UTC";
  if (times > 1) when += ", seen " + std::to_string(times) + " times";
  lines.push_back(when);
  if (word(item, "status") == "resolved")
    lines.push_back("resolved by " + word(item, "resolved_by") + ": " + shortened(word(item, "note"), cause_bytes_max));
  lines.push_back("cadre escalation show " + word(item, "id"));
  return lines;
}

struct totals {
  std::int64_t all = 0, critical = 0, resolved = 0;
  severity worst = severity::info;
  std::string cause;
};

totals count(const json& sums) {
  totals t;
  for (const auto& row : sums) {
    const auto n = row.at("notifications").get<std::int64_t>();
    severity level = severity::info;
    from_text(row.at("severity").get<std::string>(), level);
    t.cause = row.at("cause").get<std::string>();
    t.all += n;
    if (t.cause == "resolved")
      t.resolved += n;
    else if (level == severity::critical)
      t.critical += n;
    t.worst = std::max(t.worst, level);
  }
  return t;
}

std::string title_of(const notice& n, const json& items, const totals& t) {
  std::string title = "[" + n.company + "] ";
  if (t.all == 1 && items.size() == 1) return shortened(title + headline(items.front()), title_bytes_max);
  const auto raised = t.all - t.resolved;
  if (raised > 0) title += std::to_string(raised) + (raised == 1 ? " escalation" : " escalations");
  if (t.critical > 0) title += ", " + std::to_string(t.critical) + " critical";
  if (t.resolved > 0) title += (raised > 0 ? ", " : "") + std::to_string(t.resolved) + " resolved";
  return title;
}

void write_escalations(notice& n, const json& items, const totals& t) {
  n.title = title_of(n, items, t);
  n.html = "<p><b>" + brief::html_text(n.title) + "</b></p>\n";
  if (t.all > 1) n.text = n.title + "\n\n";
  for (const auto& item : items) {
    n.text += headline(item) + "\n";
    n.html += "<p><b>" + brief::html_text(headline(item)) + "</b>";
    for (const auto& line : lines_of(item)) {
      n.text += "  " + line + "\n";
      n.html += "<br>" + brief::html_text(line);
    }
    n.text += "\n";
    n.html += "</p>\n";
  }
  const auto more = t.all - static_cast<std::int64_t>(items.size());
  if (more > 0) {
    const auto line = "and " + std::to_string(more) + " more: cadre inbox";
    n.text += line + "\n";
    n.html += "<p>" + line + "</p>\n";
  }
}

}  // namespace

std::string shortened(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return std::string{text};
  auto end = bytes_max - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  return std::string{text.substr(0, end)} + "...";
}

result<notice> compose_notice(const addressed& to, std::string_view parts) {
  const auto found = json::parse(parts, nullptr, false);
  if (!found.is_object()) return fail(errc::bad_message, "the parts of a message are not a JSON object");
  try {
    const auto& items = found.at("items");
    const auto sums = count(found.at("sums"));
    if (sums.all == 0) return fail(errc::not_found, "nothing is owed with delivery " + to.delivery);
    notice n{to.delivery, to.company, to.channel, "escalations", sums.worst, sums.all, {}, {}, {}, {}};
    json document{{"id", n.id},
                  {"company", n.company},
                  {"channel", n.channel},
                  {"severity", to_text(n.worst)},
                  {"count", n.count}};
    if (sums.cause == "test") {
      n.kind = "test";
      n.title = "[" + n.company + "] test of channel " + n.channel;
      n.text = "This is a test. Whoever reads it will hear of " + n.company + ".\n";
      n.html = "<p>" + brief::html_text(n.text) + "</p>\n";
    } else if (sums.cause == "brief") {
      const auto& brief = found.at("brief").at(0);
      const auto body = brief.at("body").dump();
      n.kind = "brief";
      n.title = "[" + n.company + "] brief";
      n.text = clean_text(brief.at("markdown").get<std::string>());
      n.html = brief::to_html(body);
      if (body.size() <= brief_bytes_max) document["brief"] = brief.at("body");
    } else {
      write_escalations(n, items, sums);
      document["escalations"] = items;
    }
    document["kind"] = n.kind;
    document["title"] = n.title;
    document["text"] = shortened(n.text, brief_bytes_max);
    n.document = document.dump(-1, ' ', false, json::error_handler_t::replace);
    return n;
  } catch (const json::exception& e) {
    return fail(errc::bad_message, std::string{"the parts of a message lack one: "} + e.what());
  }
}

}  // namespace cadre::notify
