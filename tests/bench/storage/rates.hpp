#pragma once

#include "world.hpp"

#include <cstddef>

namespace cadre::bench {

/// Tasks per second, added and done at once, in batches; `w` is new, and its agents not opened.
double both_per_s(world& w, std::size_t tasks, std::size_t batch);

/// The same one by one, from that many threads.
double senders_both_per_s(world& w, std::size_t tasks, std::size_t senders);

}  // namespace cadre::bench
