#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

/// Tables for people, from the JSON that the queries return.
namespace cadre::cli {

struct column {
  std::string title;
  std::string key;
  std::size_t width_max = 60;  ///< Longer text is cut with `...`.
};

/// A table with one line a row; `nothing` is printed where there is none.
void print_table(const nlohmann::json& rows, const std::vector<column>& columns, const std::string& nothing);

/// `key  value` lines of one object, in the order given; keys that are null or missing are left out.
void print_fields(const nlohmann::json& object, const std::vector<column>& fields);

/// A value as one line of text: times as `YYYY-MM-DD hh:mm:ss`, lists with commas, null as `-`.
std::string cell(const nlohmann::json& value);

/// Prints JSON for programs: one document, indented if stdout is a terminal.
void print_json(const nlohmann::json& document);

}  // namespace cadre::cli
