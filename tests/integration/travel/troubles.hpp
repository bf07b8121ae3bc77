#pragma once

#include "fleet.hpp"
#include "judge.hpp"

#include <optional>
#include <string>
#include <vector>

namespace cadre::travel {

enum class trouble {
  leader_change,    ///< At the instant of a fire, a moment before or after it.
  leader_away,      ///< For minutes, hours or more than a day.
  clock_astray,     ///< The leader's wall clock jumps, and back some time later.
  scheduler_stuck,  ///< A job does not fire.
  worker_hangs,     ///< Its row says that it works.
  worker_fails,
  no_rows,     ///< It succeeds and brings nothing.
  data_stops,  ///< The same, where a fire may bring nothing: the rhythm alone can tell.
  bad_rows,    ///< It brings what is not so.
  auditor_silent,
  watcher_silent
};
inline constexpr std::size_t troubles_count = 11;

/// One trouble after the other, drawn by the fleet's dice, from `from` until `upto`: each is planted, told to the judge
/// with the deadline that follows from the config, healed, and given time to be over. Then somebody settles what is in
/// the inbox. Of `kinds`; empty: of all.
class troubles {
 public:
  troubles(fleet& f, judge& j, timestamp from, timestamp upto, std::vector<trouble> kinds = {});

  /// How many were planted, by kind.
  [[nodiscard]] const std::map<trouble, int>& planted() const { return planted_; }

 private:
  /// Each returns when it is over; nothing if it could not be planted now.
  using over = std::optional<timestamp>;
  void next();
  over plant(trouble kind);
  over change_leader();
  over lose_leader();
  over lead_astray();
  over stick_scheduler();
  over hang_worker();
  over fail_worker();
  over empty_hands();
  over stop_data();
  over bring_bad_rows();
  over silence_auditor();
  over silence_watcher();

  /// A schedule of work whose next fire comes within two days, and when: with outputs that somebody has to see, if
  /// `audited`.
  struct fire {
    const config::schedule* of = nullptr;
    const config::agent* worker = nullptr;
    timestamp due;
    timestamp latest;  ///< With all its jitter.
  };
  std::optional<fire> next_fire(bool audited);
  /// The first moment after now at which any schedule of the agent is due.
  [[nodiscard]] timestamp first_of(const agent_path& agent) const;
  /// What a schedule that was missed says until it fires again.
  void excuse_missed(timestamp from, timestamp upto);
  void settle();

  fleet& fleet_;
  judge& judge_;
  timestamp upto_;
  std::vector<trouble> kinds_;
  std::map<trouble, int> planted_;
  std::map<agent_path, timestamp> flows_again_;  ///< Whose data had stopped.
};

}  // namespace cadre::travel
