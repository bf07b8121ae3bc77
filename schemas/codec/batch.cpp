#include "../batch.hpp"

#include <cstdint>

namespace cadre::codec {

namespace {

// The forms of msgpack that a batch uses. A batch is written while it grows, so its list has the widest head; readers
// take every width, as another program's library chooses the narrowest.
constexpr unsigned char list_16 = 0xdc, list_32 = 0xdd, bin_8 = 0xc4, bin_16 = 0xc5, bin_32 = 0xc6;
constexpr unsigned char small_list = 0x90, small_list_mask = 0xf0;
constexpr unsigned char version = 1;

void put_32(char* to, std::size_t value) noexcept {
  for (int shift = 24; shift >= 0; shift -= 8) *to++ = static_cast<char>(value >> shift);
}

class cursor {
 public:
  explicit cursor(std::string_view bytes) : left_{bytes} {}

  bool number(std::size_t width, std::size_t& out) noexcept {
    if (left_.size() < width) return false;
    out = 0;
    for (std::size_t i = 0; i < width; ++i) out = out << 8 | static_cast<unsigned char>(left_[i]);
    left_.remove_prefix(width);
    return true;
  }
  bool list(std::size_t& size) noexcept {
    std::size_t tag = 0;
    if (!number(1, tag)) return false;
    if (tag == list_16) return number(2, size);
    if (tag == list_32) return number(4, size);
    size = tag & 0x0f;
    return (tag & small_list_mask) == small_list;
  }
  bool bin(std::string_view& out) noexcept {
    std::size_t tag = 0, size = 0;
    if (!number(1, tag) || tag < bin_8 || tag > bin_32) return false;
    if (!number(tag == bin_8 ? 1 : tag == bin_16 ? 2 : 4, size) || left_.size() < size) return false;
    out = left_.substr(0, size);
    left_.remove_prefix(size);
    return true;
  }
  [[nodiscard]] bool at_end() const noexcept { return left_.empty(); }

 private:
  std::string_view left_;
};

}  // namespace

void batch_writer::clear() {
  bytes_.assign(batch_head_bytes, '\0');
  bytes_[0] = static_cast<char>(list_32);
  bytes_[batch_head_bytes - 1] = static_cast<char>(version);
  count_ = 0;
  put_32(bytes_.data() + 1, 1);
}

void batch_writer::add(std::string_view message) {
  const auto at = bytes_.size();
  bytes_.resize(at + batch_item_bytes);
  bytes_[at] = static_cast<char>(bin_32);
  put_32(bytes_.data() + at + 1, message.size());
  bytes_.append(message);
  put_32(bytes_.data() + 1, ++count_ + 1);
}

std::string_view batch_writer::single() const noexcept {
  return std::string_view{bytes_}.substr(batch_head_bytes + batch_item_bytes);
}

result<std::vector<std::string_view>> open_batch(std::string_view bytes) {
  cursor at{bytes};
  std::size_t items = 0, form = 0;
  if (!at.list(items) || items == 0 || !at.number(1, form))
    return fail(errc::bad_message, "not a batch of messages: expected a list that begins with its version");
  if (form != version)
    return fail(errc::bad_message, "a batch of messages of version " + std::to_string(form) + "; known is 1");
  if (items - 1 > batch_messages_max)
    return fail(errc::too_large, "a batch of " + std::to_string(items - 1) + " messages; at most " +
                                     std::to_string(batch_messages_max) + " are allowed");
  std::vector<std::string_view> messages(items - 1);
  for (std::size_t i = 0; i < messages.size(); ++i)
    if (!at.bin(messages[i]))
      return fail(errc::bad_message,
                  "the batch of messages is cut off, or item " + std::to_string(i) + " is no binary");
  if (!at.at_end()) return fail(errc::bad_message, "bytes after the end of the batch of messages");
  return messages;
}

}  // namespace cadre::codec
