#include "sample.hpp"

#include <boost/test/unit_test.hpp>

#include <set>

namespace cadre {

BOOST_AUTO_TEST_SUITE(codec_round_trip)

BOOST_AUTO_TEST_CASE(the_filler_leaves_no_field_at_its_default) {
  sample::each_alternative(command_body{}, [](auto body) {
    const auto before = body;
    sample::filler{}.fill(body);
    decltype(body)::each_field(body, [&](std::string_view name, const auto& filled) {
      decltype(body)::each_field(before, [&](std::string_view other, const auto& fresh) {
        if (name == other) BOOST_TEST(sample::describe(filled) != sample::describe(fresh), name);
      });
    });
  });
}

BOOST_AUTO_TEST_CASE(kinds_are_unique) {
  std::set<std::string_view> kinds;
  sample::each_alternative(message{}, [&](auto body) { BOOST_TEST(kinds.insert(decltype(body)::kind).second); });
  sample::each_alternative(command_body{}, [&](auto body) { BOOST_TEST(kinds.insert(decltype(body)::kind).second); });
}

BOOST_AUTO_TEST_CASE(every_kind_survives_msgpack) {
  for (const auto& [name, sent] : sample::envelopes()) {
    const auto got = codec::decode(codec::encode(sent), codec::msgpack_type);
    BOOST_TEST_CONTEXT(name) {
      BOOST_TEST_REQUIRE(got.has_value(), sample::why(got));
      BOOST_TEST(sample::describe(*got) == sample::describe(sent));
    }
  }
}

BOOST_AUTO_TEST_CASE(every_kind_survives_json) {
  for (const auto& [name, sent] : sample::envelopes()) {
    const auto got = codec::decode(codec::encode_json(sent), codec::json_type);
    BOOST_TEST_CONTEXT(name) {
      BOOST_TEST_REQUIRE(got.has_value(), sample::why(got));
      BOOST_TEST(sample::describe(*got) == sample::describe(sent));
    }
  }
}

BOOST_AUTO_TEST_CASE(defaults_survive_both) {
  sample::each_alternative(message{}, [](auto body) {
    envelope sent;
    sent.body = body;
    for (const bool json : {false, true}) {
      const auto got = codec::decode(json ? codec::encode_json(sent) : codec::encode(sent), "");
      BOOST_TEST_REQUIRE(got.has_value());
      BOOST_TEST(sample::describe(*got) == sample::describe(sent));
    }
  });
}

BOOST_AUTO_TEST_CASE(every_command_survives_alone) {
  sample::each_alternative(command_body{}, [](auto body) {
    command sent;
    sent.body = body;
    sample::filler{}.fill(sent);
    const auto got = codec::decode_command_json(codec::encode_json(sent));
    BOOST_TEST_REQUIRE(got.has_value());
    BOOST_TEST(sample::describe(*got) == sample::describe(sent));

    sample::filler{}.fill(body);
    const auto bare = codec::from_json<decltype(body)>(codec::to_json(body));
    BOOST_TEST_REQUIRE(bare.has_value());
    BOOST_TEST(sample::describe(*bare) == sample::describe(body));
  });
}

BOOST_AUTO_TEST_CASE(a_command_without_an_id_gets_one) {
  const auto got = codec::decode_command_json(R"({"kind":"task_add","body":{"title":"x"}})");
  BOOST_TEST_REQUIRE(got.has_value());
  BOOST_TEST(is_uuid(got->id.text));
  const auto given = codec::decode_command_json(
      R"({"kind":"clock_tick","id":"6BA7B810-9DAD-11D1-80B4-00C04FD430C8","body":{"at":"2026-11-21T03:51:13.5Z"}})");
  BOOST_TEST_REQUIRE(given.has_value());
  BOOST_TEST(given->id.text == "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
  BOOST_TEST(to_iso(std::get<clock_tick>(given->body).at) == "2026-11-21T03:51:13.500000Z");
}

BOOST_AUTO_TEST_CASE(lists_that_are_stored_survive) {
  std::vector<audit_finding> findings(3);
  sample::filler fill;
  for (auto& finding : findings) fill.fill(finding);
  const auto got = codec::from_json<std::vector<audit_finding>>(codec::to_json(findings));
  BOOST_TEST_REQUIRE(got.has_value());
  BOOST_TEST(sample::describe(*got) == sample::describe(findings));
  BOOST_TEST(codec::to_json(std::vector<json_text>{{"1"}, {""}, {R"({"a":[]})"}}) == R"([1,null,{"a":[]}])");
}

BOOST_AUTO_TEST_CASE(json_text_is_nested_in_json_and_text_in_msgpack) {
  brain_set set;
  set.content.text = R"({"a":[1,2]})";
  BOOST_TEST(codec::to_json(set) == R"({"id":"","key":"","content":{"a":[1,2]},"by":""})");

  envelope e;
  e.body = command_batch{{command{{}, "cli", 0, set}}};
  BOOST_TEST(codec::encode(e).find(R"({"a":[1,2]})") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(texts_that_are_not_clean_are_cleaned_on_the_way_out) {
  envelope e;
  e.body = error_reply{failure{errc::storage, std::string{"a\xff\0b", 4}}};
  for (const auto& bytes : {codec::encode(e), codec::encode_json(e)}) {
    const auto got = codec::decode(bytes, "");
    BOOST_TEST_REQUIRE(got.has_value(), sample::why(got));
    BOOST_TEST(std::get<error_reply>(got->body).error.message == "a\uFFFD\uFFFDb");
  }
  brief_add brief;
  brief.body.text = "not {json";
  BOOST_TEST(codec::to_json(brief) == R"({"id":"","body":"not {json","markdown":""})");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace cadre
