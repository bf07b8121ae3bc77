#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

/// Other processes as /proc shows them. Reads only, but for signal_exactly. Nothing here throws or blocks for long.
namespace cadre::actors {

/// The variable by which a process is known to descend from a run: it holds the run's scratch folder, a name that no
/// two runs share. Every program inherits it unless it clears its environment.
inline constexpr std::string_view mark_variable = "CADRE_SCRATCH";

/// One process. `pid` and `start_ticks` together name it for good: a later process with the same pid starts later.
struct process_entry {
  pid_t pid = 0;
  pid_t parent = 0;
  pid_t group = 0;
  std::uint64_t start_ticks = 0;  ///< Clock ticks since boot.
  bool dead = false;              ///< A zombie: it runs no more, its parent has not asked how it ended.
  bool exiting = false;           ///< On its way there; its environment may be gone already.
};

/// None if there is no such process.
std::optional<process_entry> read_entry(pid_t pid);

/// The value of mark_variable in the environment the process was started with; empty if it has none, or if its
/// environment can't be read (another user's, a zombie's).
std::string read_mark(pid_t pid);

/// Children of any thread of the process, zombies included. A child that comes or goes meanwhile may be missed.
std::vector<pid_t> children_of(pid_t parent);

/// Orphaned descendants that this process was given as their subreaper (and children that its main thread made): the
/// kernel hands orphans to the main thread.
std::vector<pid_t> adopted_children();

/// Appends the living children of the process, theirs, and so on; up to 4,096.
void add_descendants(pid_t ancestor, std::vector<process_entry>& out);

/// Every process that can be seen.
std::vector<pid_t> all_processes();

/// Sends the signal to exactly that process, never to a later one that was given its pid. False if it is gone or may
/// not be signalled.
bool signal_exactly(const process_entry& target, int signal);

}  // namespace cadre::actors
