#pragma once

#include "../codec.hpp"
#include "reader.hpp"

#include <msgpack.hpp>

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cadre::codec {

/// A value of an unpacked msgpack message. See `reader`.
class msgpack_node {
 public:
  static constexpr bool iso_time = false;

  explicit msgpack_node(const msgpack::object& value) : value_{&value} {}

  [[nodiscard]] shape kind() const noexcept;
  [[nodiscard]] bool boolean() const noexcept { return value_->via.boolean; }
  [[nodiscard]] bool fits_signed() const noexcept {
    return value_->type == msgpack::type::NEGATIVE_INTEGER || std::in_range<std::int64_t>(value_->via.u64);
  }
  [[nodiscard]] std::int64_t integer() const noexcept { return value_->via.i64; }
  [[nodiscard]] std::string_view text() const noexcept { return {value_->via.str.ptr, value_->via.str.size}; }
  [[nodiscard]] std::size_t size() const noexcept { return value_->via.array.size; }
  [[nodiscard]] msgpack_node item(std::size_t i) const noexcept { return msgpack_node{value_->via.array.ptr[i]}; }
  [[nodiscard]] std::optional<msgpack_node> field(std::string_view name, std::size_t& hint) const noexcept;
  [[nodiscard]] result<std::string> json() const;

 private:
  const msgpack::object* value_;
};

/// Appends to a string what msgpack packs.
struct string_stream {
  std::string& out;
  void write(const char* data, std::size_t size) { out.append(data, size); }
};

/// Writes structs as msgpack maps from the names of their fields to their values.
class msgpack_writer {
 public:
  explicit msgpack_writer(std::string& out) : stream_{out}, packer_{stream_} {}

  void write(bool value) { value ? packer_.pack_true() : packer_.pack_false(); }
  template <std::integral T>
  void write(T value) {
    packer_.pack(value);
  }
  void write(const std::string& text) {
    if (is_clean_text(text)) return write_text(text);
    write_text(clean_text(text));
  }
  template <class Tag>
  void write(const strong_id<Tag>& id) {
    write(id.text);
  }
  void write(const agent_path& path) { write(path.text); }
  void write(timestamp t) { packer_.pack(t.us); }
  void write(const json_text& json) { write_text(json.is_null() ? "null" : std::string_view{json.text}); }
  template <named_enum E>
  void write(E value) {
    write_text(to_text(value));
  }
  template <class T>
  void write(const std::optional<T>& value) {
    if (!value) return static_cast<void>(packer_.pack_nil());
    write(*value);
  }
  template <class T>
  void write(const std::vector<T>& values) {
    packer_.pack_array(static_cast<std::uint32_t>(values.size()));
    for (const T& value : values) write(value);
  }
  template <field_struct T>
  void write(const T& value) {
    std::uint32_t count = 0;
    T::each_field(value, [&](std::string_view, const auto&) { ++count; });
    packer_.pack_map(count);
    T::each_field(value, [&](std::string_view name, const auto& field) { write_field(name, field); });
  }
  template <carrier T>
  void write(const T& value) {
    std::uint32_t count = 2;
    each_head_field(value, [&](std::string_view, const auto&) { ++count; });
    packer_.pack_map(count);
    each_head_field(value, [&](std::string_view name, const auto& field) { write_field(name, field); });
    write_text("kind");
    write_text(kind_of(value.body));
    write_text("body");
    std::visit([&](const auto& body) { write(body); }, value.body);
  }

 private:
  template <class T>
  void write_field(std::string_view name, const T& field) {
    write_text(name);
    write(field);
  }
  void write_text(std::string_view text) {
    packer_.pack_str(static_cast<std::uint32_t>(text.size()));
    packer_.pack_str_body(text.data(), static_cast<std::uint32_t>(text.size()));
  }

  string_stream stream_;
  msgpack::packer<string_stream> packer_;
};

}  // namespace cadre::codec
