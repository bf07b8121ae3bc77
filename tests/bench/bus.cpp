// An actor's messages over NATS to an actor behind another connection, beside the C client's own publish and subscribe.
//   bench_bus MESSAGES PINGS BYTES
// Prints one line of JSON. CADRE_TEST_NATS: the server's URL.

#include "bus/connection.hpp"

#include <caf/all.hpp>
#include <nats/nats.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

CAF_BEGIN_TYPE_ID_BLOCK(bench_bus, caf::first_custom_type_id + 900)
CAF_ADD_TYPE_ID(bench_bus, (std::vector<cadre::bus::incoming>))
CAF_END_TYPE_ID_BLOCK(bench_bus)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<cadre::bus::incoming>)

namespace {

using namespace cadre;
using clock = std::chrono::steady_clock;

/// Messages under way: below what a subscription may hold before it drops.
constexpr std::uint64_t window = 20'000;

double seconds_since(clock::time_point begin) {
  return std::chrono::duration<double>(clock::now() - begin).count();
}

double p50_us(std::vector<double> all) {
  std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2), all.end());
  return all[all.size() / 2] * 1e6;
}

/// Publishes `count` messages, never more than the window ahead of the receiver; messages per second.
template <class Publish>
double rate(std::uint64_t count, const std::atomic<std::uint64_t>& received, Publish publish) {
  const auto begin = clock::now();
  for (std::uint64_t n = 0; n < count; ++n) {
    publish();
    while (n > received.load(std::memory_order_relaxed) + window) std::this_thread::yield();
  }
  while (received.load() < count) std::this_thread::yield();
  return static_cast<double>(count) / seconds_since(begin);
}

/// There and back, one at a time; half of that is one way.
template <class Ping>
double one_way_us(std::size_t pings, const std::atomic<std::uint64_t>& returned, Ping ping) {
  std::vector<double> all;
  for (std::size_t n = 0; n < pings; ++n) {
    const auto begin = clock::now();
    ping();
    while (returned.load(std::memory_order_acquire) <= n) std::this_thread::yield();
    all.push_back(seconds_since(begin) / 2);
  }
  return p50_us(std::move(all));
}

struct figures {
  double per_s = 0, one_way = 0;
};

void check(natsStatus s) {
  if (s != NATS_OK) throw std::runtime_error{natsStatus_GetText(s)};
}

/// The C client alone.
class raw_side {
 public:
  /// `asap`: each message goes out by itself, as ours do; else as the client comes, which gathers them for a while.
  raw_side(const std::string& url, bool asap) {
    natsOptions* options = nullptr;
    check(natsOptions_Create(&options));
    const std::unique_ptr<natsOptions, void (*)(natsOptions*)> owned{options, natsOptions_Destroy};
    check(natsOptions_SetURL(options, url.c_str()));
    check(natsOptions_SetSendAsap(options, asap));
    check(natsConnection_Connect(&connection_, options));
  }
  ~raw_side() {
    for (auto* s : subscriptions_) natsSubscription_Destroy(s);
    natsConnection_Destroy(connection_);
  }
  raw_side(const raw_side&) = delete;
  raw_side& operator=(const raw_side&) = delete;

  void listen(const char* subject, natsMsgHandler handler, void* closure) {
    check(natsConnection_Subscribe(&subscriptions_.emplace_back(), connection_, subject, handler, closure));
    check(natsConnection_Flush(connection_));
  }
  void send(const char* subject, const std::string& data) {
    check(natsConnection_Publish(connection_, subject, data.data(), static_cast<int>(data.size())));
  }

 private:
  natsConnection* connection_ = nullptr;
  std::vector<natsSubscription*> subscriptions_;
};

struct echo {
  raw_side* side;
  const std::string* data;
};

figures raw(const std::string& url, bool asap, std::uint64_t messages, std::size_t pings, const std::string& data) {
  std::atomic<std::uint64_t> received{0}, returned{0};
  raw_side from{url, asap}, to{url, asap};
  echo back{&to, &data};
  const auto count = [](natsConnection*, natsSubscription*, natsMsg* m, void* at) {
    natsMsg_Destroy(m);
    static_cast<std::atomic<std::uint64_t>*>(at)->fetch_add(1);
  };
  to.listen("bench.raw", count, &received);
  from.listen("bench.back", count, &returned);
  to.listen(
      "bench.ping",
      [](natsConnection*, natsSubscription*, natsMsg* m, void* at) {
        natsMsg_Destroy(m);
        const auto* e = static_cast<echo*>(at);
        e->side->send("bench.back", *e->data);
      },
      &back);
  figures f;
  f.per_s = rate(messages, received, [&] { from.send("bench.raw", data); });
  f.one_way = one_way_us(pings, returned, [&] { from.send("bench.ping", data); });
  return f;
}

