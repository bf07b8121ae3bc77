#include "json_scan.hpp"

#include "../json.hpp"
#include "../json_text.hpp"
#include "../limits.hpp"
#include "../text.hpp"

#include <cstdint>
#include <cstring>

namespace cadre::codec {

namespace {

class scanner final : public nlohmann::json::json_sax_t {
 public:
  explicit scanner(std::size_t depth_max) : depth_max_{depth_max} {}

  [[nodiscard]] std::string& problem() noexcept { return problem_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t& text) override { return check(text); }
  bool binary(binary_t&) override { return false; }
  bool key(string_t& text) override { return check(text); }
  bool start_object(std::size_t) override { return deeper(); }
  bool start_array(std::size_t) override { return deeper(); }
  bool end_object() override { return --depth_, true; }
  bool end_array() override { return --depth_, true; }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& ex) override {
    // 406 is the one for numbers; the others are syntax, and their text may quote a foreign value of any length.
    problem_ = ex.id == 406 ? "not JSON that can be kept: a number too large for a double, at byte "
                            : "not JSON: it goes wrong at byte ";
    problem_ += std::to_string(position);
    return false;
  }

 private:
  bool check(const std::string& text) {
    if (text.find('\0') == std::string::npos) return true;
    problem_ = "the JSON contains the character U+0000, which can't be stored";
    return false;
  }

  bool deeper() {
    if (++depth_ <= depth_max_) return true;
    problem_ = "the JSON is nested more than " + std::to_string(depth_max_) + " levels deep";
    return false;
  }

  std::size_t depth_max_;
  std::size_t depth_ = 0;
  std::string problem_;
};

/// Reads JSON without keeping anything, and gives up wherever it would have to think.
class quick_look {
 public:
  quick_look(std::string_view text, std::size_t depth_max)
      : at_{text.data()}, end_{text.data() + text.size()}, depth_max_{depth_max} {}

  bool certain() {
    if (!value(0)) return false;
    skip_space();
    return at_ == end_;
  }
  [[nodiscard]] bool only_ascii() const noexcept { return ascii_; }

 private:
  /// The next byte, or 0 at the end, which no rule below takes.
  [[nodiscard]] char peek() const noexcept { return at_ == end_ ? '\0' : *at_; }
  bool take(char wanted) noexcept {
    if (peek() != wanted) return false;
    ++at_;
    return true;
  }
  void skip_space() noexcept {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
  }
  bool word(std::string_view text) noexcept {
    if (!std::string_view{at_, end_}.starts_with(text)) return false;
    at_ += text.size();
    return true;
  }
  std::size_t digits() noexcept {
    const char* begin = at_;
    while (at_ != end_ && *at_ >= '0' && *at_ <= '9') ++at_;
    return static_cast<std::size_t>(at_ - begin);
  }

  bool value(std::size_t depth) {
    skip_space();
    switch (peek()) {
      case '"':
        return string();
      case '{':
        return depth < depth_max_ && list('}', [&] { return member(depth + 1); });
      case '[':
        return depth < depth_max_ && list(']', [&] { return value(depth + 1); });
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        return number();
    }
  }

  template <class Item>
  bool list(char close, Item item) {
    ++at_;
    skip_space();
    if (take(close)) return true;
    do {
      if (!item()) return false;
      skip_space();
    } while (take(','));
    return take(close);
  }

  bool member(std::size_t depth) {
    skip_space();
    if (peek() != '"' || !string()) return false;
    skip_space();
    return take(':') && value(depth);
  }

  /// Numbers far below the largest double; of the others the library knows which are too large.
  bool number() noexcept {
    take('-');
    const bool zero = peek() == '0';
    const std::size_t whole = digits();
    if (whole == 0 || whole > 100 || (zero && whole > 1)) return false;
    if (take('.') && digits() == 0) return false;
    if (peek() != 'e' && peek() != 'E') return true;
    ++at_;
    if (!take('-')) take('+');
    const std::size_t power = digits();
    return power == 1 || power == 2;
  }

  bool string() noexcept {
    ++at_;
    while (true) {
      skip_plain();
      if (at_ == end_) return false;
      const auto c = static_cast<unsigned char>(*at_);
      if (c == '"') return ++at_, true;
      if (c >= 0x80) {
        ascii_ = false;
        ++at_;
      } else if (c == '\\') {
        if (!escape()) return false;
      } else if (c < 0x20) {
        return false;
      } else {
        ++at_;
      }
    }
  }

  /// Eight bytes at a time, past what needs no look of its own.
  void skip_plain() noexcept {
    constexpr std::uint64_t each = 0x0101'0101'0101'0101, high = each * 0x80;
    const auto has_zero = [](std::uint64_t v) { return (v - each) & ~v & high; };
    while (end_ - at_ >= 8) {
      std::uint64_t eight = 0;
      std::memcpy(&eight, at_, 8);
      const std::uint64_t control = (eight - each * 0x20) & ~eight & high;
      if ((has_zero(eight ^ each * '"') | has_zero(eight ^ each * '\\') | control | (eight & high)) != 0) return;
      at_ += 8;
    }
  }

  bool escape() noexcept {
    ++at_;
    const char c = peek();
    if (c == '\0') return false;
    ++at_;
    if (c != 'u') return std::string_view{"\"\\/bfnrt"}.find(c) != std::string_view::npos;
    unsigned code = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char h = peek();
      if (h >= '0' && h <= '9')
        code = code * 16 + static_cast<unsigned>(h - '0');
      else if ((h >= 'a' && h <= 'f') || (h >= 'A' && h <= 'F'))
        code = code * 16 + static_cast<unsigned>((h | 0x20) - 'a' + 10);
      else
        return false;
    }
    return code != 0 && (code < 0xD800 || code > 0xDFFF);
  }

  const char* at_;
  const char* end_;
  std::size_t depth_max_;
  bool ascii_ = true;
};

}  // namespace

bool surely_json(std::string_view text, std::size_t depth_max) {
  quick_look look{text, depth_max};
  return look.certain() && (look.only_ascii() || is_clean_text(text));
}

std::string scan_json(std::string_view text, std::size_t depth_max) {
  if (surely_json(text, depth_max)) return {};
  // The library takes a NUL byte between tokens for the end of the text.
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
    return "not JSON: it goes wrong at byte " + std::to_string(nul + 1);
  }
  scanner scan{depth_max};
  if (nlohmann::json::sax_parse(text, &scan)) return {};
  return scan.problem().empty() ? "not JSON" : std::move(scan.problem());
}

}  // namespace cadre::codec

namespace cadre {

std::string json_problem(std::string_view text) {
  return codec::scan_json(text, limits::depth_max);
}

}  // namespace cadre
