#pragma once

#include "../limits.hpp"
#include "reader.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace cadre::codec {

/// A value of a msgpack message, read where it lies: no tree is built. Only for bytes that `is_plain_msgpack` has
/// looked at, and for maps with just the fields that are asked for, in that order, as `encode` writes them: for any
/// other, `as_written` becomes false, and what was read is worth nothing. So its cost does not depend on who sends.
/// See `reader`.
class raw_node {
 public:
  static constexpr bool iso_time = false;

  raw_node(const char* at, bool& as_written) : at_{at}, as_written_{&as_written} {}

  [[nodiscard]] shape kind() const noexcept;
  [[nodiscard]] bool boolean() const noexcept;
  [[nodiscard]] bool fits_signed() const noexcept;
  [[nodiscard]] std::int64_t integer() const noexcept;
  [[nodiscard]] std::string_view text() const noexcept;
  [[nodiscard]] std::size_t size() const noexcept;
  /// Items must be asked for in their order.
  [[nodiscard]] raw_node item(std::size_t i) const noexcept;
  [[nodiscard]] std::optional<raw_node> field(std::string_view name, std::size_t& hint) const noexcept;
  [[nodiscard]] result<std::string> json() const;

 private:
  const char* at_;
  bool* as_written_;
  mutable std::size_t next_item_ = 0;
  mutable const char* next_at_ = nullptr;
};

/// True if the bytes are exactly one msgpack value, no deeper than any message of ours, without extensions, and within
/// the limits. False says nothing: msgpack-c knows, and says what is wrong.
bool is_plain_msgpack(std::string_view bytes) noexcept;

}  // namespace cadre::codec
