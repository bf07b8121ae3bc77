#include "schemas/batch.hpp"

#include "sample.hpp"

#include <boost/test/unit_test.hpp>
#include <msgpack.hpp>

#include <random>

namespace cadre {

using namespace std::string_view_literals;

namespace {

std::string why(std::string_view bytes) {
  const auto got = codec::open_batch(bytes);
  return got ? "accepted" : std::string{to_text(got.error().code)} + ": " + got.error().message;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(batches)

BOOST_AUTO_TEST_CASE(its_bytes_are_a_promise) {
  codec::batch_writer b;
  BOOST_TEST((b.bytes() == "\xdd\0\0\0\1\1"sv));
  b.add("hello");
  BOOST_TEST(b.single() == "hello");
  b.add("");
  BOOST_TEST((b.bytes() == "\xdd\0\0\0\3\1\xc6\0\0\0\5hello\xc6\0\0\0\0"sv));
  BOOST_TEST(b.count() == 2u);
  BOOST_TEST(b.bytes().size() == codec::batch_head_bytes + 2 * codec::batch_item_bytes + 5);
  BOOST_TEST(codec::batch_type == "application/vnd.cadre.batch+msgpack");
  b.clear();
  BOOST_TEST((b.bytes() == "\xdd\0\0\0\1\1"sv));
  BOOST_TEST(b.count() == 0u);
}

BOOST_AUTO_TEST_CASE(what_goes_in_comes_out_in_order) {
  codec::batch_writer b;
  std::vector<std::string> in;
  for (const std::size_t size : {0, 1, 255, 256, 70'000, 3}) in.emplace_back(size, static_cast<char>('a' + in.size()));
  for (const auto& one : in) b.add(one);
  const std::string bytes{b.bytes()};
  const auto out = codec::open_batch(bytes);
  BOOST_TEST_REQUIRE(out.has_value());
  BOOST_TEST_REQUIRE(out->size() == in.size());
  for (std::size_t i = 0; i < in.size(); ++i) BOOST_TEST((out->at(i) == in[i]));
}

BOOST_AUTO_TEST_CASE(another_programs_library_reads_and_writes_it) {
  codec::batch_writer b;
  b.add("one");
  b.add("two");
  const auto read = msgpack::unpack(b.bytes().data(), b.bytes().size());
  const auto& list = read.get().via.array;
  BOOST_TEST_REQUIRE(list.size == 3u);
  BOOST_TEST(list.ptr[0].as<int>() == 1);
  BOOST_TEST((list.ptr[2].as<std::vector<char>>() == std::vector<char>{'t', 'w', 'o'}));

  for (const std::size_t messages : {0, 2, 14, 15, 300}) {
    msgpack::sbuffer out;
    msgpack::packer packer{out};
    packer.pack_array(static_cast<std::uint32_t>(messages + 1)).pack(1);
    for (std::size_t i = 0; i < messages; ++i) {
      const std::string text(i * 250, 'x');
      packer.pack_bin(static_cast<std::uint32_t>(text.size()));
      packer.pack_bin_body(text.data(), static_cast<std::uint32_t>(text.size()));
    }
    const auto got = codec::open_batch({out.data(), out.size()});
    BOOST_TEST_REQUIRE(got.has_value());
    BOOST_TEST_REQUIRE(got->size() == messages);
    for (std::size_t i = 0; i < messages; ++i) BOOST_TEST(got->at(i).size() == i * 250);
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_batch_is_refused_with_the_reason) {
  constexpr auto no_list = "bad_message: not a batch of messages: expected a list that begins with its version"sv;
  constexpr auto cut = "bad_message: the batch of messages is cut off, or item 0 is no binary"sv;
  for (const auto bytes : {""sv, "\x90"sv, "\x81\1\1"sv, "\xdc\0"sv, "\xdd\0\0\0\2"sv, "\xa1x"sv, "\x91"sv})
    BOOST_TEST(why(bytes) == no_list);
  BOOST_TEST(why("\x91\2"sv) == "bad_message: a batch of messages of version 2; known is 1");
  for (const auto bytes : {"\x92\1"sv, "\x92\1\xc4"sv, "\x92\1\xc4\2x"sv, "\x92\1\xc5\0"sv, "\x92\1\xa1x"sv,
                           "\x92\1\xc6\xff\xff\xff\xffx"sv, "\x92\1\xc7\1\1x"sv})
    BOOST_TEST(why(bytes) == cut);
  BOOST_TEST(why("\x91\1x"sv) == "bad_message: bytes after the end of the batch of messages");
  BOOST_TEST(why("\xdd\0\0\x04\x02\1"sv) == "too_large: a batch of 1025 messages; at most 1024 are allowed");
  BOOST_TEST(why("\xdd\xff\xff\xff\xff\1"sv).starts_with("too_large"));
}

BOOST_AUTO_TEST_CASE(as_many_as_are_allowed_are_taken) {
  codec::batch_writer b;
  for (std::size_t i = 0; i < codec::batch_messages_max; ++i) b.add("x");
  BOOST_TEST(codec::open_batch(b.bytes()).has_value());
  b.add("x");
  BOOST_TEST(!codec::open_batch(b.bytes()).has_value());
}

BOOST_AUTO_TEST_CASE(a_batch_cut_or_spoilt_anywhere_yields_no_view_outside_of_it) {
  codec::batch_writer b;
  for (const auto& [name, value] : sample::envelopes()) b.add(codec::encode(value));
  const std::string whole{b.bytes()};
  for (std::size_t n = 0; n < whole.size(); ++n) BOOST_TEST(!codec::open_batch(std::string_view{whole}.substr(0, n)));
  std::mt19937 random{7};
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = whole.substr(0, 400);
    for (int changes = 0; changes < 3; ++changes) bytes[random() % 60] = static_cast<char>(random());
    const auto got = codec::open_batch(bytes);
    if (!got) continue;
    for (const auto one : *got) BOOST_TEST((one.data() >= bytes.data() && one.end() <= bytes.data() + bytes.size()));
  }
}

BOOST_AUTO_TEST_CASE(a_reader_that_knows_no_batches_refuses_one_loudly) {
  codec::batch_writer b;
  b.add(codec::encode(sample::envelopes().front().value));
  const auto got = codec::decode(b.bytes(), codec::batch_type);
  BOOST_TEST_REQUIRE(!got.has_value());
  BOOST_TEST(got.error().message.starts_with("Content-Type \"application/vnd.cadre.batch+msgpack\": allowed are"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace cadre
