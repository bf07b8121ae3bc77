#pragma once

#include "company.hpp"
#include "schemas/error.hpp"

#include <string>
#include <string_view>
#include <vector>

/// Reading `cadre.yaml`. One validator serves every entrance: what passes `cadre config check` starts.
namespace cadre::config {

/// A defect of a config file, with its place.
struct problem {
  std::string file;
  int line = 0;         ///< 1-based; 0 if the problem has no place.
  int column = 0;       ///< 1-based.
  std::string key;      ///< Dotted, for example `org.ceo.reports.data.supervise.intensity`.
  std::string message;  ///< What is wrong, what is allowed, and a did-you-mean where there is one.

  /// `file:line:column: key: message`.
  [[nodiscard]] std::string text() const;
  CADRE_FIELDS(file, line, column, key, message)
};

/// A company, or every problem found (never only the first).
struct loaded {
  company value;
  std::vector<problem> problems;
  [[nodiscard]] bool ok() const noexcept { return problems.empty(); }
};

/// Reads and checks a file. `${env:NAME}` and `${file:PATH}` in scalar values are replaced; a missing one is a problem.
/// Blocks on the file system. Never throws.
loaded load_file(const std::string& path);

/// The same for a text; `file` is the name in the problems and gives the folder of relative commands.
loaded load_text(std::string_view yaml, const std::string& file);

/// A JSON Schema (draft 7) of the config file, made from the same table that the loader reads keys by.
std::string json_schema();

/// What changes between two companies: what would start, stop, restart or move.
struct plan_step {
  std::string action;   ///< start, stop, restart, move, schedule-add, schedule-remove, schedule-change, node-add, ...
  std::string subject;  ///< An agent's path, a schedule, a node.
  std::string detail;
  CADRE_FIELDS(action, subject, detail)
};
std::vector<plan_step> plan(const company& before, const company& after);

}  // namespace cadre::config
