#include "mail_address.hpp"

#include <algorithm>

namespace cadre {

bool is_mail_address(std::string_view text) noexcept {
  constexpr std::size_t bytes_max = 254;
  const auto at = text.find('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == text.size() || text.size() > bytes_max) return false;
  return text.find('@', at + 1) == std::string_view::npos && std::all_of(text.begin(), text.end(), [](char c) {
           return c > 0x20 && c < 0x7f && std::string_view{"<>()[]\\,;:\""}.find(c) == std::string_view::npos;
         });
}

}  // namespace cadre
