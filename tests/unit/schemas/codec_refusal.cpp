#include "sample.hpp"

#include <boost/test/unit_test.hpp>
#include <msgpack.hpp>

namespace cadre {

namespace {

struct packed {
  struct stream {
    std::string bytes;
    void write(const char* data, std::size_t size) { bytes.append(data, size); }
  } out;
  msgpack::packer<stream> packer{out};
};

failure refusal(std::string_view bytes, std::string_view type = "") {
  const auto got = codec::decode(bytes, type);
  return got ? failure{} : got.error();
}

void refuses(std::string_view text, errc code, std::string_view message) {
  const auto f = refusal(text, codec::json_type);
  BOOST_TEST_CONTEXT(text.substr(0, 200)) {
    BOOST_TEST(to_text(f.code) == to_text(code));
    BOOST_TEST(f.message == message);
  }
}

void refuses_msgpack(const std::string& bytes, errc code, std::string_view message) {
  const auto f = refusal(bytes, codec::msgpack_type);
  BOOST_TEST(to_text(f.code) == to_text(code));
  BOOST_TEST(f.message == message);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(codec_refusal)

BOOST_AUTO_TEST_CASE(unknown_fields_are_ignored) {
  const auto got = codec::decode(R"({"kind":"run_revoke","later":{"x":[1]},"body":{"new":1,"reason":"r"}})", "");
  BOOST_TEST_REQUIRE(got.has_value(), sample::why(got));
  BOOST_TEST(std::get<run_revoke>(got->body).reason == "r");

  packed p;
  p.packer.pack_map(4);
  p.packer.pack(7).pack("a key that is no text");
  p.packer.pack("kind").pack("run_revoke");
  p.packer.pack("later").pack_ext(3, 1).pack_ext_body("abc", 3);
  p.packer.pack("body").pack_map(2).pack("new").pack(1.5).pack("reason").pack("r");
  const auto got_packed = codec::decode(p.out.bytes, "");
  BOOST_TEST_REQUIRE(got_packed.has_value(), sample::why(got_packed));
  BOOST_TEST(std::get<run_revoke>(got_packed->body).reason == "r");
}

BOOST_AUTO_TEST_CASE(fields_may_stand_in_any_order) {
  packed p;
  p.packer.pack_map(3);
  p.packer.pack("body").pack_map(3).pack("at").pack(5).pack("what").pack("w").pack("seq").pack(9);
  p.packer.pack("kind").pack("event");
  p.packer.pack("company").pack("acme");
  const auto got = codec::decode(p.out.bytes, "");
  BOOST_TEST_REQUIRE(got.has_value(), sample::why(got));
  BOOST_TEST(got->company == "acme");
  BOOST_TEST(std::get<event>(got->body).seq == 9);
  BOOST_TEST(std::get<event>(got->body).at.us == 5);
}

BOOST_AUTO_TEST_CASE(missing_and_null_fields_keep_their_defaults) {
  for (const auto* text : {R"({"kind":"command_batch","body":{"commands":[{"kind":"task_add"}]}})",
                           R"({"kind":"command_batch","version":null,"body":{"commands":[
                              {"kind":"task_add","id":null,"body":{"id":null,"priority":null,"payload":null,
                               "depends_on":null,"run_after":null}}]}})"}) {
    const auto got = codec::decode(text, codec::json_type);
    BOOST_TEST_REQUIRE(got.has_value(), sample::why(got));
    envelope expected;
    expected.body = command_batch{{command{{}, "", 0, task_add{}}}};
    BOOST_TEST(sample::describe(*got) == sample::describe(expected));
  }
}

