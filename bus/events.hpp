#pragma once

#include "bus/connection.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// Events: from the outbox in Postgres, over the JetStream stream CADRE_EVENTS, to durable consumers. JetStream is
/// transport; the truth is in Postgres, and everything here can be fed from it again.
namespace cadre::bus {

/// The stream is one for all companies of a fleet.
struct stream_options {
  std::chrono::hours max_age{7 * 24};
  std::int64_t bytes_max = 1024LL * 1024 * 1024;  ///< The oldest events make room.
  int replicas = 1;
  std::chrono::seconds duplicate_window{120};
};

/// How many servers shall hold the stream: 3 where the URL names three or more (which must then be one cluster), else
/// 1: with two, neither could go on alone.
int replicas_for(std::string_view url);

/// Creates the stream, or changes it to these options. Idempotent. Blocks up to `request_timeout` of the connection.
/// Errors: unreachable (also: JetStream is off), refused (the server's reason is quoted).
result<void> ensure_stream(connection& bus, const stream_options& o);

/// The sequence up to which the stream has the company's events without a gap; 0 if it has none or does not exist.
/// Blocks for some requests. Errors: unreachable.
result<std::int64_t> last_published_seq(connection& bus, const std::string& company);

struct publisher_options {
  options bus;                      ///< The publisher opens a connection of its own with these.
  stream_options stream;            ///< Ensured at each connect.
  std::string from;                 ///< `from` of the envelopes.
  std::size_t in_flight_max = 256;  ///< Sent and not acknowledged.
  std::size_t buffer_events_max = 16'384;
  std::size_t buffer_bytes_max = 32 * 1024 * 1024;
  std::chrono::milliseconds ack_timeout{5000};
  std::chrono::milliseconds retry_wait_max{2000};  ///< Between attempts to connect; doubles from 50 ms.
};

/// Publishes the events of one company in the order of their sequence. It has a connection and a thread of its own; the
/// connection does not reconnect by itself, so that what the stream holds is a prefix of what was sent.
///
/// Where several servers hold the stream this is not enough: when another of them takes the lead, an event may be lost
/// while one sent after it arrives. So each event that is sent while another is on its way is stored only if the stream
/// ends with that one (Nats-Expected-Last-Msg-Id); if it does not, all that is on its way is sent again. Companies that
/// share such a stream slow each other down by that, and nothing worse.
///
/// It starts stopped. The owner calls restart(from) once, then publish() with from, from + 1, ... On any trouble after
/// a send the publisher stops, drops what it holds and calls on_failed(from_seq); the owner calls restart(from_seq) and
/// publishes again from there. At each restart the publisher asks the stream how far it got: what it has already is
/// acknowledged without being sent again; and if it has less than `from - 1` (its files vanished) it fails with
/// `not_found` and the first sequence that is missing. Restarting at a later one all the same is accepted: the owner
/// has no older ones.
class event_publisher {
 public:
  struct callbacks {
    /// Everything up to and including `seq` is in the stream.
    std::function<void(std::int64_t seq)> on_acked;
    /// Stopped. `from_seq` is the first that is not known to be in the stream.
    std::function<void(std::int64_t from_seq, const failure& why)> on_failed;
  };

  /// Does not block. The callbacks run on the publisher's thread and may call restart() and publish().
  event_publisher(publisher_options o, callbacks c);
  /// Waits for a running callback (so not from within one) and for at most a connection attempt.
  ~event_publisher();
  event_publisher(const event_publisher&) = delete;
  event_publisher& operator=(const event_publisher&) = delete;

  /// Drops what it holds and begins anew: the next event must be `from_seq`. Waits for a server as long as it takes.
  void restart(std::int64_t from_seq);

  /// Takes events with contiguous sequences, the first following the last one taken. All or none. Does not block.
  /// Errors: busy (buffer full; try again after on_acked), bad_value (a gap), unreachable (stopped: restart first).
  result<void> publish(std::vector<event> events);

  /// True while it has a connection and is not stopped.
  [[nodiscard]] bool ready() const;
  /// Taken and not acknowledged.
  [[nodiscard]] std::size_t backlog() const;

 private:
  class machine;
  std::shared_ptr<machine> machine_;
};

struct consumer_options {
  std::string name;                            ///< Durable name, see durable_name().
  std::string filter;                          ///< One subject, such as cadre.COMPANY.out.PATH; wildcards are allowed.
  int batch = 64;                              ///< Events asked for at a time.
  std::chrono::milliseconds ack_wait{30'000};  ///< Without an ack for so long, an event is delivered again.
  /// After which an event comes again whose last `delivery` was destroyed without an answer.
  std::chrono::milliseconds dropped_wait{1000};
  int ack_pending_max = 256;  ///< Delivered and not acked; beyond it the server waits.
  int deliver_max = -1;       ///< Deliveries of one event; -1: without end.
  std::chrono::milliseconds pull_expires{30'000};
  /// Of the server, while nothing happens; two and a half of these without a word, and the consumer is created again.
  /// At most half of pull_expires.
  std::chrono::milliseconds heartbeat{2000};
};

/// A name for the consumer of `auditor` for the output of `worker`: the paths with `_` for `.`, after the company.
std::string durable_name(std::string_view company, const agent_path& auditor, const agent_path& worker);

/// An event and the right to answer for it. Copyable, thread safe, may outlive the handler, the consumer and the
/// connection. The first of ack, nak and term counts; later ones do nothing. If the last copy is destroyed without any
/// of them (its actor crashed), the event comes again after `dropped_wait`.
class delivery {
 public:
  struct state;
  explicit delivery(std::shared_ptr<state> s) : state_(std::move(s)) {}

  [[nodiscard]] const event& what() const noexcept;
  [[nodiscard]] const envelope& around() const noexcept;
  [[nodiscard]] std::int64_t count() const noexcept;  ///< 1 at the first delivery.

  /// Done with it. Sent and not confirmed: if it gets lost, the event comes again. Errors: those of a send.
  result<void> ack() const;
  /// Not now: again after `delay`.
  result<void> nak(std::chrono::milliseconds delay) const;
  /// Still at it: `ack_wait` begins anew.
  result<void> in_progress() const;
  /// Never again.
  result<void> term() const;

 private:
  result<void> answer(const std::string& text, bool last) const;
  std::shared_ptr<state> state_;
};

/// A durable pull consumer without a thread of its own. It is created on the server at once, from the beginning of the
/// stream, and created again from the beginning if the server lost it: so the handler must know events that it has
/// handled already (by `seq`). Recovers from lost connections, servers and files by itself; while the stream does not
/// exist it keeps trying (the publisher creates it).
///
/// The handler runs on the bus's delivery threads, one event of the connection at a time; it must not block.
/// Destruction ends the pulling and leaves the durable consumer on the server.
class event_consumer {
 public:
  using handler = std::function<void(delivery)>;

  /// Does not block; errors are logged and tried again.
  event_consumer(connection& bus, consumer_options o, handler h);
  /// The handler neither runs nor will run once this has returned.
  ~event_consumer();
  event_consumer(event_consumer&&) noexcept;
  event_consumer& operator=(event_consumer&&) noexcept;

  /// True once the consumer exists on the server and events are asked for.
  [[nodiscard]] bool ready() const;

 private:
  class machine;
  std::shared_ptr<machine> machine_;
};

/// Deletes the durable consumer: for an agent that left the org. Not there is not an error. Blocks up to
/// `request_timeout`. Errors: unreachable, refused.
result<void> delete_consumer(connection& bus, const std::string& name);

}  // namespace cadre::bus
