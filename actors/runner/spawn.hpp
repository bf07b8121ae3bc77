#pragma once

#include "schemas/error.hpp"

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

/// Starting OS processes: the part below process_host.
namespace cadre::actors {

/// Owns a file descriptor.
class unique_fd {
 public:
  unique_fd() = default;
  explicit unique_fd(int fd) noexcept : fd_{fd} {}
  unique_fd(unique_fd&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
  unique_fd& operator=(unique_fd&& other) noexcept {
    reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~unique_fd() { reset(); }

  [[nodiscard]] int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  void reset(int fd = -1) noexcept;

 private:
  int fd_ = -1;
};

/// What the new process is to be.
struct spawn_plan {
  std::string program;            ///< Path; never searched for.
  std::vector<std::string> argv;  ///< argv[0] included.
  std::vector<std::string> env;   ///< `NAME=value`; the whole environment.
  std::string cwd;
  std::int64_t memory_bytes_max = 0;  ///< RLIMIT_AS; 0: unlimited.
  std::int64_t open_files_max = 256;  ///< RLIMIT_NOFILE.
};

/// A process that runs `program` (its exec has succeeded). The pipe ends are ours and do not block.
struct spawned {
  pid_t pid = 0;    ///< Also the id of its process group, which it leads. Not reaped: that is for the caller to do.
  unique_fd pidfd;  ///< Readable once it has ended.
  unique_fd stdin_pipe;
  unique_fd stdout_pipe;
  unique_fd stderr_pipe;
};

/// Starts a process in a process group of its own, with default signal handling, without core dumps, with no
/// descriptors but 0, 1, 2, and such that it is killed when the calling *thread* ends. Blocks until exec has succeeded
/// or failed; the calling thread must have all signals blocked. Errors: command_not_found (no such program, not
/// executable, no such folder), busy (no processes, descriptors or memory left).
result<spawned> spawn(const spawn_plan& plan);

/// The path of the program that `argv0` means: as it is if absolute, below `folder` if it contains a slash, searched
/// for in the PATH of this process otherwise. Error: command_not_found, with the reason.
result<std::string> resolve_program(const std::string& argv0, const std::string& folder);

/// The PATH that programs are searched in and that they are given: ours, or the system's default if we have none.
std::string search_path();

}  // namespace cadre::actors
