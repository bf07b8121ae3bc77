#include "json_scan.hpp"

#include "../json.hpp"
#include "../json_text.hpp"
#include "../limits.hpp"

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

}  // namespace

std::string scan_json(std::string_view text, std::size_t depth_max) {
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
