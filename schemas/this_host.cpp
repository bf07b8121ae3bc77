#include "schemas/this_host.hpp"

namespace cadre {

bool is_this_host(std::string_view url) noexcept {
  const auto from = url.find("://");
  if (from == std::string_view::npos) return false;
  auto host = url.substr(from + 3);
  host = host.substr(0, host.find('/'));
  for (const std::string_view mine : {"127.0.0.1", "[::1]", "localhost"})
    if (host == mine || (host.starts_with(mine) && host.substr(mine.size(), 1) == ":")) return true;
  return false;
}

}  // namespace cadre
