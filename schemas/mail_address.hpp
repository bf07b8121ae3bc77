#pragma once

#include <string_view>

namespace cadre {

/// Whether `text` is a mail address that may stand in a header or an SMTP command as it is: one @ with something on
/// both sides, printable ASCII, no spaces, brackets, quotes, commas, colons or semicolons, at most 254 characters.
bool is_mail_address(std::string_view text) noexcept;

}  // namespace cadre
