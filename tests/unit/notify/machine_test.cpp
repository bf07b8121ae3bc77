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
  BOOST_CHECK(duty_of(false, "b", up) == duty::sends);
  BOOST_CHECK(duty_of(false, "c", up) == duty::none);
  BOOST_CHECK(duty_of(false, "a", up) == duty::none);  // Not up, as far as is known.
  BOOST_CHECK(duty_of(true, "a", up) == duty::stands_in);
  BOOST_CHECK(duty_of(true, "b", up) == duty::stands_in);  // The node has a notifier for the role, too.
  BOOST_CHECK(duty_of(true, "a", {}) == duty::sends);
  BOOST_CHECK(duty_of(false, "b", {}) == duty::none);
}

BOOST_AUTO_TEST_CASE(who_stands_in_sends_what_should_have_begun_half_a_minute_ago) {
  const channel_view view{{row(1, noon), row(2, noon + seconds{20})}, {}};
  const auto late = noon + settle + stand_in_after;
  BOOST_TEST(!overdue({}, view, late + -milliseconds{1}));
  const auto message = overdue({}, view, late);
  BOOST_REQUIRE(message);
  BOOST_TEST((message->rows == std::vector{number(1)}));
  BOOST_TEST((message->id == next_message({}, view, late).send->id));  // The one that it should have been.
  BOOST_TEST(!overdue({}, {}, late));
}

BOOST_AUTO_TEST_CASE(who_stands_in_takes_nothing_from_who_sends) {
  channel_view view{{row(1, noon), row(2, noon)}, {}};
  view.rows[0].delivery = named_id<delivery_id>("d");
  view.rows[0].taken = noon + seconds{50};
  // It may be on its way until then, and what waits for it waits on.
  BOOST_TEST(!overdue({}, view, noon + seconds{79}));
  BOOST_CHECK((overdue({}, view, noon + seconds{80}) == outgoing{named_id<delivery_id>("d"), {}, true, false, 1}));
  // The next attempt may begin when its time comes, and then be on its way.
  view.rows[0].attempts = 1;
  view.rows[0].next = noon + seconds{100};
  BOOST_TEST(!overdue({}, view, noon + seconds{129}));
  BOOST_CHECK((overdue({}, view, noon + seconds{130}) == outgoing{named_id<delivery_id>("d"), {}, true, false, 2}));
}

BOOST_AUTO_TEST_CASE(tests_and_briefs_are_late_after_half_a_minute_too) {
  for (const auto why : {notify::cause::test, notify::cause::brief}) {
    channel_view view{{row(1, noon, severity::info, why)}, {}};
    BOOST_TEST(!overdue({}, view, noon + seconds{29}));
    BOOST_TEST(overdue({}, view, noon + seconds{30}).has_value());
    view.rows[0].delivery = named_id<delivery_id>("d");
    view.rows[0].taken = noon + seconds{10};
    BOOST_TEST(!overdue({}, view, noon + seconds{39}));
    BOOST_TEST(overdue({}, view, noon + seconds{40}).has_value());
  }
}

BOOST_AUTO_TEST_CASE(what_a_digest_or_a_storm_holds_back_is_not_late) {
  notify_channel c;
  c.digest = minutes{30};
  channel_view view{{row(1, noon)}, {}};
  BOOST_TEST(!overdue(c, view, noon + minutes{30} + seconds{29}));
  BOOST_TEST(overdue(c, view, noon + minutes{30} + seconds{30}).has_value());
  // A critical one would take the others along, but is not late itself.
  view.rows.push_back(row(2, noon + minutes{10}, severity::critical));
  BOOST_TEST(!overdue(c, view, noon + minutes{10} + seconds{29}));
  BOOST_TEST(overdue(c, view, noon + minutes{10} + settle + stand_in_after)->rows.size() == 2U);

  view = {{row(1, noon)}, {noon + -seconds{50}, noon + -seconds{40}, noon + -seconds{30}}};
  BOOST_TEST(!overdue({}, view, noon + seconds{39}));  // The minute of the storm was over at 10 s.
  BOOST_TEST(overdue({}, view, noon + seconds{40}).has_value());
  view.recent = {noon + seconds{1}, noon + seconds{20}, noon + seconds{35}};
  BOOST_TEST(!overdue({}, view, noon + seconds{40}));
}

BOOST_AUTO_TEST_CASE(quiet_hours_are_kept_by_who_stands_in) {
  const auto c = quiet_at_night();  // From 21:00 to 06:00 UTC.
  channel_view view{{row(1, utc("2026-11-21T02:00:00Z"))}, {}};
  BOOST_TEST(!overdue(c, view, utc("2026-11-21T06:00:29Z")));
  BOOST_TEST(overdue(c, view, utc("2026-11-21T06:00:30Z")).has_value());
  // It should have gone before the night, and now it is night.
  view.rows = {row(2, utc("2026-11-21T20:59:50Z"))};
  BOOST_TEST(!overdue(c, view, utc("2026-11-21T21:00:25Z")));
  view.rows.push_back(row(3, utc("2026-11-21T20:59:51Z"), severity::critical));
  const auto message = overdue(c, view, utc("2026-11-21T21:00:25Z"));
  BOOST_REQUIRE(message);
  BOOST_TEST((message->rows == std::vector{number(3)}));
}

BOOST_AUTO_TEST_CASE(who_stands_in_waits_until_nobody_else_begins) {
  overdue_watch watch;
  std::optional<outgoing> message = outgoing{named_id<delivery_id>("d"), {number(1)}, false, false, 1};
  BOOST_TEST(!watch.stays(message, noon));
  message->rows.push_back(number(2));  // One more became late meanwhile.
  BOOST_TEST(!watch.stays(message, noon + milliseconds{4'999}));
  BOOST_TEST(watch.stays(message, noon + stand_in_watch));
  // Another attempt, another message, or none: it begins anew.
  message->attempt = 2;
  BOOST_TEST(!watch.stays(message, noon + seconds{6}));
  message->id = named_id<delivery_id>("e");
  BOOST_TEST(!watch.stays(message, noon + seconds{10}));
  BOOST_TEST(!watch.stays({}, noon + seconds{14}));
  BOOST_TEST(!watch.stays({}, noon + seconds{24}));
  BOOST_TEST(!watch.stays(message, noon + seconds{25}));
  BOOST_TEST(watch.stays(message, noon + seconds{30}));
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
