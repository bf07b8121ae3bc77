#include "storage/writer/open_problems.hpp"

#include <utility>

namespace cadre::storage::writer {

open_problem* open_problems::find(const std::string& fingerprint) {
  const auto found = by_fingerprint_.find(fingerprint);
  return found == by_fingerprint_.end() ? nullptr : &found->second;
}

bool open_problems::has_room(const agent_path& origin, bool settled) const {
  const auto found = of_origin_.find(origin);
  return found == of_origin_.end() || (settled ? found->second.settled : found->second.open) < per_origin_max;
}

void open_problems::add(const std::string& fingerprint, open_problem problem) {
  if (const auto* old = find(fingerprint)) remove(escalation_id{old->id});
  fingerprints_[problem.id] = fingerprint;
  if (!problem.is_open()) settled_order_.emplace(problem.counts_until, problem.id);
  if (!problem.more) {
    auto& of = of_origin_[problem.origin];
    ++(problem.is_open() ? of.open : of.settled);
  }
  by_fingerprint_[fingerprint] = std::move(problem);
}

void open_problems::remove(const escalation_id& id) {
  const auto named = fingerprints_.find(id);
  if (named == fingerprints_.end()) return;
  const auto found = by_fingerprint_.find(named->second);
  if (!found->second.more) {
    const auto of = of_origin_.find(found->second.origin);
    --(found->second.is_open() ? of->second.open : of->second.settled);
    if (of->second.open + of->second.settled == 0) of_origin_.erase(of);
  }
  if (!found->second.is_open()) settled_order_.erase(std::pair{found->second.counts_until, id});
  by_fingerprint_.erase(found);
  fingerprints_.erase(named);
}

std::vector<std::pair<std::string, open_problem>> open_problems::forget_settled(timestamp now) {
  std::vector<std::pair<std::string, open_problem>> early;
  while (!settled_order_.empty()) {
    const auto [until, oldest] = *settled_order_.begin();
    if (until > now && settled_order_.size() <= settled_max) break;
    const auto fingerprint = fingerprint_of(oldest);
    if (until > now) early.emplace_back(fingerprint, *find(fingerprint));
    remove(oldest);
  }
  return early;
}

void open_problems::remember(const escalation_id& raise) {
  if (!counted_.insert(raise).second) return;
  counted_order_.push_back(raise);
  if (counted_order_.size() <= counted_max) return;
  counted_.erase(counted_order_.front());
  counted_order_.pop_front();
}

void open_problems::clear() {
  *this = {};
}

std::string open_problems::fingerprint_of(const escalation_id& id) const {
  const auto found = fingerprints_.find(id);
  return found == fingerprints_.end() ? std::string{} : found->second;
}

std::string fingerprint_of_more(const agent_path& origin) {
  return origin.text + ":" + std::string{and_more};
}

}  // namespace cadre::storage::writer
