#include "../codec.hpp"
#include "fields_msgpack.hpp"
#include "formats.hpp"
#include "raw_node.hpp"

#include <exception>
#include <utility>

namespace cadre::codec {

namespace {

/// Memory up to about this is kept by each thread between messages; beyond it, it is given back at once.
constexpr std::size_t kept_bytes_max = 16 * 1024;

}  // namespace

shape msgpack_node::kind() const noexcept {
  switch (value_->type) {
    case msgpack::type::NIL:
      return shape::null;
    case msgpack::type::BOOLEAN:
      return shape::boolean;
    case msgpack::type::POSITIVE_INTEGER:
    case msgpack::type::NEGATIVE_INTEGER:
      return shape::integer;
    case msgpack::type::FLOAT32:
    case msgpack::type::FLOAT64:
      return shape::fraction;
    case msgpack::type::STR:
      return shape::text;
    case msgpack::type::ARRAY:
      return shape::list;
    case msgpack::type::MAP:
      return shape::map;
    default:
      return shape::other;
  }
}

std::optional<msgpack_node> msgpack_node::field(std::string_view name, std::size_t& hint) const noexcept {
  const auto& map = value_->via.map;
  // Writers of this version put the fields in the order in which they are asked for.
  std::size_t i = hint < map.size ? hint : 0;
  for (std::size_t looked_at = 0; looked_at < map.size; ++looked_at) {
    const auto& [key, value] = map.ptr[i];
    if (++i == map.size) i = 0;
    if (key.type == msgpack::type::STR && std::string_view{key.via.str.ptr, key.via.str.size} == name) {
      hint = i;
      return msgpack_node{value};
    }
  }
  return std::nullopt;
}

result<std::string> msgpack_node::json() const {
  if (kind() != shape::text) {
    return fail(errc::bad_message, "expected text that holds JSON, got " + std::string{shape_text(kind())});
  }
  if (text().empty()) return "null";
  if (auto problem = json_problem(text()); !problem.empty()) return fail(errc::bad_message, std::move(problem));
  return std::string{text()};
}

std::string encode(const envelope& e) {
  // What grows is kept by the thread: the result is then one allocation of the right size.
  static thread_local std::string scratch;
  scratch.clear();
  msgpack_writer{scratch}.write(e);
  if (scratch.size() <= kept_bytes_max) return scratch;
  return std::exchange(scratch, {});
}

result<envelope> decode_tree(std::string_view bytes) {
  try {
    // An item takes at least a byte, so longer lists are lies; binary data and extensions are never fields of ours, but
    // may be in fields that this version does not know.
    const msgpack::unpack_limit limit{bytes.size(), limits::map_fields_max, bytes.size(),
                                      bytes.size(), bytes.size(),           limits::depth_max};
    const auto keep_in_place = [](msgpack::type::object_type, std::size_t, void*) { return true; };
    std::size_t end = 0;
    const auto handle = msgpack::unpack(bytes.data(), bytes.size(), end, keep_in_place, nullptr, limit);
    if (end != bytes.size()) {
      return fail(errc::bad_message, std::to_string(bytes.size() - end) + " bytes after the end of the message");
    }
    envelope e;
    reader<msgpack_node> read;
    if (!read.read(msgpack_node{handle.get()}, e, place{})) return tl::unexpected{read.error()};
    return e;
  } catch (const msgpack::insufficient_bytes&) {
    return fail(errc::bad_message, "the msgpack message is cut off");
  } catch (const std::exception& ex) {
    return fail(errc::bad_message, std::string{"not a msgpack message: "} + ex.what());
  }
}

result<envelope> decode_msgpack(std::string_view bytes) {
  // Nearly every message is as this version writes it, and then no tree is needed. The tree's reader knows the others,
  // and says what is wrong.
  if (is_plain_msgpack(bytes)) {
    envelope e;
    bool as_written = true;
    reader<raw_node> read;
    if (read.read(raw_node{bytes.data(), as_written}, e, place{}) && as_written) return e;
  }
  return decode_tree(bytes);
}

}  // namespace cadre::codec
