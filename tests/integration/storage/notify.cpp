#include "fixture.hpp"
#include "storage/read/notify_queries.hpp"
#include "storage/read/reader.hpp"

#include <boost/test/unit_test.hpp>

using namespace storage_test;

namespace notify_test {

config::notify_channel channel(const std::string& name, severity level) {
  config::notify_channel c;
  c.name = name;
  c.type = config::notify_channel::kind::webhook;
  c.level = level;
  c.url = "https://hunter2";
  return c;
}

/// `low` gets warnings and what is resolved, `high` what is critical, `page` the briefs and errors.
config::company company_with_channels() {
  auto c = make_company("c" + new_uuid().substr(24));
  c.channels = {channel("low", severity::warning), channel("high", severity::critical),
                channel("page", severity::error)};
  c.channels[0].resolved = true;
  c.channels[2].briefs = true;
  return c;
}

escalation_raise problem_of(const std::string& origin, const std::string& problem, severity level) {
  escalation_raise r;
  r.id = new_id<escalation_id>();
  r.origin.text = origin;
  r.problem = problem;
  r.level = level;
  r.cause = {errc::internal, "it broke"};
  return r;
}

/// `channel cause status attempts`, in order.
std::string rows(world& w) {
  return w.ask(
      "SELECT coalesce(string_agg(concat_ws(' ', channel, cause, status, attempts), ', ' ORDER BY channel, made_at, "
      "id), '') FROM cadre.notification WHERE company = $1");
}

std::vector<notification_id> ids(world& w, const std::string& channel) {
  std::vector<notification_id> all;
  const auto list = w.ask(
      "SELECT coalesce(json_agg(id ORDER BY made_at, id), '[]') FROM cadre.notification "
      "WHERE company = $1 AND channel = '" +
      channel + "'");
  for (const auto& id : nlohmann::json::parse(list)) all.push_back({id.get<std::string>()});
  return all;
}

notification_take taken(world& w, const std::string& channel) {
  notification_take take;
  take.id = new_id<delivery_id>();
  take.channel = channel;
  take.notifications = ids(w, channel);
  w.must(take);
  return take;
}

notification_end ended(const notification_take& take, std::int64_t attempt, const failure& error, bool last = false) {
  notification_end end;
  end.delivery = take.id;
  end.channel = take.channel;
  end.attempt = attempt;
  end.error = error;
  end.last = last;
  if (!last && error.code != errc::none) end.next_at = now() + std::chrono::minutes{1};
  return end;
}

using storage::queries::notification_filter;

nlohmann::json listed(world& w, const notification_filter& filter) {
  auto reader = storage::reader::open(w.db.superuser());
  BOOST_REQUIRE(reader);
  const auto rows = (*reader)->rows(storage::queries::notifications(w.company.name, filter));
  BOOST_REQUIRE_MESSAGE(rows, (rows ? "" : rows.error().message));
  return nlohmann::json::parse(*rows);
}

/// `channel title status attempts`, in the order of the list.
std::string texts(const nlohmann::json& rows) {
  std::string all;
  for (const auto& row : rows)
    all += (all.empty() ? "" : ", ") + row["channel"].get<std::string>() + " " + row["title"].get<std::string>() + " " +
           row["status"].get<std::string>() + " " + std::to_string(row["attempts"].get<int>());
  return all;
}

const failure down{errc::unreachable, "Couldn't connect to server"};

}  // namespace notify_test

using namespace notify_test;

BOOST_AUTO_TEST_SUITE(notifications)

