#include "schemas/subjects.hpp"
#include "schemas/text.hpp"
#include "storage/writer/escalations.hpp"
#include "storage/writer/handlers.hpp"
#include "storage/writer/lookups.hpp"
#include "storage/writer/promotion.hpp"
#include "storage/writer/tasks.hpp"

#include <algorithm>

namespace cadre::storage::writer {

namespace {

constexpr std::size_t sample_rows_max = 5;
constexpr std::size_t findings_max = 1'000;

std::optional<output_facts> find_output(unit& u, const output_id& id) {
  const auto rows = u.db.run(
      "SELECT task::text, worker, dataset, mode, status, to_json(auditors)::text FROM cadre.output "
      "WHERE company = $1 AND id = $2::uuid",
      u.company(), id);
  if (rows.empty()) return std::nullopt;
  const auto& row = rows[0];
  output_facts output;
  output.id = id;
  output.task.text = row[0].as<std::string>();
  output.worker.text = row[1].as<std::string>();
  output.dataset = row[2].as<std::string>();
  from_text(row[3].as<std::string>(), output.mode);
  from_text(row[4].as<std::string>(), output.status);
  output.auditors = parse_or_null(row[5].as<std::string>()).get<std::vector<std::string>>();
  return output;
}

result<void> check(const unit& u, const command& c, const verdict_add& body, const output_facts& output) {
  if (body.auditor == output.worker)
    return fail(errc::refused, body.auditor.text + " made output " + output.id.text + ": nobody blesses his own work");
  if (std::find(output.auditors.begin(), output.auditors.end(), body.auditor.text) == output.auditors.end())
    return fail(errc::refused, body.auditor.text + " is no auditor of output " + output.id.text);
  if (output.status == output_status::staged || output.status == output_status::dropped)
    return fail(errc::illegal_transition, "output " + output.id.text + " is " + std::string{to_text(output.status)} +
                                              "; verdicts are for sealed ones");
  if (body.findings.size() > findings_max) return fail(errc::bad_value, "findings: over 1,000");
  return must_be(u, c.from, body.auditor, "a verdict");
}

nlohmann::json findings_of(const verdict_add& body) {
  auto list = nlohmann::json::array();
  for (const auto& finding : body.findings) {
    auto samples = nlohmann::json::array();
    for (std::size_t i = 0; i < finding.sample_rows.size() && i < sample_rows_max; ++i)
      samples.push_back(parse_or_null(finding.sample_rows[i].text));
    list.push_back({{"check", finding.check},
                    {"message", finding.message},
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
  const failure cause{errc::audit_failed, clean_text(why)};
  u.db.run(
      "UPDATE cadre.output SET status = 'rejected' WHERE company = $1 AND id = $2::uuid AND (status = 'sealed') IS "
      "TRUE",
      u.company(), output.id);
  const auto task = find_task(u, output.task);
  if (task && task->status == task_status::review) move_task(u, output.task, task_status::failed, cause);
  finding f;
  f.cause_of = "verdict:" + body.id.text;
  f.origin = output.worker;
  f.problem = "audit_failed";
  f.cause = cause;
  f.evidence = {{"auditor", body.auditor.text}, {"dataset", output.dataset}, {"findings", findings}};
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
  const auto earlier =
      u.db.run("SELECT id::text FROM cadre.verdict WHERE company = $1 AND output = $2::uuid AND auditor = $3",
               u.company(), body.output, body.auditor.text);
  if (!earlier.empty()) return applied{0, earlier[0][0].as<std::string>()};
  const auto output = find_output(u, body.output);
  if (!output) return fail(errc::not_found, "there is no output " + body.output.text);
  if (auto ok = check(u, c, body, *output); !ok) return tl::unexpected{ok.error()};

  const auto findings = findings_of(body);
  u.db.run(
      "INSERT INTO cadre.verdict (company, id, output, worker, auditor, passed, findings) "
      "VALUES ($1, $2::uuid, $3::uuid, $4, $5, $6::boolean, $7::jsonb)",
      u.company(), body.id, body.output, output->worker, body.auditor, body.passed, dump(findings));
  u.db.run("DELETE FROM cadre.audit_due WHERE company = $1 AND output = $2::uuid AND auditor = $3", u.company(),
           body.output, body.auditor);
  bool promoted = false;
  if (body.passed) {
    promoted = promote_if_passed(u, *output);
  } else {
    reject(u, body, *output, findings);
  }
  u.tell(subjects::verdict(u.company(), output->worker), "verdict",
         {{"id", body.id.text},
          {"output", body.output.text},
          {"task", output->task.text},
          {"worker", output->worker.text},
          {"dataset", output->dataset},
          {"auditor", body.auditor.text},
          {"passed", body.passed},
          {"findings", findings},
          {"promoted", promoted}});
  return applied{0, body.id.text};
}

}  // namespace cadre::storage::writer
