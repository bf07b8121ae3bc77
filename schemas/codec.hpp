#pragma once

#include "limits.hpp"
#include "messages.hpp"

#include <cstddef>
#include <string>
#include <string_view>

/// The wire formats of the bus: msgpack maps between nodes, JSON from and for everyone else.
namespace cadre::codec {

inline constexpr std::size_t message_bytes_max = limits::message_bytes_max;
inline constexpr std::string_view msgpack_type = "application/msgpack";
inline constexpr std::string_view json_type = "application/json";

/// The envelope as a msgpack map with the keys of `envelope`, `kind` and `body`. Never fails; texts that are not clean
/// (see text.hpp) are cleaned, so that what one node sends another can read. A `json_text` must hold JSON: it is passed
/// on as it is, and the reader refuses the message otherwise. The size is not checked.
std::string encode(const envelope& e);

/// The envelope as JSON text with the same fields. A `json_text` that holds no JSON becomes a JSON string.
std::string encode_json(const envelope& e);

/// Reads either form. `content_type` is the message's header; empty means msgpack, unless the first byte is `{`.
/// Errors: too_large, bad_message (with the path of the field, for example `body.commands[2].body.priority: expected an
/// integer, got text`), unknown_kind. Unknown fields are ignored. A missing or null field keeps its default.
/// Ids that are given and are not UUIDs, and paths that are not agent paths, are bad_message; ids come out lower case.
/// In JSON a timestamp may also be ISO 8601 text. Never throws; memory is bounded by the limits in limits.hpp.
result<envelope> decode(std::string_view bytes, std::string_view content_type);

/// A single command as JSON: `{"id","from","incarnation","kind","body":{...}}`, as accepted inside a command_batch and
/// alone on cadre.COMPANY.cmd.KIND. An empty id is filled with a new one.
result<command> decode_command_json(std::string_view text);
std::string encode_json(const command& c);

/// A struct of commands.hpp or messages.hpp, `failure`, or a list of findings, outcomes or JSON values, as JSON: for
/// what is stored or shown. Defined for the types listed in codec/structs.cpp; others don't link.
template <class T>
std::string to_json(const T& value);

/// The opposite, with the errors of `decode`. The text may have `message_bytes_max` bytes.
template <class T>
result<T> from_json(std::string_view text);

/// The kind of a command or message: its name on the wire.
std::string_view kind_of(const command_body& body);
std::string_view kind_of(const message& body);

}  // namespace cadre::codec
