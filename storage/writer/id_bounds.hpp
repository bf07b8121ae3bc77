#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace cadre::storage::writer {

/// The least and the greatest of some ids. `id = ANY (array)` alone looks into every partition, since Postgres takes no
/// partition out of a plan because of an array; `id >= least AND id <= greatest` beside it names those that may have
/// them.
struct id_bounds {
  std::string least, greatest;
};

/// Of the ids that `get` takes from the items; there is at least one. Text in lower case has the order of the ids.
template <class Items, class Get>
id_bounds bounds_of(const Items& items, Get get) {
  id_bounds b;
  for (const auto& item : items) {
    std::string id = get(item);
    for (auto& c : id)
      if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');  // As senders may write them.
    if (b.least.empty() || id < b.least) b.least = id;
    b.greatest = std::max(b.greatest, std::move(id));
  }
  return b;
}

template <class Id>
id_bounds bounds_of(const std::vector<Id>& ids) {
  return bounds_of(ids, [](const Id& id) { return id.text; });
}

}  // namespace cadre::storage::writer
