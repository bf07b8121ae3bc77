#pragma once

#include "config/company.hpp"
#include "schemas/commands.hpp"
#include "schemas/finding.hpp"
#include "storage/read/reader.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

/// Looking for findings: from the database, the config and the documents to the command that reports them.
namespace cadre::actors {

/// How long after a leader began the states of agents and nodes say something.
inline constexpr std::chrono::seconds settled_after{20};

/// What is on record about looking.
struct finding_state {
  struct look {
    timestamp at;
    std::int64_t open = 0;
  };
  timestamp now;           ///< Of the database.
  timestamp leader_since;  ///< Empty: nobody leads.
  std::map<std::string, look, std::less<>> looks;

  [[nodiscard]] bool settled() const { return !leader_since.empty() && now - leader_since >= settled_after; }
};

/// Blocks. Errors: unreachable, storage.
result<finding_state> read_finding_state(storage::reader& source, const std::string& company);

/// Looks for one kind as of `at`: what it reports to the writer. Nothing for kinds that others look for. Blocks: reads
/// the database, and for documents their files, at most 1 MiB of each. Errors: unreachable, storage.
result<std::optional<findings_report>> look_for(const finding_kind& kind, storage::reader& source,
                                                const config::company& company, timestamp at);

}  // namespace cadre::actors
