#include "storage/writer/memory.hpp"

namespace cadre::storage::writer {

void memory::adopt(config::company c) {
  company = std::move(c);
  agents_.clear();
  auditors_.clear();
  modes_.clear();
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

const std::vector<const config::agent*>& memory::auditors_of(const agent_path& worker) const {
  static const std::vector<const config::agent*> nobody;
  const auto found = auditors_.find(worker);
  return found == auditors_.end() ? nobody : found->second;
}

}  // namespace cadre::storage::writer
