#pragma once

#include <functional>
#include <mutex>
#include <utility>

namespace cadre::bus::detail {

/// A handler that can be switched off for good: once close() has returned, it neither runs nor will run. Calls are
/// one at a time. close() from within the handler does not wait for itself. Held by shared_ptr on both sides.
template <class... Args>
class guarded {
 public:
  explicit guarded(std::function<void(Args...)> handler) : handler_(std::move(handler)) {}

  /// False if it is closed.
  template <class... Given>
  bool call(Given&&... args) {
    std::lock_guard lock(mutex_);
    if (!open_) return false;
    handler_(std::forward<Given>(args)...);
    return true;
  }

  void close() {
    std::lock_guard lock(mutex_);
    open_ = false;
  }

 private:
  std::recursive_mutex mutex_;
  bool open_ = true;
  std::function<void(Args...)> handler_;
};

}  // namespace cadre::bus::detail
