#include "storage/writer/memory.hpp"

#include "schemas/log.hpp"

#include <algorithm>

namespace cadre::storage::writer {

namespace {

std::vector<scheduled> schedules_of(const config::company& company) {
  auto rules = company.schedules;
  if (auto brief = company.schedule_of_brief()) rules.push_back(std::move(*brief));
  std::vector<scheduled> all;
  for (auto& rule : rules) {
    auto moments = config::calendar::make(rule);
    if (moments) {
      all.push_back({std::move(rule), std::move(*moments)});
    } else {
      log::error("schedule {} can't fire: {}", rule.name, moments.error().message);
    }
  }
  return all;
}

}  // namespace

void memory::adopt(config::company c) {
  company = std::move(c);
  agents_.clear();
  auditors_.clear();
  modes_.clear();
  schedules_ = schedules_of(company);
  schedules.looked_at = {};
  for (const auto& a : company.agents) {
    agents_.emplace(a.path, &a);
    for (const auto& worker : a.audits) auditors_[worker].push_back(&a);
    if (a.run.how != config::run_spec::mode::none) modes_.insert(a.mode);
  }
}

const config::agent* memory::agent(const agent_path& path) const {
  const auto found = agents_.find(path);
  return found == agents_.end() ? nullptr : found->second;
}

const scheduled* memory::schedule(const std::string& name) const {
  const auto found =
      std::find_if(schedules_.begin(), schedules_.end(), [&](const auto& s) { return s.rule.name == name; });
  return found == schedules_.end() ? nullptr : &*found;
}

const std::vector<const config::agent*>& memory::auditors_of(const agent_path& worker) const {
  static const std::vector<const config::agent*> nobody;
  const auto found = auditors_.find(worker);
  return found == auditors_.end() ? nobody : found->second;
}

}  // namespace cadre::storage::writer
