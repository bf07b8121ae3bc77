#pragma once

#include "actors/runner/proc.hpp"

#include <map>
#include <string>
#include <vector>

/// What a run leaves outside its process group, found again.
namespace cadre::actors {

/// A run whose end is not confirmed yet.
struct run_kin {
  pid_t leader = 0;
  std::uint64_t start_ticks = 0;  ///< Of its leader; 0 while nobody needed to know.
  std::string mark;               ///< Its scratch folder.
};

/// An orphan that may be a run's.
struct orphan {
  pid_t group = 0;
  std::uint64_t start_ticks = 0;
  std::string mark;  ///< Empty: it cleared its environment.
};

/// Whether `o`, an orphan given to this node, is to end with `run`. Pure. In order: the mark says whose it is (a mark
/// below `base` of no living run: that run is over, so it is anyone's to end); then its group; a process of the node's
/// own group is a library's, not a run's; and one that hides from all of these belongs to whichever run that is older
/// than itself ends first.
bool ends_with(const orphan& o, const run_kin& run, const std::vector<run_kin>& others, const std::string& base,
               pid_t own_group);

/// Finds the descendants of runs wherever they went (setsid, double fork, a new group), since this process is made
/// their subreaper: whoever loses his parent becomes a child of ours. For one thread at a time.
class kin_finder {
 public:
  /// `base`: the folder whose subfolders are the marks.
  explicit kin_finder(std::string base);

  struct kin {
    std::vector<process_entry> living;
    bool undecided = false;  ///< Somebody has no mark; that may pass (he is executing a program): look again.
  };

  /// Living descendants of the run, its leader not among them, that are found now. Reaps orphans that are dead.
  /// `runs`: all runs, this one included. Costs one small read where there are none.
  kin members(const run_kin& run, const std::vector<run_kin>& runs);

  /// To be called now and then while runs live: reaps dead orphans, and learns whose the living are before they
  /// overwrite their environment (as programs do that set their title).
  void look(const std::vector<run_kin>& runs);

 private:
  struct found {
    process_entry entry;
    std::string mark;
    bool seen_before = false;
  };
  struct memory {
    std::uint64_t start_ticks = 0;
    std::string mark;
  };
  std::vector<found> living_orphans(const std::vector<run_kin>& runs);

  std::string base_;
  pid_t own_group_;
  std::map<pid_t, memory> marks_;  ///< Of living orphans.
};

}  // namespace cadre::actors
