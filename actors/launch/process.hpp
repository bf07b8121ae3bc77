#pragma once

#include "schemas/error.hpp"

#include <chrono>
#include <csignal>
#include <string>
#include <sys/types.h>
#include <vector>

/// Starting programs so that they can neither outlive `cadre up` unnoticed nor hold its terminal.
namespace cadre::launch {

using std::chrono::milliseconds;

/// As whom a program runs. Postgres refuses to run as root, so root has to become someone else for it.
struct identity {
  enum class mode {
    same,       ///< As the caller.
    user,       ///< As `uid` and `gid`. Only root may.
    namespaced  ///< As uid 1000 of a user namespace that is the caller outside: owns the caller's files, is not root.
  };
  mode how = mode::same;
  uid_t uid = 0;
  gid_t gid = 0;
};

/// A program to start. It gets a session of its own (so the terminal's Ctrl-C does not reach it), default signal
/// dispositions, /dev/null as stdin and no descriptor of ours.
struct program {
  std::string path;               ///< The file to execute.
  std::vector<std::string> argv;  ///< argv[0] included.
  std::vector<std::string> env;   ///< The whole environment, NAME=value.
  std::string folder = "/";       ///< Working directory.
  std::string log_file;           ///< stdout and stderr are appended to it, mode 0600; empty: /dev/null.
  identity as;
  int death_signal = SIGKILL;  ///< Sent by the kernel when the thread that spawned it is gone.
};

/// Our environment without variables whose name starts with `dropped_prefix` (empty: all kept).
std::vector<std::string> environment_without(std::string_view dropped_prefix);

/// Starts the program; returns when it was executed or when that failed, with the reason. The caller must be the thread
/// that lives as long as the child may (see death_signal), and reaps the child.
result<pid_t> spawn(const program& what);

/// Runs it to its end and gives its exit code (128 + n if signal n ended it). Killed after `limit`: an error.
result<int> run_program(const program& what, milliseconds limit);

/// A process as /proc shows it.
struct process_facts {
  pid_t pid = 0;
  pid_t parent = 0;
  pid_t session = 0;
  char state = '?';         ///< Z: ended, not reaped.
  std::string start_ticks;  ///< With the pid it identifies the process across reuse of pids.
};

/// False if there is no such process.
bool read_process(pid_t pid, process_facts& facts);

/// Every process whose parent is `parent`.
std::vector<process_facts> children_of(pid_t parent);

/// Asks the process with `first`, after `grace` with `then`, until it is gone or `grace` passed again. It need not be
/// our child. True if it is gone.
bool end_process(pid_t pid, int first, int then, milliseconds grace);

}  // namespace cadre::launch
