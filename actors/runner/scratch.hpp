#pragma once

#include "schemas/error.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

namespace cadre::actors {

/// Makes scratch folders below a base and removes them on a thread of its own, since an agent may leave a million
/// files. Thread safe.
class scratch_space {
 public:
  /// Makes the base if it is missing and removes what an earlier life left in it.
  explicit scratch_space(std::string base);
  scratch_space(const scratch_space&) = delete;
  scratch_space& operator=(const scratch_space&) = delete;
  /// Waits until everything given to remove() is gone.
  ~scratch_space();

  /// A new empty folder that only this user can enter. Error: internal, with the reason.
  result<std::string> make();

  /// Removes a folder with all that is in it, soon.
  void remove(std::string folder);

 private:
  void work();

  std::string base_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> doomed_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace cadre::actors
