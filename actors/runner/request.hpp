#pragma once

#include "schemas/agent_path.hpp"
#include "schemas/ids.hpp"
#include "schemas/json_text.hpp"
#include "schemas/org.hpp"
#include "schemas/time.hpp"

#include <cstdint>
#include <string>
#include <string_view>

/// What a command reads on stdin. Every function returns whole lines, each ending in a newline.
namespace cadre::actors {

/// `op: run`, or `op: investigate`.
struct run_request {
  std::string op = "run";
  run_id run;  ///< Only said where it is not empty: to a program that must name it.
  std::string company;
  agent_path agent;
  agent_role role = agent_role::worker;
  task_id task;
  std::int64_t attempt = 1;
  std::string mode;
  std::string title;
  json_text payload;
  json_text brain{"{}"};  ///< An object: key to content.
  timestamp deadline;     ///< Empty: null.
};

/// `op: audit`. The rows follow, one `row_line` each.
struct audit_request {
  std::string company;
  agent_path agent;  ///< The auditor.
  output_id output;
  std::string dataset;
  agent_path worker;  ///< Whose output it is.
  std::int64_t rows_total = 0;
  std::int64_t rows_given = 0;  ///< Of those; fewer where the auditor looks at a sample, and only said then.
  json_text brain{"{}"};
  timestamp deadline;
};

std::string request_line(const run_request& request);
std::string request_line(const audit_request& request);

/// `{"type":"row","dataset":DATASET,"key":KEY,"row":{...}}`.
std::string row_line(std::string_view dataset, std::string_view key, const json_text& row);

}  // namespace cadre::actors