BOOST_AUTO_TEST_CASE(channels_are_owed_what_reaches_the_inbox_at_their_severity) {
  world w{company_with_channels()};
  w.must(problem_of("ceo.data.plain", "odd", severity::error));
  BOOST_TEST(rows(w) == "");  // It lies with ceo.data for now.
  w.tick_after(milliseconds{601'000});
  BOOST_TEST(rows(w) == "low escalation owed 0, page escalation owed 0");
  w.tick_after(milliseconds{1'300'000});
  BOOST_TEST(rows(w) == "low escalation owed 0, page escalation owed 0");
}

BOOST_AUTO_TEST_CASE(the_same_cause_is_owed_once_however_often_it_is_said) {
  world w{company_with_channels()};
  const auto c = make(problem_of("ceo", "odd", severity::warning));
  BOOST_TEST(status(w.send(c)) == "committed");
  BOOST_TEST(status(w.send(c)) == "committed");
  w.take_over();
  BOOST_TEST(status(w.send(c)) == "committed");
  for (int i = 0; i < 30; ++i) w.must(problem_of("ceo", "odd", severity::warning));
  BOOST_TEST(rows(w) == "low escalation owed 0");
  // Worse now: the others hear of it, once.
  for (int i = 0; i < 4; ++i) w.must(problem_of("ceo", "other", severity::warning));
  w.must(problem_of("ceo", "other", severity::critical));
  w.must(problem_of("ceo", "other", severity::critical));
  BOOST_TEST(rows(w) == "high escalation owed 0, low escalation owed 0, low escalation owed 0, page escalation owed 0");
}

BOOST_AUTO_TEST_CASE(briefs_and_ends_go_to_those_who_want_them) {
  world w{company_with_channels()};
  brief_add brief;
  brief.id = new_id<brief_id>();
  brief.body.text = "{}";
  w.must(brief);
  w.must(brief);
  BOOST_TEST(rows(w) == "page brief owed 0");
  const auto problem = problem_of("ceo", "odd", severity::error);
  w.must(problem);
  escalation_resolve resolve;
  resolve.id = problem.id;
  resolve.by = "anna";
  w.must(resolve);
  BOOST_TEST(rows(w) == "low escalation owed 0, low resolved owed 0, page brief owed 0, page escalation owed 0");
}

BOOST_AUTO_TEST_CASE(a_message_keeps_its_rows_and_is_tried_until_its_end) {
  world w{company_with_channels()};
  w.must(problem_of("ceo", "one", severity::warning));
  w.must(problem_of("ceo", "two", severity::warning));
  const auto take = taken(w, "low");
  BOOST_TEST(w.must(take).value == 2);
  // What comes later is not part of it, and another message does not get its rows.
  w.must(problem_of("ceo", "three", severity::warning));
  BOOST_TEST(w.must(take).value == 2);
  BOOST_TEST(taken(w, "low").id.text != take.id.text);
  BOOST_TEST(w.ask("SELECT count(DISTINCT delivery) FROM cadre.notification WHERE company = $1") == "2");
  w.must(ended(take, 1, down));
  BOOST_TEST(rows(w) == "low escalation owed 1, low escalation owed 1, low escalation owed 0");
  w.take_over();
  BOOST_TEST(w.must(ended(take, 1, down)).value == 0);  // Said again.
  w.must(ended(take, 2, {}));
  BOOST_TEST(rows(w) == "low escalation sent 2, low escalation sent 2, low escalation owed 0");
  BOOST_TEST(w.must(ended(take, 3, down, true)).value == 0);  // An older leader's word comes late.
  BOOST_TEST(rows(w) == "low escalation sent 2, low escalation sent 2, low escalation owed 0");
}

BOOST_AUTO_TEST_CASE(what_failed_is_an_escalation_that_its_own_channel_does_not_get) {
  world w{company_with_channels()};
  w.must(problem_of("ceo", "one", severity::warning));
  const auto take = taken(w, "low");
  w.must(ended(take, 1, down, true));
  BOOST_TEST(rows(w) == "low escalation failed 1, page escalation owed 0");
  BOOST_TEST(w.ask("SELECT concat_ws(' ', origin, holder, in_inbox, severity, cause) FROM cadre.escalation WHERE "
                   "company = $1 AND problem = 'notification_failed'") ==
             "ceo ceo t error channel low could not deliver: Couldn't connect to server");
  // The next failure is counted, and nobody is told again; then the other channel fails as well.
  w.must(problem_of("ceo", "two", severity::warning));
  const auto second = taken(w, "low");
  w.must(ended(second, 1, down, true));
  const auto page = taken(w, "page");
  w.must(ended(page, 1, down, true));
  BOOST_TEST(w.ask("SELECT string_agg(fingerprint || ' ' || count, ', ' ORDER BY fingerprint) FROM cadre.escalation "
                   "WHERE company = $1 AND problem = 'notification_failed'") ==
             "notification_failed:low 2, notification_failed:page 1");
  // low is told that page fails, and so on to an end: each failure is told at most once.
  const auto third = taken(w, "low");
  w.must(ended(third, 1, down, true));
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.notification WHERE company = $1 AND status = 'owed'") == "0");
}

BOOST_AUTO_TEST_CASE(a_test_of_a_channel_fails_without_an_escalation) {
  world w{company_with_channels()};
  notification_test test;
  test.id = new_id<notification_id>();
  test.channel = "high";
  w.must(test);
  w.must(test);
  BOOST_TEST(rows(w) == "high test owed 0");
  const auto take = taken(w, "high");
  w.must(ended(take, 1, down, true));
  BOOST_TEST(rows(w) == "high test failed 1");
  BOOST_TEST(w.ask("SELECT count(*) FROM cadre.escalation WHERE company = $1") == "0");
  test.channel = "hihg";
  const auto refused = w.send(test);
  BOOST_TEST(status(refused) == "rejected not_found");
  BOOST_TEST(refused.error.message == "channel \"hihg\": not in notify.channels; there are: low, high, page");
}

BOOST_AUTO_TEST_CASE(a_channel_that_is_gone_owes_nothing_any_more) {
  world w{company_with_channels()};
  w.must(problem_of("ceo", "one", severity::critical));
  w.company.channels.erase(w.company.channels.begin());
  w.take_over();
  BOOST_TEST(rows(w) == "high escalation owed 0, low escalation failed 0, page escalation owed 0");
  BOOST_TEST(w.ask("SELECT string_agg(name || ' ' || retired, ', ' ORDER BY name) FROM cadre.notification_channel "
                   "WHERE company = $1") == "high false, low true, page false");
  auto reader = storage::reader::open(w.db.superuser());
  BOOST_REQUIRE(reader);
  const auto known = (*reader)->rows(storage::queries::known_channels(w.company.name));
  BOOST_REQUIRE_MESSAGE(known, (known ? "" : known.error().message));
  const auto list = nlohmann::json::parse(*known);
  BOOST_REQUIRE(list.size() == 3U);
  BOOST_TEST((list[1]["name"] == "low" && list[1]["retired"] == true && list[2]["retired"] == false));
}

BOOST_AUTO_TEST_CASE(what_is_over_is_removed_after_its_time) {
  world w{company_with_channels()};
  w.must(problem_of("ceo", "one", severity::warning));
  w.must(ended(taken(w, "low"), 1, {}));
  w.ask("UPDATE cadre.notification SET made_at = made_at - interval '91 days' WHERE company = $1 RETURNING 1");
  w.must(problem_of("ceo", "two", severity::warning));
  const auto take = taken(w, "low");
  BOOST_TEST(rows(w) == "low escalation sent 1, low escalation owed 0");
  w.must(ended(take, 1, {}));
  BOOST_TEST(rows(w) == "low escalation sent 1");
}

BOOST_AUTO_TEST_CASE(a_list_says_of_each_message_what_it_tells_of_and_what_became_of_it) {
  world w{company_with_channels()};
  const auto one = problem_of("ceo", "one", severity::warning);
  w.must(one);
  const auto take = taken(w, "low");
  w.must(ended(take, 1, down));
  w.must(problem_of("ceo", "three", severity::error));
  w.must(ended(taken(w, "page"), 1, {}));
  w.must(problem_of("ceo", "four", severity::critical));
  w.must(ended(taken(w, "high"), 12, down, true));
  w.ask(
      "UPDATE cadre.notification n SET made_at = e.raised_at FROM cadre.escalation e WHERE n.company = $1 "
      "AND e.company = n.company AND e.id = n.subject RETURNING 1");
  // The failure of `high` is told of, too.
  BOOST_TEST(texts(listed(w, {})) ==
             "page notification_failed at ceo owed 0, low notification_failed at ceo owed 0, page four at ceo owed 0, "
             "low four at ceo owed 0, high four at ceo failed 12, page three at ceo sent 1, low three at ceo owed 0, "
             "low one at ceo owed 1");
  const auto waits = listed(w, {"low", "owed", "", "", 50}).back();
  BOOST_TEST(waits["subject"] == one.id.text);
  BOOST_TEST(waits["cause"] == "escalation");
  BOOST_TEST(waits["severity"] == "warning");
  BOOST_TEST(waits["delivery"] == take.id.text);
  BOOST_TEST(waits["last_error"] == down.message);
  BOOST_TEST((waits["next_at"].is_string() && waits["taken_at"].is_string() && waits["sent_at"].is_null()));
  BOOST_TEST(texts(listed(w, {"", "failed", "", "", 50})) == "high four at ceo failed 12");
  const auto sent = listed(w, {"page", "sent", "", "", 50});
  BOOST_TEST(texts(sent) == "page three at ceo sent 1");
  BOOST_TEST((sent[0]["sent_at"].is_string() && sent[0]["next_at"].is_null() && sent[0]["last_error"].is_null()));
  BOOST_TEST(listed(w, {"high", "sent", "", "", 50}).empty());
}

BOOST_AUTO_TEST_CASE(a_list_of_messages_tells_briefs_and_tests_from_escalations) {
  world w{company_with_channels()};
  brief_add brief;
  brief.id = new_id<brief_id>();
  brief.body.text = "{}";
  w.must(brief);
  notification_test test;
  test.id = new_id<notification_id>();
  test.channel = "high";
  w.must(test);
  const auto rows = listed(w, {});
  BOOST_REQUIRE(rows.size() == 2U);
  BOOST_TEST(rows[0]["title"] == "test");
  BOOST_TEST(rows[0]["subject"].is_null());
  BOOST_TEST(rows[1]["title"].get<std::string>().starts_with("brief of 20"));
  BOOST_TEST(rows[1]["subject"] == brief.id.text);
}

BOOST_AUTO_TEST_CASE(the_pages_of_a_list_have_each_message_once_even_of_one_moment) {
  world w{company_with_channels()};
  for (const char* problem : {"one", "two", "three", "four"}) w.must(problem_of("ceo", problem, severity::critical));
  w.must(ended(taken(w, "low"), 1, {}));  // Both that are owed and that are over are on the pages.
  w.ask("UPDATE cadre.notification SET made_at = '2026-11-21' WHERE company = $1 RETURNING 1");
  const auto all = listed(w, {});
  BOOST_REQUIRE(all.size() == 12U);
  auto paged = nlohmann::json::array();
  notification_filter filter;
  filter.limit = 5;
  for (int page = 0; page < 4; ++page) {
    const auto rows = listed(w, filter);
    BOOST_TEST(rows.size() == (page < 2 ? 5U : page == 2 ? 2U : 0U));
    for (const auto& row : rows) paged.push_back(row);
    filter.after_channel = paged.back()["channel"].get<std::string>();
    filter.after_id = paged.back()["id"].get<std::string>();
  }
  BOOST_TEST(paged == all);
}

BOOST_AUTO_TEST_CASE(readers_see_what_is_owed_and_no_secret) {
  world w{company_with_channels()};
  w.must(problem_of("ceo", "one", severity::critical));
  auto reader = storage::reader::open(w.db.superuser());
  BOOST_REQUIRE(reader);
  namespace queries = storage::queries;
  const auto owed = (*reader)->rows(queries::owed_notifications(w.company.name, 10));
  BOOST_REQUIRE_MESSAGE(owed, (owed ? "" : owed.error().message));
  const auto before = nlohmann::json::parse(*owed);
  BOOST_REQUIRE(before.size() == 3U);
  BOOST_TEST((before[0]["taken_us"].is_null() && before[0]["made_us"].is_number_integer()));
  const auto take = taken(w, "high");
  const auto after = (*reader)->rows(queries::owed_notifications(w.company.name, 10));
  BOOST_REQUIRE_MESSAGE(after, (after ? "" : after.error().message));
  for (const auto& row : nlohmann::json::parse(*after))
    BOOST_TEST(row["taken_us"].is_null() == (row["channel"] != "high"));
  const auto parts = (*reader)->snapshot(queries::delivery_parts(w.company.name, "high", take.id.text));
  BOOST_REQUIRE_MESSAGE(parts, (parts ? "" : parts.error().message));
  const auto found = nlohmann::json::parse(*parts);
  BOOST_TEST(found["sums"][0]["notifications"] == 1);
  BOOST_TEST(found["items"][0]["problem"] == "one");
  // Who stands in looks at what should have been sent half a minute ago, and at the minute of storms before that.
  w.ask(
      "UPDATE cadre.notification SET taken_at = taken_at - interval '80 seconds' WHERE company = $1 AND channel = "
      "'high' RETURNING 1");
  const auto recent = (*reader)->rows(queries::recent_deliveries(w.company.name));
  BOOST_REQUIRE_MESSAGE(recent, (recent ? "" : recent.error().message));
  BOOST_TEST(nlohmann::json::parse(*recent).size() == 1U);
  const auto channels = (*reader)->rows(queries::notification_channels(w.company.name));
  BOOST_REQUIRE_MESSAGE(channels, (channels ? "" : channels.error().message));
  const auto list = nlohmann::json::parse(*channels);
  BOOST_REQUIRE(list.size() == 3U);
  BOOST_TEST(list[0]["name"] == "high");
  BOOST_TEST(list[0]["owed"] == 1);
  BOOST_TEST(channels->find("hunter2") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
