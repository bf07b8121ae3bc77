#include "storage/replication.hpp"

#include "storage/pg/with_session.hpp"

namespace cadre::storage {

namespace {

constexpr const char* state_of_server = R"(
  SELECT pg_is_in_recovery(), count(*) > 0, count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')) > 0
  FROM pg_stat_replication WHERE state = 'streaming' AND application_name = $1)";

}  // namespace

result<server_state> look_at_server(const std::string& superuser_url, const std::string& replica) {
  return pg::with_session(superuser_url, [&](pg::session& db) {
    const auto row = db.run(state_of_server, replica)[0];
    return server_state{row[0].as<bool>(), row[1].as<bool>(), row[2].as<bool>()};
  });
}

result<void> wait_for_replica(const std::string& superuser_url, const std::string& replica) {
  const auto done = pg::with_session(superuser_url, [&](pg::session& db) {
    // One by one: it may not run within a transaction, and several statements at once are one.
    db.script(replica.empty() ? "ALTER SYSTEM RESET synchronous_standby_names"
                              : "ALTER SYSTEM SET synchronous_standby_names = " + db.quoted(replica));
    return !db.script("SELECT pg_reload_conf()").empty();
  });
  if (!done) return tl::unexpected{done.error()};
  return {};
}

result<void> promote(const std::string& superuser_url) {
  const auto done = pg::with_session(superuser_url, [&](pg::session& db) {
    return !db.run("SELECT pg_is_in_recovery()")[0][0].as<bool>() ||
           db.run("SELECT pg_promote(true, 60)")[0][0].as<bool>();
  });
  if (!done) return tl::unexpected{done.error()};
  if (!*done) return fail(errc::storage, "the replica did not become the primary within 60 s; its log says why");
  return {};
}

}  // namespace cadre::storage
