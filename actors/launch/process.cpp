#include "actors/launch/process.hpp"

#include "actors/launch/files.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sstream>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace cadre::launch {

namespace {

using clock = std::chrono::steady_clock;
constexpr milliseconds poll_pause{5};

/// What the child tells its parent if it can't become the program.
struct child_error {
  std::array<char, 40> step{};
  int error = 0;
};

/// Everything the child needs, made before the fork: after it only async-signal-safe calls are allowed.
struct child_plan {
  const program& what;
  std::vector<char*> argv, env;
  std::string uid_map, gid_map;
  int log_fd = -1, null_fd = -1, error_fd = -1;
  pid_t parent = 0;
};

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> out;
  out.reserve(words.size() + 1);
  for (const auto& word : words) out.push_back(const_cast<char*>(word.c_str()));
  out.push_back(nullptr);
  return out;
}

[[noreturn]] void child_fails(const child_plan& plan, const char* step) {
  child_error report;
  report.error = errno;
  std::strncpy(report.step.data(), step, report.step.size() - 1);
  static_cast<void>(!::write(plan.error_fd, &report, sizeof report));
  ::_exit(127);
}

bool write_map(const char* path, const char* text, std::size_t size) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool ok = ::write(fd, text, size) == static_cast<ssize_t>(size);
  ::close(fd);
  return ok;
}

void child_takes_identity(const child_plan& plan) {
  const auto& as = plan.what.as;
  if (as.how == identity::mode::user) {
    if (::setgroups(0, nullptr) != 0 || ::setresgid(as.gid, as.gid, as.gid) != 0 ||
        ::setresuid(as.uid, as.uid, as.uid) != 0) {
      child_fails(plan, "change to another user");
    }
  } else if (as.how == identity::mode::namespaced) {
    if (::unshare(CLONE_NEWUSER) != 0) child_fails(plan, "make a user namespace");
    if (!write_map("/proc/self/setgroups", "deny", 4) ||
        !write_map("/proc/self/uid_map", plan.uid_map.data(), plan.uid_map.size()) ||
        !write_map("/proc/self/gid_map", plan.gid_map.data(), plan.gid_map.size())) {
      child_fails(plan, "map the user of a namespace");
    }
  }
}

[[noreturn]] void child_becomes(const child_plan& plan) {
  ::setsid();
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &action, nullptr);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (::dup2(plan.null_fd, 0) < 0 || ::dup2(plan.log_fd, 1) < 0 || ::dup2(plan.log_fd, 2) < 0) {
    child_fails(plan, "redirect its output");
  }
  ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  child_takes_identity(plan);
  // After the identity: a change of credentials clears the death signal.
  if (::prctl(PR_SET_PDEATHSIG, plan.what.death_signal) != 0) child_fails(plan, "set its death signal");
  if (::getppid() != plan.parent) ::_exit(127);
  if (::chdir(plan.what.folder.c_str()) != 0) child_fails(plan, "enter its folder");
  ::execve(plan.what.path.c_str(), plan.argv.data(), plan.env.data());
  child_fails(plan, "execute it");
}

}  // namespace

std::vector<std::string> environment_without(std::string_view dropped_prefix) {
  std::vector<std::string> out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view word = *entry;
    if (dropped_prefix.empty() || !word.starts_with(dropped_prefix)) out.emplace_back(word);
  }
  return out;
}

result<pid_t> spawn(const program& what) {
  child_plan plan{.what = what,
                  .argv = pointers(what.argv),
                  .env = pointers(what.env),
                  .uid_map = "1000 " + std::to_string(::geteuid()) + " 1\n",
                  .gid_map = "1000 " + std::to_string(::getegid()) + " 1\n",
                  .log_fd = -1,
                  .null_fd = -1,
                  .error_fd = -1,
                  .parent = ::getpid()};
  const descriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  descriptor log;
  if (!what.log_file.empty()) {
    log.reset(::open(what.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    if (!log) return fail_errno(errc::internal, "can't write " + what.log_file);
  }
  std::array<int, 2> ends{};
  if (!null || ::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(errc::internal, "can't start " + what.path);
  const descriptor errors(ends[0]);
  descriptor report_end(ends[1]);
  plan.null_fd = null.get();
  plan.log_fd = log ? log.get() : null.get();
  plan.error_fd = report_end.get();

  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno(errc::internal, "can't start " + what.path);
  if (pid == 0) child_becomes(plan);
  report_end.reset();

  child_error report;
  ssize_t n = 0;
  do {
    n = ::read(errors.get(), &report, sizeof report);
  } while (n < 0 && errno == EINTR);
  if (n != sizeof report) return pid;
  ::waitpid(pid, nullptr, 0);
  return fail(errc::command_not_found,
              "can't start " + what.path + ": it could not " + report.step.data() + ": " + std::strerror(report.error));
}

result<int> run_program(const program& what, milliseconds limit) {
  const auto pid = spawn(what);
  if (!pid) return tl::unexpected<failure>{pid.error()};
  const auto deadline = clock::now() + limit;
  for (;;) {
    int status = 0;
    const auto done = ::waitpid(*pid, &status, WNOHANG);
    if (done == *pid) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (done < 0 && errno != EINTR) return fail_errno(errc::internal, "lost sight of " + what.path);
    if (clock::now() >= deadline) {
      ::kill(*pid, SIGKILL);
      ::waitpid(*pid, nullptr, 0);
      return fail(errc::timed_out, what.path + " was killed: it took over " + std::to_string(limit.count()) + " ms");
    }
    std::this_thread::sleep_for(poll_pause);
  }
}

bool read_process(pid_t pid, process_facts& facts) {
  const auto text = read_file("/proc/" + std::to_string(pid) + "/stat", 4096);
  if (!text) return false;
  // The name stands in parentheses and may hold anything, parentheses too.
  const auto after_name = text->rfind(')');
  if (after_name == std::string::npos) return false;
  std::istringstream in(text->substr(after_name + 1));
  pid_t group = 0;
  facts.pid = pid;
  in >> facts.state >> facts.parent >> group >> facts.session;
  for (int field = 7; field <= 22; ++field) in >> facts.start_ticks;
  return static_cast<bool>(in);
}

std::vector<process_facts> children_of(pid_t parent) {
  std::vector<process_facts> out;
  DIR* folder = ::opendir("/proc");
  if (folder == nullptr) return out;
  while (const dirent* entry = ::readdir(folder)) {
    const std::string_view name = entry->d_name;
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    process_facts facts;
    if (error == std::errc{} && end == name.data() + name.size() && read_process(pid, facts) &&
        facts.parent == parent) {
      out.push_back(facts);
    }
  }
  ::closedir(folder);
  return out;
}

bool end_process(pid_t pid, int first, int then, milliseconds grace) {
  process_facts before;
  if (!read_process(pid, before)) return true;
  const auto gone = [&] {
    process_facts facts;
    return !read_process(pid, facts) || facts.start_ticks != before.start_ticks || facts.state == 'Z';
  };
  for (const int signal : {first, then}) {
    if (::kill(pid, signal) != 0 && errno == ESRCH) return true;
    const auto deadline = clock::now() + grace;
    while (clock::now() < deadline) {
      if (gone()) return true;
      std::this_thread::sleep_for(poll_pause);
    }
  }
  return gone();
}

}  // namespace cadre::launch
