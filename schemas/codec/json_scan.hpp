#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cadre::codec {

/// What keeps `text` from being one JSON value without U+0000 and at most `depth_max` levels deep; empty if nothing.
/// Parsing afterwards can't fail, nor can walking the tree exhaust the stack.
std::string scan_json(std::string_view text, std::size_t depth_max);

}  // namespace cadre::codec
