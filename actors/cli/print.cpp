#include "print.hpp"

#include "schemas/json.hpp"
#include "schemas/text.hpp"

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <unistd.h>

namespace cadre::cli {

using json = nlohmann::json;

namespace {

bool looks_like_time(const std::string& text) {
  return text.size() >= 20 && text[4] == '-' && text[7] == '-' && text[10] == 'T' && text[13] == ':';
}

/// Characters, not bytes: what a terminal shows.
std::size_t length(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string cut(std::string text, std::size_t width) {
  if (length(text) <= width) return text;
  std::size_t bytes = 0;
  for (std::size_t shown = 0; shown + 3 < width; ++shown) {
    ++bytes;
    while (bytes < text.size() && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) ++bytes;
  }
  return text.substr(0, bytes) + "...";
}

}  // namespace

std::string cell(const json& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) {
    auto text = value.get<std::string>();
    if (looks_like_time(text)) {
      text[10] = ' ';
      return text.substr(0, 19);
    }
    return one_line(std::move(text));
  }
  if (value.is_array()) {
    std::string list;
    for (const auto& item : value) list += (list.empty() ? "" : ",") + cell(item);
    return list.empty() ? "-" : list;
  }
  return value.dump();
}

void print_table(const json& rows, const std::vector<column>& columns, const std::string& nothing) {
  if (rows.empty()) {
    std::cout << nothing << "\n";
    return;
  }
  std::vector<std::vector<std::string>> lines;
  lines.emplace_back();
  for (const auto& c : columns) lines.back().push_back(c.title);
  for (const auto& row : rows) {
    lines.emplace_back();
    for (const auto& c : columns)
      lines.back().push_back(cut(row.contains(c.key) ? cell(row[c.key]) : "-", c.width_max));
  }
  std::vector<std::size_t> widths(columns.size(), 0);
  for (const auto& line : lines)
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], length(line[i]));
  for (const auto& line : lines) {
    std::string out;
    for (std::size_t i = 0; i < line.size(); ++i) {
      out += line[i];
      if (i + 1 < line.size()) out += std::string(widths[i] - length(line[i]) + 2, ' ');
    }
    std::cout << out << "\n";
  }
}

void print_fields(const json& object, const std::vector<column>& fields) {
  std::size_t width = 0;
  for (const auto& f : fields) width = std::max(width, length(f.title));
  for (const auto& f : fields) {
    if (!object.contains(f.key) || object[f.key].is_null()) continue;
    std::cout << f.title << std::string(width - length(f.title) + 2, ' ') << cell(object[f.key]) << "\n";
  }
}

void print_json(const json& document) {
  std::cout << document.dump(isatty(STDOUT_FILENO) != 0 ? 2 : -1) << "\n";
}

}  // namespace cadre::cli
