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

std::optional<task_id> work_queue::take(const std::string& lane, const std::string& other) {
  auto& own = lanes_[lane];
  const bool aged = ++own.taken % aged_every == 0;
  shelf* best = nullptr;
  for (std::size_t p = 0; p < priorities && (aged || best == nullptr); ++p) {
    for (auto* view : {&own, &lanes_[other]}) {
      auto& s = view->shelves[p];
      if (!s.tasks.empty() && (best == nullptr || *s.tasks.begin() < *best->tasks.begin())) best = &s;
    }
  }
  if (best == nullptr) return std::nullopt;
  auto first = best->tasks.extract(best->tasks.begin());
  return std::move(first.value().task);
}

void work_queue::forget() {
  lanes_.clear();
}

std::size_t work_queue::held() const noexcept {
  std::size_t sum = 0;
  for (const auto& [lane, view] : lanes_)
    for (const auto& s : view.shelves) sum += s.tasks.size();
  return sum;
}

}  // namespace cadre::storage::writer
