#include "broken.hpp"
#include "config/quiet.hpp"

BOOST_AUTO_TEST_SUITE(notify_channels)

namespace {

using namespace cadre::config;
using cadre::severity;
using cadre::timestamp;

constexpr const char* place = "fleet: {lease: 5s}";

/// The sample with one channel; `~` as in `broken`.
sample::broken channel(const std::string& yaml, const std::string& key, const std::string& message) {
  return {place, "notify: {channels: {x: " + yaml + "}}",
          key.empty() ? "notify.channels.x" : "notify.channels.x." + key, message};
}

std::string until(const quiet_hours& q, const char* now) {
  const auto end = quiet_until(q, *cadre::from_iso(now));
  return end ? cadre::to_iso(*end).substr(0, 16) : "-";
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_channel_is_read_with_its_defaults) {
  const auto made = load_text(
      sample::changed(place,
                      "notify: {channels: {mail: {email: {to: [a@b.org, c@d.org], from: e@f.org, smtp: "
                      "'smtps://mx:465', user: u, password: p}, quiet_hours: {from: '22:30', to: '07:00', tz: "
                      "Europe/Rome}, digest: 30m}, hook: {webhook: {url: 'https://h/x', secret: s}, ca: "
                      "'-----BEGIN CERTIFICATE----- x', severity: warning, brief: true, retry: {attempts: 2}}}}"),
      "f");
  BOOST_TEST_REQUIRE(made.ok(), sample::all_texts(made.problems));
  const auto& all = made.value.channels;
  BOOST_REQUIRE(all.size() == 2U);
  BOOST_TEST((all[0].type == notify_channel::kind::email && all[0].level == severity::error && !all[0].briefs));
  BOOST_TEST(all[0].to.size() == 2U);
  BOOST_TEST(all[0].secret == "p");
  BOOST_TEST(all[0].quiet->from_minutes == 22 * 60 + 30);
  BOOST_TEST(all[0].quiet->to_minutes == 7 * 60);
  BOOST_TEST((all[0].quiet->unless == severity::critical));
  BOOST_TEST(all[0].digest.count() == 30 * 60'000);
  BOOST_TEST(all[0].retry.attempts == 12);
  BOOST_TEST(all[0].retry.wait.max.count() == 600'000);
  BOOST_TEST((all[1].type == notify_channel::kind::webhook && all[1].level == severity::warning && all[1].briefs));
  BOOST_TEST(all[1].retry.attempts == 2);
  BOOST_TEST(all[1].ca == "-----BEGIN CERTIFICATE----- x");
  BOOST_TEST(all[0].ca == "");
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_a_channel_is_said_at_its_place) {
  const std::string hook = "webhook: {url: 'https://h'}";
  const std::string mail = "to: [a@b], from: c@d, smtp: 'smtp://h'";
  const std::string pem = "-----BEGIN CERTIFICATE-----";
  for (const auto& b : {
           channel("{" + hook + ", ~severity: eror}", "severity", "did you mean `error`?"),
           channel("{webhook: {~url: 'ftp://h'}}", "webhook.url", "allowed: https://HOST or http://HOST"),
           channel("{webhook: {~url: 'https://'}}", "webhook.url", "not a URL"),
           channel("{webhook: {~url: 'https://u:p@h'}}", "webhook.url", "holds a login"),
           channel("{ntfy: {~url: 'https://h'}}", "ntfy.url", "names no topic"),
           channel("{ntfy: {~url: 'https://h/'}}", "ntfy.url", "names no topic"),
           channel("{email: {to: [a@b], from: c@d, ~smtp: 'http://h'}}", "email.smtp",
                   "allowed: smtp://HOST or smtps://HOST"),
           channel("{email: {~to: [], from: c@d, smtp: 'smtp://h'}}", "email.to", "the list has 0 items"),
           channel("{email: {to: [a@b, ~'a@b, c@d'], from: c@d, smtp: 'smtp://h'}}", "email.to[1]",
                   "not a mail address"),
           channel("{email: {to: [a@b], ~from: nobody, smtp: 'smtp://h'}}", "email.from", "not a mail address"),
           channel("{email: {" + mail + ", ~user: u}}", "email.user", "go together"),
           channel("{email: {" + mail + ", ~tls: yes}}", "email.tls", "allowed: auto, required, never"),
           channel("{email: {" + mail + ", user: u, password: p, ~tls: never}}", "email.tls",
                   "the password would not be encrypted; allowed with a user: auto or required"),
           channel("{email: {to: [a@b], from: c@d, smtp: 'smtp://localhost.evil.org:25', user: u, password: p, "
                   "~tls: never}}",
                   "email.tls", "the password would not be encrypted"),
           channel("{" + hook + ", ~ca: /etc/ssl/ca.pem}", "ca", "holds no certificate; allowed: PEM text"),
           channel("{webhook: {url: 'http://h'}, ~ca: '" + pem + "'}", "ca", "the connection is not encrypted"),
           channel("{email: {" + mail + ", tls: never}, ~ca: '" + pem + "'}", "ca", "the connection is not encrypted"),
           channel("{" + hook + ", quiet_hours: {~from: '25:00', to: '07:00'}}", "quiet_hours.from",
                   "not a time of day; allowed: HH:MM"),
           channel("{" + hook + ", quiet_hours: {from: '07:00', ~to: '07:00'}}", "quiet_hours.to", "the same as from"),
           channel("{" + hook + ", quiet_hours: {from: '22:00', to: '07:00', ~tz: Europe/Rom}}", "quiet_hours.tz",
                   "not a time zone of the IANA database"),
           channel("{" + hook + ", ~digest: 8d}", "digest", "out of bounds"),
           channel("{" + hook + ", retry: {~attempts: 0}}", "retry.attempts", "out of bounds"),
       })
    sample::expect(b);
}

BOOST_AUTO_TEST_CASE(a_password_goes_in_the_clear_to_this_host_alone) {
  const auto with = [](const std::string& url, const std::string& more) {
    return load_text(sample::changed(place, "notify: {channels: {x: {email: {to: [a@b], from: c@d, smtp: '" + url +
                                                "', " + more + "}}}}"),
                     "f");
  };
  for (const char* url : {"smtp://127.0.0.1", "smtp://127.0.0.1:25", "smtp://[::1]:25", "smtp://localhost:587/x"}) {
    const auto made = with(url, "user: u, password: p, tls: never");
    BOOST_TEST(made.ok(), url << ": " << sample::all_texts(made.problems));
  }
  BOOST_TEST(with("smtp://h", "tls: never").ok());  // Nobody logs in.
  BOOST_TEST(with("smtp://h", "user: u, password: p").ok());
  BOOST_TEST(with("smtps://h", "user: u, password: p, tls: never").ok());  // Encrypted from the first byte.
  for (const char* url : {"smtp://127.0.0.11", "smtp://10.0.0.1:25", "smtp://h/localhost", "smtp://localhosts"})
    BOOST_TEST(!with(url, "user: u, password: p, tls: never").ok(), url);
}

BOOST_AUTO_TEST_CASE(a_channel_is_of_exactly_one_kind) {
  for (const char* kinds : {"{severity: error}", "{webhook: {url: 'https://h'}, slack: {url: 'https://h'}}"}) {
    const auto made = load_text(sample::changed(place, std::string("notify: {channels: {x: ") + kinds + "}}"), "f");
    BOOST_REQUIRE(made.problems.size() == 1U);
    BOOST_TEST(made.problems[0].key == "notify.channels.x");
    BOOST_TEST(made.problems[0].line == 5);
    BOOST_TEST(made.problems[0].message.find("exactly one of email, webhook, ntfy, slack") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(secrets_are_neither_in_errors_nor_in_plans) {
  const auto with = [](const std::string& url, const std::string& secret) {
    return load_text(
        sample::changed(place, "notify: {channels: {x: {webhook: {url: '" + url + "', secret: " + secret + "}}}}"),
        "f");
  };
  const auto bad = with("ftp://hunter2", "a");
  BOOST_TEST(sample::all_texts(bad.problems).find("hunter2") == std::string::npos);
  const auto steps = plan(with("https://hunter2", "hunter3").value, with("https://hunter4", "hunter5").value);
  BOOST_REQUIRE(steps.size() == 1U);
  BOOST_TEST(steps[0].action == "channel-change");
  BOOST_TEST(steps[0].detail == "url: changed; secret: changed");
}

BOOST_AUTO_TEST_CASE(quiet_hours_follow_the_local_clock) {
  const quiet_hours night{22 * 60, 7 * 60, "Europe/Rome", severity::critical};
  BOOST_TEST(until(night, "2026-11-21T20:59:59Z") == "-");
  BOOST_TEST(until(night, "2026-11-21T21:00:00Z") == "2026-11-22T06:00");
  BOOST_TEST(until(night, "2026-11-22T05:59:59Z") == "2026-11-22T06:00");
  BOOST_TEST(until(night, "2026-11-22T06:00:00Z") == "-");
  // Clocks are put forward on 2026-03-29 and back on 2026-10-25.
  BOOST_TEST(until(night, "2026-03-28T21:00:00Z") == "2026-03-29T05:00");
  BOOST_TEST(until(night, "2026-10-24T20:00:00Z") == "2026-10-25T06:00");
  const quiet_hours day{9 * 60, 17 * 60, "UTC", severity::critical};
  BOOST_TEST(until(day, "2026-11-21T08:59:59Z") == "-");
  BOOST_TEST(until(day, "2026-11-21T09:00:00Z") == "2026-11-21T17:00");
  BOOST_TEST(until(day, "2026-11-21T17:00:00Z") == "-");
}

BOOST_AUTO_TEST_CASE(times_that_do_not_exist_or_occur_twice) {
  // 02:30 does not exist on 2026-03-29: the quiet hours end when it would have been, at 01:00 UTC.
  const quiet_hours early{60, 150, "Europe/Rome", severity::critical};
  BOOST_TEST(until(early, "2026-03-29T00:30:00Z") == "2026-03-29T01:00");
  // 02:30 occurs twice on 2026-10-25, at 00:30 and at 01:30 UTC.
  BOOST_TEST(until(early, "2026-10-25T00:29:00Z") == "2026-10-25T00:30");
  BOOST_TEST(until(early, "2026-10-25T01:15:00Z") == "-");
}

BOOST_AUTO_TEST_SUITE_END()
