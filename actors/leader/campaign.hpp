#pragma once

#include "storage/leadership.hpp"

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace cadre::actors {

/// A control node's standing candidacy, on a thread of its own because waiting for the lock blocks. Wins a reign, hands
/// it over, waits until that reign is over, and runs again.
class campaign {
 public:
  using on_elected = std::function<void(std::shared_ptr<storage::leadership>, epoch)>;

  /// Both are called on the campaign's thread and must not block. `database_lost` (may be empty): at each attempt at
  /// which the database could not be reached, or could not write. It runs once it is allowed to.
  campaign(storage::candidate who, on_elected elected, std::function<void()> database_lost);
  /// Stops waiting for the lock and joins the thread. A reign that was handed over is not touched.
  ~campaign();
  campaign(const campaign&) = delete;
  campaign& operator=(const campaign&) = delete;

  /// The reign that was handed over is over: run again. Thread safe.
  void run_again();
  /// Whether to be a candidate now. A reign that was handed over is not touched. Thread safe.
  void allow(bool yes);

 private:
  void run();

  storage::candidate who_;
  on_elected elected_;
  std::function<void()> database_lost_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool reigning_ = false;
  bool allowed_ = false;
  std::shared_ptr<storage::leadership> attempt_;  ///< So that the destructor can cancel it.
  std::thread thread_;
};

}  // namespace cadre::actors
