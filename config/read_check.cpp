#include "config/read.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace cadre::config {
namespace {

using kind = check_spec::kind;
constexpr std::array<std::pair<std::string_view, kind>, 6> kinds{{{"unique", kind::unique},
                                                                  {"not_null", kind::not_null},
                                                                  {"range", kind::range},
                                                                  {"max_drop", kind::max_drop},
                                                                  {"schema", kind::schema},
                                                                  {"sql", kind::sql}}};

/// The first word of a statement in upper case.
std::string first_word(const std::string& sql) {
  const auto is_space = [](unsigned char c) { return std::isspace(c) != 0; };
  const auto begin = std::find_if_not(sql.begin(), sql.end(), is_space);
  const auto end = std::find_if_not(begin, sql.end(), [](unsigned char c) { return std::isalpha(c) != 0; });
  std::string word(begin, end);
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return word;
}

void read_range(const scope& keys, check_spec& out) {
  std::string column;
  keys.read("column", column);
  if (!column.empty()) out.columns.push_back(column);
  keys.read("min", out.min);
  keys.read("max", out.max);
  if (!keys.has("min") && !keys.has("max")) keys.complain("min", "a range needs min, max or both");
  if (out.min && out.max && *out.min > *out.max) keys.complain("min", "is above max; no number would pass");
}

void read_schema(const scope& keys, check_spec& out) {
  keys.read("schema", out.schema);
  if (!out.schema.text.starts_with('{'))
    keys.complain("schema", "not a JSON Schema; allowed: a mapping such as {type: object, required: [host]}");
}

}  // namespace

void read_check(const scope& keys, check_spec& out) {
  if (!keys.is_mapping()) return;
  keys.read("name", out.name);
  keys.read("dataset", out.dataset);
  std::vector<std::string_view> given;
  for (const auto& [name, type] : kinds) {
    if (!keys.has(name)) continue;
    given.push_back(name);
    out.type = type;
  }
  if (given.size() != 1) {
    std::vector<std::string_view> names;
    for (const auto& [name, type] : kinds) names.push_back(name);
    keys.complain(given.empty() ? "" : given.back(),
                  (given.empty() ? "the check says nothing" : "the check says " + join(given, " and ")) +
                      "; give exactly one of " + join(names));
    return;
  }
  switch (out.type) {
    case kind::unique:
      keys.read_list("unique", out.columns);
      break;
    case kind::not_null:
      keys.read_list("not_null", out.columns);
      break;
    case kind::range:
      read_range(keys.inner("range"), out);
      break;
    case kind::max_drop:
      keys.read("max_drop", out.max_drop_fraction);
      break;
    case kind::schema:
      read_schema(keys, out);
      break;
    case kind::sql:
      keys.read("sql", out.sql);
      break;
  }
  if (out.type == kind::sql && !out.sql.empty() && first_word(out.sql) != "SELECT" && first_word(out.sql) != "WITH")
    keys.complain("sql", "not a query; a check starts with SELECT or WITH");
}

}  // namespace cadre::config
