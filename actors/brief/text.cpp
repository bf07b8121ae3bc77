#include "text.hpp"

#include <algorithm>

namespace cadre::brief {

namespace {

constexpr std::string_view cut_mark = "...";
constexpr int accents_max = 2;

struct character {
  std::string_view bytes;
  char32_t code = 0;
};

/// The character that begins at `at` of valid UTF-8; of any other text at least one byte.
character character_at(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const std::size_t wanted = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  const auto bytes = text.substr(at, wanted);
  char32_t code = wanted == 1 ? lead : lead & (0xFFU >> (wanted + 1));
  for (const char c : bytes.substr(1)) code = code << 6U | (static_cast<unsigned char>(c) & 0x3FU);
  return {bytes, code};
}

bool is_between(char32_t code, char32_t first, char32_t last) {
  return code >= first && code <= last;
}

bool is_space(char32_t c) {
  return c <= 0x20 || is_between(c, 0x7F, 0xA0) || is_between(c, 0x2000, 0x200A) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x3000 || c == 0x1680;
}

/// Direction marks and overrides, characters of no width (but the joiners that scripts need), tags, and what is none.
bool is_left_out(char32_t c) {
  return c == 0x00AD || c == 0x034F || c == 0x061C || c == 0x180E || c == 0x200B || c == 0x200E || c == 0x200F ||
         is_between(c, 0x202A, 0x202E) || is_between(c, 0x2060, 0x206F) || c == 0xFEFF ||
         is_between(c, 0xFFF0, 0xFFFB) || is_between(c, 0xE0000, 0xE0FFF) || (c & 0xFFFEU) == 0xFFFE;
}

bool is_accent(char32_t c) {
  return is_between(c, 0x0300, 0x036F) || is_between(c, 0x0483, 0x0489) || is_between(c, 0x1AB0, 0x1AFF) ||
         is_between(c, 0x1DC0, 0x1DFF) || is_between(c, 0x20D0, 0x20FF) || is_between(c, 0xFE20, 0xFE2F);
}

std::size_t cost_of(const character& c) {
  switch (c.code) {
    case '&':
      return 5;
    case '<':
    case '>':
      return 4;
    case '"':
      return 6;
    case '\\':
    case '`':
    case '*':
    case '_':
    case '[':
    case ']':
    case '~':
      return 2;
    default:
      return c.bytes.size();
  }
}

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         static_cast<unsigned char>(c) >= 0x80;
}

/// True if the character at `i` could be markup where it stands.
bool could_be_markup(std::string_view text, std::size_t i) {
  const char before = i > 0 ? text[i - 1] : ' ', after = i + 1 < text.size() ? text[i + 1] : ' ';
  switch (text[i]) {
    case '`':
    case '*':
    case '[':
    case ']':
      return true;
    case '\\':
      return !is_alphanumeric(after) && after != ' ';
    case '_':
      return !(is_alphanumeric(before) && is_alphanumeric(after));
    case '~':
      return before == '~' || after == '~';
    case '<':
      return is_alphanumeric(after) || after == '/' || after == '!' || after == '?';
    case '&':
      return is_alphanumeric(after) || after == '#';
    default:
      return false;
  }
}

}  // namespace

std::string tame(std::string_view text, std::size_t cost_max) {
  std::string out;
  std::size_t cost = 0, fits = 0;  // `fits`: so much of `out` leaves room for the mark of a cut.
  int accents = 0;
  bool space = false;
  for (std::size_t at = 0; at < text.size();) {
    const auto c = character_at(text, at);
    at += c.bytes.size();
    if (is_space(c.code)) {
      space = !out.empty();
      continue;
    }
    accents = is_accent(c.code) ? accents + 1 : 0;
    if (is_left_out(c.code) || accents > accents_max) continue;
    cost += cost_of(c) + (space ? 1 : 0);
    if (cost > cost_max) return out.substr(0, fits) + std::string{cut_mark};
    if (space) out += ' ';
    space = false;
    out += c.bytes;
    if (cost + cut_mark.size() <= cost_max) fits = out.size();
  }
  return out;
}

std::string markdown_text(std::string_view text, bool first) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (could_be_markup(text, i)) out += '\\';
    out += text[i];
  }
  if (!first || text.empty()) return out;
  // At the beginning of an item these would be a heading, a quotation, or a list of its own.
  if (std::string_view{"#>+-=|"}.find(text[0]) != std::string_view::npos) return "\\" + out;
  const auto digits = text.find_first_not_of("0123456789");
  if (digits != 0 && digits != std::string_view::npos && (text[digits] == '.' || text[digits] == ')'))
    return out.insert(digits, "\\");
  return out;
}

std::string markdown_code(std::string_view text) {
  std::size_t longest = 0, here = 0;
  for (const char c : text) {
    here = c == '`' ? here + 1 : 0;
    longest = std::max(longest, here);
  }
  const std::string fence(longest + 1, '`');
  const std::string room = longest > 0 ? " " : "";
  return fence + room + std::string{text} + room + fence;
}

std::string html_text(std::string_view plain) {
  std::string out;
  for (const char c : plain) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace cadre::brief
