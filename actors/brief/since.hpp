#pragma once

#include "schemas/json.hpp"

#include <cstdint>
#include <map>
#include <string>

/// What changed since the brief before: each keeps in its document (`kept`) what the next one compares with. Pure.
namespace cadre::brief {

/// Which decisions are new, which go on, which are settled. Exact by their ids while no more than a hundred waited then
/// and now; in a storm by the moments at which they were raised and resolved.
class decision_news {
 public:
  /// `kept`: of the brief before, null if there is none. `counts`: id and count of the decisions that wait, as far as
  /// the snapshot lists them. `sums`: how many there are by the database. `since`: when the brief before was made, or
  /// null.
  decision_news(const nlohmann::json& kept, const nlohmann::json& counts, const nlohmann::json& sums,
                nlohmann::json since);

  /// Of one that waits: `new`, `again` (it was counted again) or `open`; in the first brief always `new`.
  [[nodiscard]] std::string of(const std::string& id, std::int64_t count, const nlohmann::json& raised_at) const;

  /// {new, still_open, gone, again, exact}. gone: resolved, or somebody below the ceo has it again.
  [[nodiscard]] nlohmann::json sums() const;

  /// id -> count, for the next brief.
  [[nodiscard]] nlohmann::json kept() const;

  [[nodiscard]] std::int64_t total() const { return total_; }

 private:
  [[nodiscard]] bool exact() const;

  std::map<std::string, std::int64_t> before_, now_;
  std::int64_t total_before_ = 0, total_ = 0;
  std::int64_t raised_since_ = 0, resolved_since_ = 0;
  nlohmann::json since_;
};

/// What a brief shows of the present.
struct state_now {
  const decision_news& decisions;
  const nlohmann::json& trouble;   ///< All agents that are not running: path, state.
  const nlohmann::json& paused;    ///< Everything that is paused: what, name.
  const nlohmann::json& document;  ///< The document so far: totals, tasks, failures, changes.
};

/// {first, decisions, down, back, paused, resumed, counts: [{what, was, now}], nothing}. down: agents that do not run
/// and did, or did not in another way; back: those that did not and do.
nlohmann::json since_last(const nlohmann::json& kept, const state_now& now);

nlohmann::json kept_for_the_next(const nlohmann::json& as_of, const state_now& now);

}  // namespace cadre::brief
