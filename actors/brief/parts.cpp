#include "parts.hpp"

#include "schemas/time.hpp"
#include "text.hpp"

#include <algorithm>

namespace cadre::brief {

using json = nlohmann::json;

const json& part(const json& object, std::string_view key) {
  static const json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}

const json& list_in(const json& object, std::string_view key) {
  static const json none = json::array();
  const auto& value = part(object, key);
  return value.is_array() ? value : none;
}

const json& object_in(const json& object, std::string_view key) {
  static const json none = json::object();
  const auto& value = part(object, key);
  return value.is_object() ? value : none;
}

std::string text(const json& object, std::string_view key, std::size_t cost_max) {
  const auto& value = part(object, key);
  if (value.is_null()) return {};
  return tame(value.is_string() ? value.get_ref<const std::string&>() : value.dump(), cost_max);
}

std::int64_t number(const json& object, std::string_view key) {
  const auto& value = part(object, key);
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (!value.is_number()) return 0;
  return static_cast<std::int64_t>(std::clamp(value.get<double>(), -9e15, 9e15));
}

bool flag(const json& object, std::string_view key) {
  const auto& value = part(object, key);
  return value.is_boolean() && value.get<bool>();
}

std::int64_t seconds_between(const json& from, const json& to) {
  if (!from.is_string() || !to.is_string()) return 0;
  const auto a = from_iso(from.get_ref<const std::string&>()), b = from_iso(to.get_ref<const std::string&>());
  return a && b ? std::max<std::int64_t>(0, (b->us - a->us) / 1'000'000) : 0;
}

std::string duration_text(std::int64_t seconds) {
  if (seconds < 120) return std::to_string(seconds) + " s";
  if (seconds < 120 * 60) return std::to_string(seconds / 60) + " min";
  if (seconds < 48 * 3600) return std::to_string(seconds / 3600) + " h";
  return std::to_string(seconds / 86'400) + " d";
}

}  // namespace cadre::brief
