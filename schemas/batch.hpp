#pragma once

#include "error.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

/// Several messages in one, as msgpack: `[1, bin, bin, ...]`, the version of this form and then each message as
/// `codec::encode` makes it, in the order in which they were sent. All go to one subject and none awaits an answer.
///
/// It has a content type of its own, so that a reader that knows nothing of batches refuses it loudly and takes it for
/// nothing else.
namespace cadre::codec {

inline constexpr std::string_view batch_type = "application/vnd.cadre.batch+msgpack";
inline constexpr std::size_t batch_messages_max = 1024;  ///< Readers refuse more.
inline constexpr std::size_t batch_head_bytes = 6;
/// What each message in it takes beyond its own bytes.
inline constexpr std::size_t batch_item_bytes = 5;

/// Puts a batch together. Not thread safe.
class batch_writer {
 public:
  batch_writer() { clear(); }

  /// Copies the bytes of an encoded envelope. There must be room: count() below `batch_messages_max`.
  void add(std::string_view message);
  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  /// The batch as it stands; the view lives until the next call that is not const.
  [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }
  /// The only message of a batch that has one.
  [[nodiscard]] std::string_view single() const noexcept;
  /// Empties it, and keeps the memory.
  void clear();

 private:
  std::string bytes_;
  std::size_t count_ = 0;
};

/// The messages of a batch, as views into `bytes`, not decoded yet. Errors: bad_message (not a batch, cut off, or of a
/// version that is not known), too_large (over `batch_messages_max`). Bounded memory, never throws but for its lack.
result<std::vector<std::string_view>> open_batch(std::string_view bytes);

}  // namespace cadre::codec
