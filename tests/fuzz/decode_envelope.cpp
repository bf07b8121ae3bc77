#include "schemas/batch.hpp"
#include "schemas/codec.hpp"
#include "schemas/codec/formats.hpp"
#include "schemas/codec/json_scan.hpp"
#include "schemas/json.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

/// Decoding any bytes must end in a message or an error, and a message that was accepted must survive both formats.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cadre;
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  for (const std::string_view type : {std::string_view{}, codec::json_type, codec::msgpack_type}) {
    const auto got = codec::decode(bytes, type);
    if (!got) {
      if (got.error().code == errc::none || got.error().message.empty()) std::abort();
      continue;
    }
    const auto packed = codec::encode(*got);
    const auto again = codec::decode(packed, codec::msgpack_type);
    // The text of a number may be longer in msgpack than in the JSON it came from, so the bound may be crossed.
    if (!again && again.error().code != errc::too_large) std::abort();
    if (again && codec::encode(*again) != packed) std::abort();
    const auto json = codec::decode(codec::encode_json(*got), codec::json_type);
    if (!json && json.error().code != errc::too_large) std::abort();
  }
  const auto tree = codec::decode_tree(bytes);
  const auto quick = codec::decode_msgpack(bytes);
  if (tree.has_value() != quick.has_value()) std::abort();
  if (tree && codec::encode(*tree) != codec::encode(*quick)) std::abort();
  if (const auto batch = codec::open_batch(bytes))
    for (const auto one : *batch) (void)codec::decode(one, codec::msgpack_type);
  if (codec::surely_json(bytes, limits::depth_max) && !nlohmann::json::accept(bytes)) std::abort();
  (void)codec::decode_command_json(bytes);
  return 0;
}
