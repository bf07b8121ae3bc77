#pragma once

#include <cstddef>

/// Bounds that both ends of the bus rely upon. Senders split what would be over them; readers refuse it.
namespace cadre::limits {

/// One message on the bus, in either format.
inline constexpr std::size_t message_bytes_max = 1024 * 1024;
/// List items of one message, over all its lists. It only bites where items take less than four bytes each.
inline constexpr std::size_t message_items_max = 256 * 1024;
/// Fields of one map of a message, unknown ones included.
inline constexpr std::size_t map_fields_max = 1024;
/// Maps and lists within each other, in messages and in `json_text`.
inline constexpr std::size_t depth_max = 64;
/// How much of a foreign value an error message quotes.
inline constexpr std::size_t quote_bytes_max = 60;

}  // namespace cadre::limits
