#pragma once

#include "actors/local_messages.hpp"
#include "config/company.hpp"
#include "storage/read/reader.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <memory>
#include <string>
#include <vector>

namespace cadre::actors {

struct audit_reader_state {
  std::unique_ptr<storage::reader> source;  ///< Opened at the first question; again after it broke.
  static inline const char* name = "audit-reader";
};

/// Reads staged outputs for the auditors of a node and runs their declared checks. Blocks on the database: spawn it
/// detached. `audit_order` -> `audit_material`.
caf::behavior audit_reader(caf::stateful_actor<audit_reader_state>* self, std::string reader_url, std::string company);

}  // namespace cadre::actors
