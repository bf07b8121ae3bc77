#pragma once

#include <string_view>

/// The files of deploy/replicated/, built into the program: what `up --ha` runs is what is documented for three
/// servers.
namespace cadre::launch {

std::string_view replicated_nats_conf();
std::string_view postgres_primary_conf();
std::string_view postgres_replica_conf();

}  // namespace cadre::launch
