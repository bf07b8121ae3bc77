#pragma once

#include "schemas/error.hpp"
#include "schemas/json_text.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>
#include <string_view>

/// JSON from agents, read with suspicion.
namespace cadre::actors {

/// A row in a finding is evidence, not data: a larger one is replaced by a note with its key and size.
inline constexpr std::size_t sample_row_bytes_max = 2048;
inline constexpr std::size_t sample_rows_max = 5;

/// Parses one JSON text. Fails with bad_message on anything but one well-formed value, and on what parsers accept and
/// other parts of Cadre can't carry: nesting deeper than limits::depth_max (readers and writers recurse), NUL bytes
/// (some readers stop there) and `\u0000` (Postgres refuses it in jsonb). Integers outside 64 bits become doubles.
result<nlohmann::json> parse_json(std::string_view text);

/// The document on one line, for JSON Lines. The text must be JSON; an empty one becomes `null`. Line breaks can only
/// stand between tokens in JSON, so replacing them by spaces changes no value.
std::string on_one_line(const json_text& document);

/// The row if it is small enough for a finding, else `{"key":KEY,"bytes":N,"note":"too large to quote"}`.
json_text sample_row(std::string_view key, std::string_view row);

}  // namespace cadre::actors
