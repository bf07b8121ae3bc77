#include "bus/gate.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <thread>
#include <vector>

using cadre::bus::gate;

BOOST_AUTO_TEST_SUITE(gates)

BOOST_AUTO_TEST_CASE(it_counts_messages_and_bytes_until_tickets_end) {
  gate g({3, 100});
  auto a = g.try_admit(60);
  BOOST_REQUIRE(a);
  BOOST_TEST(!g.try_admit(41));
  auto b = g.try_admit(40);
  BOOST_REQUIRE(b);
  BOOST_TEST(g.messages() == 2u);
  BOOST_TEST(g.bytes() == 100u);
  BOOST_TEST(g.refused() == 1u);
  a.reset();
  BOOST_TEST(g.bytes() == 40u);
  auto c = g.try_admit(0), d = g.try_admit(0);
  BOOST_TEST((c && d));
  BOOST_TEST(!g.try_admit(0));
  BOOST_TEST(g.refused() == 2u);
}

BOOST_AUTO_TEST_CASE(a_message_over_the_bound_is_never_admitted) {
  gate g({3, 100});
  BOOST_TEST(!g.try_admit(101));
  BOOST_TEST(!g.try_admit(static_cast<std::size_t>(-1)));
  BOOST_TEST(g.messages() == 0u);
  BOOST_TEST(g.bytes() == 0u);
  BOOST_TEST(bool(g.try_admit(100)));
}

BOOST_AUTO_TEST_CASE(tickets_move_and_outlive_the_gate) {
  auto g = std::make_unique<gate>(cadre::bus::gate_limits{2, 100});
  auto a = g->try_admit(10), b = g->try_admit(20);
  BOOST_REQUIRE(a && b);
  *a = std::move(*b);
  BOOST_TEST(g->messages() == 1u);
  BOOST_TEST(g->bytes() == 20u);
  const auto shared = std::make_shared<gate::ticket>(std::move(*a));
  a.reset();
  b.reset();
  BOOST_TEST(g->messages() == 1u);
  g.reset();
  BOOST_TEST(shared->bytes() == 20u);
}

BOOST_AUTO_TEST_CASE(many_threads_never_pass_its_bounds_and_give_everything_back) {
  gate g({5, 1000});
  std::atomic<bool> over{false};
  std::atomic<std::size_t> admitted{0}, inside{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) {
        auto ticket = g.try_admit(150);
        if (!ticket) continue;
        if (++inside > 5) over = true;
        ++admitted;
        --inside;
      }
    });
  for (auto& t : threads) t.join();
  BOOST_TEST(!over);
  BOOST_TEST(admitted > 0u);
  BOOST_TEST(admitted + g.refused() == 8u * 5000u);
  BOOST_TEST(g.messages() == 0u);
  BOOST_TEST(g.bytes() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
