#pragma once

#include "../error.hpp"
#include "../limits.hpp"
#include "../text.hpp"
#include "carriers.hpp"

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace cadre::codec {

/// Where in a message a value stands: a chain on the stack, made into text only when something is wrong there.
struct place {
  static constexpr std::size_t no_index = std::numeric_limits<std::size_t>::max();

  const place* above = nullptr;
  std::string_view name;
  std::size_t index = no_index;
};

/// `body.commands[2].priority`
std::string place_text(const place& at);

enum class shape : std::uint8_t { null, boolean, integer, fraction, text, list, map, other };

/// With its article, for "expected an integer, got ...".
std::string_view shape_text(shape s) noexcept;

/// Reads structs out of a tree of values. Node is a view of one value of the tree:
///   shape kind()                              what it is
///   bool boolean(); bool fits_signed(); std::int64_t integer(); std::string_view text()
///   std::size_t size(); Node item(i)          of a list
///   std::optional<Node> field(name, hint)     of a map; `hint` lets it start where the last field was found
///   result<std::string> json()                the whole value as the text of a json_text
///   static constexpr bool iso_time            timestamps may be ISO 8601 text
/// The first thing that is wrong ends the reading and is kept in `error()`. A null stands for "not given".
template <class Node>
class reader {
 public:
  [[nodiscard]] const failure& error() const noexcept { return error_; }

  bool read(const Node& node, bool& out, const place& at) {
    if (node.kind() != shape::boolean) return expected("true or false", node, at);
    out = node.boolean();
    return true;
  }

  template <std::integral T>
  bool read(const Node& node, T& out, const place& at) {
    if (node.kind() != shape::integer) return expected("an integer", node, at);
    // Postgres has no unsigned 64-bit integers, so no field goes beyond the signed ones.
    if (!node.fits_signed() || !std::in_range<T>(node.integer())) return refuse(at, range_text<T>());
    out = static_cast<T>(node.integer());
    return true;
  }

  bool read(const Node& node, std::string& out, const place& at) {
    if (!read_text(node, "text", at)) return false;
    out = node.text();
    return true;
  }

  template <class Tag>
  bool read(const Node& node, strong_id<Tag>& out, const place& at) {
    if (!read_text(node, "an id", at)) return false;
    const std::string_view text = node.text();
    if (!text.empty() && !is_uuid(text)) return refuse(at, "expected a UUID, got " + in_quotes(text));
    out.text = text;
    for (char& c : out.text)
      if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    return true;
  }

  bool read(const Node& node, agent_path& out, const place& at) {
    if (!read_text(node, "an agent path", at)) return false;
    const std::string_view text = node.text();
    if (!text.empty() && !is_agent_path(text)) {
      return refuse(
          at, "expected an agent path such as ceo.data.ingest (a-z, 0-9 and - between dots), got " + in_quotes(text));
    }
    out.text = text;
    return true;
  }

  bool read(const Node& node, timestamp& out, const place& at) {
    if (Node::iso_time && node.kind() == shape::text) {
      const auto t = from_iso(node.text());
      if (!t) {
        return refuse(at, "expected microseconds since 1970 or a time such as 2026-11-21T03:51:13Z, got " +
                              in_quotes(node.text()));
      }
      out = *t;
      return true;
    }
    std::int64_t us = 0;
    if (!read(node, us, at)) return false;
    if (us < timestamp_min.us || us > timestamp_max.us) return refuse(at, "the time is not in the years 1 to 9999");
    out.us = us;
    return true;
  }

  bool read(const Node& node, json_text& out, const place& at) {
    auto text = node.json();
    if (!text) return refuse(at, text.error().message);
    out.text = std::move(*text);
    return true;
  }

  template <named_enum E>
  bool read(const Node& node, E& out, const place& at) {
    if (!read_text(node, "text", at)) return false;
    return from_text(node.text(), out) || refuse(at, choice_text<E>() + ", got " + in_quotes(node.text()));
  }

  template <class T>
  bool read(const Node& node, std::optional<T>& out, const place& at) {
    return read(node, out.emplace(), at);
  }

  template <class T>
  bool read(const Node& node, std::vector<T>& out, const place& at) {
    if (node.kind() != shape::list) return expected("a list", node, at);
    const std::size_t size = node.size();
    if (size > limits::message_items_max - items_) {
      error_ = {errc::too_large,
                place_text(at) + ": over " + std::to_string(limits::message_items_max) + " list items in one message"};
      return false;
    }
    items_ += size;
    out.clear();
    for (std::size_t i = 0; i < size; ++i) {
      if (!read(node.item(i), out.emplace_back(), place{&at, {}, i})) return false;
    }
    return true;
  }

  template <field_struct T>
  bool read(const Node& node, T& out, const place& at) {
    if (node.kind() != shape::map) return expected("a map", node, at);
    bool good = true;
    std::size_t hint = 0;
    T::each_field(out,
                  [&](std::string_view name, auto& field) { good = good && read_field(node, name, field, hint, at); });
    return good;
  }

  template <carrier T>
  bool read(const Node& node, T& out, const place& at) {
    if (node.kind() != shape::map) return expected("a map", node, at);
    bool good = true;
    std::size_t hint = 0;
    each_head_field(
        out, [&](std::string_view name, auto& field) { good = good && read_field(node, name, field, hint, at); });
    if (!good) return false;
    const place kind_at{&at, "kind"};
    std::string kind;
    if (!read_field(node, "kind", kind, hint, at)) return false;
    if (kind.empty()) return refuse(kind_at, "missing");
    if (!choose(kind, out.body)) {
      error_ = {errc::unknown_kind, place_text(kind_at) + ": unknown kind " + in_quotes(kind)};
      return false;
    }
    return std::visit([&](auto& body) { return read_field(node, "body", body, hint, at); }, out.body);
  }

 private:
  template <class T>
  bool read_field(const Node& node, std::string_view name, T& field, std::size_t& hint, const place& above) {
    const std::optional<Node> value = node.field(name, hint);
    if (!value || value->kind() == shape::null) return true;
    return read(*value, field, place{&above, name});
  }

  bool read_text(const Node& node, std::string_view wanted, const place& at) {
    if (node.kind() != shape::text) return expected(wanted, node, at);
    return is_clean_text(node.text()) || refuse(at, "not UTF-8 text, or it contains U+0000");
  }

  /// Makes the alternative with that kind the active one.
  template <class... Bodies>
  static bool choose(std::string_view kind, std::variant<Bodies...>& body) {
    return ((Bodies::kind == kind && (body.template emplace<Bodies>(), true)) || ...);
  }

  template <class T>
  static std::string range_text() {
    using wide = std::conditional_t<std::in_range<std::int64_t>(std::numeric_limits<T>::max()), T, std::int64_t>;
    return "out of range: allowed are " + std::to_string(std::numeric_limits<T>::min()) + " to " +
           std::to_string(std::numeric_limits<wide>::max());
  }

  template <named_enum E>
  static std::string choice_text() {
    std::string text = "expected one of ";
    for (const auto& [value, name] : enum_names<E>::value) {
      if (text.back() != ' ') text += ' ';
      text += name;
      text += ',';
    }
    text.pop_back();
    return text;
  }

  bool expected(std::string_view wanted, const Node& node, const place& at) {
    return refuse(at, "expected " + std::string{wanted} + ", got " + std::string{shape_text(node.kind())});
  }

  bool refuse(const place& at, const std::string& what) {
    const std::string where = place_text(at);
    error_ = {errc::bad_message, where.empty() ? what : where + ": " + what};
    return false;
  }

  failure error_;
  std::size_t items_ = 0;
};

}  // namespace cadre::codec
