#include "schedule_clock.hpp"

#include <algorithm>

namespace cadre::actors {

schedule_clock::schedule_clock(const std::vector<config::schedule>& schedules, timestamp start) {
  for (const auto& s : schedules)
    if (auto cron = config::parse_cron(s.cron)) entries_.push_back({s.name, *cron, config::next_fire(*cron, start)});
}

std::vector<schedule_clock::due> schedule_clock::advance(timestamp now) {
  std::vector<due> fired;
  for (auto& e : entries_) {
    if (e.next.empty() || e.next > now) continue;
    auto latest = e.next;
    auto next = config::next_fire(e.cron, latest);
    while (!next.empty() && next <= now) {
      latest = next;
      next = config::next_fire(e.cron, latest);
    }
    e.next = next;
    fired.push_back({e.name, latest});
  }
  std::sort(fired.begin(), fired.end(), [](const due& a, const due& b) { return a.at < b.at; });
  return fired;
}

std::chrono::milliseconds schedule_clock::wait(timestamp now, std::chrono::milliseconds max) const {
  auto shortest = max;
  for (const auto& e : entries_) {
    if (e.next.empty()) continue;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(e.next - now);
    shortest = std::clamp(left, std::chrono::milliseconds{1}, shortest);
  }
  return shortest;
}

}  // namespace cadre::actors
