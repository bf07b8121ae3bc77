#include "schemas/ids.hpp"

#include "schemas/time.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace cadre {

BOOST_AUTO_TEST_SUITE(ids)

BOOST_AUTO_TEST_CASE(new_uuids_are_version_7_and_in_order_of_time) {
  std::vector<std::string> made(20'000);
  const std::int64_t before_ms = now().us / 1000;
  for (auto& id : made) id = new_uuid();
  const std::int64_t after_ms = now().us / 1000;

  for (const auto& id : made) {
    BOOST_TEST_REQUIRE(is_uuid(id));
    BOOST_TEST_REQUIRE(id[14] == '7');
    BOOST_TEST_REQUIRE(std::string_view{"89ab"}.find(id[19]) != std::string_view::npos);
  }
  BOOST_TEST(std::is_sorted(made.begin(), made.end()));
  BOOST_TEST((std::adjacent_find(made.begin(), made.end()) == made.end()));
  const std::int64_t first_ms = std::stoll(made.front().substr(0, 8) + made.front().substr(9, 4), nullptr, 16);
  BOOST_TEST(first_ms >= before_ms);
  BOOST_TEST(first_ms <= after_ms);
}

BOOST_AUTO_TEST_CASE(what_a_later_thread_makes_is_greater) {
  std::vector<std::string> made;
  for (int t = 0; t < 50; ++t)
    std::thread{[&] {
      for (int i = 0; i < 20; ++i) made.push_back(new_uuid());
    }}.join();
  BOOST_TEST(std::is_sorted(made.begin(), made.end()));
}

BOOST_AUTO_TEST_CASE(threads_make_different_uuids) {
  std::mutex lock;
  std::set<std::string> all;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      std::vector<std::string> mine(5'000);
      for (auto& id : mine) id = new_uuid();
      const std::lock_guard guard{lock};
      all.insert(mine.begin(), mine.end());
    });
  }
  for (auto& thread : threads) thread.join();
  BOOST_TEST(all.size() == 20'000);
}

BOOST_AUTO_TEST_CASE(named_uuids_depend_on_the_name_alone) {
  // uuid5(NAMESPACE_URL, "cadre:x") of any other implementation.
  BOOST_TEST(named_uuid("x") == "0043cf69-dca7-5ad2-8639-73b940ef9d91");
  BOOST_TEST(named_uuid("x") == named_uuid("x"));
  BOOST_TEST(named_uuid("x") != named_uuid("y"));
  BOOST_TEST(is_uuid(named_uuid("")));
}

BOOST_AUTO_TEST_CASE(uuids_are_told_from_other_text) {
  BOOST_TEST(is_uuid("6ba7b810-9dad-11d1-80b4-00c04fd430c8"));
  BOOST_TEST(is_uuid("6BA7B810-9DAD-11D1-80B4-00C04FD430C8"));
  for (const auto* text : {"", "6ba7b810-9dad-11d1-80b4-00c04fd430c", "6ba7b810-9dad-11d1-80b4-00c04fd430c80",
                           "6ba7b8109-dad-11d1-80b4-00c04fd430c8", "6ba7b810-9dad-11d1-80b4-00c04fd430cg",
                           "6ba7b810_9dad_11d1_80b4_00c04fd430c8", "{ba7b810-9dad-11d1-80b4-00c04fd430c}"})
    BOOST_TEST(!is_uuid(text), text);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace cadre
