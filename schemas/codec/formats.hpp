#pragma once

#include "../messages.hpp"

#include <string_view>

/// The two halves of `decode`, so that each format's library stays in one file. Errors as there; size already checked.
namespace cadre::codec {

result<envelope> decode_msgpack(std::string_view bytes);
/// The same by way of msgpack-c's tree alone: slower, and the judge of what is wrong.
result<envelope> decode_tree(std::string_view bytes);
result<envelope> decode_json(std::string_view text);

}  // namespace cadre::codec
