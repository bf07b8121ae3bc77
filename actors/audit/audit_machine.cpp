#include "audit_machine.hpp"

#include "schemas/json.hpp"

#include <utility>

namespace cadre::actors {

namespace {

/// Of one verdict: an escalation shows a few, the rest is a count.
constexpr std::size_t findings_max = 50;

protocol_options audit_options_for(const config::agent& auditor) {
  protocol_options o;
  o.audit = true;
  o.line_bytes_max = auditor.run.line_bytes_max;
  o.output_bytes_max = auditor.run.output_bytes_max;
  return o;
}

}  // namespace

result<audited_output> parse_output_event(const event& e) {
  const auto data = nlohmann::json::parse(e.data.text, nullptr, false);
  if (!data.is_object()) return fail(errc::bad_message, "event " + std::to_string(e.seq) + " carries no object");
  const auto text = [&data](const char* key) {
    const auto found = data.find(key);
    return found != data.end() && found->is_string() ? found->get<std::string>() : std::string{};
  };
  audited_output what{{text("output")}, {text("worker")}, text("dataset")};
  if (!is_uuid(what.output.text) || !is_agent_path(what.worker.text) || what.dataset.empty())
    return fail(errc::bad_message, "event " + std::to_string(e.seq) + " names no output, worker and dataset");
  return what;
}

audit_machine::audit_machine(audited_output what, const config::agent& auditor)
    : what_{std::move(what)},
      auditor_{auditor.path},
      has_command_{auditor.run.how == config::run_spec::mode::command},
      reader_{audit_options_for(auditor)} {}

audit_machine::actions audit_machine::on_material(audit_material material) {
  if (material.error.code != errc::none) {
    const bool gone = material.error.code == errc::not_found;
    return {audit_over{gone ? failure{} : material.error, material.error.code != errc::too_large}};
  }
  if (material.status != "sealed") return {audit_over{}};  // Decided already.
  material_ = std::move(material);
  if (!has_command_) return conclude();
  return {start_process{std::exchange(material_.row_lines, {}), material_.rows, material_.rows_given}};
}

audit_machine::actions audit_machine::on_stdout(std::string_view bytes) {
  if (killed_) return {};
  for (auto& item : reader_.feed(bytes))
    if (auto* finding = std::get_if<audit_finding>(&item.body); finding && material_.findings.size() < findings_max)
      material_.findings.push_back(std::move(*finding));
  if (!reader_.error()) return {};
  killed_ = true;
  return {kill_process{}};
}

audit_machine::actions audit_machine::on_exit(const exit_info& exit) {
  const auto ending = reader_.finish(exit);
  if (ending) return conclude();
  auto why = ending.error();
  if (!exit.stderr_tail.empty()) why.message += "; stderr: " + exit.stderr_tail;
  return {audit_over{std::move(why), true}};
}

audit_machine::actions audit_machine::on_outcome(const outcome& answer) {
  // A refusal is final: the output was decided otherwise, or this auditor has no say in it (any more).
  if (answer.status == outcome_status::committed) return {audit_over{}};
  // Unless this life has no say: then its successor decides.
  return {audit_over{answer.error, answer.error.code == errc::stale_epoch}};
}

namespace {

/// Of all findings of a verdict: more checks may fail at once than fit into a message with all that they quote.
constexpr std::size_t samples_bytes_max = 256 * 1024;

/// The first findings keep what they quote; of the rest the counts say how much there is.
void bound_samples(std::vector<audit_finding>& findings) {
  std::size_t bytes = 0;
  for (auto& finding : findings) {
    for (const auto& row : finding.sample_rows) bytes += row.text.size();
    if (bytes > samples_bytes_max) finding.sample_rows.clear();
  }
}

}  // namespace

audit_machine::actions audit_machine::conclude() {
  bound_samples(material_.findings);
  verdict_add v;
  v.id = named_id<verdict_id>(what_.output.text + "/" + auditor_.text);
  v.output = what_.output;
  v.auditor = auditor_;
  v.passed = material_.findings.empty();
  v.findings = std::move(material_.findings);
  v.rows_total = material_.rows;
  v.rows_checked = material_.rows_checked;
  v.notes = std::move(material_.notes);
  v.statistics = std::move(material_.statistics);
  return {send_verdict{std::move(v)}};
}

}  // namespace cadre::actors
