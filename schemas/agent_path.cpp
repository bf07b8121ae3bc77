#include "agent_path.hpp"

#include <algorithm>

namespace cadre {

namespace {

constexpr std::size_t path_chars_max = 200;
constexpr std::size_t token_chars_max = 63;

bool is_token_char(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

}  // namespace

agent_path agent_path::parent() const {
  const auto dot = text.rfind('.');
  return dot == std::string::npos ? agent_path{} : agent_path{text.substr(0, dot)};
}

std::string_view agent_path::name() const noexcept {
  const std::string_view all{text};
  return all.substr(all.rfind('.') + 1);
}

bool agent_path::is_below(const agent_path& other) const noexcept {
  return !other.empty() && text.size() > other.text.size() && text[other.text.size()] == '.' &&
         text.starts_with(other.text);
}

std::size_t agent_path::depth() const noexcept {
  return text.empty() ? 0 : 1 + static_cast<std::size_t>(std::count(text.begin(), text.end(), '.'));
}

bool is_agent_path(std::string_view text) noexcept {
  if (text.size() > path_chars_max) return false;
  while (true) {
    const auto dot = text.find('.');
    if (!is_token(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool is_token(std::string_view text) noexcept {
  return !text.empty() && text.size() <= token_chars_max && std::all_of(text.begin(), text.end(), is_token_char);
}

}  // namespace cadre
