#include "text.hpp"

#include "limits.hpp"

namespace cadre {

namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

bool is_ascii_without_nul(std::string_view text) noexcept {
  unsigned char bits = 0;
  bool nul = false;
  for (const char c : text) {
    bits |= static_cast<unsigned char>(c);
    nul |= c == '\0';
  }
  return bits < 0x80 && !nul;
}

/// The length of the character that starts `text`, by the table of well-formed sequences in the Unicode standard
/// (no overlong forms, no surrogates, nothing over U+10FFFF). 0: not one, or U+0000.
std::size_t character_bytes(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto continues = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return lead == 0 ? 0 : 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const unsigned low = lead == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = lead == 0xED ? 0x9F : 0xBF;
    return byte(1) >= low && byte(1) <= high && continues(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const unsigned low = lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xF4 ? 0x8F : 0xBF;
    return byte(1) >= low && byte(1) <= high && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

bool is_clean_text(std::string_view text) noexcept {
  if (is_ascii_without_nul(text)) return true;
  while (!text.empty()) {
    const std::size_t bytes = character_bytes(text);
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

std::string clean_text(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const std::size_t bytes = character_bytes(text);
    clean += bytes == 0 ? replacement : text.substr(0, bytes);
    text.remove_prefix(bytes == 0 ? 1 : bytes);
  }
  return clean;
}

std::string one_line(std::string text) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const unsigned byte = static_cast<unsigned char>(text[i]);
    const unsigned next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    const bool c1 = byte == 0xC2 && next >= 0x80 && next <= 0x9F;
    text[kept++] = byte < 0x20 || byte == 0x7F || c1 ? ' ' : text[i];
    if (c1) ++i;
  }
  text.resize(kept);
  return text;
}

std::string in_quotes(std::string_view text) {
  const bool cut = text.size() > limits::quote_bytes_max;
  std::size_t end = cut ? limits::quote_bytes_max : text.size();
  while (cut && end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return '"' + one_line(clean_text(text.substr(0, end))) + (cut ? "\"..." : "\"");
}

}  // namespace cadre
