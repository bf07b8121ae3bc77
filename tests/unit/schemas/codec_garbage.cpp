#include "sample.hpp"
#include "schemas/codec/formats.hpp"

#include <boost/test/unit_test.hpp>

#include <random>

/// What decodes garbage must answer with an error or a message, never with an exception or a crash. The seeds are
/// fixed; a failure names the iteration.
namespace cadre {

namespace {

/// Decoding must not throw; what it accepts must be encodable and decode to the same again.
void survive(const std::string& bytes, std::string_view type) {
  const auto got = codec::decode(bytes, type);
  if (type == codec::msgpack_type) {
    // The quick way and the one by a tree must not differ.
    const auto tree = codec::decode_tree(bytes);
    BOOST_TEST_REQUIRE(tree.has_value() == got.has_value());
    if (got) BOOST_TEST((codec::encode(*tree) == codec::encode(*got)));
    if (!got) BOOST_TEST(tree.error().message == got.error().message);
  }
  if (!got) {
    BOOST_TEST(!got.error().message.empty());
    BOOST_TEST((got.error().code != errc::none));
    return;
  }
  const auto again = codec::decode(codec::encode(*got), codec::msgpack_type);
  BOOST_TEST_REQUIRE(again.has_value(), sample::why(again));
  BOOST_TEST(sample::describe(*again) == sample::describe(*got));
}

std::string mutated(std::string bytes, std::mt19937& random) {
  const auto below = [&](std::size_t n) { return random() % n; };
  for (std::size_t changes = 1 + below(4); changes > 0 && !bytes.empty(); --changes) {
    const std::size_t at = below(bytes.size());
    switch (below(5)) {
      case 0:
        bytes[at] = static_cast<char>(random());
        break;
      case 1:
        bytes[at] = static_cast<char>(static_cast<unsigned char>(bytes[at]) ^ (1U << below(8)));
        break;
      case 2:
        bytes.erase(at, 1 + below(8));
        break;
      case 3:
        bytes.insert(at, bytes.substr(below(bytes.size()), below(16)));
        break;
      default:
        bytes.insert(at, 1, static_cast<char>(random()));
        break;
    }
  }
  return bytes;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(codec_garbage)

BOOST_AUTO_TEST_CASE(a_message_cut_anywhere_is_refused) {
  for (const auto& [name, value] : sample::envelopes()) {
    if (name == "command_batch") continue;  // Its commands come one by one.
    BOOST_TEST_CONTEXT(name) {
      const std::string packed = codec::encode(value);
      for (std::size_t n = 0; n < packed.size(); ++n)
        BOOST_TEST(!codec::decode({packed.data(), n}, codec::msgpack_type).has_value(), n << " bytes");
      const std::string json = codec::encode_json(value);
      for (std::size_t n = 0; n < json.size(); ++n)
        BOOST_TEST(!codec::decode({json.data(), n}, codec::json_type).has_value(), n << " bytes");
    }
  }
}

BOOST_AUTO_TEST_CASE(mutated_messages_are_survived) {
  std::mt19937 random{20261121};
  const auto samples = sample::envelopes();
  for (int i = 0; i < 20'000; ++i) {
    const auto& [name, value] = samples[random() % samples.size()];
    if (name == "command_batch") continue;
    BOOST_TEST_CONTEXT("iteration " << i << ", " << name) {
      survive(mutated(codec::encode(value), random), codec::msgpack_type);
      survive(mutated(codec::encode_json(value), random), codec::json_type);
    }
  }
}

BOOST_AUTO_TEST_CASE(noise_is_survived) {
  std::mt19937 random{7};
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(random() % 64, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    BOOST_TEST_CONTEXT("iteration " << i) {
      survive(bytes, "");
      survive(bytes, codec::json_type);
      survive('\x81' + bytes, codec::msgpack_type);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace cadre
