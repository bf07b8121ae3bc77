#include "reader_turns.hpp"

namespace cadre::actors {

reader_turns::ticket reader_turns::add(const agent_path& auditor) {
  lines_[auditor].waiting.push_back(++made_);
  return made_;
}

std::optional<reader_turns::ticket> reader_turns::next() {
  if (asking_.size() >= readers_max_) return std::nullopt;
  auto turn = lines_.upper_bound(last_);
  for (std::size_t n = 0; n < lines_.size(); ++n, ++turn) {
    if (turn == lines_.end()) turn = lines_.begin();
    auto& [auditor, own] = *turn;
    if (own.waiting.empty() || own.asking >= per_auditor_max_) continue;
    const auto t = own.waiting.front();
    own.waiting.pop_front();
    ++own.asking;
    asking_.emplace(t, auditor);
    last_ = auditor;
    return t;
  }
  return std::nullopt;
}

void reader_turns::done(ticket t) {
  const auto asked = asking_.find(t);
  if (asked == asking_.end()) return;
  const auto own = lines_.find(asked->second);
  if (--own->second.asking == 0 && own->second.waiting.empty()) lines_.erase(own);
  asking_.erase(asked);
}

std::size_t reader_turns::waiting() const noexcept {
  std::size_t sum = 0;
  for (const auto& [auditor, own] : lines_) sum += own.waiting.size();
  return sum;
}

}  // namespace cadre::actors
