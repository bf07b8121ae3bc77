#pragma once

#include "bus/connection.hpp"
#include "gathering.hpp"
#include "schemas/batch.hpp"

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace cadre::bus::detail {

/// Between publish() and the wire: sends at once or gathers, as `gathering` decides. Thread safe. Messages of one
/// thread go out in the order of its calls.
class outbox {
 public:
  /// What it needs of the connection. `wake` must see to it that awake() is called soon, from another thread.
  struct road {
    std::function<result<void>(const std::string& subject, std::string_view bytes)> send_one;
    std::function<result<void>(const std::string& subject, std::string_view bytes, std::size_t messages)> send_batch;
    std::function<void()> wake;
  };

  outbox(const options& o, road r);

  /// An encoded envelope. Errors are those of `send_one`; none where it waits.
  result<void> publish(const std::string& subject, std::string_view message, bool connected);
  /// Sends what waits. To be called before anything else is sent on the connection.
  void flush();
  /// The same, for who was woken.
  void awake();

 private:
  void send_waiting();

  const road road_;
  /// Cleared only once the batch is with the library: who finds it clear can't overtake the batch.
  std::atomic<bool> waiting_{false};
  std::mutex mutex_;  ///< Guards what follows, and is held while sending: that keeps the order.
  gathering plan_;
  codec::batch_writer batch_;
  std::string subject_;  ///< Of what waits.
  bool woken_ = false;   ///< Somebody was called and did not come yet.
};

}  // namespace cadre::bus::detail
