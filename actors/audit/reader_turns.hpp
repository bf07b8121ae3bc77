#pragma once

#include "schemas/agent_path.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>

/// Whose question to the database comes next, when the readers of a node are few and the auditors many. Pure.
namespace cadre::actors {

/// Auditors take turns, and no auditor has more than `per_auditor_max` readers at a time: one whose checks are slow
/// keeps its own outputs waiting and nobody else's.
class reader_turns {
 public:
  using ticket = std::uint64_t;

  /// `readers_max` questions are asked at a time; at least one. One reader is left to the others where there are
  /// several.
  explicit reader_turns(std::size_t readers_max)
      : readers_max_{readers_max}, per_auditor_max_{readers_max > 1 ? readers_max - 1 : 1} {}

  /// A question waits. Auditors bound how many of theirs do.
  ticket add(const agent_path& auditor);
  /// The question to ask now; nothing while no reader is free for any that waits. Each is given once.
  std::optional<ticket> next();
  /// The question was answered, or given up.
  void done(ticket t);

  [[nodiscard]] std::size_t waiting() const noexcept;

 private:
  struct line {
    std::deque<ticket> waiting;
    std::size_t asking = 0;
  };

  std::size_t readers_max_;
  std::size_t per_auditor_max_;
  std::map<agent_path, line> lines_;
  std::map<ticket, agent_path> asking_;
  agent_path last_;
  ticket made_ = 0;
};

}  // namespace cadre::actors
