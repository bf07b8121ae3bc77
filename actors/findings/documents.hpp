#pragma once

#include "config/company.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

/// The auditor of documents: reads what people wrote about the company and says what of it names nobody. It changes
/// nothing. Pure.
namespace cadre::actors {

struct dead_name {
  std::size_t line = 1;
  std::string name;
  bool is_schedule = false;
  std::string hint;  ///< `; did you mean ...?`, or empty.

  bool operator==(const dead_name&) const = default;
};

/// Names in a text that look like agents or schedules of the company and are none, in their order, each once. An agent
/// is `ceo.a.b`, with what the root is called for `ceo`, anywhere but within a longer word or a path of files. A
/// schedule is a word in backticks right before or after the word `schedule`, or what follows `cadre schedule trigger`
/// and the like.
std::vector<dead_name> audit_document(std::string_view text, const config::company& company);

}  // namespace cadre::actors
