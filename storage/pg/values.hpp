#pragma once

#include "schemas/agent_path.hpp"
#include "schemas/fields.hpp"
#include "schemas/ids.hpp"
#include "schemas/json_text.hpp"
#include "schemas/time.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

/// Parameters of SQL statements as libpq's text format wants them. Nothing is ever pasted into a statement.
namespace cadre::storage::pg {

/// Nothing is SQL's NULL.
using value = std::optional<std::string>;

/// NULL for an empty text.
struct or_null {
  std::string_view text;
};

value to_value(std::string_view text);
inline value to_value(const std::string& text) {
  return to_value(std::string_view{text});
}
inline value to_value(const char* text) {
  return to_value(std::string_view{text});
}
inline value to_value(or_null v) {
  return v.text.empty() ? value{} : to_value(v.text);
}
inline value to_value(bool v) {
  return v ? "t" : "f";
}
inline value to_value(const json_text& v) {
  return v.text.empty() ? to_value("null") : to_value(v.text);
}
inline value to_value(const agent_path& v) {
  return to_value(or_null{v.text});
}
inline value to_value(timestamp v) {
  return v.empty() ? value{} : value{to_iso(v)};
}
inline value to_value(const value& v) {
  return v;
}

template <class Tag>
value to_value(const strong_id<Tag>& v) {
  return to_value(or_null{v.text});
}

template <class T>
requires(std::is_integral_v<T> && !std::is_same_v<T, bool>) value to_value(T v) {
  return std::to_string(v);
}

template <named_enum E>
value to_value(E v) {
  return std::string{to_text(v)};
}

/// An array literal: `{"a","b",NULL}`.
std::string to_array(std::span<const value> values);

template <class T>
requires(!std::is_same_v<T, value>) value to_value(const std::vector<T>& items) {
  std::vector<value> values;
  values.reserve(items.size());
  for (const auto& item : items) values.push_back(to_value(item));
  return to_array(values);
}
inline value to_value(const std::vector<value>& items) {
  return to_array(items);
}

/// A text that Postgres can't hold: libpq would cut it at the NUL in silence.
struct bad_text {
  std::string message;
};

}  // namespace cadre::storage::pg
