#include "bus/detail/link.hpp"
#include "outbox.hpp"

#include <set>

using namespace cadre;
using namespace cadre::bus;
using namespace cadre::bus::test;

namespace {

constexpr const char* company = "acme";

/// Three servers that hold the stream together.
struct cluster {
  std::vector<std::unique_ptr<own_server>> servers;

  cluster() {
    std::vector<int> ports{free_port(), free_port(), free_port()};
    std::string routes;
    for (const int port : ports)
      routes += (routes.empty() ? "" : ", ") + ("\"nats://127.0.0.1:" + std::to_string(port)) + "\"";
    for (const int port : ports)
      servers.push_back(std::make_unique<own_server>(
          "server_name: s" + std::to_string(port) +
          "\ncluster { name: test, listen: \"127.0.0.1:" + std::to_string(port) + "\", routes: [" + routes + "] }"));
    const auto c = connect(company, url());
    stream_options o = settings(company, url()).stream;
    BOOST_REQUIRE(eventually([&] { return ensure_stream(*c, o).has_value(); }));
  }

  [[nodiscard]] std::string url() const {
    std::string all;
    for (const auto& s : servers) all += (all.empty() ? "" : ",") + s->url();
    return all;
  }
};

/// The stream, read from its beginning, has each event once and in order.
void check_stream(const std::string& url, const std::string& of, std::int64_t last) {
  const auto c = connect(of, url);
  collector<std::int64_t> all;
  auto o = consumer_of(of);
  o.name = "fresh-" + of;
  const event_consumer fresh(*c, o, [&](delivery d) {
    all.add(d.what().seq);
    must(d.ack().has_value());
  });
  BOOST_REQUIRE(all.reaches(static_cast<std::size_t>(last)));
  check_gapless(all.all(), last);
}

std::string ask(connection& c, const std::string& subject) {
  return c.wire()->request_wait("$JS.API." + subject, {}, 2s).value_or("");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(clusters)

BOOST_AUTO_TEST_CASE(the_stream_is_replicated_where_three_servers_are_named) {
  BOOST_TEST(replicas_for("nats://a:1") == 1);
  BOOST_TEST(replicas_for("nats://a:1,nats://b:1") == 1);
  BOOST_TEST(replicas_for("nats://a:1,nats://b:1,nats://c:1") == 3);
}

BOOST_AUTO_TEST_CASE(a_cluster_whose_servers_are_killed_in_turn_leaves_no_gap_and_no_repeat) {
  cluster three;
  const auto c = connect(company, three.url());
  outbox box(company, three.url(), 1);
  collector<std::int64_t> got;
  auto live = consumer_of(company);
  live.ack_wait = 1s;
  const event_consumer consumer(*c, live, [&](delivery d) {
    got.add(d.what().seq);
    static_cast<void>(d.ack());
  });
  box.write(50);
  BOOST_REQUIRE(box.done());
  for (const auto& server : three.servers) {
    std::thread killer([&] {
      std::this_thread::sleep_for(3ms);
      server->kill();
    });
    for (int i = 0; i < 40; ++i) box.write(box.written + 20);
    killer.join();
    BOOST_REQUIRE(box.done());
    server->start();
    BOOST_REQUIRE(eventually([&] {
      const auto info = ask(*c, "STREAM.INFO.CADRE_EVENTS");
      return info.find(R"("leader")") != std::string::npos && info.find(R"("current":false)") == std::string::npos;
    }));
  }
  const auto last = box.written.load();
  check_stream(three.url(), company, last);
  BOOST_REQUIRE(eventually([&] {
    const auto seen = got.all();
    return std::set<std::int64_t>(seen.begin(), seen.end()).size() == static_cast<std::size_t>(last);
  }));
}

BOOST_AUTO_TEST_CASE(a_stream_that_changes_hands_in_the_middle_leaves_no_gap_and_no_repeat) {
  cluster three;
  const auto c = connect(company, three.url());
  outbox box(company, three.url(), 1);
  std::atomic<int> linked{0}, wrong{0};
  const auto watch = c->wire()->subscribe(subjects::output(company, {"ceo.data.ingest"}), [&](natsMsg& m) {
    const auto before = detail::header_of(m, "Nats-Expected-Last-Msg-Id");
    if (before.empty()) return;
    ++linked;
    const auto seq = std::stoll(detail::header_of(m, "Cadre-Seq"));
    if (before != std::string(company) + "-" + std::to_string(seq - 1)) ++wrong;
  });
  BOOST_REQUIRE(watch);
  for (int round = 0; round < 4; ++round) {
    std::thread hand_over([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds{3 + 2 * round});
      ask(*c, "STREAM.LEADER.STEPDOWN.CADRE_EVENTS");
    });
    for (int i = 0; i < 40; ++i) box.write(box.written + 20);
    hand_over.join();
    BOOST_REQUIRE(box.done());
  }
  check_stream(three.url(), company, box.written);
  BOOST_TEST(linked > 0);
  BOOST_TEST(wrong == 0);
}

BOOST_AUTO_TEST_CASE(companies_that_share_a_cluster_get_in_each_other_s_way_and_stay_in_order) {
  cluster three;
  outbox a("one", three.url(), 1), b("two", three.url(), 1);
  for (int i = 1; i <= 20; ++i) {
    a.write(i * 20);
    b.write(i * 20);
  }
  BOOST_REQUIRE(a.done() && b.done());
  check_stream(three.url(), "one", 400);
  check_stream(three.url(), "two", 400);
}

BOOST_AUTO_TEST_SUITE_END()
