#include "actors/runner/text.hpp"

#include <cstdint>

namespace cadre::actors {
std::string quote_bytes(std::string_view bytes, std::size_t bytes_max) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out = "\"";
  for (const char c : bytes.substr(0, bytes_max)) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (byte >= 0x20 && byte < 0x7F) {
      out += c;
    } else {
      out += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
    }
  }
  out += '"';
  if (bytes.size() > bytes_max) out += " (of " + std::to_string(bytes.size()) + " bytes)";
  return out;
}

}  // namespace cadre::actors
