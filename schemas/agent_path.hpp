#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>

namespace cadre {

/// The place of an agent in the org, such as `ceo.data.ingest`: dotted tokens of `[a-z0-9-]`, none empty, at most 200
/// characters. It is the supervision path and the subject suffix, so prefix relations are org relations.
struct agent_path {
  std::string text;

  auto operator<=>(const agent_path&) const = default;
  [[nodiscard]] bool empty() const noexcept { return text.empty(); }
  /// The manager's path; empty for the root.
  [[nodiscard]] agent_path parent() const;
  /// The last token.
  [[nodiscard]] std::string_view name() const noexcept;
  /// True if this agent reports to `other`, directly or over others. An agent is not below itself.
  [[nodiscard]] bool is_below(const agent_path& other) const noexcept;
  /// The number of tokens.
  [[nodiscard]] std::size_t depth() const noexcept;
};

/// True if every token satisfies `is_token` and the whole has at most 200 characters. False for an empty text.
bool is_agent_path(std::string_view text) noexcept;

/// True for one token of `[a-z0-9-]`, 1 to 63 characters: names of companies, nodes, schedules and agents.
bool is_token(std::string_view text) noexcept;

}  // namespace cadre

template <>
struct std::hash<cadre::agent_path> {
  std::size_t operator()(const cadre::agent_path& path) const noexcept { return std::hash<std::string>{}(path.text); }
};
