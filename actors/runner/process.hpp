#pragma once

#include "actors/runner/exit_info.hpp"
#include "schemas/error.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace cadre::actors {

/// A process to run.
struct process_spec {
  std::vector<std::string> argv;  ///< argv[0] as for resolve_program, with `cwd` as its folder.
  std::string cwd;                ///< Empty: the scratch folder.
  /// Added to the scrubbed environment (PATH, HOME and TMPDIR = the scratch folder, LANG, TZ, CADRE_*: also
  /// CADRE_SCRATCH); may override all but CADRE_*.
  std::map<std::string, std::string> env;
  std::string company, agent, node, run;  ///< CADRE_COMPANY, CADRE_AGENT, CADRE_NODE, CADRE_RUN.
  std::string stdin_text;
  std::chrono::milliseconds timeout{0};    ///< From its start; 0: none.
  std::chrono::milliseconds grace{2'000};  ///< From SIGTERM to SIGKILL, after a timeout.
  std::int64_t memory_bytes_max = 0;       ///< Address space; 0: unlimited.
  std::int64_t open_files_max = 256;
};

/// Called on the host's thread: they must neither block nor throw, and may call the host.
struct process_callbacks {
  std::function<void(pid_t pid)> on_started;              ///< The program runs (its exec has succeeded). May be empty.
  std::function<void(std::string_view bytes)> on_stdout;  ///< At most 64 KiB. Never after kill().
  std::function<void(const exit_info&)> on_exit;          ///< Last, exactly once for every successful start().
};

enum class process_id : std::uint64_t {};

struct process_host_options {
  /// Scratch folders are made here, one per process. It belongs to this host alone: what an earlier life left in it is
  /// removed, what that left running is killed. Made if it is missing.
  std::string scratch_base;
  std::size_t processes_max = 64;  ///< At a time, those that still end included.
};

/// Runs OS processes off the actors' threads, on one thread of its own. Each process leads a group of its own, and
/// on_exit is called only when it and all its descendants are dead, wherever they went (see kin.hpp): what the leader
/// left behind is killed with it. Makes this process a subreaper. Thread safe; no function but constructor and
/// destructor blocks.
class process_host {
 public:
  /// Takes the scratch base and kills what an earlier life left running (see base_claim). Blocks: milliseconds where
  /// there is nothing to kill. Throws std::runtime_error if another process holds the base, std::system_error if the
  /// kernel has no descriptors left.
  explicit process_host(process_host_options options);
  process_host(const process_host&) = delete;
  process_host& operator=(const process_host&) = delete;
  /// Kills all processes, waits until they are dead (on_exit is called with `stopped`) and their scratch folders are
  /// removed. Must not run on the host's thread.
  ~process_host();

  /// Orders a start; callbacks may come before it returns. A program that can't be started is reported by on_exit as
  /// not_started.
  /// Errors: busy (processes_max reached), bad_value (empty argv, NUL bytes, limits below 1).
  result<process_id> start(process_spec spec, process_callbacks callbacks);

  /// Ends the process: SIGTERM to it and its descendants, SIGKILL after `grace`; at once with a grace of 0. What it
  /// still writes is discarded. Calling again can only shorten the grace. Unknown or ended ids are ignored, here and
  /// below.
  void kill(process_id id, std::chrono::milliseconds grace);

  /// Stops and resumes reading its stdout: the pipe fills and the program waits. At most one more on_stdout follows a
  /// pause() from another thread, none follows one from within on_stdout. Output that is unread when the process ends
  /// is kept until resume().
  void pause(process_id id);
  void resume(process_id id);

  /// Processes that were started and whose on_exit has not returned.
  [[nodiscard]] std::size_t running() const noexcept;

 private:
  class loop;
  std::unique_ptr<loop> loop_;
};

}  // namespace cadre::actors
