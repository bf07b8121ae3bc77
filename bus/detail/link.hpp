#pragma once

#include "bus/connection.hpp"
#include "guarded.hpp"
#include "outbox.hpp"
#include "timer_queue.hpp"

#include <nats/nats.h>

#include <atomic>
#include <map>
#include <mutex>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

namespace cadre::bus::detail {

struct nats_free {
  void operator()(natsMsg* m) const noexcept { natsMsg_Destroy(m); }
  void operator()(natsOptions* o) const noexcept { natsOptions_Destroy(o); }
  void operator()(natsConnection* c) const noexcept { natsConnection_Destroy(c); }
  void operator()(natsSubscription* s) const noexcept { natsSubscription_Destroy(s); }
  void operator()(natsInbox* i) const noexcept { natsInbox_Destroy(i); }
  void operator()(jsCtx* c) const noexcept { jsCtx_Destroy(c); }
};
template <class T>
using nats_ptr = std::unique_ptr<T, nats_free>;

using headers = std::span<const std::pair<const char*, std::string>>;
/// `Content-Type` alone; kept for the life of the process.
headers msgpack_headers();

using raw_handler = std::function<void(natsMsg&)>;
using raw_reply_handler = std::function<void(result<natsMsg*>)>;  ///< The message lives for the call.

/// The failure that a status of the library means to a caller.
failure failure_of(natsStatus status, const std::string& context);
std::string_view bytes_of(const natsMsg& message) noexcept;
/// The value of a header; empty if it is not there.
std::string header_of(natsMsg& message, const char* name);

/// What a subscription holds: ends what it stands for when destroyed.
struct registration {
  virtual ~registration() = default;
};

/// The connection without Cadre's envelopes. Held by shared_ptr; close() must be called before the last one goes.
class link : public std::enable_shared_from_this<link> {
 public:
  /// `reconnect` false: the connection ends for good when it is lost, so that what arrives at the server is always a
  /// prefix of what was sent.
  static result<std::shared_ptr<link>> open(options o, bool reconnect = true);
  ~link();

  /// Idempotent. Fails what is pending, ends the timers.
  void close();
  /// After all that publish() left waiting.
  result<void> send(const std::string& subject, const std::string& reply_to, headers with, std::string_view bytes);
  /// An encoded envelope that awaits no answer. See connection::publish.
  result<void> publish(const std::string& subject, std::string_view message);
  /// See connection::request.
  void request(const std::string& subject, headers with, std::string_view bytes, std::chrono::milliseconds timeout,
               raw_reply_handler handler);
  result<std::string> request_wait(const std::string& subject, std::string_view bytes,
                                   std::chrono::milliseconds timeout);
  result<std::unique_ptr<registration>> subscribe(const std::string& subject, raw_handler handler);
  /// Messages to `address + anything`, and JetStream's deliveries of the consumer `name` to there, go to `handler`, on
  /// one thread at a time. A later one of the same name takes the place of the earlier.
  std::unique_ptr<registration> add_inbox(const std::string& name, std::string& address, raw_handler handler);
  std::unique_ptr<registration> on_status(std::function<void(bool)> handler);
  std::unique_ptr<registration> on_refused(std::function<void(const refusal&)> handler);
  void note_refusal(const refusal& r);
  result<void> flush(std::chrono::milliseconds timeout);

  timer_queue& timers() noexcept { return timers_; }
  natsConnection* raw() noexcept { return connection_.get(); }
  [[nodiscard]] counters count() const;
  [[nodiscard]] bool connected() const noexcept { return connected_.load(); }

  const options settings;
  std::atomic<std::uint64_t> received{0};

 private:
  struct pending {
    raw_reply_handler handler;
    timer_queue::key timer;
    std::string subject;
  };
  struct listener;  ///< A core subscription.
  template <class... Args>
  struct watcher;

  explicit link(options o);
  /// `messages`: how many are in these bytes.
  result<void> send_now(const std::string& subject, const std::string& reply_to, headers with, std::string_view bytes,
                        std::size_t messages);
  result<void> send_batch(const std::string& subject, std::string_view bytes, std::size_t messages);
  result<void> connect(bool reconnect);
  result<void> configure(natsOptions* o, bool reconnect, void* self);
  result<void> open_inboxes();
  void answered(natsMsg& m);
  void complete(std::uint64_t token, result<natsMsg*> answer);
  void deliver(natsMsg& message);
  void changed(natsConnection* connection);
  void fail_pending(const failure& why);
  void slow(natsSubscription* subscription);
  static void changed_by_nats(natsConnection* connection, void* self);

  nats_ptr<natsConnection> connection_;
  timer_queue timers_;
  outbox outbox_;
  std::string replies_prefix_, deliveries_prefix_;  ///< Of the two inboxes that all share; with the dot at the end.
  std::unique_ptr<registration> replies_, deliveries_;
  std::atomic<bool> connected_{false};
  std::atomic<bool> closed_{false};

  mutable std::mutex mutex_;  ///< Guards what follows. No handler is called under it.
  std::unordered_map<std::uint64_t, pending> pending_;
  std::uint64_t next_token_ = 0;
  std::unordered_map<std::string, std::shared_ptr<guarded<natsMsg&>>> inboxes_;  ///< By name.
  std::map<std::uint64_t, std::shared_ptr<guarded<bool>>> status_watchers_;
  std::map<std::uint64_t, std::shared_ptr<guarded<const refusal&>>> refusal_watchers_;
  std::map<std::uint64_t, listener*> listeners_;  ///< Alive ones, for the counts of what they dropped.
  std::map<std::string, std::uint64_t> refused_senders_;
  std::uint64_t dropped_by_ended_ = 0;
  std::chrono::steady_clock::time_point slow_logged_at_{};

  std::atomic<std::uint64_t> published_{0}, batches_{0}, publish_failed_{0}, requests_{0}, timed_out_{0},
      unanswerable_{0}, reconnects_{0}, refused_malformed_{0}, refused_oversized_{0}, refused_company_{0};
};

}  // namespace cadre::bus::detail