std::shared_ptr<bus::connection> open(const std::string& url, const std::string& name) {
  bus::options o;
  o.url = url;
  o.company = "bench";
  o.name = name;
  auto opened = bus::connection::open(std::move(o));
  if (!opened) throw std::runtime_error{opened.error().message};
  return *opened;
}

figures ours(const std::string& url, std::uint64_t messages, std::size_t pings, const std::string& data) {
  std::atomic<std::uint64_t> received{0}, returned{0};
  caf::actor_system_config config;
  caf::actor_system system{config};
  const auto from = open(url, "from"), to = open(url, "to");
  event e;
  e.subject = "cadre.bench.log.ceo";
  e.what = "bench";
  e.data.text = data;
  const auto send = [&](const std::shared_ptr<bus::connection>& side, const char* subject) {
    if (auto sent = side->publish(subject, side->make_envelope("ceo", 1, e)); !sent)
      throw std::runtime_error{sent.error().message};
  };
  const auto counter = [&](std::atomic<std::uint64_t>& count) {
    return system.spawn([&count]() -> caf::behavior {
      return {[&count](const std::vector<bus::incoming>& all) {
        for (const auto& in : all)
          if (std::holds_alternative<event>(in.message.body)) count.fetch_add(1, std::memory_order_release);
      }};
    });
  };
  const auto sink = counter(received), home = counter(returned);
  const auto mirror = system.spawn([&]() -> caf::behavior {
    return {[&](const std::vector<bus::incoming>&) { send(to, "cadre.bench.log.back"); }};
  });
  const auto listen = [](const std::shared_ptr<bus::connection>& side, const char* subject, const caf::actor& target) {
    auto heard = side->subscribe_together(
        subject, [target](std::vector<bus::incoming> all) { caf::anon_send(target, std::move(all)); });
    if (!heard) throw std::runtime_error{heard.error().message};
    if (auto seen = side->flush(std::chrono::seconds{5}); !seen) throw std::runtime_error{seen.error().message};
    return std::move(*heard);
  };
  const auto all = listen(to, "cadre.bench.log.all", sink);
  const auto ping = listen(to, "cadre.bench.log.ping", mirror);
  const auto back = listen(from, "cadre.bench.log.back", home);
  figures f;
  f.per_s = rate(messages, received, [&] { send(from, "cadre.bench.log.all"); });
  f.one_way = one_way_us(pings, returned, [&] { send(from, "cadre.bench.log.ping"); });
  for (const auto& actor : {sink, home, mirror}) caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  return f;
}

}  // namespace

int main(int argc, char** argv) {
  const char* url = std::getenv("CADRE_TEST_NATS");
  if (argc != 4 || url == nullptr) {
    std::cerr << "usage: CADRE_TEST_NATS=URL bench_bus MESSAGES PINGS BYTES\n";
    return 2;
  }
  try {
    const auto messages = std::stoull(argv[1]);
    const auto pings = static_cast<std::size_t>(std::stoull(argv[2]));
    // As JSON text, which an event carries.
    const auto data = "\"" + std::string(std::stoull(argv[3]) - 2, 'x') + "\"";
    const auto gathered = raw(url, false, messages, 1, data);
    const auto asap = raw(url, true, messages, pings, data);
    const auto mine = ours(url, messages, pings, data);
    std::printf(
        "{\"cadre_per_s\": %.6g, \"raw_per_s\": %.6g, \"raw_asap_per_s\": %.6g, \"cadre_one_way_us\": %.4g, "
        "\"raw_one_way_us\": %.4g}\n",
        mine.per_s, gathered.per_s, asap.per_s, mine.one_way, asap.one_way);
    return 0;
  } catch (const std::exception& e) {
    std::cerr << "bench_bus: " << e.what() << '\n';
    return 1;
  }
}
