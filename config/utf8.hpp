#pragma once

#include "config/place.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace cadre::config {

/// The place of the first byte that is not part of valid UTF-8, or that is a control character other than tab and line
/// ends (yaml-cpp takes some of them for the end of the text); nothing if the text is clean.
std::optional<place> find_bad_text(std::string_view text) noexcept;

/// At most `bytes_max` bytes of the text, ending between characters.
std::string cut_utf8(std::string_view text, std::size_t bytes_max);

}  // namespace cadre::config
