#pragma once

#include "storage/pg/session.hpp"

#include <optional>
#include <type_traits>
#include <utility>

namespace cadre::storage::pg {

/// A result as it is, anything else as a result.
template <class T>
using as_result = std::conditional_t<std::is_constructible_v<T, tl::unexpected<failure>>, T, result<T>>;

/// Calls `body` with a session of its own, which ends with the call, and returns what it returns. Blocks for as long as
/// connecting and the body do. Errors: unreachable without a session; bad_value for text that Postgres can't hold; for
/// anything else that the body throws that of `diagnose`.
template <class Body>
auto with_session(const std::string& url, Body&& body) -> as_result<decltype(body(std::declval<session&>()))> {
  std::optional<session> db;
  try {
    db.emplace(url);
  } catch (const std::exception&) {
    return tl::unexpected{diagnose_connect()};
  }
  try {
    if constexpr (std::is_void_v<decltype(body(*db))>) {
      body(*db);
      return {};
    } else {
      return body(*db);
    }
  } catch (const bad_text& e) {
    return fail(errc::bad_value, e.message);
  } catch (const std::exception&) {
    return tl::unexpected{diagnose(*db).error};
  }
}

}  // namespace cadre::storage::pg
