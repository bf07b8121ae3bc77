#pragma once

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

namespace cadre::actors::supervision {

/// The entries of a hash table that `wanted` says yes to, by key: what many are told must not depend on where they are
/// in memory. The pointers hold until an entry is erased.
template <class Key, class Entry, class Wanted>
std::vector<std::pair<const Key, Entry>*> by_key(std::unordered_map<Key, Entry>& table, const Wanted& wanted) {
  std::vector<std::pair<const Key, Entry>*> found;
  for (auto& one : table)
    if (wanted(one.second)) found.push_back(&one);
  std::sort(found.begin(), found.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
  return found;
}

}  // namespace cadre::actors::supervision
