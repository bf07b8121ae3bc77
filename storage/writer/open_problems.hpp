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
#include <utility>
#include <vector>

/// Which problems are open, by fingerprint: so that one that is raised ten thousand times costs no statement each. And
/// which were settled as they were raised, a while ago at most: ten thousand of those are one as well. Pure.
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
  timestamp counts_until;        ///< Settled as it was raised: its like are counted into it until then. Empty: open.
  agent_path settled_by;         ///< Whose policy settled it; empty while it is open.

  [[nodiscard]] bool is_open() const { return counts_until.empty(); }
};

/// As many as are open: bounded by `per_origin_max` of each agent, and by what the writer itself may find. Of those
/// that are settled the same, and `settled_max` in all.
class open_problems {
 public:
  /// Problems of one origin that programs may have open, each with a place of its own; further ones are counted
  /// together.
  static constexpr std::size_t per_origin_max = 20;
  /// Fingerprints that an `and_more` lists.
  static constexpr std::size_t folded_max = 50;
  /// Raises that are known as such when they are repeated.
  static constexpr std::size_t counted_max = 20'000;
  /// Settled ones that are known.
  static constexpr std::size_t settled_max = 5'000;

  [[nodiscard]] open_problem* find(const std::string& fingerprint);
  /// For one more that is open, or one more that is settled.
  [[nodiscard]] bool has_room(const agent_path& origin, bool settled = false) const;
  /// In the place of one that is settled, if there is one with this fingerprint.
  void add(const std::string& fingerprint, open_problem problem);
  void remove(const escalation_id& id);
  /// Removes the settled ones whose time is over, and the oldest of more than `settled_max`; returns the latter.
  std::vector<std::pair<std::string, open_problem>> forget_settled(timestamp now);

  /// Remembers a raise that was counted, for as long as `counted_max` others.
  void remember(const escalation_id& raise);
  void forget(const escalation_id& raise) { counted_.erase(raise); }
  [[nodiscard]] bool remembers(const escalation_id& raise) const { return counted_.count(raise) > 0; }

  void clear();
  [[nodiscard]] std::size_t size() const noexcept { return by_fingerprint_.size(); }
  /// Where a problem is listed; empty if it is neither open nor one of the settled that are known.
  [[nodiscard]] std::string fingerprint_of(const escalation_id& id) const;

 private:
  std::unordered_map<std::string, open_problem> by_fingerprint_;
  std::unordered_map<escalation_id, std::string> fingerprints_;
  struct places {
    std::size_t open = 0, settled = 0;
  };
  std::unordered_map<agent_path, places> of_origin_;             ///< But for `and_more`.
  std::set<std::pair<timestamp, escalation_id>> settled_order_;  ///< By when their time is over.
  std::unordered_set<escalation_id> counted_;
  std::deque<escalation_id> counted_order_;
};

/// `ORIGIN:and_more`.
std::string fingerprint_of_more(const agent_path& origin);

}  // namespace cadre::storage::writer
