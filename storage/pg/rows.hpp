#pragma once

#include "schemas/messages.hpp"
#include "storage/pg/session.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace cadre::storage::pg {

/// Events after `seq`, in order, at most `limit`.
std::vector<event> read_events(session& db, const std::string& company, std::int64_t seq, std::int64_t limit);

}  // namespace cadre::storage::pg
