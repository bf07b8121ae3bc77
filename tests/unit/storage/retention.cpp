#include "storage/decide/retention.hpp"

#include "schemas/ids.hpp"

#include <boost/test/unit_test.hpp>

using namespace cadre;
using namespace cadre::storage::decide;
using config::kept_time;
using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;

namespace {

timestamp at(const char* text) {
  return from_iso(text).value();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(retention)

BOOST_AUTO_TEST_CASE(ids_of_version_7_say_when_they_were_made) {
  const auto before = now();
  const auto made = made_at(new_uuid());
  BOOST_REQUIRE(made.has_value());
  BOOST_TEST((made->us / 1000 >= before.us / 1000 && *made <= now()));
  BOOST_TEST(made_at("019ab2c4-7e00-7000-8000-000000000000")->us == 0x019ab2c47e00LL * 1000);
  for (const auto* other : {"019ab2c4-7e00-4000-8000-000000000000", "019ab2c4-7e00-5000-8000-000000000000", "", "x",
                            "019ab2c4-7e00-7000-8000-00000000000"})
    BOOST_TEST(!made_at(other).has_value(), other);
}

BOOST_AUTO_TEST_CASE(first_ids_have_the_order_of_their_moments) {
  const auto moment = at("2026-11-21T03:51:13.123Z");
  const auto first = first_id(moment);
  BOOST_TEST(is_uuid(first));
  BOOST_TEST(made_at(first.substr(0, 14) + "7" + first.substr(15))->us == moment.us);
  BOOST_TEST(first < first_id(moment + milliseconds{1}));
  BOOST_TEST(earlier_id(first, milliseconds{1}) == first_id(moment + milliseconds{-1}));
  BOOST_TEST(first_id({}) == "00000000-0000-0000-0000-000000000000");
  BOOST_TEST(first_id({-5}) == "00000000-0000-0000-0000-000000000000");
}

BOOST_AUTO_TEST_CASE(months_begin_in_utc) {
  BOOST_TEST((month_of(at("2026-11-21T03:51:13.123Z")) == at("2026-11-01T00:00:00Z")));
  BOOST_TEST((month_of(at("2026-11-01T00:00:00Z")) == at("2026-11-01T00:00:00Z")));
  BOOST_TEST((month_of(at("2024-02-29T23:59:59.999999Z")) == at("2024-02-01T00:00:00Z")));
  BOOST_TEST((month_of(at("2026-01-31T23:59:59Z")) == at("2026-01-01T00:00:00Z")));
}

BOOST_AUTO_TEST_CASE(what_is_looked_at_row_by_row) {
  const auto moment = at("2026-11-21T12:00:00Z");
  const id_range other{"02000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"};
  const auto upto = [](timestamp t) { return id_range{"00000000-0000-0000-0000-000000000000", first_id(t)}; };
  // From 28 days on the months that are not wholly over are left to be dropped as a whole.
  BOOST_TEST((ranges_by_row({false, days{90}}, moment) == std::vector{upto(at("2026-08-01T00:00:00Z")), other}));
  BOOST_TEST((ranges_by_row({false, days{28}}, moment) == std::vector{upto(at("2026-10-01T00:00:00Z")), other}));
  BOOST_TEST((ranges_by_row({false, days{27}}, moment) == std::vector{upto(at("2026-10-25T12:00:00Z")), other}));
  BOOST_TEST((ranges_by_row({false, hours{1}}, moment) == std::vector{upto(at("2026-11-21T11:00:00Z")), other}));
  BOOST_TEST(ranges_by_row({true, {}}, moment).empty());
  BOOST_TEST((over_before({false, hours{1}}, moment) == at("2026-11-21T11:00:00Z")));
  BOOST_TEST(!over_before({true, {}}, moment).has_value());
}

BOOST_AUTO_TEST_CASE(pruning_takes_a_fifth_of_the_time_or_half_and_waits_longer_after_each_failure) {
  using us = std::chrono::microseconds;
  BOOST_TEST((rest_after(us{10'000}, false) == milliseconds{40}));
  BOOST_TEST((rest_after(us{1}, false) == milliseconds{1}));
  BOOST_TEST((rest_after(us{10'000}, true) == milliseconds{10}));
  BOOST_TEST((behind_after({false, std::chrono::seconds{160}}) == milliseconds{10'000}));
  BOOST_TEST((behind_after({false, days{30}}) == milliseconds{60'000}));
  BOOST_TEST(takes_much(1'000, 20, 500));
  BOOST_TEST(!takes_much(999, 20, 500));
  BOOST_TEST(!takes_much(0, 0, 500));
  config::retention_rule kept;
  const auto rest = [&](std::int64_t pruned, us took) { return rest_between_rounds(kept, {10, pruned, took}).count(); };
  BOOST_TEST(rest(0, us{1}) == 60'000);
  BOOST_TEST(rest(499, us{1}) == 60'000);
  BOOST_TEST(rest(500, us{1}) == 1'000);
  BOOST_TEST(rest(0, us{2'000'000}) == 100'000);
  BOOST_TEST(rest(0, us{2'000'000'000}) == 3'600'000);
  kept.journal = {false, std::chrono::seconds{160}};
  BOOST_TEST(rest(0, us{1}) == 10'000);
  BOOST_TEST(rest(0, us{2'000'000}) == 10'000);
  kept.journal = {false, milliseconds{1}};
  BOOST_TEST(rest(0, us{1}) == 1'000);
  kept.journal.forever = true;
  BOOST_TEST(rest(0, us{1}) == 60'000);
  BOOST_TEST((wait_after_failures(1) == milliseconds{1'000}));
  BOOST_TEST((wait_after_failures(2) == milliseconds{2'000}));
  BOOST_TEST((wait_after_failures(7) == milliseconds{64'000}));
  BOOST_TEST((wait_after_failures(1'000'000) == milliseconds{64'000}));
}

BOOST_AUTO_TEST_SUITE_END()
