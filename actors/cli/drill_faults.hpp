#pragma once

#include <chrono>
#include <sys/types.h>

/// Faults of processes on this machine.
namespace cadre::cli {

/// A process that is stopped (SIGSTOP) for a while. It goes on (SIGCONT) when the time is over, on destruction, and
/// also if this program is killed meanwhile: a helper process of its own, in a session of its own, sees to it.
class frozen_process {
 public:
  /// Stops `pid` for `time`. Throws `command_error` if it can't.
  frozen_process(pid_t pid, std::chrono::milliseconds time);
  ~frozen_process();
  frozen_process(const frozen_process&) = delete;
  frozen_process& operator=(const frozen_process&) = delete;

  /// True once it goes on. Does not block.
  bool thawed();

 private:
  void reap(int how);

  int leash_ = -1;  ///< While its other end is open, the helper waits.
  pid_t helper_ = 0;
};

/// Kills with SIGKILL. Throws `command_error` if it can't.
void kill_process(pid_t pid);

/// True if `pid` lives as a child of `parent`: a pid in runtime.json may be that of a later process.
bool is_child(pid_t pid, pid_t parent);

}  // namespace cadre::cli
