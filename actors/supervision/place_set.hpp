#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cadre::actors::supervision {

/// An ordered set of small numbers, a bit each: places in a vector.
class place_set {
 public:
  void insert(std::size_t place);
  void erase(std::size_t place);
  void clear();
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// Precondition of both: not empty.
  [[nodiscard]] std::size_t first() const;
  [[nodiscard]] std::size_t last() const;

 private:
  std::vector<std::uint64_t> words_;
  std::size_t size_ = 0;
  // No word outside of these has a bit; what was emptied at either end is passed over once, not at each call.
  mutable std::size_t low_ = 0, high_ = 0;
};

}  // namespace cadre::actors::supervision
