#include "actors/runner/claim.hpp"

#include "actors/runner/kin.hpp"
#include "schemas/log.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <set>
#include <stdexcept>
#include <sys/file.h>
#include <thread>
#include <unistd.h>

namespace cadre::actors {
namespace {

namespace fs = std::filesystem;
using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds look_again{5};
constexpr milliseconds lock_wait_max{2'000};
constexpr milliseconds exit_wait_max{200};

std::string plain_path(const std::string& base) {
  std::error_code error;
  fs::create_directories(base, error);
  const fs::path plain = fs::weakly_canonical(base, error);
  return error || plain.empty() ? base : plain.string();
}

/// This process and those that started it: never to be killed, whatever their environment says.
std::set<pid_t> ancestry() {
  std::set<pid_t> out;
  for (pid_t pid = getpid(); pid > 0 && out.insert(pid).second;) {
    const auto entry = read_entry(pid);
    pid = entry ? entry->parent : 0;
  }
  return out;
}

struct orphans {
  std::vector<process_entry> marked;  ///< With their descendants.
  bool exiting = false;               ///< Somebody is about to be dead, and can't be asked any more whose he is.
};

orphans find_orphans(const std::string& prefix, const std::set<pid_t>& spared) {
  orphans out;
  for (const pid_t pid : all_processes()) {
    if (spared.contains(pid)) continue;
    // Its start before its mark: what is killed is then the process whose mark was read, or nothing.
    const auto entry = read_entry(pid);
    if (!entry || entry->dead) continue;
    out.exiting = out.exiting || entry->exiting;
    if (!read_mark(pid).starts_with(prefix)) continue;
    out.marked.push_back(*entry);
    add_descendants(pid, out.marked);
  }
  return out;
}

}  // namespace

base_claim::base_claim(std::string base, milliseconds limit) : base_{plain_path(base)} {
  lock_.reset(open(base_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock_) return;
  take(lock_wait_max);
  end_orphans(limit);
}

void base_claim::take(milliseconds limit) {
  const auto until = clock::now() + limit;
  while (flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    // A dying owner, or a child of its between fork and exec, lets go within moments.
    if (errno != EWOULDBLOCK) return;
    if (clock::now() >= until)
      throw std::runtime_error(base_ + " is in use by another process: does this node run already?");
    std::this_thread::sleep_for(look_again);
  }
}

void base_claim::end_orphans(milliseconds limit) {
  const auto spared = ancestry();
  const auto begun = clock::now();
  std::set<std::pair<pid_t, std::uint64_t>> seen;
  // Who forks or executes something while he is looked at may be missed: two looks in a row must find nobody.
  for (int clean = 0; clean < 2; std::this_thread::sleep_for(look_again)) {
    const auto [left, exiting] = find_orphans(base_ + '/', spared);
    for (const process_entry& entry : left) {
      seen.emplace(entry.pid, entry.start_ticks);
      signal_exactly(entry, SIGKILL);
    }
    const auto waited = clock::now() - begun;
    clean = left.empty() && (!exiting || waited >= exit_wait_max) ? clean + 1 : 0;
    if (!left.empty() && waited >= limit) {
      ended_ = seen.size() - std::min(seen.size(), left.size());
      log::error("{} processes that an earlier life of this node left running will not die, such as pid {}",
                 left.size(), left.front().pid);
      return;
    }
  }
  ended_ = seen.size();
  if (ended_ > 0) log::warn("killed {} processes that an earlier life of this node left running", ended_);
}

}  // namespace cadre::actors
