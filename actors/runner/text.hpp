#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cadre::actors {

/// At most `bytes_max` bytes as printable ASCII in double quotes: other bytes, quotes and backslashes are escaped
/// (`\n`, `\xC3`), so that a person sees exactly what a program wrote. What was cut off is stated:
/// `"..." (of 5000 bytes)`.
std::string quote_bytes(std::string_view bytes, std::size_t bytes_max = 200);

}  // namespace cadre::actors
