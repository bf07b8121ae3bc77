#pragma once

#include "storage/writer/unit.hpp"

#include <string>

namespace cadre::storage::writer {

/// `agent ceo.dat: not in the org; did you mean ceo.data?`
failure unknown_agent(const unit& u, const agent_path& path);

/// Who answers for an agent: its manager, or itself at the top.
agent_path manager_of(const agent_path& path);

/// Refuses a sender that is an agent other than `owner`; nodes and people speak for anyone.
result<void> must_be(const unit& u, const std::string& sender, const agent_path& owner, const char* what);

}  // namespace cadre::storage::writer
