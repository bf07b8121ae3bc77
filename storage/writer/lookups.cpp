#include "storage/writer/lookups.hpp"

#include "config/did_you_mean.hpp"

namespace cadre::storage::writer {

failure unknown_agent(const unit& u, const agent_path& path) {
  std::vector<std::string_view> known;
  for (const auto& agent : u.mem.company.agents) known.push_back(agent.path.text);
  return {errc::not_found, "agent " + path.text + ": not in the org" + config::did_you_mean(path.text, known)};
}

agent_path manager_of(const agent_path& path) {
  auto manager = path.parent();
  return manager.empty() ? path : manager;
}

result<void> must_be(const unit& u, const std::string& sender, const agent_path& owner, const char* what) {
  if (sender == owner.text || u.mem.agent(agent_path{sender}) == nullptr) return {};
  return fail(errc::refused, std::string{what} + " of " + owner.text + " can't come from " + sender);
}

}  // namespace cadre::storage::writer
