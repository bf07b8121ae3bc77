#pragma once

#include <algorithm>
#include <string>
#include <vector>

namespace cadre::storage::writer {

/// The least and the greatest of some ids. `id = ANY (array)` alone looks into every partition, since Postgres takes no
/// partition out of a plan because of an array; `id >= least AND id <= greatest` beside it names those that may have
/// them.
struct id_bounds {
  std::string least, greatest;

  void take_in(const std::string& id) {
    if (least.empty() || id < least) least = id;
    if (id > greatest) greatest = id;
  }
};

/// Of the ids that `get` takes from the items; there is at least one. Text in lower case has the order of the ids.
template <class Items, class Get>
id_bounds bounds_of(const Items& items, Get get) {
  const auto is_upper = [](char c) { return c >= 'A' && c <= 'F'; };
  id_bounds b;
  for (const auto& item : items) {
    const std::string& id = get(item);
    if (std::none_of(id.begin(), id.end(), is_upper)) {
      b.take_in(id);
      continue;
    }
    auto lower = id;  // As senders may write them.
    for (auto& c : lower)
      if (is_upper(c)) c = static_cast<char>(c - 'A' + 'a');
    b.take_in(lower);
  }
  return b;
}

template <class Id>
id_bounds bounds_of(const std::vector<Id>& ids) {
  return bounds_of(ids, [](const Id& id) -> const std::string& { return id.text; });
}

}  // namespace cadre::storage::writer
