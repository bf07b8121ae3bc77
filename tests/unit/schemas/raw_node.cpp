#include "schemas/codec/raw_node.hpp"

#include "sample.hpp"
#include "schemas/codec/formats.hpp"

#include <boost/test/unit_test.hpp>
#include <msgpack.hpp>

#include <limits>

namespace cadre {

using namespace std::string_view_literals;

BOOST_AUTO_TEST_SUITE(raw_nodes)

BOOST_AUTO_TEST_CASE(every_message_of_ours_is_read_without_a_tree) {
  for (const auto& [name, value] : sample::envelopes()) {
    BOOST_TEST_CONTEXT(name) {
      const auto bytes = codec::encode(value);
      BOOST_TEST_REQUIRE(codec::is_plain_msgpack(bytes));
      envelope e;
      bool as_written = true;
      codec::reader<codec::raw_node> read;
      BOOST_TEST(read.read(codec::raw_node{bytes.data(), as_written}, e, codec::place{}));
      BOOST_TEST(as_written);
      BOOST_TEST(sample::describe(e) == sample::describe(value));
    }
  }
}

BOOST_AUTO_TEST_CASE(fields_in_another_order_or_number_are_left_to_the_tree) {
  for (const auto bytes : {"\x82\xa1y\2\xa1x\1"sv, "\x81\xa1y\2"sv, "\x80"sv, "\x81\1\2"sv}) {
    BOOST_TEST_REQUIRE(codec::is_plain_msgpack(bytes));
    bool as_written = true;
    std::size_t hint = 0;
    BOOST_TEST(!codec::raw_node(bytes.data(), as_written).field("x", hint).has_value());
    BOOST_TEST(!as_written);
  }
}

BOOST_AUTO_TEST_CASE(numbers_are_those_of_the_library) {
  for (const std::int64_t n : {0LL,
                               1LL,
                               127LL,
                               128LL,
                               255LL,
                               256LL,
                               65'535LL,
                               65'536LL,
                               4'294'967'295LL,
                               4'294'967'296LL,
                               -1LL,
                               -32LL,
                               -33LL,
                               -128LL,
                               -129LL,
                               -32'768LL,
                               -32'769LL,
                               -2'147'483'648LL,
                               -2'147'483'649LL,
                               std::numeric_limits<long long>::min(),
                               std::numeric_limits<long long>::max()}) {
    msgpack::sbuffer out;
    msgpack::pack(out, n);
    BOOST_TEST_REQUIRE(codec::is_plain_msgpack({out.data(), out.size()}));
    bool as_written = true;
    const codec::raw_node node{out.data(), as_written};
    BOOST_TEST((node.kind() == codec::shape::integer));
    BOOST_TEST(node.fits_signed());
    BOOST_TEST(node.integer() == n);
  }
  bool as_written = true;
  BOOST_TEST(!codec::raw_node("\xcf\x80\0\0\0\0\0\0\0", as_written).fits_signed());
  // Wider than need be, as some programs write them.
  BOOST_TEST(codec::raw_node("\xd3\0\0\0\0\0\0\0\5", as_written).integer() == 5);
  BOOST_TEST(codec::raw_node("\xd0\xff", as_written).integer() == -1);
}

BOOST_AUTO_TEST_CASE(what_is_cut_strange_or_too_much_is_left_to_the_tree) {
  for (const auto bytes :
       {""sv, "\xc1"sv, "\xa5hell"sv, "\xd9"sv, "\xdb\xff\xff\xff\xff"sv, "\xdd\xff\xff\xff\xff"sv, "\x91"sv,
        "\x81\1"sv, "\1\1"sv, "\xd4\1\1"sv, "\xc7\0\1"sv, "\xcd\1"sv, "\xdf\x80\0\0\0\1"sv, "\xc6\0\0\0\2x"sv}) {
    BOOST_TEST(!codec::is_plain_msgpack(bytes));
  }
  const auto nested = [](std::size_t depth) { return std::string(depth, '\x91') + "\1"; };
  BOOST_TEST(codec::is_plain_msgpack(nested(16)));
  BOOST_TEST(!codec::is_plain_msgpack(nested(17)));
  BOOST_TEST(!codec::is_plain_msgpack(nested(1'000'000)));
  msgpack::sbuffer out;
  msgpack::packer packer{out};
  packer.pack_map(limits::map_fields_max + 1);
  for (std::size_t i = 0; i <= limits::map_fields_max; ++i) packer.pack(1).pack(1);
  BOOST_TEST(!codec::is_plain_msgpack({out.data(), out.size()}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace cadre
