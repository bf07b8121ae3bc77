#include "storage/pg/values.hpp"

namespace cadre::storage::pg {

value to_value(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) throw bad_text{"a text holds the character U+0000"};
  return std::string{text};
}

std::string to_array(std::span<const value> values) {
  std::size_t bytes = 2;
  for (const auto& v : values) bytes += (v ? v->size() : 4) + 3;
  std::string out;
  out.reserve(bytes + bytes / 8);
  out += '{';
  for (const auto& v : values) {
    if (out.size() > 1) out += ',';
    if (!v) {
      out += "NULL";
      continue;
    }
    out += '"';
    for (const char c : *v) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  out += '}';
  return out;
}

}  // namespace cadre::storage::pg
