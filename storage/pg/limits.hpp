#pragma once

#include <string>

namespace cadre::storage::pg {

/// A connection string that does not wait for a silent server for long, unless it says otherwise itself: 5 s for each
/// host to connect, about 10 s for a machine that went away under an established connection.
std::string with_limits(const std::string& url);

}  // namespace cadre::storage::pg
