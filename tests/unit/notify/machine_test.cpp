#include "actors/notify/notify_machine.hpp"

#include <boost/test/unit_test.hpp>

namespace {

using namespace cadre;
using namespace cadre::notify;
using config::notify_channel;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// 2026-11-21 12:00 UTC, a Saturday.
constexpr timestamp noon{1'795'262'400'000'000};

notification_id number(int n) {
  return named_id<notification_id>(std::to_string(n));
}

owed row(int n, timestamp made, severity level = severity::error, notify::cause why = notify::cause::escalation) {
  owed o;
  o.id = number(n);
  o.cause = why;
  o.level = level;
  o.made = made;
  return o;
}

notify_channel quiet_at_night() {
  notify_channel c;
  c.name = "mail";
  c.quiet = config::quiet_hours{22 * 60, 7 * 60, "Europe/Rome", severity::critical};
  return c;
}

timestamp utc(const char* text) {
  return *from_iso(text);
}

std::size_t sent_rows(const channel_step& step) {
  return step.send ? step.send->rows.size() : 0;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(notify_machine)

BOOST_AUTO_TEST_CASE(one_sends_the_first_with_the_role_egress_else_the_leader) {
  const std::vector<std::string> up{"c", "b"};
  BOOST_TEST(sends(false, "b", up));
  BOOST_TEST(!sends(false, "c", up));
  BOOST_TEST(!sends(false, "a", up));  // Not up, as far as is known.
  BOOST_TEST(!sends(true, "a", up));
  BOOST_TEST(!sends(true, "b", up));  // The node has a notifier for the role, too.
  BOOST_TEST(sends(true, "a", {}));
  BOOST_TEST(!sends(false, "b", {}));
}

BOOST_AUTO_TEST_CASE(nothing_owed_nothing_sent) {
  const auto step = next_message({}, {}, noon);
  BOOST_TEST(!step.send);
  BOOST_TEST(step.wake.empty());
}

BOOST_AUTO_TEST_CASE(one_escalation_goes_once_it_has_settled) {
  const channel_view view{{row(1, noon)}, {}};
  auto step = next_message({}, view, noon + milliseconds{999});
  BOOST_TEST(!step.send);
  BOOST_TEST(step.wake.us == (noon + settle).us);
  step = next_message({}, view, noon + settle);
  BOOST_REQUIRE(step.send);
  BOOST_TEST(step.send->attempt == 1);
  BOOST_TEST(!step.send->taken);
  BOOST_TEST((step.send->rows == std::vector{number(1)}));
  BOOST_TEST((next_message({}, view, noon + seconds{9}).send->id == step.send->id));
}

BOOST_AUTO_TEST_CASE(what_follows_each_other_is_one_message_that_waits_no_longer_than_it_may) {
  channel_view view;
  for (int i = 0; i < 100; ++i) view.rows.push_back(row(i, noon + milliseconds{100 * i}));
  BOOST_TEST(sent_rows(next_message({}, view, noon + milliseconds{4'999})) == 0U);
  BOOST_TEST(sent_rows(next_message({}, view, noon + settle_max)) == 100U);
}

BOOST_AUTO_TEST_CASE(a_storm_waits_after_three_messages_and_is_one) {
  channel_view view{{row(1, noon)}, {noon + -seconds{50}, noon + -seconds{40}, noon + -seconds{30}}};
  auto step = next_message({}, view, noon + seconds{2});
  BOOST_TEST(!step.send);
  BOOST_TEST(step.wake.us == (noon + seconds{10}).us);
  for (int i = 2; i < 10'000; ++i) view.rows.push_back(row(i, noon + milliseconds{i}));
  BOOST_TEST(sent_rows(next_message({}, view, noon + seconds{10})) == message_rows_max);
  view.recent.erase(view.recent.begin());
  BOOST_TEST(sent_rows(next_message({}, view, noon + seconds{6})) == message_rows_max);
}

BOOST_AUTO_TEST_CASE(a_digest_gathers_but_for_what_is_critical) {
  notify_channel c;
  c.digest = minutes{30};
  channel_view view{{row(1, noon), row(2, noon + minutes{29}, severity::warning)}, {}};
  auto step = next_message(c, view, noon + minutes{29});
  BOOST_TEST(!step.send);
  BOOST_TEST(step.wake.us == (noon + minutes{30}).us);
  BOOST_TEST(sent_rows(next_message(c, view, noon + minutes{30})) == 2U);
  view.rows.push_back(row(3, noon + minutes{5}, severity::critical));
  view.rows.erase(view.rows.begin() + 1);
  BOOST_TEST(sent_rows(next_message(c, view, noon + minutes{5} + settle)) == 2U);
}

BOOST_AUTO_TEST_CASE(quiet_hours_hold_back_all_but_the_critical_and_then_send_one_message) {
  const auto c = quiet_at_night();
  // In Rome 23:30 of the 20th to 06:59 of the 21st; it ends at 06:00 UTC.
  channel_view view{{row(1, utc("2026-11-20T22:30:00Z")), row(2, utc("2026-11-21T01:00:00Z"))}, {}};
  auto step = next_message(c, view, utc("2026-11-21T05:59:59Z"));
  BOOST_TEST(!step.send);
  BOOST_TEST(to_iso(step.wake) == "2026-11-21T06:00:00.000000Z");
  BOOST_TEST(sent_rows(next_message(c, view, utc("2026-11-21T06:00:00Z"))) == 2U);
  view.rows.push_back(row(3, utc("2026-11-21T02:00:00Z"), severity::critical));
  step = next_message(c, view, utc("2026-11-21T02:00:01Z"));
  BOOST_REQUIRE(step.send);
  BOOST_TEST((step.send->rows == std::vector{number(3)}));
  // At 21:59 in Rome it is not night yet.
  view.rows = {row(4, utc("2026-11-21T20:58:00Z"))};
  BOOST_TEST(sent_rows(next_message(c, view, utc("2026-11-21T20:59:59Z"))) == 1U);
  BOOST_TEST(sent_rows(next_message(c, view, utc("2026-11-21T21:00:00Z"))) == 0U);
}

BOOST_AUTO_TEST_CASE(a_brief_is_a_message_of_its_own_and_keeps_quiet_too) {
  auto c = quiet_at_night();
  const auto night = utc("2026-11-21T02:00:00Z");
  channel_view view{
      {row(1, night, severity::info, notify::cause::brief), row(2, night, severity::info, notify::cause::brief)}, {}};
  BOOST_TEST(!next_message(c, view, night + seconds{5}).send);
  c.quiet.reset();
  view.rows.push_back(row(3, night));
  BOOST_TEST((next_message(c, view, night + seconds{5}).send->rows == std::vector{number(3)}));
  view.rows.pop_back();
  BOOST_TEST((next_message(c, view, night + seconds{5}).send->rows == std::vector{number(1)}));
}

BOOST_AUTO_TEST_CASE(what_failed_is_tried_again_before_anything_new) {
  channel_view view{{row(1, noon), row(2, noon), row(3, noon)}, {}};
  for (int i : {0, 1}) {
    view.rows[i].delivery = named_id<delivery_id>("d");
    view.rows[i].attempts = 2;
    view.rows[i].next = noon + minutes{1};
  }
  auto step = next_message({}, view, noon + seconds{59});
  BOOST_TEST(!step.send);
  BOOST_TEST(step.wake.us == (noon + minutes{1}).us);
  step = next_message({}, view, noon + minutes{1});
  BOOST_REQUIRE(step.send);
  BOOST_TEST((*step.send == outgoing{named_id<delivery_id>("d"), {}, true, false, 3}));
}

BOOST_AUTO_TEST_CASE(a_test_goes_at_once_whatever_waits) {
  auto c = quiet_at_night();
  const auto night = utc("2026-11-21T02:00:00Z");
  channel_view view{{row(1, night), row(2, night, severity::info, notify::cause::test)}, {night, night, night}};
  view.rows[0].delivery = named_id<delivery_id>("d");
  view.rows[0].next = night + minutes{5};
  const auto step = next_message(c, view, night);
  BOOST_REQUIRE(step.send);
  BOOST_TEST(step.send->test);
  BOOST_TEST((step.send->rows == std::vector{number(2)}));
}

BOOST_AUTO_TEST_CASE(attempts_are_bounded_and_wait_longer_each_time) {
  notify_channel c;
  c.name = "hook";
  c.retry = {3, {seconds{5}, minutes{1}, 3.0, 0.0}};
  outgoing message{named_id<delivery_id>("d"), {}, true, false, 1};
  const failure down{errc::unreachable, "down"};
  auto end = end_of(c, message, {}, noon, 0.5);
  BOOST_TEST((end.error.code == errc::none && !end.last && end.next_at.empty()));
  end = end_of(c, message, {down, false, {}}, noon, 0.5);
  BOOST_TEST((!end.last && end.next_at == noon + seconds{5}));
  end = end_of(c, message, {down, false, minutes{2}}, noon, 0.5);
  BOOST_TEST((!end.last && end.next_at == noon + minutes{2}));
  message.attempt = 2;
  BOOST_TEST((end_of(c, message, {down, false, {}}, noon, 0.5).next_at == noon + seconds{15}));
  message.attempt = 3;
  BOOST_TEST(end_of(c, message, {down, false, {}}, noon, 0.5).last);
  message.attempt = 1;
  BOOST_TEST(end_of(c, message, {down, true, {}}, noon, 0.5).last);
  message.test = true;
  BOOST_TEST(end_of(c, message, {down, false, {}}, noon, 0.5).last);
}

BOOST_AUTO_TEST_SUITE_END()