BOOST_AUTO_TEST_CASE(the_content_type_chooses_the_format) {
  envelope e;
  e.body = ack{};
  const std::string packed_bytes = codec::encode(e);
  const std::string json = codec::encode_json(e);
  BOOST_TEST(codec::decode(packed_bytes, "").has_value());
  BOOST_TEST(codec::decode(packed_bytes, "application/msgpack").has_value());
  BOOST_TEST(codec::decode(json, "").has_value());
  BOOST_TEST(codec::decode(json, "Application/JSON; charset=utf-8").has_value());
  BOOST_TEST(!codec::decode(json, "application/msgpack").has_value());
  BOOST_TEST(!codec::decode(packed_bytes, "application/json").has_value());
  BOOST_TEST(refusal(json, "text/plain").message ==
             "Content-Type \"text/plain\": allowed are application/msgpack and application/json");
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_told_with_its_place) {
  using enum errc;
  const auto in_command = [](std::string_view kind, std::string_view body) {
    return R"({"kind":"command_batch","body":{"commands":[{"kind":"clock_tick"},{"kind":")" + std::string{kind} +
           R"(","body":)" + std::string{body} + "}]}}";
  };
  refuses("[]", bad_message, "expected a map, got a list");
  refuses("{}", bad_message, "kind: missing");
  refuses(R"({"kind":3})", bad_message, "kind: expected text, got an integer");
  refuses(R"({"kind":"nope"})", unknown_kind, "kind: unknown kind \"nope\"");
  refuses(R"({"kind":"task_add"})", unknown_kind, "kind: unknown kind \"task_add\"");
  refuses(R"({"kind":"ack","body":[]})", bad_message, "body: expected a map, got a list");
  refuses(R"({"kind":"ack","id":"x"})", bad_message, "id: expected a UUID, got \"x\"");
  refuses(in_command("nope", "{}"), unknown_kind, "body.commands[1].kind: unknown kind \"nope\"");
  refuses(in_command("task_add", R"({"priority":"high"})"), bad_message,
          "body.commands[1].body.priority: expected an integer, got text");
  refuses(in_command("task_add", R"({"priority":1.5})"), bad_message,
          "body.commands[1].body.priority: expected an integer, got a number with a fraction");
  refuses(in_command("task_add", R"({"draft":1})"), bad_message,
          "body.commands[1].body.draft: expected true or false, got an integer");
  refuses(in_command("task_add", R"({"title":["x"]})"), bad_message,
          "body.commands[1].body.title: expected text, got a list");
  refuses(in_command("task_add", R"({"title":"a\u0000"})"), bad_message,
          "the JSON contains the character U+0000, which can't be stored");
  refuses(in_command("task_add", R"({"depends_on":["6ba7b810-9dad-11d1-80b4-00c04fd430c8",1]})"), bad_message,
          "body.commands[1].body.depends_on[1]: expected an id, got an integer");
  refuses(in_command("task_add", R"({"depends_on":{}})"), bad_message,
          "body.commands[1].body.depends_on: expected a list, got a map");
  refuses(in_command("task_add", R"({"agent":"CEO"})"), bad_message,
          "body.commands[1].body.agent: expected an agent path such as ceo.data.ingest (a-z, 0-9 and - between dots), "
          "got \"CEO\"");
  refuses(in_command("task_add", R"({"deadline":"tomorrow"})"), bad_message,
          "body.commands[1].body.deadline: expected microseconds since 1970 or a time such as 2026-11-21T03:51:13Z, "
          "got \"tomorrow\"");
  refuses(in_command("task_add", R"({"deadline":9223372036854775807})"), bad_message,
          "body.commands[1].body.deadline: the time is not in the years 1 to 9999");
  refuses(in_command("escalation_raise", R"({"level":"dire"})"), bad_message,
          "body.commands[1].body.level: expected one of info, warning, error, critical, got \"dire\"");
}

BOOST_AUTO_TEST_CASE(integers_out_of_range_are_refused) {
  using enum errc;
  refuses(R"({"kind":"ack","version":-1})", bad_message, "version: out of range: allowed are 0 to 4294967295");
  refuses(R"({"kind":"ack","version":4294967296})", bad_message, "version: out of range: allowed are 0 to 4294967295");
  refuses(R"({"kind":"ack","incarnation":-1})", bad_message,
          "incarnation: out of range: allowed are 0 to 9223372036854775807");
  refuses(R"({"kind":"ack","incarnation":9223372036854775808})", bad_message,
          "incarnation: out of range: allowed are 0 to 9223372036854775807");
  refuses(R"({"kind":"ack","incarnation":99999999999999999999})", bad_message,
          "incarnation: expected an integer, got a number with a fraction");
  BOOST_TEST(codec::decode(R"({"kind":"ack","incarnation":9223372036854775807})", "").value().incarnation ==
             9223372036854775807U);

  packed p;
  p.packer.pack_map(2).pack("kind").pack("ack").pack("incarnation").pack(std::uint64_t{1} << 63);
  refuses_msgpack(p.out.bytes, bad_message, "incarnation: out of range: allowed are 0 to 9223372036854775807");
}

