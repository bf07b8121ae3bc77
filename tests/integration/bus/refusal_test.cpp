#include "bus/connection.hpp"
#include "bus/detail/link.hpp"
#include "bus/detail/reading.hpp"
#include "schemas/codec.hpp"
#include "schemas/subjects.hpp"
#include "support.hpp"

#include <array>

using namespace cadre;
using namespace cadre::bus;
using namespace cadre::bus::test;

namespace {

/// A company's command subject with a handler that says `ack` and notes what it gets.
struct desk {
  std::string company = random_company();
  std::shared_ptr<connection> here;
  std::shared_ptr<connection> there;
  collector<incoming> got;
  collector<refusal> refused;
  subscription sub, watch;

  explicit desk(const std::string& url = shared_url()) : here(connect(company, url)), there(connect(company, url)) {
    watch = here->on_refused([this](const refusal& r) { refused.add(r); });
    auto s = here->subscribe(subjects::commands(company), [this](incoming in) {
      must(here->reply(in, "node.desk", 0, ack{}).has_value());
      got.add(std::move(in));
    });
    BOOST_REQUIRE(s && here->flush(5s));
    sub = std::move(*s);
  }
  /// The answer to raw bytes, as they stand on the wire.
  std::string ask(std::string_view bytes, const std::string& type = {}, const std::string& kind = "batch") {
    std::array<std::pair<const char*, std::string>, 1> headers{{{"Content-Type", type}}};
    collector<std::string> answer;
    there->wire()->request(subjects::command(company, kind), type.empty() ? detail::headers{} : headers, bytes, 10s,
                           [&](auto r) { answer.add(r ? std::string(detail::bytes_of(**r)) : r.error().message); });
    BOOST_REQUIRE(answer.reaches(1));
    return answer.all().at(0);
  }
};

std::string error_in(const std::string& bytes) {
  const auto e = codec::decode(bytes, "");
  BOOST_REQUIRE_MESSAGE(e, bytes);
  const auto* reply = std::get_if<error_reply>(&e->body);
  return reply != nullptr ? std::string(to_text(reply->error.code)) : "no error";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(refusals)

BOOST_AUTO_TEST_CASE(malformed_messages_are_answered_counted_and_told_once) {
  desk d;
  BOOST_TEST(error_in(d.ask("\xc1 nonsense")) == "bad_message");
  BOOST_TEST(error_in(d.ask("")) == "bad_message");
  const auto json = d.ask("{ nonsense");
  BOOST_TEST(json.front() == '{');
  BOOST_TEST(error_in(json) == "bad_message");
  BOOST_TEST(d.got.size() == 0u);
  BOOST_TEST(d.here->count().refused_malformed == 3u);
  BOOST_TEST(d.here->count().received == 0u);
  BOOST_TEST(d.refused.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_foreign_company_is_refused_by_name) {
  desk d;
  auto e = d.there->make_envelope("node.evil", 0, ack{});
  e.company = "other";
  const auto answer = d.there->request_wait(subjects::command(d.company, "batch"), e, 10s);
  BOOST_REQUIRE(!answer);
  BOOST_TEST(to_text(answer.error().code) == "wrong_company");
  BOOST_TEST(d.here->count().refused_company == 1u);
  BOOST_TEST(d.got.size() == 0u);
  BOOST_REQUIRE(d.refused.reaches(1));
  BOOST_TEST(d.refused.all().at(0).sender == "other/node.evil");
}

BOOST_AUTO_TEST_CASE(a_foreign_company_is_refused_on_a_nodes_subject_too) {
  const auto company = random_company();
  const auto c = connect(company), other = connect(random_company());
  collector<incoming> got;
  const auto node = "n-" + company;
  const auto sub = c->subscribe(subjects::control(node), [&](incoming in) { got.add(std::move(in)); });
  BOOST_REQUIRE(sub && c->flush(5s));
  const auto answer = other->request_wait(subjects::control(node), other->make_envelope("cli", 0, ack{}), 10s);
  BOOST_REQUIRE(!answer);
  BOOST_TEST(c->count().refused_company == 1u);
  BOOST_TEST(got.size() == 0u);
}

BOOST_AUTO_TEST_CASE(oversized_messages_are_refused_where_the_server_lets_them_through) {
  own_server server("max_payload: 4MB");
  desk d(server.url());
  BOOST_TEST(error_in(d.ask(std::string(limits::message_bytes_max + 1, 'x'))) == "too_large");
  BOOST_TEST(d.here->count().refused_oversized == 1u);
  BOOST_TEST(d.got.size() == 0u);
}

BOOST_AUTO_TEST_CASE(messages_nobody_waits_for_are_refused_in_silence) {
  desk d;
  BOOST_REQUIRE(d.there->wire()->send(subjects::command(d.company, "batch"), {}, {}, "\xc1"));
  BOOST_TEST(eventually([&] { return d.here->count().refused_malformed == 1; }));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(commands_from_outside)

BOOST_AUTO_TEST_CASE(a_command_alone_as_json_becomes_a_batch_of_one) {
  desk d;
  const std::string text = R"({"from":"cli","kind":"task_add","body":{"id":")" + new_uuid() +
                           R"(","mode":"data","title":"hello","payload":{"a":[1]}}})";
  for (const std::string type : {"", "application/json", "application/json; charset=utf-8"}) {
    const auto answer = d.ask(text, type, "task_add");
    BOOST_TEST(answer.front() == '{');
    BOOST_TEST(error_in(answer) == "no error");
  }
  BOOST_REQUIRE(d.got.reaches(3));
  for (const auto& in : d.got.all()) {
    BOOST_TEST(in.json);
    BOOST_TEST(in.message.company == d.company);
    BOOST_TEST(in.message.from == "cli");
    const auto& batch = std::get<command_batch>(in.message.body);
    BOOST_REQUIRE(batch.commands.size() == 1u);
    BOOST_TEST(!batch.commands[0].id.empty());
    BOOST_TEST(std::get<task_add>(batch.commands[0].body).title == "hello");
  }
}

