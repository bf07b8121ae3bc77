#include "actors/http/signature.hpp"
#include "actors/notify/channel_wire.hpp"
#include "schemas/json.hpp"
#include "schemas/mail_address.hpp"

#include <boost/test/unit_test.hpp>

namespace {

using namespace cadre;
using namespace cadre::notify;
using config::notify_channel;
using nlohmann::json;
constexpr timestamp at{1'795'262'400'000'000};

json escalation(int n, const std::string& level = "error") {
  return {{"what", "escalation"},
          {"id", named_uuid(std::to_string(n))},
          {"severity", level},
          {"problem", "audit_failed"},
          {"origin", "ceo.data.ingest"},
          {"count", 3},
          {"cause", "rows <b>&\"lost\"</b>\r\nBcc: evil@example.org"},
          {"status", "open"},
          {"raised_at", "2026-11-21T10:00:00.5+00:00"}};
}

json parts_of(std::vector<json> items, std::int64_t all, const std::string& level = "error") {
  return {{"items", std::move(items)},
          {"sums", {{{"cause", "escalation"}, {"severity", level}, {"notifications", all}}}},
          {"brief", json::array()}};
}

notice made(const json& parts) {
  const auto n = compose_notice({named_uuid("delivery"), "acme", "mail"}, parts.dump());
  BOOST_REQUIRE_MESSAGE(n, (n ? "" : n.error().message));
  return *n;
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string header(const http::request& r, const std::string& name) {
  for (const auto& [key, value] : r.headers)
    if (key == name) return value;
  return "-";
}

http::answer status(long code) {
  http::answer a;
  a.status = code;
  return a;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(notices)

BOOST_AUTO_TEST_CASE(one_escalation_says_what_where_and_why) {
  const auto n = made(parts_of({escalation(1)}, 1));
  BOOST_TEST(n.title == "[acme] error: audit_failed at ceo.data.ingest");
  BOOST_TEST(n.text ==
             "error: audit_failed at ceo.data.ingest\n"
             "  rows <b>&\"lost\"</b>  Bcc: evil@example.org\n"
             "  raised 2026-11-21T10:00:00 UTC, seen 3 times\n"
             "  cadre escalation show " +
                 named_uuid("1") + "\n\n");
  BOOST_TEST(holds(n.html, "rows &lt;b&gt;&amp;&quot;lost&quot;&lt;/b&gt;"));
  const auto document = json::parse(n.document);
  BOOST_TEST(document["id"] == named_uuid("delivery"));
  BOOST_TEST(document["kind"] == "escalations");
  BOOST_TEST(document["escalations"][0]["problem"] == "audit_failed");
}

BOOST_AUTO_TEST_CASE(many_are_counted_and_the_worst_shown) {
  auto parts = parts_of({escalation(1, "critical"), escalation(2)}, 9'998);
  parts["sums"].push_back({{"cause", "escalation"}, {"severity", "critical"}, {"notifications", 2}});
  const auto n = made(parts);
  BOOST_TEST(n.title == "[acme] 10000 escalations, 2 critical");
  BOOST_TEST((n.worst == severity::critical));
  BOOST_TEST(holds(n.text, "and 9998 more: cadre inbox"));
  BOOST_TEST(n.text.size() < 1'000U);
}

BOOST_AUTO_TEST_CASE(what_was_resolved_says_by_whom) {
  auto item = escalation(1);
  item["what"] = item["status"] = "resolved";
  item["resolved_by"] = "anna";
  item["note"] = "disk replaced";
  auto parts = parts_of({item}, 1);
  parts["sums"][0]["cause"] = "resolved";
  const auto n = made(parts);
  BOOST_TEST(n.title == "[acme] resolved: audit_failed at ceo.data.ingest");
  BOOST_TEST(holds(n.text, "resolved by anna: disk replaced"));
}

BOOST_AUTO_TEST_CASE(nothing_and_nonsense_are_refused) {
  BOOST_TEST((compose_notice({"d", "c", "n"}, parts_of({}, 0).dump()).error().code == errc::not_found));
  BOOST_TEST((compose_notice({"d", "c", "n"}, "[]").error().code == errc::bad_message));
  BOOST_TEST((compose_notice({"d", "c", "n"}, "{}").error().code == errc::bad_message));
}

BOOST_AUTO_TEST_CASE(long_texts_are_cut_between_characters) {
  BOOST_TEST(shortened("abc", 3) == "abc");
  BOOST_TEST(shortened("abcdefgh", 6) == "abc...");
  BOOST_TEST(shortened("ab\u00e9defgh", 6) == "ab...");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(wires)

BOOST_AUTO_TEST_CASE(a_webhook_is_signed) {
  notify_channel c;
  c.type = notify_channel::kind::webhook;
  c.url = "https://example.org/hook";
  c.secret = "key";
  const auto n = made(parts_of({escalation(1)}, 1));
  const auto r = request_for(c, n, at);
  BOOST_TEST(r.url == c.url);
  BOOST_TEST(r.body == n.document);
  BOOST_TEST(header(r, "X-Cadre-Id") == n.id);
  BOOST_TEST(header(r, "X-Cadre-Signature") ==
             "t=1795262400,v1=" + http::hmac_sha256_hex("key", "1795262400." + r.body));
  c.secret.clear();
  BOOST_TEST(header(request_for(c, n, at), "X-Cadre-Signature") == "-");
}

BOOST_AUTO_TEST_CASE(the_signature_is_that_of_rfc_4231) {
  BOOST_TEST(http::hmac_sha256_hex("Jefe", "what do ya want for nothing?") ==
             "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

BOOST_AUTO_TEST_CASE(ntfy_gets_a_topic_a_priority_and_a_token) {
  notify_channel c;
  c.type = notify_channel::kind::ntfy;
  c.url = "https://ntfy.example.org/alarms";
  c.secret = "tk";
  const auto r = request_for(c, made(parts_of({escalation(1, "critical")}, 1, "critical")), at);
  BOOST_TEST(r.url == "https://ntfy.example.org/");
  const auto body = json::parse(r.body);
  BOOST_TEST(body["topic"] == "alarms");
  BOOST_TEST(body["priority"] == 5);
  BOOST_TEST((body["tags"] == json{"acme", "critical"}));
  BOOST_TEST(header(r, "Authorization") == "Bearer tk");
}

BOOST_AUTO_TEST_CASE(slack_gets_blocks_without_markup_of_others) {
  notify_channel c;
  c.type = notify_channel::kind::slack;
  c.url = "https://hooks.example.org/x";
  auto long_one = escalation(1);
  long_one["cause"] = std::string(9'000, '<');
  const auto body = json::parse(request_for(c, made(parts_of({long_one}, 1)), at).body);
  BOOST_TEST(body["text"] == "[acme] error: audit_failed at ceo.data.ingest");
  const auto text = body["blocks"][1]["text"]["text"].get<std::string>();
  BOOST_TEST(text.size() <= 3'000U);
  BOOST_TEST(!holds(text, "<"));
  BOOST_TEST(body["blocks"][0]["text"]["type"] == "plain_text");
}

BOOST_AUTO_TEST_CASE(a_mail_has_an_id_of_the_delivery) {
  notify_channel c;
  c.from = "cadre@example.org";
  c.to = {"a@example.org", "b@example.org"};
  const auto n = made(parts_of({escalation(1)}, 1));
  const auto m = mail_for(c, n, at);
  BOOST_TEST(m.id == n.id);
  BOOST_TEST(m.subject == n.title);
  BOOST_TEST(m.to.size() == 2U);
  BOOST_TEST(m.text == n.text);
}

BOOST_AUTO_TEST_CASE(headers_of_mails_hold_what_they_should) {
  BOOST_TEST(http::subject_line("all well") == "Subject: all well");
  BOOST_TEST(http::subject_line("a\r\nBcc: x@y") == "Subject: a  Bcc: x@y");
  BOOST_TEST(http::subject_line("\u00e9") == "Subject: =?UTF-8?B?w6k=?=");
  const auto folded = http::subject_line(std::string(44, 'a') + "\u00e9" + std::string(44, 'b'));
  BOOST_TEST(folded ==
             "Subject: =?UTF-8?B?YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=?=\r\n"
             " =?UTF-8?B?w6liYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJi?=\r\n =?UTF-8?B?Yg==?=");
  BOOST_TEST(http::mail_date(at) == "Sat, 21 Nov 2026 12:00:00 +0000");
  for (const char* good : {"a@b", "ops+x@example.org"}) BOOST_TEST(is_mail_address(good), good);
  for (const char* bad : {"", "a", "@b", "a@", "a@b@c", "a b@c", "a@b>", "a@b\r\nRCPT TO:<c@d>", "a@b,c@d"})
    BOOST_TEST(!is_mail_address(bad), bad);
}

BOOST_AUTO_TEST_CASE(a_mail_that_would_smuggle_something_in_is_refused) {
  http::mail m;
  m.from = "a@example.org";
  m.to = {"b@example.org\r\nRCPT TO:<c@example.org>"};
  m.id = "1";
  const auto sent = http::send(http::mail_server{"smtp://127.0.0.1:1", {}, {}, http::mail_tls::automatic, {}}, m);
  BOOST_REQUIRE(!sent);
  BOOST_TEST((sent.error().code == errc::bad_value));
}

BOOST_AUTO_TEST_CASE(answers_are_delivered_for_later_or_for_good) {
  for (const long code : {200L, 202L, 204L}) BOOST_TEST((judge(status(code)).error.code == errc::none));
  for (const long code : {408L, 425L, 429L, 500L, 503L}) {
    const auto end = judge(status(code));
    BOOST_TEST((end.error.code == errc::refused && !end.for_good), code);
  }
  for (const long code : {301L, 400L, 401L, 404L, 410L}) BOOST_TEST(judge(status(code)).for_good, code);
  BOOST_TEST(!judge(result<http::answer>{fail(errc::unreachable, "x")}).for_good);
  BOOST_TEST(judge(result<void>{fail(errc::refused, "550")}).for_good);
  BOOST_TEST(!judge(result<void>{fail(errc::timed_out, "x")}).for_good);
}

BOOST_AUTO_TEST_CASE(no_error_says_a_url) {
  http::request r;
  r.url = "http://127.0.0.1:1/secret-path";
  const auto answer = http::send(r);
  BOOST_REQUIRE(!answer);
  BOOST_TEST((answer.error().code == errc::unreachable));
  BOOST_TEST(!holds(answer.error().message, "secret-path"));
  r.url = "file:///etc/hostname";
  BOOST_TEST((http::send(r).error().code == errc::bad_value));
}

BOOST_AUTO_TEST_SUITE_END()
