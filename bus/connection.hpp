#pragma once

#include "schemas/limits.hpp"
#include "schemas/messages.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// The bus: NATS with Cadre's envelopes. Handlers run on a few threads that all subscriptions and answers of the
/// process share, so they must be quick and must neither block nor throw. Nothing in the public headers depends on
/// nats.h.
namespace cadre::bus {

namespace detail {
class link;
struct registration;
}  // namespace detail

/// Fixed when the connection is opened.
struct options {
  std::string url = "nats://127.0.0.1:4222";  ///< One server, or several with commas between.
  std::string company;                        ///< Messages that name another company are refused.
  std::string name = "cadre";                 ///< The client's name in the server's own reports.
  /// How long open() waits for a server, and the default for requests.
  std::chrono::milliseconds connect_timeout{2000};
  std::chrono::milliseconds request_timeout{5000};
  /// True: open() succeeds without a server and connects when one appears. False: it fails.
  bool retry_first_connect = false;
  /// Between attempts to reconnect, plus up to as much again at random. Attempts never end.
  std::chrono::milliseconds reconnect_wait{100};
  /// Dead links are noticed after about three of these.
  std::chrono::milliseconds ping_interval{2000};
  /// How long a send may block on a full socket before the connection counts as lost.
  std::chrono::milliseconds write_deadline{2000};
  /// What is sent while there is no connection waits here; beyond it, sends fail with `busy`.
  int reconnect_buffer_bytes = 8 * 1024 * 1024;
  /// Per subscription: what may wait for its handler, a batch as one. Beyond it messages are dropped, counted, logged.
  int pending_messages_max = 65'536;
  int pending_bytes_max = 64 * 1024 * 1024;
  /// Requests without an answer yet; beyond it, requests fail with `busy`.
  std::size_t requests_max = 16'384;
  /// Larger messages are neither sent nor accepted.
  std::size_t message_bytes_max = limits::message_bytes_max;
  /// What is published to one subject within this time of the last one is gathered and sent together as a batch
  /// (schemas/batch.hpp), by another thread as soon as it can. 0: each message goes out by itself, as it must where a
  /// receiver does not know batches and would refuse them.
  std::chrono::microseconds gather_within{40};
  std::size_t gather_messages_max = 128;     ///< A batch of so many goes out at once; at least 1.
  std::size_t gather_bytes_max = 64 * 1024;  ///< The same; and a larger message never waits.
};

/// The URL (or the list of them) as people may see it: without users and passwords.
std::string without_login(std::string_view url);

/// A message that was decoded and belongs to this company.
struct incoming {
  std::string subject;
  envelope message;
  std::string reply_to;   ///< Empty: nobody waits for an answer.
  std::size_t bytes = 0;  ///< Size on the wire, for a gate.
  bool json = false;      ///< It came as JSON; reply() answers likewise.
};

/// A message without Cadre's envelope, as a program in another language sends it. The views live for the call.
struct plain_message {
  std::string_view subject;
  std::string_view body;
  std::string_view reply_to;  ///< Empty: nobody waits for an answer.
};

/// A message that was not passed on to a handler.
struct refusal {
  std::string subject;
  std::string sender;  ///< `COMPANY/FROM` where the message could be decoded, else empty.
  failure reason;      ///< bad_message, unknown_kind, too_large or wrong_company.
};

/// What happened since the connection was opened.
struct counters {
  bool connected = false;
  std::uint64_t published = 0;       ///< Sent, requests and replies included; what a batch holds counts singly.
  std::uint64_t batches = 0;         ///< Sent, of several messages each.
  std::uint64_t publish_failed = 0;  ///< Not accepted for sending.
  std::uint64_t received = 0;        ///< Arrived at subscriptions and accepted.
  std::uint64_t refused_malformed = 0;
  std::uint64_t refused_oversized = 0;
  std::uint64_t refused_company = 0;
  std::uint64_t requests = 0;
  std::uint64_t requests_pending = 0;
  std::uint64_t requests_timed_out = 0;
  std::uint64_t requests_unanswerable = 0;  ///< Nobody was subscribed.
  std::uint64_t dropped_slow = 0;           ///< Lost as a handler was too slow for its pending limits; a batch is one.
  std::uint64_t reconnects = 0;
};

/// Something that goes on until this is destroyed or reset. Once that has returned, the handler neither runs nor will
/// run; so don't hold a lock that the handler takes. Within the handler itself it returns at once. Movable.
/// It may outlive its connection.
class subscription {
 public:
  subscription() noexcept;
  explicit subscription(std::unique_ptr<detail::registration> registered);
  subscription(subscription&&) noexcept;
  subscription& operator=(subscription&&) noexcept;
  ~subscription();
  void reset();
  [[nodiscard]] explicit operator bool() const noexcept { return registered_ != nullptr; }

