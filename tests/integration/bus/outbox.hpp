#pragma once

#include "bus/events.hpp"
#include "schemas/subjects.hpp"
#include "support.hpp"

#include <algorithm>
#include <atomic>

/// Events of a company, and the way they take from its outbox to a subscriber.
namespace cadre::bus::test {

inline event make_event(const std::string& company, std::int64_t seq) {
  event e;
  e.seq = seq;
  e.subject = subjects::output(company, {"ceo.data.ingest"});
  e.what = "output_sealed";
  e.data.text = R"({"n":)" + std::to_string(seq) + "}";
  e.at = now();
  return e;
}

inline std::vector<event> make_events(const std::string& company, std::int64_t from, std::int64_t to) {
  std::vector<event> all;
  for (auto seq = from; seq <= to; ++seq) all.push_back(make_event(company, seq));
  return all;
}

inline publisher_options settings(const std::string& company, const std::string& url) {
  publisher_options o;
  o.bus.url = url;
  o.bus.company = company;
  o.from = "node.test";
  o.stream.bytes_max = 64 * 1024 * 1024;
  o.in_flight_max = 32;
  o.retry_wait_max = 100ms;
  o.stream.replicas = replicas_for(url);
  // A cluster without a leader does not answer at all.
  if (o.stream.replicas > 1) o.bus.request_timeout = 1s;
  return o;
}

/// What the writer's outbox does: feeds from where the publisher says.
struct outbox {
  std::string company;
  std::atomic<std::int64_t> acked{0};
  std::atomic<std::int64_t> written{0};  ///< Events that exist.
  std::mutex mutex;
  std::int64_t offered = 0;
  collector<std::pair<std::int64_t, failure>> failures;
  std::unique_ptr<event_publisher> publisher;

  outbox(std::string c, const std::string& url, std::int64_t start_at) : company(std::move(c)), offered(start_at - 1) {
    publisher = std::make_unique<event_publisher>(
        settings(company, url), event_publisher::callbacks{[this](std::int64_t seq) { acked = seq; },
                                                           [this](std::int64_t from, const failure& why) {
                                                             failures.add({from, why});
                                                             std::lock_guard lock(mutex);
                                                             offered = from - 1;
                                                             publisher->restart(from);
                                                           }});
    publisher->restart(start_at);
  }
  ~outbox() { publisher.reset(); }

  /// Writes up to `to` and publishes in small steps.
  void write(std::int64_t to) {
    written = std::max(written.load(), to);
    BOOST_REQUIRE(eventually(
        [&] {
          std::lock_guard lock(mutex);
          if (offered < written) {
            const auto until = std::min(written.load(), offered + 7);
            if (publisher->publish(make_events(company, offered + 1, until))) offered = until;
          }
          return offered >= written;
        },
        60s));
  }
  /// Everything written is in the stream; feeds on where a failure asks for it.
  bool done() {
    return eventually(
        [&] {
          write(written);
          return acked >= written;
        },
        60s);
  }
};

inline consumer_options consumer_of(const std::string& company) {
  consumer_options o;
  o.name = durable_name(company, {"ceo.data.audit"}, {"ceo.data.ingest"});
  o.filter = subjects::output(company, {"ceo.data.ingest"});
  o.batch = 20;
  o.heartbeat = 200ms;
  o.pull_expires = 1s;
  o.ack_wait = 60s;
  return o;
}

inline void check_gapless(const std::vector<std::int64_t>& seqs, std::int64_t to) {
  BOOST_REQUIRE(seqs.size() == static_cast<std::size_t>(to));
  for (std::int64_t i = 0; i < to; ++i) BOOST_REQUIRE(seqs[static_cast<std::size_t>(i)] == i + 1);
}

}  // namespace cadre::bus::test
