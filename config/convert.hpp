#pragma once

#include "config/company.hpp"
#include "config/did_you_mean.hpp"
#include "config/keys.hpp"
#include "config/yaml_tree.hpp"

#include <chrono>
#include <optional>
#include <string>

/// One value of the file as a C++ value, checked against its key's row in the table.
namespace cadre::config {

/// What is wrong with a value and what is allowed; nothing if it was converted.
using complaint = std::optional<std::string>;

/// What a key allows, for people: `a whole number from 0 to 1000`.
std::string allowed_text(const key& row);

/// Each leaves `out` alone when it complains.
complaint convert(const key& row, const yaml::node& value, std::string& out);
complaint convert(const key& row, const yaml::node& value, bool& out);
complaint convert(const key& row, const yaml::node& value, std::int64_t& out);
complaint convert(const key& row, const yaml::node& value, double& out);
complaint convert(const key& row, const yaml::node& value, std::chrono::milliseconds& out);
complaint convert(const key& row, const yaml::node& value, agent_path& out);
complaint convert(const key& row, const yaml::node& value, shutdown_time& out);
complaint convert(const key& row, const yaml::node& value, kept_time& out);
complaint convert(const key& row, const yaml::node& value, timestamp& out);
complaint convert(const key& row, const yaml::node& value, std::chrono::year_month_day& out);
complaint convert(const key& row, const yaml::node& value, json_text& out);

/// Of a choice: whether the text is allowed, with a did-you-mean, or a word about versions to come.
complaint check_choice(const key& row, const yaml::node& value);

template <named_enum E>
complaint convert(const key& row, const yaml::node& value, E& out) {
  if (auto wrong = check_choice(row, value)) return wrong;
  if (!from_text(value.text, out)) return yaml::quote(value) + ": not known to this version";
  return std::nullopt;
}

template <class T>
complaint convert(const key& row, const yaml::node& value, std::optional<T>& out) {
  T plain{};
  if (auto wrong = convert(row, value, plain)) return wrong;
  out = std::move(plain);
  return std::nullopt;
}

}  // namespace cadre::config