BOOST_AUTO_TEST_CASE(msgpack_values_of_the_wrong_type_are_refused) {
  using enum errc;
  const auto brain_with = [](auto&& pack_content) {
    packed p;
    p.packer.pack_map(2).pack("kind").pack("run_grant").pack("body").pack_map(1);
    pack_content(p.packer);
    return p.out.bytes;
  };
  refuses_msgpack(brain_with([](auto& p) { p.pack("brain").pack("{"); }), bad_message,
                  "body.brain: not JSON: it goes wrong at byte 2");
  refuses_msgpack(brain_with([](auto& p) { p.pack("brain").pack_map(0); }), bad_message,
                  "body.brain: expected text that holds JSON, got a map");
  refuses_msgpack(brain_with([](auto& p) { p.pack("deadline").pack("2026-11-21T03:51:13Z"); }), bad_message,
                  "body.deadline: expected an integer, got text");
  refuses_msgpack(brain_with([](auto& p) { p.pack("title").pack_bin(1).pack_bin_body("x", 1); }), bad_message,
                  "body.title: expected text, got binary data");
  refuses_msgpack(brain_with([](auto& p) { p.pack("title").pack("\xff"); }), bad_message,
                  "body.title: not UTF-8 text, or it contains U+0000");
  refuses_msgpack(brain_with([](auto& p) { p.pack("title").pack(std::string(1, '\0')); }), bad_message,
                  "body.title: not UTF-8 text, or it contains U+0000");
  refuses_msgpack(brain_with([](auto& p) { p.pack("attempt").pack(1.5); }), bad_message,
                  "body.attempt: expected an integer, got a number with a fraction");

  envelope e;
  e.body = ack{};
  refuses_msgpack(codec::encode(e) + "xy", bad_message, "2 bytes after the end of the message");
}

BOOST_AUTO_TEST_CASE(sizes_are_bounded) {
  using enum errc;
  const std::string over(limits::message_bytes_max + 1, ' ');
  BOOST_TEST(to_text(refusal(over, codec::json_type).code) == "too_large");
  BOOST_TEST(to_text(refusal(over, codec::msgpack_type).code) == "too_large");
  BOOST_TEST(to_text(codec::from_json<task_add>(over).error().code) == "too_large");
  BOOST_TEST(to_text(codec::decode_command_json(over).error().code) == "too_large");

  std::string items = R"({"kind":"command_outcomes","body":{"outcomes":[{})";
  for (std::size_t i = 0; i < limits::message_items_max; ++i) items += ",{}";
  refuses(items + "]}}", too_large, "body.outcomes: over 262144 list items in one message");

  refuses(std::string(1'000'000, '['), bad_message, "the JSON is nested more than 80 levels deep");
  BOOST_TEST((refusal(std::string(1'000'000, '\x91'), codec::msgpack_type).code == bad_message), "nested lists");
  // Lists and maps that claim four billion items.
  BOOST_TEST((refusal("\xdd\xff\xff\xff\xff", codec::msgpack_type).code == bad_message), "list");
  BOOST_TEST((refusal("\xdf\xff\xff\xff\xff", codec::msgpack_type).code == bad_message), "map");
  BOOST_TEST((refusal("\xdb\xff\xff\xff\xff", codec::msgpack_type).code == bad_message), "text");
}

BOOST_AUTO_TEST_CASE(a_json_text_may_be_as_deep_as_allowed_wherever_it_stands) {
  const std::string deepest = std::string(limits::depth_max, '[') + std::string(limits::depth_max, ']');
  envelope e;
  verdict_add verdict;
  verdict.findings.resize(1);
  verdict.findings[0].sample_rows = {{deepest}};
  e.body = command_batch{{command{{}, "", 0, verdict}}};
  BOOST_TEST(codec::decode(codec::encode(e), "").has_value());
  BOOST_TEST(codec::decode(codec::encode_json(e), "").has_value());

  verdict.findings[0].sample_rows = {{"[" + deepest + "]"}};
  e.body = command_batch{{command{{}, "", 0, verdict}}};
  const std::string place =
      "body.commands[0].body.findings[0].sample_rows[0]: the JSON is nested more than 64 levels deep";
  BOOST_TEST(refusal(codec::encode(e)).message == place);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace cadre
