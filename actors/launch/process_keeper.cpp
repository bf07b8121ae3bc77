#include "actors/launch/process_keeper.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace cadre::launch {

namespace {

using clock = std::chrono::steady_clock;

std::string describe(int status) {
  if (WIFEXITED(status)) return "exited with code " + std::to_string(WEXITSTATUS(status));
  return std::string("was ended by signal ") + ::strsignal(WTERMSIG(status));
}

std::string seconds_text(milliseconds time) {
  const auto tenths = (time.count() + 50) / 100;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

}  // namespace

process_keeper::process_keeper(keeper_settings settings, std::function<void(std::string_view)> say)
    : machine_(settings), say_(std::move(say)) {
  sigset_t mine;
  sigemptyset(&mine);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) sigaddset(&mine, signal);
  ::pthread_sigmask(SIG_BLOCK, &mine, &old_mask_);
  signals_.reset(::signalfd(-1, &mine, SFD_CLOEXEC | SFD_NONBLOCK));
  // Orphans of a dead child come to us instead of to init, so that none can outlive its node unseen.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

process_keeper::~process_keeper() {
  for (const auto& c : children_) {
    if (c.pid == 0) continue;
    ::kill(c.pid, SIGKILL);
    ::waitpid(c.pid, nullptr, 0);
  }
  kill_leftovers();
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
  // A signal still pending would hit whoever comes after us.
  signalfd_siginfo drained{};
  while (::read(signals_.get(), &drained, sizeof drained) > 0) continue;
  ::pthread_sigmask(SIG_SETMASK, &old_mask_, nullptr);
}

void process_keeper::add(child_spec spec) {
  by_name_[spec.name] = children_.size();
  const auto policy = spec.policy;
  children_.push_back({std::move(spec), 0, {}});
  perform(machine_.add(policy, clock::now()));
}

void process_keeper::step(milliseconds wait, int wake_fd) {
  if (const auto due = machine_.next_due()) {
    const auto left = std::chrono::ceil<milliseconds>(*due - clock::now());
    wait = std::clamp(left, milliseconds{0}, wait);
  }
  std::array<pollfd, 2> watched{pollfd{signals_.get(), POLLIN, 0}, pollfd{wake_fd, POLLIN, 0}};
  ::poll(watched.data(), watched.size(), static_cast<int>(wait.count()));
  take_signals();
  perform(machine_.tick(clock::now()));
}

void process_keeper::stop() {
  perform(machine_.stop(clock::now()));
}

void process_keeper::stop_now() {
  hurried_ = true;
  perform(machine_.stop_now(clock::now()));
}

void process_keeper::perform(const keeper_machine::actions& actions) {
  for (const auto& action : actions) {
    if (action.what == keeper_action::kind::start) {
      start(action.child);
      continue;
    }
    const auto& c = children_[action.child];
    if (action.signal != c.spec.policy.stop_signal && !hurried_) {
      say_(c.spec.name + " did not end in time: " + ::strsignal(action.signal));
    }
    if (c.pid != 0) ::kill(c.pid, action.signal);
  }
}

void process_keeper::start(std::size_t index) {
  auto what = children_[index].spec.make();
  auto pid = what ? spawn(*what) : tl::unexpected<failure>{what.error()};
  if (!pid) {
    died(index, "could not be started: " + pid.error().message);
    return;
  }
  children_[index].pid = *pid;
  if (on_change) on_change();
}

void process_keeper::died(std::size_t index, const std::string& why) {
  auto& c = children_[index];
  c.pid = 0;
  c.last_death = why;
  kill_leftovers();
  const bool expected = machine_.stopping();
  perform(machine_.exited(index, clock::now()));
  if (!expected) say_(c.spec.name + " " + why + "; starts again in " + seconds_text(machine_.pause(index)));
  if (on_change) on_change();
}

void process_keeper::take_signals() {
  signalfd_siginfo info{};
  bool ended = false;
  while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    switch (info.ssi_signo) {
      case SIGCHLD:
        ended = true;
        break;
      case SIGHUP:
        if (on_hangup) on_hangup();
        break;
      default:
        if (!machine_.stopping()) {
          say_("stopping; once more to stop at once");
          stop();
        } else {
          say_("stopping at once");
          stop_now();
        }
    }
  }
  if (ended) reap();
}

void process_keeper::reap() {
  // Only our own: a hook that runs a program of its own waits for it itself.
  for (std::size_t i = 0; i < children_.size(); ++i) {
    int status = 0;
    const auto pid = children_[i].pid;
    if (pid != 0 && ::waitpid(pid, &status, WNOHANG) == pid) died(i, describe(status));
  }
  kill_leftovers();
}

void process_keeper::kill_leftovers() {
  const auto my_session = ::getsid(0);
  const auto ours = [this](pid_t pid) {
    return std::any_of(children_.begin(), children_.end(), [pid](const child& c) { return c.pid == pid; });
  };
  // Each round may uncover children of those killed in the round before.
  for (int round = 0; round < 8; ++round) {
    bool found = false;
    for (const auto& orphan : children_of(::getpid())) {
      if (orphan.session == my_session || ours(orphan.pid)) continue;
      found = true;
      ::kill(orphan.pid, SIGKILL);
      ::waitpid(orphan.pid, nullptr, 0);
    }
    if (!found) return;
  }
}

const process_keeper::child* process_keeper::find(const std::string& name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : &children_[it->second];
}

pid_t process_keeper::pid_of(const std::string& name) const {
  const auto* c = find(name);
  return c == nullptr ? 0 : c->pid;
}

int process_keeper::deaths_of(const std::string& name) const {
  const auto* c = find(name);
  return c == nullptr ? 0 : machine_.deaths(by_name_.at(name));
}

std::string process_keeper::last_death_of(const std::string& name) const {
  const auto* c = find(name);
  return c == nullptr ? std::string{} : c->last_death;
}

}  // namespace cadre::launch
