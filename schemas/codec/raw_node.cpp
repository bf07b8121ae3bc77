#include "raw_node.hpp"

#include "../json_text.hpp"

namespace cadre::codec {

namespace {

/// The head of a value: what it is, how long its head is, and a number: its value or its length.
struct head {
  shape what = shape::other;
  std::size_t bytes = 1;
  std::uint64_t number = 0;
  bool negative = false;
  bool known = true;
};

std::uint64_t big_endian(const char* at, std::size_t width) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < width; ++i) value = value << 8 | static_cast<unsigned char>(at[i]);
  return value;
}

/// How many bytes follow the tag and belong to the head.
std::size_t head_tail(unsigned char tag) noexcept {
  if (tag < 0xc0 || tag >= 0xe0) return 0;
  constexpr unsigned char tails[32] = {0, 0, 0, 0, 1, 2, 4, 0, 0, 0, 4, 8, 1, 2, 4, 8,
                                       1, 2, 4, 8, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4};
  return tails[tag - 0xc0];
}

std::uint64_t signed_number(const char* at, std::size_t width) noexcept {
  const auto shift = 64 - 8 * width;
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(big_endian(at, width) << shift) >> shift);
}

/// All of the head must be there.
head head_of(const char* at) noexcept {
  const auto tag = static_cast<unsigned char>(*at);
  if (tag < 0x80) return {shape::integer, 1, tag};
  if (tag < 0x90) return {shape::map, 1, tag & 0x0fU};
  if (tag < 0xa0) return {shape::list, 1, tag & 0x0fU};
  if (tag < 0xc0) return {shape::text, 1, tag & 0x1fU};
  if (tag >= 0xe0) return {shape::integer, 1, signed_number(at, 1), true};
  const std::size_t tail = head_tail(tag);
  const auto number = [&] { return big_endian(at + 1, tail); };
  switch (tag) {
    case 0xc0:
      return {shape::null, 1};
    case 0xc2:
    case 0xc3:
      return {shape::boolean, 1, tag & 1U};
    case 0xc4:
    case 0xc5:
    case 0xc6:
      return {shape::other, 1 + tail, number()};
    case 0xca:
    case 0xcb:
      return {shape::fraction, 1 + tail};
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
      return {shape::integer, 1 + tail, number()};
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3: {
      const auto value = signed_number(at + 1, tail);
      return {shape::integer, 1 + tail, value, static_cast<std::int64_t>(value) < 0};
    }
    case 0xd9:
    case 0xda:
    case 0xdb:
      return {shape::text, 1 + tail, number()};
    case 0xdc:
    case 0xdd:
      return {shape::list, 1 + tail, number()};
    case 0xde:
    case 0xdf:
      return {shape::map, 1 + tail, number()};
    default:
      return {shape::other, 1, 0, false, false};
  }
}

/// What follows the head and is no value of its own.
std::uint64_t body_bytes(const head& h) noexcept {
  return h.what == shape::text || h.what == shape::other ? h.number : 0;
}

/// The length of a value without values within, if it is of the usual forms; else 0. Two bytes of it must be there.
std::size_t usual_bytes(const char* at) noexcept {
  const auto tag = static_cast<unsigned char>(*at);
  if (tag < 0x80 || tag >= 0xe0) return 1;
  if ((tag & 0xe0U) == 0xa0) return 1 + (tag & 0x1fU);
  if (tag == 0xd9) return 2 + static_cast<std::size_t>(static_cast<unsigned char>(at[1]));
  return tag == 0xcf ? 9 : 0;
}

/// Past one value of bytes that were looked at.
const char* past(const char* at) noexcept {
  for (std::uint64_t values = 1; values > 0; --values) {
    if (const auto bytes = usual_bytes(at); bytes != 0) {
      at += bytes;
      continue;
    }
    const auto h = head_of(at);
    at += h.bytes + body_bytes(h);
    if (h.what == shape::list) values += h.number;
    if (h.what == shape::map) values += 2 * h.number;
  }
  return at;
}

/// Of an envelope with commands with findings with sample rows, twice over.
constexpr std::size_t depth_max = 16;

bool walk(const char*& at, const char* end, std::size_t depth) noexcept {
  if (end - at >= 2) {
    if (const auto bytes = usual_bytes(at); bytes != 0) {
      if (bytes > static_cast<std::size_t>(end - at)) return false;
      at += bytes;
      return true;
    }
  }
  if (at == end || static_cast<std::size_t>(end - at) <= head_tail(static_cast<unsigned char>(*at))) return false;
  const auto h = head_of(at);
  at += h.bytes;
  const auto left = static_cast<std::size_t>(end - at);
  if (!h.known || body_bytes(h) > left) return false;
  at += body_bytes(h);
  if (h.what != shape::list && h.what != shape::map) return true;
  if (depth == depth_max || h.number > left) return false;
  if (h.what == shape::map && h.number > limits::map_fields_max) return false;
  for (std::uint64_t n = h.what == shape::map ? 2 * h.number : h.number; n > 0; --n)
    if (!walk(at, end, depth + 1)) return false;
  return true;
}

}  // namespace

bool is_plain_msgpack(std::string_view bytes) noexcept {
  const char* at = bytes.data();
  return walk(at, bytes.data() + bytes.size(), 0) && at == bytes.data() + bytes.size();
}

shape raw_node::kind() const noexcept {
  return head_of(at_).what;
}
bool raw_node::boolean() const noexcept {
  return head_of(at_).number != 0;
}
bool raw_node::fits_signed() const noexcept {
  const auto h = head_of(at_);
  return h.negative || std::in_range<std::int64_t>(h.number);
}
std::int64_t raw_node::integer() const noexcept {
  return static_cast<std::int64_t>(head_of(at_).number);
}
std::string_view raw_node::text() const noexcept {
  const auto h = head_of(at_);
  return {at_ + h.bytes, static_cast<std::size_t>(h.number)};
}
std::size_t raw_node::size() const noexcept {
  return static_cast<std::size_t>(head_of(at_).number);
}

raw_node raw_node::item(std::size_t i) const noexcept {
  if (next_at_ == nullptr) next_at_ = at_ + head_of(at_).bytes;
  for (; next_item_ < i; ++next_item_) next_at_ = past(next_at_);
  return {next_at_, *as_written_};
}

std::optional<raw_node> raw_node::field(std::string_view name, std::size_t& hint) const noexcept {
  // The hint is where the next key is: its place, and how many come before it.
  constexpr unsigned index_bits = 16;
  static_assert(limits::map_fields_max < 1U << index_bits);
  const auto h = head_of(at_);
  const std::size_t index = hint & ((1U << index_bits) - 1);
  const raw_node key{index == 0 ? at_ + h.bytes : at_ + (hint >> index_bits), *as_written_};
  if (index == h.number || key.kind() != shape::text || key.text() != name) {
    *as_written_ = false;
    return std::nullopt;
  }
  const raw_node value{past(key.at_), *as_written_};
  hint = static_cast<std::size_t>(past(value.at_) - at_) << index_bits | (index + 1);
  return value;
}

result<std::string> raw_node::json() const {
  if (kind() != shape::text) return fail(errc::bad_message, "expected text that holds JSON");
  if (text().empty()) return "null";
  if (auto problem = json_problem(text()); !problem.empty()) return fail(errc::bad_message, std::move(problem));
  return std::string{text()};
}

}  // namespace cadre::codec