BOOST_AUTO_TEST_CASE(a_command_alone_with_a_wrong_kind_or_field_is_answered_with_what_is_wrong) {
  desk d;
  BOOST_TEST(error_in(d.ask(R"({"kind":"task_ad","body":{}})", "", "task_ad")) == "unknown_kind");
  BOOST_TEST(error_in(d.ask(R"({"kind":"task_add","body":{"priority":"high"}})", "", "task_add")) == "bad_message");
  BOOST_TEST(d.got.size() == 0u);
}

BOOST_AUTO_TEST_CASE(an_envelope_as_json_is_a_message_like_any_other) {
  desk d;
  const auto text = codec::encode_json(d.there->make_envelope("node.x", 4, command_batch{}));
  BOOST_TEST(error_in(d.ask(text, "application/json")) == "no error");
  BOOST_REQUIRE(d.got.reaches(1));
  BOOST_TEST(d.got.all()[0].message.incarnation == 4u);
}

BOOST_AUTO_TEST_CASE(a_command_alone_is_only_accepted_on_a_command_subject) {
  const std::string text = R"({"kind":"task_add","body":{}})";
  const auto here = detail::read_message("acme", "cadre.acme.cmd.task_add", "", text, 1000);
  BOOST_TEST(bool(here.message));
  BOOST_TEST(!detail::read_message("acme", "cadre.acme.agent.ceo", "", text, 1000).message);
  BOOST_TEST(!detail::read_message("acme", "cadre.other.cmd.task_add", "", text, 1000).message);
  const std::string foreign = R"({"company":"other","kind":"task_add","body":{}})";
  BOOST_TEST(!detail::read_message("acme", "cadre.acme.cmd.task_add", "", foreign, 1000).message);
}

BOOST_AUTO_TEST_SUITE_END()
