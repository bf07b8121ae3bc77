#include "config/check.hpp"
#include "config/read.hpp"

#include <algorithm>
#include <set>

namespace cadre::config {
namespace {

void check_audited(const agent& auditor, std::size_t i, const agent_index& agents, findings& out) {
  const auto at = config_key(auditor.path) + ".audits[" + std::to_string(i) + "]";
  const agent_path& path = auditor.audits[i];
  if (path == auditor.path) {
    out.add_at(at, "it audits itself; the agent that does the work never blesses it");
    return;
  }
  const agent* worker = agents.expect(path, at, out);
  if (worker == nullptr) return;
  const bool works = worker->role == agent_role::worker ||
                     (worker->role == agent_role::manager && out.given(config_key(path) + ".run"));
  if (!works)
    out.add_at(at, path.text + " is " + std::string(worker->role == agent_role::auditor ? "an " : "a ") +
                       std::string(to_text(worker->role)) +
                       " and writes nothing; allowed: a worker, or a manager with a run");
  else if (auditor.path.is_below(path))
    out.add_at(at, "the auditor reports to " + path.text + ", which it audits; it must report to someone else");
}

void check_datasets(const agent& auditor, const agent_index& agents, findings& out) {
  std::set<std::string_view> datasets;
  for (const auto& path : auditor.audits)
    if (const agent* worker = agents.find(path))
      for (const auto& o : worker->outputs) datasets.insert(o.dataset);
  const std::vector<std::string_view> known(datasets.begin(), datasets.end());
  for (std::size_t i = 0; i < auditor.checks.size(); ++i) {
    const auto& dataset = auditor.checks[i].dataset;
    if (dataset.empty() || datasets.contains(dataset)) continue;
    out.add_at(config_key(auditor.path) + ".checks[" + std::to_string(i) + "].dataset",
               "no audited worker writes a dataset `" + dataset + "`" + did_you_mean(dataset, known) +
                   "; allowed: " + (known.empty() ? "none, as they declare no outputs" : join(known)));
  }
}

/// What checks look up must be written by somebody, or they could never pass.
void check_other_datasets(const company& c, const agent& auditor, findings& out) {
  std::set<std::string_view> datasets;
  for (const auto& a : c.agents)
    for (const auto& o : a.outputs) datasets.insert(o.dataset);
  const std::vector<std::string_view> known(datasets.begin(), datasets.end());
  for (std::size_t i = 0; i < auditor.checks.size(); ++i) {
    const auto& check = auditor.checks[i];
    if (check.other_dataset.empty() || datasets.contains(check.other_dataset)) continue;
    const auto* key = check.type == check_spec::kind::total ? ".total.dataset" : ".references.dataset";
    out.add_at(config_key(auditor.path) + ".checks[" + std::to_string(i) + "]" + key,
               "nobody writes a dataset `" + check.other_dataset + "`" + did_you_mean(check.other_dataset, known) +
                   "; allowed: " + join(known));
  }
}

void check_auditor(const agent& a, const agent_index& agents, findings& out) {
  const auto at = config_key(a.path);
  if (!out.given(at + ".audits"))
    out.add_at(at + ".audits", "is required of an auditor and missing; give the paths of the workers that it audits");
  if (!out.given(at + ".run") && a.checks.empty() && !out.flagged(at + ".checks"))
    out.add_at(at + ".checks", "the auditor has neither checks nor a run, so it could not decide anything; give one");
  for (std::size_t i = 0; i < a.audits.size(); ++i) check_audited(a, i, agents, out);
  check_datasets(a, agents, out);
}

}  // namespace

void check_audits(const company& c, const agent_index& agents, findings& out) {
  std::set<std::string_view> audited;
  for (const auto& a : c.agents) {
    if (a.role != agent_role::auditor) continue;
    check_auditor(a, agents, out);
    check_other_datasets(c, a, out);
    for (const auto& path : a.audits) audited.insert(path.text);
  }
  for (const auto& a : c.agents) {
    const auto at = config_key(a.path);
    if (!a.outputs.empty() && !out.given(at + ".run") && a.role == agent_role::manager)
      out.add_at(at + ".outputs", "a manager without a run writes nothing; give it a run, or leave out outputs");
    if (audited.contains(a.path.text)) continue;
    for (const auto& o : a.outputs)
      out.add_at(at + ".outputs." + o.dataset, "dataset " + o.dataset + " of " + a.path.text +
                                                   " has no auditor: nothing it writes can become canonical; name " +
                                                   a.path.text + " in the audits of an auditor");
  }
}

}  // namespace cadre::config
