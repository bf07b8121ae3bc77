#pragma once

#include "actors/runner/spawn.hpp"

#include <chrono>
#include <cstddef>
#include <string>

namespace cadre::actors {

/// This process's right to a scratch base, and the end of what an earlier owner left running. Held with flock while
/// the object lives, so it ends with the process, however that ends.
class base_claim {
 public:
  /// Makes the folder, takes it, and kills every process on this host whose environment has a mark below it, with its
  /// descendants: their owner is dead, or the claim would have failed. Only processes found by their mark are killed,
  /// and by descriptor: never one that merely got the pid of another. Blocks until they are dead: reading /proc once
  /// if there are none, at most `limit` else, after which what is left is logged.
  /// A base that can't be made or opened is not claimed: scratch_space::make() reports it.
  /// Throws std::runtime_error if a living process holds the base.
  explicit base_claim(std::string base, std::chrono::milliseconds limit = std::chrono::seconds{5});

  /// The base, absolute and without links: what marks begin with.
  [[nodiscard]] const std::string& base() const noexcept { return base_; }
  /// Processes that were found and are dead now.
  [[nodiscard]] std::size_t orphans_ended() const noexcept { return ended_; }

 private:
  void take(std::chrono::milliseconds limit);
  void end_orphans(std::chrono::milliseconds limit);

  std::string base_;
  unique_fd lock_;
  std::size_t ended_ = 0;
};

}  // namespace cadre::actors
