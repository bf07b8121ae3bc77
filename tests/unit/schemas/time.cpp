#include "schemas/time.hpp"

#include <boost/test/unit_test.hpp>

namespace cadre {

BOOST_AUTO_TEST_SUITE(times)

BOOST_AUTO_TEST_CASE(iso_text_shows_microseconds_and_utc) {
  BOOST_TEST(to_iso({}) == "1970-01-01T00:00:00.000000Z");
  BOOST_TEST(to_iso({1'795'233'073'123'456}) == "2026-11-21T03:51:13.123456Z");
  BOOST_TEST(to_iso({-1}) == "1969-12-31T23:59:59.999999Z");
  BOOST_TEST(to_iso({951'782'400'000'000}) == "2000-02-29T00:00:00.000000Z");
  BOOST_TEST(to_iso(timestamp_min) == "0001-01-01T00:00:00.000000Z");
  BOOST_TEST(to_iso(timestamp_max) == "9999-12-31T23:59:59.999999Z");
  BOOST_TEST(to_iso({INT64_MIN}) == to_iso(timestamp_min));
  BOOST_TEST(to_iso({INT64_MAX}) == to_iso(timestamp_max));
}

BOOST_AUTO_TEST_CASE(iso_text_is_read_back) {
  for (const std::int64_t us :
       {INT64_C(0), INT64_C(-1), INT64_C(1'795'233'073'123'456), timestamp_min.us, timestamp_max.us}) {
    const auto read = from_iso(to_iso({us}));
    BOOST_TEST_REQUIRE(read.has_value());
    BOOST_TEST(read->us == us);
  }
  const auto us_of = [](std::string_view text) { return from_iso(text).value_or(timestamp{-7}).us; };
  BOOST_TEST(us_of("2026-11-21T03:51:13Z") == 1'795'233'073'000'000);
  BOOST_TEST(us_of("2026-11-21T03:51:13.5Z") == 1'795'233'073'500'000);
  BOOST_TEST(us_of("2026-11-21T03:51:13.123456789Z") == 1'795'233'073'123'456);
  BOOST_TEST(us_of("2026-11-21T05:51:13+02:00") == 1'795'233'073'000'000);
  BOOST_TEST(us_of("2026-11-20T22:21:13-05:30") == 1'795'233'073'000'000);
}

BOOST_AUTO_TEST_CASE(other_text_is_no_time) {
  for (const auto* text :
       {"", "2026-11-21", "2026-11-21T03:51:13", "2026-11-21 03:51:13Z", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
        "2026-11-21T24:00:00Z", "2026-11-21T00:60:00Z", "2026-11-21T00:00:60Z", "2026-11-21T00:00:00.Z",
        "2026-11-21T00:00:00.1234567890Z", "2026-11-21T00:00:00+2:00", "2026-11-21T00:00:00Zx", "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "-026-11-21T00:00:00Z", "2026-11-21T00:00:00+24:00"})
    BOOST_TEST(!from_iso(text).has_value(), text);
}

BOOST_AUTO_TEST_CASE(now_is_after_this_was_written) {
  BOOST_TEST((now() > timestamp{1'577'836'800'000'000}));
  BOOST_TEST((now() < timestamp_max));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace cadre
