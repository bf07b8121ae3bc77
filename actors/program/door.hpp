#pragma once

#include "actors/local_messages.hpp"
#include "bus/connection.hpp"

#include <caf/actor_addr.hpp>

#include <memory>

namespace cadre::actors {

/// Lets in what programs ask of `agent`, on its subjects: each call comes to `owner` as a `program_message`. The
/// threads of the bus only look at its size and send it on; what is too large, or finds too many waiting already, they
/// answer themselves. Ends with the result. Does not keep `owner` alive. Errors: those of connection::subscribe.
result<bus::subscription> open_door(const std::shared_ptr<bus::connection>& bus, const agent_path& agent,
                                    const caf::actor_addr& owner);

}  // namespace cadre::actors
