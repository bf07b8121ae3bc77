#pragma once

#include "schemas/json.hpp"

#include <cstdint>
#include <string>
#include <string_view>

/// Reading documents that somebody else may have written: what is not there, or is something else, reads as empty.
namespace cadre::brief {

/// The member `key` of an object; null if there is none.
const nlohmann::json& part(const nlohmann::json& object, std::string_view key);

/// A member that is a list, or an object; else an empty one.
const nlohmann::json& list_in(const nlohmann::json& object, std::string_view key);
const nlohmann::json& object_in(const nlohmann::json& object, std::string_view key);

/// A member that is a text as it is, one that is another value as JSON, tamed (text.hpp) at a cost of `cost_max`.
std::string text(const nlohmann::json& object, std::string_view key, std::size_t cost_max);

/// A member that is an integer or a number with an integer part; else 0.
std::int64_t number(const nlohmann::json& object, std::string_view key);

/// A member that is `true`.
bool flag(const nlohmann::json& object, std::string_view key);

/// Seconds from the moment `from` to the moment `to`, both ISO 8601; 0 if either is none, or it is not later.
std::int64_t seconds_between(const nlohmann::json& from, const nlohmann::json& to);

/// How long that is, for people: `40 s`, `12 min`, `3 h`, `5 d`.
std::string duration_text(std::int64_t seconds);

}  // namespace cadre::brief
