#include "actors/runner/proc.hpp"

#include "actors/runner/spawn.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <sys/syscall.h>
#include <unistd.h>

namespace cadre::actors {
namespace {

/// PF_EXITING of the kernel's sched.h.
constexpr unsigned process_exits = 0x4;
constexpr std::size_t descendants_max = 4'096;
constexpr std::size_t environment_bytes_max = 2 * 1024 * 1024;

/// A file of /proc, whose size is not known before it is read. Empty if it is gone; `limit` cuts it off.
std::optional<std::string> read_whole(const std::string& path, std::size_t limit) {
  const unique_fd file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file) return std::nullopt;
  std::string text;
  char piece[4096];
  while (text.size() < limit) {
    const ssize_t size = read(file.get(), piece, sizeof piece);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    text.append(piece, static_cast<std::size_t>(size));
  }
  return text;
}

/// The entries of a folder of /proc that are numbers.
std::vector<pid_t> numbers_in(const std::string& folder) {
  std::vector<pid_t> out;
  const std::unique_ptr<DIR, int (*)(DIR*)> entries{opendir(folder.c_str()), closedir};
  if (!entries) return out;
  while (const dirent* entry = readdir(entries.get())) {
    const std::string_view name = entry->d_name;
    pid_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc{} && end == name.data() + name.size()) out.push_back(number);
  }
  return out;
}

/// Appends the children of one thread. False if this kernel does not list them.
bool add_children(pid_t process, pid_t thread, std::vector<pid_t>& out) {
  const auto text =
      read_whole("/proc/" + std::to_string(process) + "/task/" + std::to_string(thread) + "/children", SIZE_MAX);
  if (!text) return false;
  const char* at = text->data();
  const char* const end = at + text->size();
  while (at < end) {
    pid_t child = 0;
    const auto [next, error] = std::from_chars(at, end, child);
    if (error == std::errc{}) out.push_back(child);
    at = error == std::errc{} ? next : at + 1;
  }
  return true;
}

/// For kernels without CONFIG_PROC_CHILDREN.
std::vector<pid_t> children_by_search(pid_t parent) {
  std::vector<pid_t> out;
  for (const pid_t pid : all_processes())
    if (const auto entry = read_entry(pid); entry && entry->parent == parent) out.push_back(pid);
  return out;
}

bool kernel_lists_children() {
  static const bool known = [] {
    std::vector<pid_t> ignored;
    return add_children(getpid(), getpid(), ignored);
  }();
  return known;
}

}  // namespace

std::optional<process_entry> read_entry(pid_t pid) {
  const auto text = read_whole("/proc/" + std::to_string(pid) + "/stat", 4096);
  if (!text) return std::nullopt;
  // The name in parentheses may hold anything, hence the search from its end.
  const auto after_name = text->rfind(')');
  if (after_name == std::string::npos) return std::nullopt;
  process_entry out;
  out.pid = pid;
  char state = 'Z';
  unsigned flags = 0;
  unsigned long long start = 0;
  // Fields 3 to 5, 9 and 22 of proc(5).
  if (std::sscanf(text->c_str() + after_name + 1,
                  " %c %d %d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &state, &out.parent,
                  &out.group, &flags, &start) != 5)
    return std::nullopt;
  out.start_ticks = start;
  out.dead = state == 'Z' || state == 'X';
  out.exiting = (flags & process_exits) != 0;
  return out;
}

std::string read_mark(pid_t pid) {
  const auto text = read_whole("/proc/" + std::to_string(pid) + "/environ", environment_bytes_max);
  if (!text) return {};
  const std::string wanted = std::string{mark_variable} + '=';
  for (std::size_t at = 0; at < text->size();) {
    const std::size_t end = std::min(text->find('\0', at), text->size());
    if (text->compare(at, wanted.size(), wanted) == 0)
      return text->substr(at + wanted.size(), end - at - wanted.size());
    at = end + 1;
  }
  return {};
}

std::vector<pid_t> children_of(pid_t parent) {
  if (!kernel_lists_children()) return children_by_search(parent);
  std::vector<pid_t> out;
  for (const pid_t thread : numbers_in("/proc/" + std::to_string(parent) + "/task")) add_children(parent, thread, out);
  return out;
}

std::vector<pid_t> adopted_children() {
  std::vector<pid_t> out;
  if (!add_children(getpid(), getpid(), out)) return children_by_search(getpid());
  return out;
}

void add_descendants(pid_t ancestor, std::vector<process_entry>& out) {
  std::vector<pid_t> parents{ancestor};
  while (!parents.empty() && out.size() < descendants_max) {
    const pid_t next = parents.back();
    parents.pop_back();
    for (const pid_t pid : children_of(next)) {
      const auto entry = read_entry(pid);
      // The pid may be another's by now.
      if (!entry || entry->parent != next || entry->dead) continue;
      out.push_back(*entry);
      parents.push_back(pid);
    }
  }
}

std::vector<pid_t> all_processes() {
  return numbers_in("/proc");
}

bool signal_exactly(const process_entry& target, int signal) {
  // Once the descriptor is open it means this one process; only then can its start be compared for good.
  const unique_fd process{static_cast<int>(syscall(SYS_pidfd_open, target.pid, 0))};
  if (!process) return false;
  const auto now = read_entry(target.pid);
  if (!now || now->start_ticks != target.start_ticks) return false;
  return syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0) == 0;
}

}  // namespace cadre::actors
