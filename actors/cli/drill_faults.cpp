#include "drill_faults.hpp"

#include "actors/launch/process.hpp"
#include "session.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace cadre::cli {

namespace {

[[noreturn]] void refuse(const char* what, pid_t pid) {
  throw command_error{exit_findings,
                      std::string{what} + " process " + std::to_string(pid) + ": " + std::strerror(errno)};
}

/// Only async-signal-safe calls: it is forked from a program with threads.
[[noreturn]] void hold(pid_t pid, int leash, int time_ms) {
  ::setsid();
  pollfd wait{leash, POLLIN, 0};
  while (::poll(&wait, 1, time_ms) < 0 && errno == EINTR) continue;
  ::kill(pid, SIGCONT);
  ::_exit(0);
}

}  // namespace

frozen_process::frozen_process(pid_t pid, std::chrono::milliseconds time) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) refuse("can't watch over", pid);
  helper_ = ::fork();
  if (helper_ < 0) {
    ::close(ends[0]);
    ::close(ends[1]);
    refuse("can't watch over", pid);
  }
  if (helper_ == 0) {
    ::close(ends[1]);
    hold(pid, ends[0], static_cast<int>(time.count()));
  }
  ::close(ends[0]);
  leash_ = ends[1];
  // The helper is there before anything is stopped.
  if (::kill(pid, SIGSTOP) == 0) return;
  const int why = errno;
  ::close(leash_);
  reap(0);
  errno = why;
  refuse("can't stop", pid);
}

frozen_process::~frozen_process() {
  if (leash_ >= 0) ::close(leash_);
  reap(0);
}

bool frozen_process::thawed() {
  reap(WNOHANG);
  return helper_ == 0;
}

void frozen_process::reap(int how) {
  if (helper_ == 0) return;
  pid_t ended = 0;
  while ((ended = ::waitpid(helper_, nullptr, how)) < 0 && errno == EINTR) continue;
  if (ended != 0) helper_ = 0;
}

void kill_process(pid_t pid) {
  if (::kill(pid, SIGKILL) != 0) refuse("can't kill", pid);
}

bool is_child(pid_t pid, pid_t parent) {
  launch::process_facts facts;
  return pid > 0 && launch::read_process(pid, facts) && facts.parent == parent && facts.state != 'Z';
}

}  // namespace cadre::cli
