#include "config/read.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace cadre::config {
namespace {

using kind = check_spec::kind;
constexpr std::array<std::pair<std::string_view, kind>, 9> kinds{{{"unique", kind::unique},
                                                                  {"not_null", kind::not_null},
                                                                  {"range", kind::range},
                                                                  {"max_drop", kind::max_drop},
                                                                  {"schema", kind::schema},
                                                                  {"references", kind::references},
                                                                  {"total", kind::total},
                                                                  {"drift", kind::drift},
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

void read_references(const scope& keys, check_spec& out) {
  std::string column;
  keys.read("column", column);
  out.other_column = column;
  if (!column.empty()) out.columns.push_back(column);
  keys.read("dataset", out.other_dataset);
  keys.read("key", out.other_column);
}

void read_total(const scope& keys, check_spec& out) {
  read_references(keys, out);
  keys.read("tolerance", out.tolerance);
  if (keys.has("key") && !keys.has("column"))
    keys.complain("key", "a column to sum up there, and none here; give column, or leave it out to count rows");
}

void read_drift(const scope& keys, check_spec& out) {
  keys.read("row_count", out.drift.row_change);
  keys.read("nulls", out.drift.null_change);
  keys.read("shift", out.drift.shift);
  keys.read_list("columns", out.columns);
  keys.read("history", out.drift.history);
  if (!keys.has("row_count") && !keys.has("nulls") && !keys.has("shift"))
    keys.complain("", "drift of nothing; give row_count, nulls or shift");
  else if (keys.has("columns") && !keys.has("nulls") && !keys.has("shift"))
    keys.complain("columns", "nothing looks at columns; give nulls or shift");
}

void read_schema(const scope& keys, check_spec& out) {
  keys.read("schema", out.schema);
  if (!out.schema.text.starts_with('{'))
    keys.complain("schema", "not a JSON Schema; allowed: a mapping such as {type: object, required: [host]}");
}

}  // namespace

void read_sample(const scope& keys, sample_spec& out) {
  keys.read("rows", out.rows);
  keys.read("share", out.share);
  keys.read("seed", out.seed);
  if (keys.has("rows") == keys.has("share"))
    keys.complain(keys.has("rows") ? "share" : "", "give exactly one of rows and share");
  else if (keys.has("share") && out.share == 0.0)
    keys.complain("share", "a sample of nothing; allowed: more than 0");
}

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
    case kind::references:
      read_references(keys.inner("references"), out);
      break;
    case kind::total:
      read_total(keys.inner("total"), out);
      break;
    case kind::drift:
      read_drift(keys.inner("drift"), out);
      break;
    case kind::sql:
      keys.read("sql", out.sql);
      break;
  }
  if (keys.has("sample")) {
    read_sample(keys.inner("sample"), out.sample);
    if (!out.is_of_rows())
      keys.complain("sample",
                    "this check looks at the output as a whole; allowed: with unique, not_null, range, schema");
  }
  if (out.type == kind::sql && !out.sql.empty() && first_word(out.sql) != "SELECT" && first_word(out.sql) != "WITH")
    keys.complain("sql", "not a query; a check starts with SELECT or WITH");
}

}  // namespace cadre::config
