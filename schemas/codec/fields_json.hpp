#pragma once

#include "../codec.hpp"
#include "../json.hpp"
#include "json_scan.hpp"
#include "reader.hpp"

#include <concepts>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cadre::codec {

/// A value of a parsed JSON message. See `reader`.
class json_node {
 public:
  static constexpr bool iso_time = true;

  explicit json_node(const nlohmann::json& value) : value_{&value} {}

  [[nodiscard]] shape kind() const noexcept;
  [[nodiscard]] bool boolean() const { return value_->get<bool>(); }
  [[nodiscard]] bool fits_signed() const {
    return !value_->is_number_unsigned() || std::in_range<std::int64_t>(value_->get<std::uint64_t>());
  }
  [[nodiscard]] std::int64_t integer() const { return value_->get<std::int64_t>(); }
  [[nodiscard]] std::string_view text() const { return value_->get_ref<const std::string&>(); }
  [[nodiscard]] std::size_t size() const noexcept { return value_->size(); }
  [[nodiscard]] json_node item(std::size_t i) const { return json_node{(*value_)[i]}; }
  [[nodiscard]] std::optional<json_node> field(std::string_view name, std::size_t& hint) const;
  [[nodiscard]] result<std::string> json() const;

 private:
  const nlohmann::json* value_;
};

/// Makes JSON values of structs, with the fields in the order of their declaration.
class json_writer {
 public:
  using tree = nlohmann::ordered_json;

  static tree make(bool value) { return value; }
  template <std::integral T>
  static tree make(T value) {
    return value;
  }
  static tree make(const std::string& text) { return is_clean_text(text) ? text : clean_text(text); }
  template <class Tag>
  static tree make(const strong_id<Tag>& id) {
    return make(id.text);
  }
  static tree make(const agent_path& path) { return make(path.text); }
  static tree make(timestamp t) { return t.us; }
  static tree make(const json_text& json);
  template <named_enum E>
  static tree make(E value) {
    return to_text(value);
  }
  template <class T>
  static tree make(const std::optional<T>& value) {
    return value ? make(*value) : tree{};
  }
  template <class T>
  static tree make(const std::vector<T>& values) {
    tree list = tree::array();
    for (const T& value : values) list.push_back(make(value));
    return list;
  }
  template <field_struct T>
  static tree make(const T& value) {
    tree map = tree::object();
    T::each_field(value, [&](std::string_view name, const auto& field) { map[std::string{name}] = make(field); });
    return map;
  }
  template <carrier T>
  static tree make(const T& value) {
    tree map = tree::object();
    each_head_field(value, [&](std::string_view name, const auto& field) { map[std::string{name}] = make(field); });
    map["kind"] = kind_of(value.body);
    map["body"] = std::visit([](const auto& body) { return make(body); }, value.body);
    return map;
  }
};

/// Reads any type that `reader` reads from JSON text. Errors as `decode`.
template <class T>
result<T> read_json(std::string_view text) {
  if (text.size() > limits::message_bytes_max) {
    return fail(errc::too_large, "a JSON message of " + std::to_string(text.size()) + " bytes; at most " +
                                     std::to_string(limits::message_bytes_max) + " are allowed");
  }
  try {
    // What surrounds a json_text in an envelope takes a few levels of its own.
    if (auto problem = scan_json(text, limits::depth_max + 16); !problem.empty()) {
      return fail(errc::bad_message, std::move(problem));
    }
    const auto tree = nlohmann::json::parse(text);
    T value{};
    reader<json_node> read;
    if (!read.read(json_node{tree}, value, place{})) return tl::unexpected{read.error()};
    return value;
  } catch (const std::exception& ex) {
    return fail(errc::bad_message, std::string{"not a JSON message: "} + ex.what());
  }
}

}  // namespace cadre::codec
