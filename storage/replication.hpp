#pragma once

#include "schemas/error.hpp"

#include <string>

/// A primary and its synchronous replica, for the person who promotes one. All block, on connections of their own as a
/// superuser. Errors: unreachable, storage.
namespace cadre::storage {

struct server_state {
  bool in_recovery = false;       ///< It is a replica.
  bool replica_streams = false;   ///< A replica of it has caught up and gets what is committed.
  bool replica_is_exact = false;  ///< And every commit waits for that one.
};

/// `replica`: the name under which the replica streams.
result<server_state> look_at_server(const std::string& superuser_url, const std::string& replica);

/// From now on, and after restarts, commits wait for the replica of this name, whatever the server's files say; empty:
/// as its files say. Possible on a replica too, for the day it is promoted.
result<void> wait_for_replica(const std::string& superuser_url, const std::string& replica);

/// Makes a replica the primary once it has applied everything it received; waits up to 60 s for that. Nothing if it is
/// one already. The former primary must be dead: nothing here can know.
result<void> promote(const std::string& superuser_url);

}  // namespace cadre::storage
