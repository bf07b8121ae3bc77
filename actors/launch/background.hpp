#pragma once

#include "actors/launch/files.hpp"

#include <string>
#include <sys/types.h>

/// `cadre up --detach`: the company goes on in the background, and the command returns once it is ready.
namespace cadre::launch {

/// Splits the process in two. What the background half prints until ready() appears on the terminal, each on the stream
/// it was printed on.
class background {
 public:
  /// Forks; to be called before any thread is made. The background half has a session of its own.
  static result<background> split();

  [[nodiscard]] bool in_front() const noexcept { return pid_ != 0; }

  /// In front: copies the other half's output until it is ready or ended; gives the exit code for the command. Ctrl-C
  /// meanwhile ends the other half.
  int watch();

  /// In the background: output goes to `log_file` from here on, and the front half returns `code`.
  void ready(int code, const std::string& log_file);

 private:
  background(pid_t pid, descriptor output, descriptor errors, descriptor status)
      : pid_(pid), output_(std::move(output)), errors_(std::move(errors)), status_(std::move(status)) {}

  pid_t pid_;          ///< Of the background half; 0 in it.
  descriptor output_;  ///< In front: what it prints on stdout.
  descriptor errors_;  ///< In front: what it prints on stderr.
  descriptor status_;  ///< One byte, the exit code.
};

}  // namespace cadre::launch
