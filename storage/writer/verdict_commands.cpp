#include "schemas/subjects.hpp"
#include "schemas/text.hpp"
#include "storage/writer/escalations.hpp"
#include "storage/writer/handlers.hpp"
#include "storage/writer/investigations.hpp"
#include "storage/writer/promotion.hpp"
#include "storage/writer/tasks.hpp"

#include <algorithm>

namespace cadre::storage::writer {

namespace {

constexpr std::size_t sample_rows_max = 5;
constexpr std::size_t findings_max = 1'000;
constexpr std::size_t notes_max = 50;
// Of evidence: what people read, not the data itself.
constexpr std::size_t name_bytes_max = 200;
constexpr std::size_t message_bytes_max = 2'000;
constexpr std::size_t sample_bytes_max = 2'048;
constexpr std::size_t statistics_bytes_max = 64 * 1'024;

struct audited : output_facts {
  epoch living = 0;  ///< The life of the auditor that has not ended; 0: there is none.
};

std::optional<audited> find_output(unit& u, const output_id& id, const agent_path& auditor) {
  const auto rows = u.db.run(
      "SELECT task::text, worker, dataset, mode, status, to_json(auditors)::text, coalesce((SELECT epoch FROM "
      "cadre.incarnation i WHERE i.company = o.company AND i.agent = $3 AND i.ended_at IS NULL), 0) "
      "FROM cadre.output o WHERE company = $1 AND id = $2::uuid",
      u.company(), id, auditor);
  if (rows.empty()) return std::nullopt;
  const auto& row = rows[0];
  audited output;
  output.living = row[6].as<epoch>();
  output.id = id;
  output.task.text = row[0].as<std::string>();
  output.worker.text = row[1].as<std::string>();
  output.dataset = row[2].as<std::string>();
  from_text(row[3].as<std::string>(), output.mode);
  from_text(row[4].as<std::string>(), output.status);
  output.auditors = parse_or_null(row[5].as<std::string>()).get<std::vector<std::string>>();
  return output;
}

/// The life that lives now must say it, not one that has ended.
result<void> check_life(const command& c, const verdict_add& body, const audited& output) {
  if (output.living == 0 || c.incarnation != output.living)
    return fail(errc::stale_epoch, "a verdict comes from the auditor's living incarnation: " + body.auditor.text +
                                       (output.living == 0 ? " has none" : " is at " + std::to_string(output.living)) +
                                       ", this is from " + std::to_string(c.incarnation));
  return {};
}

result<void> check(const command& c, const verdict_add& body, const audited& output) {
  if (body.auditor == output.worker)
    return fail(errc::refused, body.auditor.text + " made output " + output.id.text + ": nobody blesses his own work");
  if (std::find(output.auditors.begin(), output.auditors.end(), body.auditor.text) == output.auditors.end())
    return fail(errc::refused, body.auditor.text + " is no auditor of output " + output.id.text);
  if (output.status == output_status::staged || output.status == output_status::dropped)
    return fail(errc::illegal_transition, "output " + output.id.text + " is " + std::string{to_text(output.status)} +
                                              "; verdicts are for sealed ones");
  if (body.findings.size() > findings_max) return fail(errc::bad_value, "findings: over 1,000");
  if (body.rows_checked < 0 || body.rows_checked > body.rows_total)
    return fail(errc::bad_value, "rows_checked: 0 to rows_total");
  if (body.statistics.text.size() > statistics_bytes_max) return fail(errc::bad_value, "statistics: over 64 KiB");
  return check_life(c, body, output);
}

nlohmann::json sample_of(const json_text& row) {
  if (row.text.size() <= sample_bytes_max) return parse_or_null(row.text);
  return {{"bytes", row.text.size()}, {"note", "too large to quote"}};
}

std::string beginning(const std::string& text, std::size_t bytes_max) {
  return clean_text(std::string_view{text}.substr(0, bytes_max));
}

std::vector<std::string> notes_of(const verdict_add& body) {
  std::vector<std::string> notes;
  for (const auto& note : body.notes)
    if (notes.size() < notes_max) notes.push_back(beginning(note, message_bytes_max));
  return notes;
}

/// The first verdict about an output leaves its statistics. All auditors count all of its rows, so they say the same.
void keep_statistics(unit& u, const verdict_add& body, const output_facts& output) {
  const auto columns = parse_or_null(body.statistics.text);
  if (!columns.is_object()) return;
  u.db.run(
      "INSERT INTO cadre.output_stats (company, output, worker, dataset, rows, columns) "
      "VALUES ($1, $2::uuid, $3, $4, $5, $6::jsonb) ON CONFLICT DO NOTHING",
      u.company(), output.id, output.worker, output.dataset, body.rows_total, dump(columns));
}

nlohmann::json findings_of(const verdict_add& body) {
  auto list = nlohmann::json::array();
  for (const auto& finding : body.findings) {
    auto samples = nlohmann::json::array();
    for (std::size_t i = 0; i < finding.sample_rows.size() && i < sample_rows_max; ++i)
      samples.push_back(sample_of(finding.sample_rows[i]));
    list.push_back({{"check", beginning(finding.check, name_bytes_max)},
                    {"message", beginning(finding.message, message_bytes_max)},
                    {"count", finding.count},
                    {"sample_rows", std::move(samples)}});
  }
  return list;
}

void finish_task_if_promoted(unit& u, const task_id& task) {
  const auto open = u.db.run(
      "SELECT 1 FROM cadre.output WHERE company = $1 AND task = $2::uuid AND status IN ('staged', 'sealed', "
      "'rejected') "
      "LIMIT 1",
      u.company(), task);
  const auto facts = find_task(u, task);
  if (!open.empty() || !facts || facts->status != task_status::review) return;
  move_task(u, task, task_status::approved);
  move_task(u, task, task_status::complete);
}

void reject(unit& u, const verdict_add& body, const output_facts& output, const nlohmann::json& findings) {
  std::string why = body.auditor.text + ": ";
  if (body.findings.empty()) {
    why += "not passed, without findings";
  } else {
    why += body.findings.front().check + ": " + body.findings.front().message;
  }
  const failure cause{errc::audit_failed, beginning(why, message_bytes_max)};
  u.db.run(
      "UPDATE cadre.output SET status = 'rejected' WHERE company = $1 AND id = $2::uuid AND (status = 'sealed') IS "
      "TRUE",
      u.company(), output.id);
  const auto task = find_task(u, output.task);
  finding f;
  f.task_ended = task && task->status == task_status::review;
  if (f.task_ended) move_task(u, output.task, task_status::failed, cause);
  f.cause_of = "verdict:" + body.id.text;
  f.origin = output.worker;
  f.problem = "audit_failed";
  f.cause = cause;
  f.evidence = {{"auditor", body.auditor.text},
                {"dataset", output.dataset},
                {"findings", findings},
                {"rows_total", body.rows_total},
                {"rows_checked", body.rows_checked}};
  f.task = output.task;
  f.output = output.id;
  raise(u, f);
}

/// True if the output is canonical now.
bool promote_if_passed(unit& u, const output_facts& output) {
  if (output.status != output_status::sealed || !is_passed(u, output)) return false;
  if (is_outdated(u, output)) {
    u.db.run("UPDATE cadre.output SET status = 'dropped' WHERE company = $1 AND id = $2::uuid", u.company(), output.id);
    const auto task = find_task(u, output.task);
    if (task && !is_terminal(task->status)) move_task(u, output.task, task_status::superseded);
    return false;
  }
  promote(u, output);
  finish_task_if_promoted(u, output.task);
  return true;
}

}  // namespace

result<applied> apply(unit& u, const command& c, const verdict_add& body) {
  if (!is_uuid(body.id.text) || !is_uuid(body.output.text)) return fail(errc::bad_value, "id, output: not a UUID");
  // Neither the worker's run nor a node or a person on its behalf.
  if (c.from != body.auditor.text)
    return fail(errc::refused, "a verdict of " + body.auditor.text + " can't come from " + c.from);
  const auto earlier =
      u.db.run("SELECT id::text FROM cadre.verdict WHERE company = $1 AND output = $2::uuid AND auditor = $3",
               u.company(), body.output, body.auditor.text);
  if (!earlier.empty()) return applied{0, earlier[0][0].as<std::string>()};
  const auto output = find_output(u, body.output, body.auditor);
  if (!output) return fail(errc::not_found, "there is no output " + body.output.text);
  if (auto ok = check(c, body, *output); !ok) return tl::unexpected{ok.error()};

  const auto findings = findings_of(body);
  u.db.run(
      "INSERT INTO cadre.verdict (company, id, output, worker, auditor, passed, findings, incarnation, rows_total, "
      "rows_checked, notes) VALUES ($1, $2::uuid, $3::uuid, $4, $5, $6::boolean, $7::jsonb, $8, $9, $10, $11::text[])",
      u.company(), body.id, body.output, output->worker, body.auditor, body.passed, dump(findings), c.incarnation,
      body.rows_total, body.rows_checked, notes_of(body));
  keep_statistics(u, body, *output);
  u.db.run("DELETE FROM cadre.audit_due WHERE company = $1 AND output = $2::uuid AND auditor = $3", u.company(),
           body.output, body.auditor);
  bool promoted = false;
  if (body.passed) {
    promoted = promote_if_passed(u, *output);
  } else {
    reject(u, body, *output, findings);
  }
  end_errand(u, output->task);  // It may be over since another auditor or another output failed it.
  u.tell(subjects::verdict(u.company(), output->worker), "verdict",
         {{"id", body.id.text},
          {"output", body.output.text},
          {"task", output->task.text},
          {"worker", output->worker.text},
          {"dataset", output->dataset},
          {"auditor", body.auditor.text},
          {"passed", body.passed},
          {"findings", findings},
          {"rows_total", body.rows_total},
          {"rows_checked", body.rows_checked},
          {"promoted", promoted}});
  return applied{0, body.id.text};
}

}  // namespace cadre::storage::writer
