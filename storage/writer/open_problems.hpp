#pragma once

#include "schemas/agent_path.hpp"
#include "schemas/ids.hpp"
#include "schemas/task.hpp"
#include "schemas/time.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

/// Which problems are open, by fingerprint: so that one that is raised ten thousand times costs no statement each.
/// Pure.
namespace cadre::storage::writer {

/// What an escalation is called that counts those of its origin for which there is no room.
inline constexpr std::string_view and_more = "and_more";

struct open_problem {
  escalation_id id;
  agent_path origin;
  std::int64_t count = 1;  ///< With what this transaction counted so far.
  severity level = severity::error;
  timestamp made_at;             ///< When the id of its first raise was made.
  bool more = false;             ///< It is the `and_more` of its origin.
  std::set<std::string> folded;  ///< Fingerprints that it lists, with `more`.
};

/// As many as are open: bounded by `per_origin_max` of each agent, and by what the writer itself may find.
class open_problems {
 public:
  /// Problems of one origin that programs may have open, each with a place of its own; further ones are counted
  /// together.
  static constexpr std::size_t per_origin_max = 20;
  /// Fingerprints that an `and_more` lists.
  static constexpr std::size_t folded_max = 50;
  /// Raises that are known as such when they are repeated.
  static constexpr std::size_t counted_max = 20'000;

  [[nodiscard]] open_problem* find(const std::string& fingerprint);
  [[nodiscard]] bool has_room(const agent_path& origin) const;
  void add(const std::string& fingerprint, open_problem problem);
  void remove(const escalation_id& id);

  /// Remembers a raise that was counted, for as long as `counted_max` others.
  void remember(const escalation_id& raise);
  void forget(const escalation_id& raise) { counted_.erase(raise); }
  [[nodiscard]] bool remembers(const escalation_id& raise) const { return counted_.count(raise) > 0; }

  void clear();
  [[nodiscard]] std::size_t size() const noexcept { return by_fingerprint_.size(); }
  /// Where a problem is listed; empty if it is not open.
  [[nodiscard]] std::string fingerprint_of(const escalation_id& id) const;

 private:
  std::unordered_map<std::string, open_problem> by_fingerprint_;
  std::unordered_map<escalation_id, std::string> fingerprints_;
  std::unordered_map<agent_path, std::size_t> of_origin_;  ///< But for `and_more`.
  std::unordered_set<escalation_id> counted_;
  std::deque<escalation_id> counted_order_;
};

/// `ORIGIN:and_more`.
std::string fingerprint_of_more(const agent_path& origin);

}  // namespace cadre::storage::writer
