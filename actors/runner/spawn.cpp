#include "actors/runner/spawn.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace cadre::actors {
namespace {

enum class stage : int { folder, limits, descriptors, exec };

/// What the child writes to the error pipe. Nothing is written if exec succeeds.
struct child_error {
  stage where = stage::exec;
  int number = 0;
};

/// Everything the child needs, made before it exists: it may not allocate.
struct child_plan {
  const char* program;
  char* const* argv;
  char* const* env;
  const char* cwd;
  rlim_t memory;
  rlim_t files;
  int in, out, err, report;
  pid_t parent;
};

[[noreturn]] void give_up(const child_plan& plan, stage where) noexcept {
  const child_error error{where, errno};
  [[maybe_unused]] const ssize_t written = write(plan.report, &error, sizeof error);
  _exit(127);
}

/// Runs in the child, which shares the parent's memory until exec: only system calls, no allocation, no library state.
[[noreturn, gnu::noinline]] void run_child(const child_plan& plan) noexcept {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != plan.parent) _exit(127);  // The parent ended before the line above took effect.

  struct sigaction by_default {};
  by_default.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) sigaction(signal, &by_default, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);

  if (dup2(plan.in, 0) < 0 || dup2(plan.out, 1) < 0 || dup2(plan.err, 2) < 0) give_up(plan, stage::descriptors);
  // Descriptors of libraries that forgot O_CLOEXEC. Kernels before 5.11 refuse it; ours are marked anyway.
  close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);

  const rlimit core{0, 0};
  const rlimit memory{plan.memory, plan.memory};
  const rlimit files{plan.files, plan.files};
  if (setrlimit(RLIMIT_CORE, &core) != 0 || setrlimit(RLIMIT_NOFILE, &files) != 0 ||
      (plan.memory != RLIM_INFINITY && setrlimit(RLIMIT_AS, &memory) != 0))
    give_up(plan, stage::limits);
  if (chdir(plan.cwd) != 0) give_up(plan, stage::folder);
  execve(plan.program, plan.argv, plan.env);
  give_up(plan, stage::exec);
}

/// A pipe whose ends are above 2, so that dup2 onto 0, 1, 2 in the child can't hit them, and closed on exec.
bool make_pipe(unique_fd& read_end, unique_fd& write_end) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  read_end.reset(ends[0]);
  write_end.reset(ends[1]);
  for (unique_fd* end : {&read_end, &write_end}) {
    if (end->get() > 2) continue;
    const int moved = fcntl(end->get(), F_DUPFD_CLOEXEC, 3);
    if (moved < 0) return false;
    end->reset(moved);
  }
  return true;
}

bool set_nonblocking(int fd) {
  return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

failure describe(const spawn_plan& plan, const child_error& error) {
  const std::string reason = strerrordesc_np(error.number);
  if (error.number == EMFILE || error.number == ENFILE || error.number == ENOMEM || error.number == EAGAIN)
    return {errc::busy, "could not start " + plan.program + ": " + reason};
  switch (error.where) {
    case stage::folder:
      return {errc::command_not_found, plan.program + ": its folder " + plan.cwd + ": " + reason};
    case stage::limits:
      return {errc::bad_value, plan.program + ": its limits can't be set: " + reason};
    case stage::descriptors:
      return {errc::internal, plan.program + ": " + reason};
    case stage::exec:
      break;
  }
  std::string hint;
  if (error.number == ENOENT && access(plan.program.c_str(), F_OK) == 0)
    hint = " (the file is there: the interpreter in its first line is not)";
  if (error.number == ENOEXEC) hint = " (a script needs a first line such as #!/bin/sh)";
  return {errc::command_not_found, plan.program + ": " + reason + hint};
}

std::string why_not_executable(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return strerrordesc_np(errno);
  if (S_ISDIR(info.st_mode)) return "is a folder";
  if (access(path.c_str(), X_OK) != 0) return "is not executable (chmod +x)";
  return {};
}

}  // namespace

void unique_fd::reset(int fd) noexcept {
  if (fd_ >= 0 && fd_ != fd) close(fd_);
  fd_ = fd;
}

result<spawned> spawn(const spawn_plan& plan) {
  unique_fd child_in, child_out, child_err, report_read, report_write;
  spawned out;
  if (!make_pipe(child_in, out.stdin_pipe) || !make_pipe(out.stdout_pipe, child_out) ||
      !make_pipe(out.stderr_pipe, child_err) || !make_pipe(report_read, report_write) ||
      !set_nonblocking(out.stdin_pipe.get()) || !set_nonblocking(out.stdout_pipe.get()) ||
      !set_nonblocking(out.stderr_pipe.get()))
    return fail(errc::busy, "could not start " + plan.program + ": " + strerrordesc_np(errno));

  const auto argv = pointers(plan.argv);
  const auto env = pointers(plan.env);
  const child_plan child{
      .program = plan.program.c_str(),
      .argv = argv.data(),
      .env = env.data(),
      .cwd = plan.cwd.c_str(),
      .memory = plan.memory_bytes_max > 0 ? static_cast<rlim_t>(plan.memory_bytes_max) : RLIM_INFINITY,
      .files = static_cast<rlim_t>(plan.open_files_max),
      .in = child_in.get(),
      .out = child_out.get(),
      .err = child_err.get(),
      .report = report_write.get(),
      .parent = getpid()};
  // vfork copies no page tables: starting costs the same in a node of 20 MiB and of 2 GiB.
  const pid_t pid = vfork();
  if (pid == 0) run_child(child);
  if (pid < 0) return fail(errc::busy, "could not start " + plan.program + ": " + strerrordesc_np(errno));

  report_write.reset();
  child_error error;
  ssize_t size;
  do size = read(report_read.get(), &error, sizeof error);
  while (size < 0 && errno == EINTR);
  if (size == 0) {
    out.pid = pid;
    // Not pidfd_open(): the header of glibc 2.36 declares it with C++ linkage.
    out.pidfd.reset(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (out.pidfd) return out;
    error.number = errno;
    kill(-pid, SIGKILL);
  }
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return tl::unexpected{describe(plan, error)};
}

std::string search_path() {
  const char* path = std::getenv("PATH");
  return path != nullptr && *path != '\0' ? path : "/usr/local/bin:/usr/bin:/bin";
}

result<std::string> resolve_program(const std::string& argv0, const std::string& folder) {
  if (argv0.empty()) return fail(errc::command_not_found, "the command is empty");
  if (argv0.find('/') != std::string::npos) {
    std::string path = argv0.front() == '/' ? argv0 : folder + '/' + argv0;
    if (const std::string why = why_not_executable(path); !why.empty())
      return fail(errc::command_not_found, path + ": " + why);
    return path;
  }
  const std::string path = search_path();
  std::string almost;
  for (std::string_view rest = path; !rest.empty();) {
    const std::size_t colon = rest.find(':');
    const std::string candidate = std::string{rest.substr(0, colon)} + '/' + argv0;
    rest.remove_prefix(colon == std::string_view::npos ? rest.size() : colon + 1);
    const std::string why = why_not_executable(candidate);
    if (why.empty()) return candidate;
    if (access(candidate.c_str(), F_OK) == 0) almost = candidate + ' ' + why;
  }
  return fail(errc::command_not_found, argv0 + ": " + (almost.empty() ? "not found in PATH=" + path : almost));
}

}  // namespace cadre::actors
