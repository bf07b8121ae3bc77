#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace cadre::bus::detail {

struct gathering_limits {
  std::chrono::nanoseconds within{};  ///< 0: nothing is ever gathered.
  std::size_t messages_max = 1;
  std::size_t bytes_max = 0;  ///< Of the messages, heads included.
};

/// Decides what becomes of a message that is to be published: alone at once, or in a batch with its neighbours. Pure;
/// holds no message, only knows what the batch under way has. The order of the messages stays what it was: whoever
/// follows `step` sends the batch before anything that does not go into it.
///
/// What comes alone is never held. Only what follows the last one to the same subject closely waits, and from the
/// first that waits on somebody must come and send the batch (`wake`): it has as many as came until then.
class gathering {
 public:
  using clock = std::chrono::steady_clock;

  struct step {
    bool send_batch_before = false;  ///< What waits goes out first.
    bool append = false;             ///< Into the batch. Else: alone, now.
    bool wake = false;               ///< It is the first that waits.
    bool send_batch_after = false;   ///< The batch is full.
  };

  explicit gathering(gathering_limits limits) : limits_{limits} {}

  /// A message of `bytes` to `subject`. `connected` false: it goes alone, so that its sender is told how it went.
  step offer(std::string_view subject, std::size_t bytes, clock::time_point now, bool connected);
  /// The batch was sent, or given up.
  void sent() noexcept;
  [[nodiscard]] bool waiting() const noexcept { return messages_ != 0; }

 private:
  gathering_limits limits_;
  std::string subject_;
  clock::time_point last_{};
  std::size_t messages_ = 0, bytes_ = 0;
};

}  // namespace cadre::bus::detail
