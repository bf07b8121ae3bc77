#pragma once

#include "storage/pg/values.hpp"

/// Parameters as statements that are sent (pipeline.hpp) take them: arrays in Postgres' binary format where their type
/// is known here, because a literal is escaped here and parsed there character by character, twice.
namespace cadre::storage::pg {

struct parameter {
  value bytes;  ///< Nothing is SQL's NULL.
  bool binary = false;
};

/// A column of texts, for `text[]`. Refers to what it is made of.
struct texts {
  std::span<const value> all;
};
inline value to_value(texts v) {
  return to_array(v.all);
}

/// A column of JSON documents, for `jsonb[]`. Refers to what it is made of.
struct documents {
  std::span<const value> all;
};
inline value to_value(documents v) {
  return to_array(v.all);
}

template <class T>
parameter to_parameter(const T& v) {
  return {to_value(v), false};
}

/// For `text[]` and `jsonb[]`. The server refuses what is not UTF-8 or not JSON, as it does with a literal.
parameter to_parameter(texts v);
parameter to_parameter(documents v);
/// For `smallint[]`, `int[]`, `bigint[]`.
parameter to_parameter(const std::vector<std::int16_t>& v);
parameter to_parameter(const std::vector<std::int32_t>& v);
parameter to_parameter(const std::vector<std::int64_t>& v);
/// For `timestamptz[]`; an empty one is NULL.
parameter to_parameter(const std::vector<timestamp>& v);

/// For `uuid[]`. If one of them is no UUID, all go as a literal, which the server refuses in its own words.
parameter uuids(const std::vector<std::string_view>& ids);

template <class Tag>
parameter to_parameter(const std::vector<strong_id<Tag>>& ids) {
  std::vector<std::string_view> views;
  views.reserve(ids.size());
  for (const auto& id : ids) views.push_back(id.text);
  return uuids(views);
}

}  // namespace cadre::storage::pg
