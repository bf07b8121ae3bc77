#pragma once

#include "actors/local_messages.hpp"
#include "storage/read/reader.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <memory>
#include <string>

namespace cadre::actors {

/// Reads a snapshot and makes the command that keeps the brief made from it. Blocks. Errors: unreachable, storage.
result<brief_add> write_brief(storage::reader& source, const std::string& company, brief_id id);

struct brief_writer_state {
  std::unique_ptr<storage::reader> source;
  static inline const char* name = "brief-writer";
};

/// Writes the ceo's brief on `brief_due`. Blocks on the database: spawn it detached.
caf::behavior brief_writer(caf::stateful_actor<brief_writer_state>* self, std::string reader_url, std::string company,
                           caf::actor commands);

}  // namespace cadre::actors
