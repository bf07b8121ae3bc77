#include "storage/pg/limits.hpp"

#include "storage/pg/session.hpp"

namespace cadre::storage::pg {

std::string with_limits(const std::string& url) {
  auto out = with_default(url, "connect_timeout", "5");
  // The former ends a send that is not acknowledged, the latter the silence in which an answer is awaited.
  out = with_default(out, "tcp_user_timeout", "10000");
  out = with_default(out, "keepalives_idle", "4");
  out = with_default(out, "keepalives_interval", "2");
  return with_default(out, "keepalives_count", "3");
}

}  // namespace cadre::storage::pg
