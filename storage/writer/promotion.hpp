#pragma once

#include "storage/writer/unit.hpp"

#include <string>

namespace cadre::storage::writer {

/// An output as verdicts and promotion see it.
struct output_facts {
  output_id id;
  task_id task;
  agent_path worker;
  std::string dataset;
  output_mode mode = output_mode::replace;
  output_status status = output_status::staged;
  std::vector<std::string> auditors;
};

/// True if every auditor passed it and none failed it.
bool is_passed(unit& u, const output_facts& output);

/// True if a later sealed output of the worker replaced the dataset already: this one's truth is an older one, and
/// promoting it would turn canonical data back.
bool is_outdated(unit& u, const output_facts& output);

/// Makes a passed output canonical: the promotion with its counts, then the rows, inside the database. Of rows with
/// the same key the last one counts; rows that did not change keep their time and origin.
void promote(unit& u, const output_facts& output);

}  // namespace cadre::storage::writer
