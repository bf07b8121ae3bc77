#include "outbox.hpp"

#include <set>

using namespace cadre;
using namespace cadre::bus;
using namespace cadre::bus::test;

constexpr std::int64_t total = 400;

BOOST_AUTO_TEST_SUITE(events)

BOOST_AUTO_TEST_CASE(the_stream_is_created_once_and_changed_in_place) {
  own_server server;
  const auto c = connect("acme", server.url());
  const auto none = last_published_seq(*c, "acme");
  BOOST_REQUIRE_MESSAGE(none, none.error().message);
  BOOST_TEST(*none == 0);
  stream_options o;
  o.bytes_max = 1024 * 1024;
  BOOST_REQUIRE(ensure_stream(*c, o));
  BOOST_REQUIRE(ensure_stream(*c, o));
  o.bytes_max = 2 * 1024 * 1024;
  o.max_age = std::chrono::hours{1};
  const auto changed = ensure_stream(*c, o);
  BOOST_REQUIRE_MESSAGE(changed, changed.error().message);
  BOOST_TEST(*last_published_seq(*c, "acme") == 0);
}

BOOST_AUTO_TEST_CASE(without_jetstream_it_says_so) {
  own_server server("jetstream: false");
  const auto c = connect("acme", server.url());
  const auto made = ensure_stream(*c, {});
  BOOST_REQUIRE(!made);
  BOOST_TEST(made.error().message.find("JetStream is not enabled") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(events_reach_the_stream_in_order_and_once) {
  const auto company = random_company();
  const auto c = connect(company);
  {
    outbox box(company, shared_url(), 1);
    box.write(total);
    BOOST_REQUIRE(box.done());
    BOOST_TEST(box.failures.size() == 0u);
  }
  BOOST_TEST(*last_published_seq(*c, company) == total);
  {
    outbox again(company, shared_url(), 1);
    again.write(total + 10);
    BOOST_REQUIRE(again.done());
  }
  BOOST_TEST(*last_published_seq(*c, company) == total + 10);
  collector<std::int64_t> got;
  const event_consumer consumer(*c, consumer_of(company), [&](delivery d) {
    must(d.count() == 1);
    must(d.around().company == company);
    got.add(d.what().seq);
    must(d.ack().has_value());
  });
  BOOST_REQUIRE(got.reaches(total + 10));
  check_gapless(got.all(), total + 10);
  BOOST_REQUIRE(delete_consumer(*c, consumer_of(company).name));
  BOOST_REQUIRE(delete_consumer(*c, consumer_of(company).name));
}

BOOST_AUTO_TEST_CASE(an_event_too_large_for_the_bus_keeps_its_place) {
  const auto company = random_company();
  const auto c = connect(company);
  event_publisher* publisher = nullptr;
  collector<std::int64_t> acked;
  event_publisher p(settings(company, shared_url()), {[&](std::int64_t seq) { acked.add(seq); }, {}});
  publisher = &p;
  publisher->restart(1);
  auto all = make_events(company, 1, 2);
  all[0].data.text = "\"" + std::string(limits::message_bytes_max, 'x') + "\"";
  BOOST_REQUIRE(publisher->publish(all));
  BOOST_REQUIRE(eventually([&] { return acked.size() > 0 && acked.all().back() == 2; }));
  collector<std::string> got;
  const event_consumer consumer(*c, consumer_of(company), [&](delivery d) {
    got.add(d.what().data.text);
    must(d.ack().has_value());
  });
  BOOST_REQUIRE(got.reaches(2));
  BOOST_TEST(got.all()[0] == R"({"omitted_bytes":)" + std::to_string(limits::message_bytes_max + 2) + "}");
  BOOST_REQUIRE(delete_consumer(*c, consumer_of(company).name));
}

BOOST_AUTO_TEST_CASE(what_is_not_acked_comes_again) {
  const auto company = random_company();
  const auto c = connect(company);
  outbox box(company, shared_url(), 1);
  box.write(4);
  BOOST_REQUIRE(box.done());
  auto o = consumer_of(company);
  o.ack_wait = 300ms;
  o.dropped_wait = 5ms;
  collector<std::pair<std::int64_t, std::int64_t>> got;
  collector<delivery> kept;
  const event_consumer consumer(*c, o, [&](delivery d) {
    got.add({d.what().seq, d.count()});
    if (d.what().seq == 1 && d.count() == 1) return kept.add(d);
    if (d.what().seq == 2 && d.count() == 1) return static_cast<void>(d.nak(10ms));
    if (d.what().seq == 3) return static_cast<void>(d.term());
    if (d.what().seq == 4 && d.count() == 1) return;
    must(d.ack().has_value());
    must(d.nak(0ms).has_value());
  });
  BOOST_REQUIRE(got.reaches(7));
  std::this_thread::sleep_for(500ms);
  auto all = got.all();
  std::ranges::sort(all);
  const std::vector<std::pair<std::int64_t, std::int64_t>> expected{{1, 1}, {1, 2}, {2, 1}, {2, 2},
                                                                    {3, 1}, {4, 1}, {4, 2}};
  BOOST_TEST((all == expected));
  BOOST_REQUIRE(delete_consumer(*c, o.name));
}

BOOST_AUTO_TEST_CASE(a_consumer_that_was_away_misses_none_and_sees_none_twice) {
  const auto company = random_company();
  const auto c = connect(company);
  outbox box(company, shared_url(), 1);
  collector<std::int64_t> got;
  const auto take = [&](delivery d) {
    got.add(d.what().seq);
    must(d.ack().has_value());
  };
  box.write(100);
  {
    const event_consumer first(*c, consumer_of(company), take);
    BOOST_REQUIRE(got.reaches(100));
  }
  box.write(200);
  BOOST_REQUIRE(box.done());
  BOOST_REQUIRE(c->flush(5s));
  {
    const auto other = connect(company);
    const event_consumer second(*other, consumer_of(company), take);
    BOOST_REQUIRE(got.reaches(200));
    box.write(300);
    BOOST_REQUIRE(got.reaches(300));
  }
  // What was on its way to the first when it ended is given back and comes out of turn.
  auto all = got.all();
  std::ranges::sort(all);
  check_gapless(all, 300);
  BOOST_REQUIRE(delete_consumer(*c, consumer_of(company).name));
}

BOOST_AUTO_TEST_CASE(a_consumer_deleted_under_it_is_made_again_from_the_start) {
  const auto company = random_company();
  const auto c = connect(company);
  outbox box(company, shared_url(), 1);
  box.write(5);
  collector<std::int64_t> got;
  const event_consumer consumer(*c, consumer_of(company), [&](delivery d) {
    got.add(d.what().seq);
    must(d.ack().has_value());
  });
  BOOST_REQUIRE(got.reaches(5));
  BOOST_REQUIRE(delete_consumer(*c, consumer_of(company).name));
  BOOST_REQUIRE(got.reaches(10));
  BOOST_TEST((got.all() == std::vector<std::int64_t>{1, 2, 3, 4, 5, 1, 2, 3, 4, 5}));
  BOOST_REQUIRE(delete_consumer(*c, consumer_of(company).name));
}

BOOST_AUTO_TEST_CASE(a_server_that_is_killed_in_the_middle_leaves_no_gap_and_no_repeat) {
  own_server server;
  const std::string company = "acme";
  const auto c = connect(company, server.url());
  outbox box(company, server.url(), 1);
  collector<std::int64_t> got;
  box.write(50);
  BOOST_REQUIRE(box.done());
  auto live = consumer_of(company);
  live.ack_wait = 1s;
  const event_consumer consumer(*c, live, [&](delivery d) {
    got.add(d.what().seq);
    static_cast<void>(d.ack());  // Fails while the server is away; then the event comes again.
  });
  BOOST_REQUIRE(got.reaches(50));
  for (int round = 1; round <= 3; ++round) {
    std::thread killer([&] {
      std::this_thread::sleep_for(3ms);
      server.kill();
      server.start();
    });
    for (int i = 0; i < 40; ++i) box.write(box.written + 20);
    killer.join();
    BOOST_REQUIRE(box.done());
  }
  const auto last = box.written.load();
  BOOST_REQUIRE(eventually([&] { return last_published_seq(*c, company).value_or(0) == last; }));
  collector<std::int64_t> all;
  auto o = consumer_of(company);
  o.name = "fresh";
  const event_consumer fresh(*c, o, [&](delivery d) {
    all.add(d.what().seq);
    must(d.ack().has_value());
  });
  BOOST_REQUIRE(all.reaches(static_cast<std::size_t>(last)));
  check_gapless(all.all(), last);
  BOOST_REQUIRE(eventually([&] {
    const auto seen = got.all();
    return std::set<std::int64_t>(seen.begin(), seen.end()).size() == static_cast<std::size_t>(last);
  }));
  BOOST_TEST(box.failures.size() >= 1u);
}

BOOST_AUTO_TEST_CASE(a_stream_that_lost_its_files_is_filled_again_from_the_start) {
  own_server server;
  const std::string company = "acme";
  const auto c = connect(company, server.url());
  outbox box(company, server.url(), 1);
  box.write(120);
  BOOST_REQUIRE(box.done());
  collector<std::int64_t> got;
  const event_consumer consumer(*c, consumer_of(company), [&](delivery d) {
    got.add(d.what().seq);
    must(d.ack().has_value());
  });
  BOOST_REQUIRE(got.reaches(120));
  // A second time, too: the same publisher must tell it again.
  std::size_t before = 120;
  for (std::size_t round = 1; round <= 2; ++round) {
    server.kill();
    server.lose_files();
    server.start();
    box.acked = 0;
    BOOST_REQUIRE(box.failures.reaches(2 * round));
    BOOST_TEST(to_text(box.failures.all().back().second.code) == "not_found");
    BOOST_TEST(box.failures.all().back().first == 1);
    const auto written = static_cast<std::int64_t>(120 + 30 * round);
    box.write(written);
    BOOST_REQUIRE(box.done());
    BOOST_REQUIRE(got.reaches(before + static_cast<std::size_t>(written)));
    const auto all = got.all();
    check_gapless({all.begin() + static_cast<std::ptrdiff_t>(before), all.end()}, written);
    before += static_cast<std::size_t>(written);
  }
}

BOOST_AUTO_TEST_CASE(an_answer_for_an_event_of_lost_files_is_none_for_the_one_in_its_place) {
  own_server server;
  const std::string company = "acme";
  const auto c = connect(company, server.url());
  outbox box(company, server.url(), 1);
  box.write(1);
  BOOST_REQUIRE(box.done());
  auto o = consumer_of(company);
  o.ack_wait = 1s;
  collector<delivery> held;
  const event_consumer consumer(*c, o, [&](delivery d) { held.add(std::move(d)); });
  BOOST_REQUIRE(held.reaches(1));
  server.kill();
  server.lose_files();
  server.start();
  BOOST_REQUIRE(box.failures.reaches(2));
  box.write(1);
  BOOST_REQUIRE(eventually([&] { return held.all().back().count() == 1 && held.all().size() >= 2; }));
  // The same place in the new stream, held by the same consumer anew: an ack of the old one must not end it.
  BOOST_REQUIRE(held.all().front().ack().has_value());
  BOOST_TEST(eventually([&] { return held.all().back().count() > 1; }));
}

BOOST_AUTO_TEST_CASE(companies_share_the_stream_and_not_their_events) {
  const auto one = random_company(), two = random_company();
  const auto c = connect(one), d = connect(two);
  outbox a(one, shared_url(), 1), b(two, shared_url(), 1);
  for (int i = 1; i <= 5; ++i) {
    a.write(i * 20);
    b.write(i * 30);
  }
  BOOST_REQUIRE(a.done() && b.done());
  BOOST_TEST(*last_published_seq(*c, one) == 100);
  BOOST_TEST(*last_published_seq(*d, two) == 150);
  BOOST_TEST(*last_published_seq(*d, "t-nobody") == 0);
}

BOOST_AUTO_TEST_SUITE_END()
