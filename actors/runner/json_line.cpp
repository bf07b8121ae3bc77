#include "actors/runner/json_line.hpp"

#include "schemas/json.hpp"
#include "schemas/limits.hpp"
#include "schemas/text.hpp"

#include <algorithm>
#include <optional>

namespace cadre::actors {
namespace {

/// What is wrong with a text that the parser itself would let pass.
std::optional<std::string> hidden_defect(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\0') return "it contains a NUL byte";
    if (in_string) {
      if (c == '"') in_string = false;
      if (c != '\\') continue;
      if (text.substr(i + 1, 5) == "u0000") return "it contains \\u0000, which the database can't keep";
      ++i;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > limits::depth_max)
        return "it is nested deeper than " + std::to_string(limits::depth_max) + " levels";
    } else if (c == '}' || c == ']') {
      if (depth > 0) --depth;
    }
  }
  return std::nullopt;
}

}  // namespace

result<nlohmann::json> parse_json(std::string_view text) {
  if (auto defect = hidden_defect(text)) return fail(errc::bad_message, *std::move(defect));
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& e) {
    if (std::string_view{e.what()}.find("ill-formed UTF-8") != std::string_view::npos)
      return fail(errc::bad_message, "it is not valid UTF-8 at byte " + std::to_string(e.byte));
    return fail(errc::bad_message, "it is not JSON at byte " + std::to_string(e.byte));
  } catch (const nlohmann::json::exception&) {
    return fail(errc::bad_message, "it contains a number too large for a double");
  }
}

std::string on_one_line(const json_text& document) {
  if (document.text.empty()) return "null";
  std::string text = document.text;
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return text;
}

json_text sample_row(std::string_view key, std::string_view row) {
  if (row.size() <= sample_row_bytes_max) return {std::string{row}};
  const nlohmann::json note{
      {"key", clean_text(key.substr(0, 200))}, {"bytes", row.size()}, {"note", "too large to quote"}};
  return {note.dump()};
}

}  // namespace cadre::actors
