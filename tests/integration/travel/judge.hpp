#pragma once

#include "fleet.hpp"
#include "moments.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace cadre::travel {

/// Watches a fleet from outside, with books of its own: when what was due (`moments_of`), when nobody could fire it,
/// what was planted and by when it must lie in the inbox. It reads what became of it by SQL, as superuser.
class judge {
 public:
  /// `due`: when each schedule is due between `start` and `end`.
  judge(fleet& of, timestamp start, timestamp end, due_moments due);

  /// Something goes quiet: by `deadline` an escalation from `origin` about one of these problems is in the ceo's inbox,
  /// and before `not_before` there is none.
  struct silence {
    std::string what;
    std::vector<agent_path> origins;
    std::vector<std::string> problems;
    timestamp not_before;
    timestamp deadline;
  };
  void plant(const silence& s);
  /// An escalation that is raised in this time, by one of `origins` (none: anybody) about one of `problems` (none:
  /// anything), is no false alarm.
  void excuse(timestamp from, timestamp upto, std::set<agent_path> origins, std::set<std::string> problems);
  /// Nobody fired between.
  void outage(timestamp from, timestamp upto) { outages_.push_back({from, upto}); }
  /// Somebody could not fire at a time later than `t`.
  [[nodiscard]] bool away_since(timestamp t) const;
  /// Schedules went by another clock between.
  void clock_astray(timestamp from, timestamp upto) { astray_.push_back({from, upto}); }

  /// The moments that are due, by schedule.
  [[nodiscard]] const due_moments& moments() const { return moments_; }
  /// The first moment of the schedule later than `after`; empty if there is none.
  [[nodiscard]] timestamp next_moment(const std::string& schedule, timestamp after) const;
  /// How long a problem of `origin` takes to the ceo's inbox, by the policies on its way.
  [[nodiscard]] milliseconds climb(const agent_path& origin) const;

  /// All that is wrong; empty if nothing is. `quiet`: no fault was planted, so every fire has its effect in time, and
  /// nobody said a word.
  std::vector<std::string> verdict(bool quiet);
  /// Silences that were planted, and fires that were looked at.
  [[nodiscard]] std::size_t planted() const { return planted_; }
  [[nodiscard]] std::size_t fires() const { return fires_; }
  [[nodiscard]] const std::map<std::string, int>& outcomes() const { return outcomes_; }

 private:
  /// With both ends: a leader that dies at the very instant of a fire may have seen it or not.
  struct span {
    timestamp from, upto;
    [[nodiscard]] bool has(timestamp t) const { return t >= from && t <= upto; }
  };
  struct row {
    timestamp due, fire_at, expected_at, fired_at, ended_at;
    std::string kind, outcome, reason;
    task_id task;
    std::int64_t count = 1;
  };
  struct excused {
    span when;
    std::set<agent_path> origins;
    std::set<std::string> problems;
  };

  void wrong(const std::string& what);
  [[nodiscard]] bool is_heard(const silence& s);
  [[nodiscard]] bool is_early(const silence& s, timestamp since);
  [[nodiscard]] bool is_in_brief(const silence& s);
  std::map<std::string, std::vector<row>> read_ledger();
  void judge_moments(const config::schedule& s, const std::vector<row>& rows);
  void judge_row(const config::schedule& s, const row& r, bool quiet);
  void judge_catch_up(const config::schedule& s, const std::vector<row>& rows);
  void judge_tasks();
  void judge_escalations(bool quiet);

  fleet& fleet_;
  timestamp start_, end_;
  std::vector<config::schedule> schedules_;
  due_moments moments_;
  std::vector<span> outages_, astray_;
  std::vector<excused> excused_;
  std::vector<std::string> wrongs_;
  std::size_t planted_ = 0, judged_ = 0, fires_ = 0;
  std::map<std::string, int> outcomes_;
};

}  // namespace cadre::travel
