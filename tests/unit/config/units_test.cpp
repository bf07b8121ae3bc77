#include "config/units.hpp"

#include "config/did_you_mean.hpp"
#include "config/utf8.hpp"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(units)

namespace {

using namespace cadre::config;
using std::chrono::milliseconds;

template <class T>
std::string said(const cadre::result<T>& r) {
  return r ? std::string("no error") : r.error().message;
}

BOOST_AUTO_TEST_CASE(durations_have_a_unit) {
  BOOST_TEST(parse_duration("250ms")->count() == 250);
  BOOST_TEST(parse_duration("5s")->count() == 5'000);
  BOOST_TEST(parse_duration("5m")->count() == 300'000);
  BOOST_TEST(parse_duration("2h")->count() == 7'200'000);
  BOOST_TEST(parse_duration("1d")->count() == 86'400'000);
  BOOST_TEST(parse_duration("0s")->count() == 0);
  BOOST_TEST(said(parse_duration("30")).find("needs a unit; add ms, s, m, h or d, for example 30s") !=
             std::string::npos);
  BOOST_TEST(said(parse_duration("1.5s")).find("fractions") != std::string::npos);
  for (const auto* bad :
       {"", "s", "-5s", "5 s", "5sec", "5M", "1h30m", "99999999999999999999s", "9223372036854775807d"})
    BOOST_TEST(!parse_duration(bad), "accepted " << bad);
}

BOOST_AUTO_TEST_CASE(durations_are_written_short) {
  BOOST_TEST(duration_text(milliseconds{0}) == "0s");
  BOOST_TEST(duration_text(milliseconds{250}) == "250ms");
  BOOST_TEST(duration_text(milliseconds{90'000}) == "90s");
  BOOST_TEST(duration_text(milliseconds{300'000}) == "5m");
  BOOST_TEST(duration_text(milliseconds{86'400'000}) == "1d");
}

BOOST_AUTO_TEST_CASE(dates_are_those_of_the_calendar) {
  for (const auto* day : {"2026-12-25", "2028-02-29", "0001-01-01", "9999-12-31"})
    BOOST_TEST(date_text(parse_date(day).value()) == day);
  BOOST_TEST((parse_date("2026-12-25").value() == std::chrono::year{2026} / 12 / 25));
  for (const auto* bad :
       {"", "2026-02-29", "2026-13-01", "2026-00-10", "2026-04-31", "2026-12-00", "2026-12-32", "0000-01-01",
        "2026-1-1", "26-12-25", "2026/12/25", "2026-12-25T00:00:00Z", "2026-1a-25", "2026- 1-25", "-026-12-25"})
    BOOST_TEST(!parse_date(bad), "accepted " << bad);
}

BOOST_AUTO_TEST_CASE(sizes) {
  BOOST_TEST(*parse_bytes("0") == 0);
  BOOST_TEST(*parse_bytes("4096") == 4096);
  BOOST_TEST(*parse_bytes("64KiB") == 65'536);
  BOOST_TEST(*parse_bytes("1MiB") == 1'048'576);
  BOOST_TEST(*parse_bytes("2GiB") == 2'147'483'648);
  for (const auto* bad : {"", "KiB", "-1", "1KB", "1kib", "1.5MiB", "9223372036854775807GiB"})
    BOOST_TEST(!parse_bytes(bad), "accepted " << bad);
  BOOST_TEST(bytes_text(1'048'576) == "1MiB");
  BOOST_TEST(bytes_text(1'000) == "1000");
  BOOST_TEST(bytes_text(0) == "0");
}

BOOST_AUTO_TEST_CASE(shares_and_priorities) {
  BOOST_TEST(*parse_share("20%") == 0.2);
  BOOST_TEST(*parse_share("0.2") == 0.2);
  BOOST_TEST(*parse_share("0") == 0.0);
  BOOST_TEST(*parse_share("100%") == 1.0);
  for (const auto* bad : {"", "%", "20", "101%", "-1%", "nan", "0.2x"})
    BOOST_TEST(!parse_share(bad), "accepted " << bad);
  BOOST_TEST(*parse_priority("0") == 0);
  BOOST_TEST(*parse_priority("P3") == 3);
  for (const auto* bad : {"", "P", "4", "P4", "p1", "00", "-1"}) BOOST_TEST(!parse_priority(bad), "accepted " << bad);
}

BOOST_AUTO_TEST_CASE(suggestions_are_near_or_none) {
  const std::vector<std::string_view> keys{"intensity", "period", "strategy", "run", "role"};
  BOOST_TEST(nearest("intensty", keys) == "intensity");
  BOOST_TEST(nearest("preiod", keys) == "period");
  BOOST_TEST(nearest("rnu", keys) == "run");
  BOOST_TEST(nearest("rolle", keys) == "role");
  BOOST_TEST(nearest("colour", keys) == "");
  BOOST_TEST(nearest("", keys) == "");
  BOOST_TEST(did_you_mean("intensty", keys) == "; did you mean `intensity`?");
}

BOOST_AUTO_TEST_CASE(utf8_is_checked_and_cut_between_characters) {
  BOOST_TEST(!find_bad_text("a\tb\r\n\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"));
  const auto bad = find_bad_text("ab\n\xc3\xa9\xff");
  BOOST_REQUIRE(bad);
  BOOST_TEST(bad->line == 2);
  BOOST_TEST(bad->column == 2);
  for (const std::string_view text : {"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc3", "\x04", "\x7f", "\x80"})
    BOOST_TEST(find_bad_text(text).has_value());
  BOOST_TEST(find_bad_text(std::string_view("a\0b", 3)).has_value());
  BOOST_TEST(cut_utf8("a\xc3\xa9", 2) == "a");
  BOOST_TEST(cut_utf8("a\xc3\xa9", 3) == "a\xc3\xa9");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
