#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "messages.hpp"

/// The wire formats of the bus: msgpack maps between nodes, JSON from and for everyone else.
namespace cadre::codec {

inline constexpr std::size_t message_bytes_max = 1024 * 1024;
inline constexpr std::string_view msgpack_type = "application/msgpack";
inline constexpr std::string_view json_type = "application/json";

/// The envelope as a msgpack map with the keys of `envelope`, `kind` and `body`. Never fails.
std::string encode(const envelope& e);

/// The envelope as JSON text with the same fields.
std::string encode_json(const envelope& e);

/// Reads either form. `content_type` is the message's header; empty means msgpack, unless the first byte is `{`.
/// Errors: too_large, bad_message (with the path of the field, for example `body.commands[2].priority: expected an
/// integer`), unknown_kind. Unknown fields are ignored. A missing field keeps its default.
/// Ids that are given and are not UUIDs, and paths that are not agent paths, are bad_message.
result<envelope> decode(std::string_view bytes, std::string_view content_type);

/// A single command as JSON: `{"id","from","incarnation","kind","body":{...}}`, as accepted inside a command_batch and
/// alone on cadre.COMPANY.cmd.KIND. An empty id is filled with a new one.
result<command> decode_command_json(std::string_view text);
std::string encode_json(const command& c);

/// The kind of a command or message: its name on the wire.
std::string_view kind_of(const command_body& body);
std::string_view kind_of(const message& body);

}  // namespace cadre::codec
