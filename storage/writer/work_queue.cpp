#include "storage/writer/work_queue.hpp"

#include <iterator>
#include <utility>

namespace cadre::storage::writer {

std::string lane_of(const agent_path& agent, std::string_view mode) {
  return agent.empty() ? "@" + std::string{mode} : agent.text;
}

void work_queue::add(const std::string& lane, std::int64_t priority, queue_place place) {
  auto& s = lanes_[lane].shelves.at(static_cast<std::size_t>(priority));
  if (s.more && s.last < place) return;
  s.tasks.insert(std::move(place));
  if (s.tasks.size() <= kept_max_) return;
  s.tasks.erase(std::prev(s.tasks.end()));
  s.more = true;
  s.last = *s.tasks.rbegin();
}

void work_queue::add_gaps(const std::string& lane, std::vector<gap>& found) {
  auto& view = lanes_[lane];
  for (int p = 0; p < priorities; ++p)
    if (const auto& s = view.shelves[static_cast<std::size_t>(p)]; s.more && s.tasks.empty())
      found.push_back({lane, p, s.last});
}

void work_queue::fill(const gap& where, const std::vector<queue_place>& tasks, bool more) {
  auto& s = lanes_[where.lane].shelves.at(static_cast<std::size_t>(where.priority));
  s.tasks.insert(tasks.begin(), tasks.end());
  s.more = more;
  if (more) s.last = tasks.back();
}

std::optional<queue_place> work_queue::take(const std::string& lane, const std::string& other, const has_room& room) {
  auto& own = lanes_[lane];
  const bool aged = (own.taken + 1) % aged_every == 0;
  for (;;) {
    shelf* best = nullptr;
    const std::string* best_lane = nullptr;
    std::size_t best_priority = 0;
    for (std::size_t p = 0; p < priorities && (aged || best == nullptr); ++p) {
      for (const auto* name : {&lane, &other}) {
        auto& s = lanes_[*name].shelves[p];
        if (s.tasks.empty() || (best != nullptr && *best->tasks.begin() < *s.tasks.begin())) continue;
        best = &s;
        best_lane = name;
        best_priority = p;
      }
    }
    if (best == nullptr) return std::nullopt;
    auto first = std::move(best->tasks.extract(best->tasks.begin()).value());
    if (first.key.empty() || room(first.key)) {
      ++own.taken;
      return first;
    }
    put_aside({static_cast<std::int64_t>(best_priority), std::move(first), *best_lane});
    // What it has in the database may come before the rest.
    if (best->tasks.empty() && best->more) return std::nullopt;
  }
}

void work_queue::put_aside(aside::task t) {
  auto& a = aside_[t.place.key];
  a.tasks.insert(std::move(t));
  if (a.tasks.size() <= aside_max) return;
  const auto last = std::prev(a.tasks.end());
  a.forgotten.insert(last->lane);
  a.tasks.erase(last);
}

std::vector<std::string> work_queue::keys_aside() const {
  std::vector<std::string> keys;
  for (const auto& [key, a] : aside_) keys.push_back(key);
  return keys;
}

void work_queue::release(const std::string& key, std::int64_t count) {
  const auto found = aside_.find(key);
  if (found == aside_.end()) return;
  auto& a = found->second;
  for (; count > 0 && !a.tasks.empty(); --count) {
    auto first = std::move(a.tasks.extract(a.tasks.begin()).value());
    add(first.lane, first.priority, std::move(first.place));
  }
  if (!a.tasks.empty()) return;
  // Where they stood is not known any more: their lanes are read from the beginning.
  for (const auto& lane : a.forgotten) lanes_[lane].shelves = {};
  aside_.erase(found);
}

void work_queue::forget() {
  lanes_.clear();
  aside_.clear();
}

std::size_t work_queue::held() const noexcept {
  std::size_t sum = 0;
  for (const auto& [lane, view] : lanes_)
    for (const auto& s : view.shelves) sum += s.tasks.size();
  for (const auto& [key, a] : aside_) sum += a.tasks.size();
  return sum;
}

}  // namespace cadre::storage::writer
