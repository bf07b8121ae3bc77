#include "sample.hpp"
#include "schemas/json.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

/// The bytes on the wire are a promise to nodes of other versions and to programs outside. These tests compare them
/// with tests/golden/wire, where each file is one message with every field set.
namespace cadre {

namespace {

const std::filesystem::path folder = std::filesystem::path{CADRE_SOURCE_DIR} / "tests" / "golden" / "wire";

const std::string how_to_update =
    "; if the change of the protocol is meant, run this suite with CADRE_UPDATE_GOLDEN=1 and commit tests/golden/wire";

bool updates() {
  return std::getenv("CADRE_UPDATE_GOLDEN") != nullptr;
}

std::string slurp(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

void compare(const std::string& name, const std::string& bytes) {
  if (updates()) std::ofstream{folder / name, std::ios::binary} << bytes;
  BOOST_TEST_REQUIRE(std::filesystem::exists(folder / name), name << " is missing" << how_to_update);
  BOOST_TEST((slurp(folder / name) == bytes), name << " is not what is encoded now" << how_to_update);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(codec_golden)

BOOST_AUTO_TEST_CASE(messages_are_encoded_as_ever) {
  if (updates()) std::filesystem::create_directories(folder);
  for (const auto& [name, value] : sample::envelopes()) {
    compare(name + ".msgpack", codec::encode(value));
    compare(name + ".json", nlohmann::ordered_json::parse(codec::encode_json(value)).dump(2) + "\n");
  }
}

BOOST_AUTO_TEST_CASE(messages_are_decoded_as_ever) {
  for (const auto& [name, value] : sample::envelopes()) {
    BOOST_TEST_CONTEXT(name) {
      const auto packed = codec::decode(slurp(folder / (name + ".msgpack")), codec::msgpack_type);
      BOOST_TEST_REQUIRE(packed.has_value(), sample::why(packed));
      BOOST_TEST(sample::describe(*packed) == sample::describe(value));
      const auto json = codec::decode(slurp(folder / (name + ".json")), codec::json_type);
      BOOST_TEST_REQUIRE(json.has_value(), sample::why(json));
      BOOST_TEST(sample::describe(*json) == sample::describe(value));
    }
  }
}

BOOST_AUTO_TEST_CASE(no_golden_file_is_left_over) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator{folder}) files += entry.is_regular_file() ? 1 : 0;
  BOOST_TEST(files == 2 * sample::envelopes().size());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace cadre
