#pragma once

#include <string>

namespace cadre {

/// A JSON document kept as text: payloads, rows, metrics, evidence. Cadre passes them on without looking inside.
/// In a JSON message it stands as the nested value itself; in msgpack as a string that holds JSON; in Postgres as jsonb.
struct json_text {
  std::string text = "null";

  bool operator==(const json_text&) const = default;
  [[nodiscard]] bool is_null() const noexcept { return text == "null" || text.empty(); }
};

}  // namespace cadre
