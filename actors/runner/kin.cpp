#include "actors/runner/kin.hpp"

#include <algorithm>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace cadre::actors {
bool ends_with(const orphan& o, const run_kin& run, const std::vector<run_kin>& others, const std::string& base,
               pid_t own_group) {
  if (!o.mark.empty()) {
    if (o.mark == run.mark) return true;
    if (std::any_of(others.begin(), others.end(), [&](const run_kin& k) { return k.mark == o.mark; })) return false;
    return o.mark.starts_with(base + '/');
  }
  if (o.group == run.leader) return true;
  if (std::any_of(others.begin(), others.end(), [&](const run_kin& k) { return k.leader == o.group; })) return false;
  return o.group != own_group && o.start_ticks >= run.start_ticks;
}

kin_finder::kin_finder(std::string base) : base_{std::move(base)}, own_group_{getpgrp()} {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
}

std::vector<kin_finder::found> kin_finder::living_orphans(const std::vector<run_kin>& runs) {
  std::vector<found> out;
  std::map<pid_t, memory> marks;
  for (const pid_t pid : adopted_children()) {
    if (std::any_of(runs.begin(), runs.end(), [pid](const run_kin& k) { return k.leader == pid; })) continue;
    const auto entry = read_entry(pid);
    if (!entry || entry->parent != getpid()) continue;
    const auto known = marks_.find(pid);
    const bool same = known != marks_.end() && known->second.start_ticks == entry->start_ticks;
    if (entry->dead) {
      // Not a child of our own group: that is for whoever made it to wait for.
      if (entry->group != own_group_ || (same && !known->second.mark.empty())) waitpid(pid, nullptr, WNOHANG);
      continue;
    }
    found f{*entry, read_mark(pid), same};
    if (f.mark.empty() && same) f.mark = known->second.mark;
    marks[pid] = {entry->start_ticks, f.mark};
    out.push_back(std::move(f));
  }
  marks_ = std::move(marks);
  return out;
}

kin_finder::kin kin_finder::members(const run_kin& run, const std::vector<run_kin>& runs) {
  std::vector<run_kin> others;
  for (const run_kin& k : runs)
    if (k.mark != run.mark) others.push_back(k);
  kin out;
  for (const found& f : living_orphans(runs)) {
    if (!ends_with({f.entry.group, f.entry.start_ticks, f.mark}, run, others, base_, own_group_)) continue;
    if (f.mark.empty() && !f.seen_before) {
      out.undecided = true;
      continue;
    }
    out.living.push_back(f.entry);
    add_descendants(f.entry.pid, out.living);
  }
  return out;
}

void kin_finder::look(const std::vector<run_kin>& runs) {
  living_orphans(runs);
}

}  // namespace cadre::actors
