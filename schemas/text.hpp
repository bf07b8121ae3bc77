#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cadre {

/// True for valid UTF-8 without the character U+0000: what JSON and Postgres both take. Every text field of a message
/// is like this; decoding refuses others.
bool is_clean_text(std::string_view text) noexcept;

/// `text` with U+FFFD in place of every byte that is not part of valid UTF-8, and of every U+0000. For what programs
/// print and libraries say. The result is at most three times as long. Control characters stay, as `is_clean_text` lets
/// them: what is stored is what was said. For a terminal, see `one_line`.
std::string clean_text(std::string_view text);

/// `text`, which is UTF-8, with a space in place of every control character (U+0000 to U+001F, U+007F to U+009F): it
/// can't break a line, nor move the cursor of whoever reads it. It is never longer.
std::string one_line(std::string text);

/// The beginning of `text` in double quotes, cleaned, on one line, for error messages: at most
/// `limits::quote_bytes_max` bytes of it, with `...` after the quotes where it was cut.
std::string in_quotes(std::string_view text);

}  // namespace cadre
