#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cadre::codec {

/// What keeps `text` from being one JSON value without U+0000 and at most `depth_max` levels deep; empty if nothing.
/// Parsing afterwards can't fail, nor can walking the tree exhaust the stack.
std::string scan_json(std::string_view text, std::size_t depth_max);

/// True only if scan_json() would find nothing, at a twentieth of its cost: every json_text is looked at on every hop.
/// False where it is not so or not certain: numbers of over a hundred digits or with exponents of over two, surrogates
/// written as escapes, a byte order mark. Takes recursion of `depth_max`, no memory.
bool surely_json(std::string_view text, std::size_t depth_max);

}  // namespace cadre::codec
