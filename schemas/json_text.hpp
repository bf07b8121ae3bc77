#pragma once

#include <string>
#include <string_view>

namespace cadre {

/// A JSON document kept as text: payloads, rows, metrics, evidence. Cadre passes them on without looking inside.
/// In a JSON message it stands as the nested value itself; in msgpack as a string that holds JSON; in Postgres as
/// jsonb.
struct json_text {
  std::string text = "null";

  bool operator==(const json_text&) const = default;
  [[nodiscard]] bool is_null() const noexcept { return text == "null" || text.empty(); }
};

/// What keeps `text` from being the text of a `json_text`, in words; empty if nothing does. It must be one JSON value
/// (RFC 8259), nested at most `limits::depth_max` deep, without U+0000, with numbers that fit a double.
/// One pass, no tree is built.
std::string json_problem(std::string_view text);

}  // namespace cadre
