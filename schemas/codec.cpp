#include "codec.hpp"

#include "codec/formats.hpp"
#include "text.hpp"

#include <cctype>

namespace cadre::codec {

namespace {

/// The media type without its parameters, in lower case.
std::string media_type(std::string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  std::string type;
  for (const char c : content_type)
    if (c != ' ' && c != '\t') type += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return type;
}

}  // namespace

result<envelope> decode(std::string_view bytes, std::string_view content_type) {
  if (bytes.size() > message_bytes_max) {
    return fail(errc::too_large, "a message of " + std::to_string(bytes.size()) + " bytes; at most " +
                                     std::to_string(message_bytes_max) + " are allowed");
  }
  if (content_type == msgpack_type) return decode_msgpack(bytes);
  const std::string type = media_type(content_type);
  if (type == json_type || (type.empty() && bytes.starts_with('{'))) return decode_json(bytes);
  if (type == msgpack_type || type.empty()) return decode_msgpack(bytes);
  return fail(errc::bad_message, "Content-Type " + in_quotes(content_type) + ": allowed are " +
                                     std::string{msgpack_type} + " and " + std::string{json_type});
}

std::string_view kind_of(const command_body& body) {
  return std::visit([](const auto& b) { return std::decay_t<decltype(b)>::kind; }, body);
}

std::string_view kind_of(const message& body) {
  return std::visit([](const auto& b) { return std::decay_t<decltype(b)>::kind; }, body);
}

}  // namespace cadre::codec
