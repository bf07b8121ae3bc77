#include "place_set.hpp"

#include <algorithm>
#include <bit>

namespace cadre::actors::supervision {

namespace {

constexpr std::size_t bits = 64;

std::uint64_t bit_of(std::size_t place) {
  return std::uint64_t{1} << (place % bits);
}

}  // namespace

void place_set::insert(std::size_t place) {
  const auto word = place / bits;
  if (word >= words_.size()) words_.resize(word + 1);
  if ((words_[word] & bit_of(place)) != 0) return;
  words_[word] |= bit_of(place);
  low_ = size_ == 0 ? word : std::min(low_, word);
  high_ = size_ == 0 ? word : std::max(high_, word);
  ++size_;
}

void place_set::erase(std::size_t place) {
  const auto word = place / bits;
  if (word >= words_.size() || (words_[word] & bit_of(place)) == 0) return;
  words_[word] &= ~bit_of(place);
  --size_;
}

void place_set::clear() {
  words_.clear();
  size_ = 0;
}

std::size_t place_set::first() const {
  while (words_[low_] == 0) ++low_;
  return low_ * bits + static_cast<std::size_t>(std::countr_zero(words_[low_]));
}

std::size_t place_set::last() const {
  while (words_[high_] == 0) --high_;
  return high_ * bits + static_cast<std::size_t>(std::bit_width(words_[high_])) - 1;
}

}  // namespace cadre::actors::supervision
