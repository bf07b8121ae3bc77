#include "link.hpp"
#include "schemas/codec.hpp"

#include <array>

namespace cadre::bus::detail {

failure failure_of(natsStatus status, const std::string& context) {
  const auto text = context + ": " + natsStatus_GetText(status);
  switch (status) {
    case NATS_INSUFFICIENT_BUFFER:
      return {errc::busy, text + " (no connection, and its send buffer is full)"};
    case NATS_MAX_PAYLOAD:
      return {errc::too_large, text + " (over the server's max_payload)"};
    case NATS_INVALID_SUBJECT:
    case NATS_INVALID_ARG:
      return {errc::bad_value, text};
    case NATS_NOT_FOUND:
      return {errc::not_found, text};
    case NATS_NO_MEMORY:
      return {errc::internal, text};
    default:
      return {errc::unreachable, text};
  }
}

headers msgpack_headers() {
  static const std::array<std::pair<const char*, std::string>, 1> all{
      {{"Content-Type", std::string{codec::msgpack_type}}}};
  return all;
}

std::string_view bytes_of(const natsMsg& message) noexcept {
  const char* data = natsMsg_GetData(&message);
  return data == nullptr ? std::string_view{}
                         : std::string_view{data, static_cast<std::size_t>(natsMsg_GetDataLength(&message))};
}

std::string header_of(natsMsg& message, const char* name) {
  const char* value = nullptr;
  return natsMsgHeader_Get(&message, name, &value) == NATS_OK && value != nullptr ? value : "";
}

}  // namespace cadre::bus::detail
