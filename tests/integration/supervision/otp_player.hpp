#pragma once

#include "otp_script.hpp"
#include "support/deterministic.hpp"

#include <memory>
#include <string>

namespace cadre::actors::supervision::otp {

/// Plays a script against our supervisor actor with the life table of a node under it, real actors as children and
/// virtual time. Returns the trace in the words of otp_play.erl.
std::string play(test::deterministic& world, const script& s);

}  // namespace cadre::actors::supervision::otp