 private:
  std::unique_ptr<detail::registration> registered_;
};

/// One connection to the bus for one company. Every function is thread safe. Closes on destruction: requests without
/// an answer then fail with `unreachable`, and handlers stop.
class connection {
 public:
  using reply_handler = std::function<void(result<envelope>)>;
  using message_handler = std::function<void(incoming)>;
  using messages_handler = std::function<void(std::vector<incoming>)>;
  using plain_handler = std::function<void(const plain_message&)>;

  /// Connects. Blocks up to `connect_timeout` per server. Errors: unreachable, which names the URL; bad_value.
  static result<std::shared_ptr<connection>> open(options o);
  ~connection();
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  [[nodiscard]] const options& settings() const noexcept;
  [[nodiscard]] bool connected() const noexcept;
  [[nodiscard]] counters count() const;

  /// An envelope of this company with a new id and the present time.
  [[nodiscard]] envelope make_envelope(std::string from, epoch incarnation, message body) const;

  /// Sends as msgpack and forgets: nobody need be there. At most `write_deadline`, usually a system call or less.
  /// What follows closely on another to the same subject may wait for a moment, to go out with others (see
  /// `gather_within`); whatever else is sent on this connection goes out after it, so the order stays. If the
  /// connection is lost in that moment it is lost too, which is counted in `publish_failed` and logged. Errors:
  /// too_large; busy (no connection and its buffer is full); bad_value (subject); unreachable (closed, or lost at this
  /// moment: it may have gone out).
  result<void> publish(const std::string& subject, const envelope& e);

  /// Asks and returns at once; `handler` is called exactly once, never from within this call unless the connection is
  /// closed, on a thread of this room. Gets the answer, or: unreachable (nobody is subscribed: at once; nobody answered
  /// in `timeout`; closed), busy (too many requests pending, buffer full), too_large, bad_message and wrong_company
  /// (the answer was so), or the failure that an `error_reply` carries. `timeout` of 0 is `request_timeout`. A request
  /// without an answer may have been carried out.
  void request(const std::string& subject, const envelope& e, std::chrono::milliseconds timeout, reply_handler handler);

  /// The same, blocking: for the command line. Never call it from a handler or an actor.
  result<envelope> request_wait(const std::string& subject, const envelope& e, std::chrono::milliseconds timeout);

  /// Calls `handler` for each message on `subject` (`*` and a last `>` as in NATS), in the order of arrival, one at a
  /// time. What is malformed, oversized or of another company is refused with an `error_reply` and not passed on.
  /// A command alone as JSON (`kind` and `body`, no `company`) on a command subject arrives as a command_batch of one.
  /// Errors: bad_value (subject), unreachable (closed).
  result<subscription> subscribe(const std::string& subject, message_handler handler);

  /// The same, where messages that came together are passed on together: in order, at least one. For a receiver that
  /// pays for each call, such as an actor's mailbox.
  result<subscription> subscribe_together(const std::string& subject, messages_handler handler);

  /// Answers in the format of the question, with its id as the causation. Does nothing if nobody waits.
  /// Errors: those of publish().
  result<void> reply(const incoming& to, const std::string& from, epoch incarnation, message body);

  /// As subscribe(), without an envelope: the handler gets every message as it came, of any size that the server lets
  /// pass, and judges it itself. Errors: those of subscribe().
  result<subscription> subscribe_plain(const std::string& subject, plain_handler handler);

  /// Sends JSON without an envelope. Blocks no longer than publish(). Errors: those of publish().
  result<void> publish_plain(const std::string& subject, std::string_view json);

  /// Asks with JSON without an envelope and returns the answer's bytes. Blocks up to `timeout`, so never call it from a
  /// handler or an actor. Errors: unreachable (nobody is subscribed: at once; nobody answered in time; closed),
  /// too_large, busy (no connection and its buffer is full).
  result<std::string> request_plain_wait(const std::string& subject, std::string_view json,
                                         std::chrono::milliseconds timeout);

  /// Calls `handler(true)` after each (re)connect from now on, and `handler(false)` when the connection is lost.
  [[nodiscard]] subscription on_status(std::function<void(bool connected)> handler);

  /// Calls `handler` for the first refused message of each sender (of each subject where the sender is unknown), up
  /// to 1024 of them, for the journal.
  [[nodiscard]] subscription on_refused(std::function<void(const refusal&)> handler);

  /// Waits until the server has seen all that was sent before. Errors: unreachable.
  result<void> flush(std::chrono::milliseconds timeout);

  /// For the other files of this room.
  [[nodiscard]] const std::shared_ptr<detail::link>& wire() const noexcept { return link_; }

 private:
  explicit connection(std::shared_ptr<detail::link> wire);

  std::shared_ptr<detail::link> link_;
};

}  // namespace cadre::bus
