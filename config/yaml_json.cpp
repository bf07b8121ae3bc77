#include "config/yaml_json.hpp"

#include "config/units.hpp"

namespace cadre::config::yaml {
namespace {

nlohmann::json scalar_to_json(const node& n) {
  if (n.quoted || n.substituted) return n.text;
  if (n.text == "true" || n.text == "True" || n.text == "TRUE") return true;
  if (n.text == "false" || n.text == "False" || n.text == "FALSE") return false;
  if (n.text.empty()) return nullptr;
  const std::string_view digits = n.text.front() == '+' ? std::string_view(n.text).substr(1) : n.text;
  if (!digits.empty() && (digits != n.text) && digits.front() == '-') return n.text;
  if (const auto whole = parse_integer(digits)) return *whole;
  if (const auto number = parse_number(digits)) return *number;
  return n.text;
}

}  // namespace

nlohmann::json to_json(const node& n) {
  switch (n.type) {
    case node::kind::null:
      return nullptr;
    case node::kind::scalar:
      return scalar_to_json(n);
    case node::kind::list: {
      auto list = nlohmann::json::array();
      for (const auto& item : n.items) list.push_back(to_json(*item));
      return list;
    }
    case node::kind::map: {
      auto map = nlohmann::json::object();
      for (const auto& e : n.entries) map[e.key] = to_json(*e.value);
      return map;
    }
  }
  return nullptr;
}

}  // namespace cadre::config::yaml
