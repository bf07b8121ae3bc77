#include "look.hpp"

#include "documents.hpp"
#include "schemas/json.hpp"
#include "storage/decide/findings.hpp"
#include "storage/read/finding_queries.hpp"
#include "storage/read/queries.hpp"

#include <filesystem>
#include <fstream>

namespace cadre::actors {

using json = nlohmann::json;
namespace queries = storage::queries;

namespace {

constexpr std::size_t document_bytes_max = 1 << 20;
constexpr std::size_t members_shown_max = 10;

std::string text_of(const json& value) {
  return value.is_string() ? value.get<std::string>() : std::string{};
}

result<void> look_at_rows(const finding_kind& kind, storage::reader& source, const config::company& company,
                          findings_report& out) {
  const auto found = source.rows(queries::findings_of(kind, company, out.at));
  if (!found) return tl::unexpected{found.error()};
  auto rows = json::parse(*found);
  out.whole = static_cast<std::int64_t>(rows.size()) <= queries::findings_max;
  if (!out.whole) rows.erase(rows.begin() + queries::findings_max, rows.end());
  for (const auto& row : rows)
    out.seen.push_back(
        {text_of(row["subject"]), {text_of(row["origin"])}, text_of(row["what"]), {row["evidence"].dump()}});
  return {};
}

/// A circle holds only if all of it still waits.
result<bool> is_waiting(storage::reader& source, const std::string& company, const std::vector<std::string>& circle) {
  const auto found = source.rows(queries::tasks_with_ids(company, circle));
  if (!found) return tl::unexpected{found.error()};
  std::size_t waiting = 0;
  for (const auto& task : json::parse(*found)) {
    const auto status = task["status"].get<std::string>();
    waiting += status == "queued" || status == "blocked" || status == "draft" ? 1 : 0;
  }
  return waiting == circle.size();
}

result<void> look_for_circles(storage::reader& source, const config::company& company, findings_report& out) {
  const auto found = source.rows(queries::dependencies(company.name));
  if (!found) return tl::unexpected{found.error()};
  std::vector<storage::decide::wait_edge> edges;
  for (const auto& row : json::parse(*found))
    edges.push_back({row["task"].get<std::string>(), row["depends_on"].get<std::string>()});
  out.whole = static_cast<std::int64_t>(edges.size()) <= queries::dependencies_looked_at_max;
  for (auto& circle : storage::decide::find_circles(edges)) {
    if (out.seen.size() >= static_cast<std::size_t>(queries::findings_max)) {
      out.whole = false;
      break;
    }
    const auto waiting = is_waiting(source, company.name, circle);
    if (!waiting) return tl::unexpected{waiting.error()};
    if (!*waiting) continue;
    const auto size = circle.size();
    auto shown = circle;
    if (size > members_shown_max) shown.resize(members_shown_max);
    out.seen.push_back({circle.front(),
                        company.agents.front().path,
                        std::to_string(size) + " tasks wait for each other in a circle: none can ever start",
                        {json{{"tasks", shown}, {"count", size}}.dump()}});
  }
  return {};
}

finding_seen about_document(const config::company& company, const std::string& subject, const std::string& what,
                            const json& evidence) {
  return {subject.substr(0, 300), company.agents.front().path, what, {evidence.dump()}};
}

void look_at_document(const config::company& company, const std::string& name, findings_report& out) {
  const auto path = std::filesystem::path{company.folder} / name;
  std::ifstream file{path, std::ios::binary};
  std::string text(document_bytes_max, '\0');
  if (!file) {
    out.seen.push_back(about_document(company, name, "the document " + name + " can't be read: " + path.string(),
                                      {{"document", name}}));
    return;
  }
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  for (const auto& dead : audit_document(text, company)) {
    if (out.seen.size() >= static_cast<std::size_t>(queries::findings_max)) return void(out.whole = false);
    const auto place = name + ":" + std::to_string(dead.line);
    out.seen.push_back(about_document(company, name + ": " + dead.name,
                                      place + " names the " + (dead.is_schedule ? "schedule " : "agent ") + dead.name +
                                          ", which does not exist" + dead.hint,
                                      {{"document", name}, {"line", dead.line}, {"name", dead.name}}));
  }
}

}  // namespace

result<finding_state> read_finding_state(storage::reader& source, const std::string& company) {
  const auto row = source.row(queries::finding_state(company));
  if (!row) return tl::unexpected{row.error()};
  const auto found = json::parse(*row);
  finding_state state;
  state.now.us = found["at"].get<std::int64_t>();
  if (found["since"].is_number()) state.leader_since.us = found["since"].get<std::int64_t>();
  for (const auto& [kind, look] : found["looks"].items())
    state.looks[kind] = {{look["looked_at"].get<std::int64_t>()}, look["open"].get<std::int64_t>()};
  return state;
}

result<std::optional<findings_report>> look_for(const finding_kind& kind, storage::reader& source,
                                                const config::company& company, timestamp at) {
  if (kind.source != finding_source::leader) return std::nullopt;
  findings_report report;
  report.finding = kind.name;
  report.at = at;
  if (kind.name == "document_names_nobody") {
    for (const auto& name : company.documents) look_at_document(company, name, report);
    return report;
  }
  const auto done = kind.name == "circular_blockers" ? look_for_circles(source, company, report)
                                                     : look_at_rows(kind, source, company, report);
  if (!done) return tl::unexpected{done.error()};
  return report;
}

}  // namespace cadre::actors
