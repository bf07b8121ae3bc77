#include "actors/launch/background.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

namespace cadre::launch {

result<background> background::split() {
  std::array<int, 2> out{}, err{}, status{};
  if (::pipe2(out.data(), O_CLOEXEC) != 0) return fail_errno(errc::internal, "can't make a pipe");
  descriptor out_read(out[0]), out_write(out[1]);
  if (::pipe2(err.data(), O_CLOEXEC) != 0) return fail_errno(errc::internal, "can't make a pipe");
  descriptor err_read(err[0]), err_write(err[1]);
  if (::pipe2(status.data(), O_CLOEXEC) != 0) return fail_errno(errc::internal, "can't make a pipe");
  descriptor status_read(status[0]), status_write(status[1]);
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno(errc::internal, "can't go to the background");
  if (pid > 0) return background(pid, std::move(out_read), std::move(err_read), std::move(status_read));
  ::setsid();
  const descriptor null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  ::dup2(null.get(), 0);
  ::dup2(out_write.get(), 1);
  ::dup2(err_write.get(), 2);
  return background(0, {}, {}, std::move(status_write));
}

namespace {

/// Copies what there is from `from`; closes it at its end.
void pass_on(descriptor& from, std::FILE* to) {
  std::array<char, 4096> chunk{};
  const auto n = ::read(from.get(), chunk.data(), chunk.size());
  if (n < 0 && errno == EINTR) return;
  if (n <= 0) return from.reset();
  std::fwrite(chunk.data(), 1, static_cast<std::size_t>(n), to);
  std::fflush(to);
}

}  // namespace

int background::watch() {
  sigset_t ends, old;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &ends, &old);
  const descriptor signals(::signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK));
  bool interrupted = false;
  while (output_ || errors_) {
    // poll() passes over a negative descriptor.
    std::array<pollfd, 3> watched{pollfd{output_.get(), POLLIN, 0}, pollfd{errors_.get(), POLLIN, 0},
                                  pollfd{signals.get(), POLLIN, 0}};
    ::poll(watched.data(), watched.size(), -1);
    signalfd_siginfo info{};
    while (::read(signals.get(), &info, sizeof info) > 0) {
      interrupted = true;
      ::kill(pid_, SIGTERM);
    }
    if (watched[0].revents != 0) pass_on(output_, stdout);
    if (watched[1].revents != 0) pass_on(errors_, stderr);
  }
  ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
  unsigned char code = 1;
  if (::read(status_.get(), &code, 1) == 1) return code;
  int status = 0;
  ::waitpid(pid_, &status, 0);
  if (interrupted) return 130;
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  std::fprintf(stderr, "cadre up: the background process was ended by signal %d\n", WTERMSIG(status));
  return 1;
}

void background::ready(int code, const std::string& log_file) {
  std::fflush(nullptr);
  const descriptor log(::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  ::dup2(log.get(), 1);
  ::dup2(log.get(), 2);
  const auto byte = static_cast<unsigned char>(code);
  static_cast<void>(!::write(status_.get(), &byte, 1));
  status_.reset();
}

}  // namespace cadre::launch
