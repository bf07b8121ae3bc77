#pragma once

#include "schemas/error.hpp"

#include <string>
#include <sys/types.h>
#include <vector>

/// What is running, for the nodes and for every other `cadre` command: `runtime.json` in the state directory.
namespace cadre::launch {

/// Where the database is, as each of its roles. The URLs hold passwords: never print them.
struct database_access {
  std::string superuser_url;                         ///< To the maintenance database; may create roles and databases.
  std::string migrator_url, writer_url, reader_url;  ///< To `database`, as cadre_migrator, cadre_writer, cadre_reader.
  std::string migrator_password, writer_password, reader_password;
  std::string database = "cadre";
};

struct node_process {
  std::string name;
  pid_t pid = 0;  ///< 0: not running at the moment.
};

/// A server of ours, where there are several of a kind.
struct server_process {
  std::string name;  ///< nats-1 to nats-3, postgres, postgres-2.
  std::string url;   ///< Of this server alone; as the superuser for Postgres. Holds a password.
  pid_t pid = 0;     ///< 0: not running at the moment.
};

struct runtime {
  std::string company;
  std::string config;    ///< Absolute path.
  std::string state;     ///< Absolute path of the state directory.
  std::string since;     ///< ISO time.
  pid_t pid = 0;         ///< Of `cadre up`.
  std::string nats_url;  ///< Holds a password; several servers with commas between.
  database_access database;
  /// 0: not ours, or not running at the moment. Of `--ha`: of the primary, and of the first nats-server.
  pid_t postgres_pid = 0, nats_pid = 0;
  std::vector<server_process> servers;  ///< Of `--ha`; empty where there is one of each kind.
  std::vector<node_process> nodes;
};

/// Writes `runtime.json` (0600) into r.state, whole or not at all.
result<void> save_runtime(const runtime& r);

/// Reads it. `unreachable` with what to do if nothing is up in `state`. Does not check that the processes live.
result<runtime> load_runtime(const std::string& state);

/// Removes it.
void remove_runtime(const std::string& state);

/// `url` with another user, password and database. Only the URL form of libpq is understood
/// (`postgresql://[user[:password]@]host[:port][/database][?options]`); anything else is `bad_value`. For cadre_reader
/// `target_session_attrs=read-write` becomes `primary`: its role is read-only by default, which libpq would take for a
/// server that is.
result<std::string> with_login(const std::string& url, const std::string& user, const std::string& password,
                               const std::string& database);

}  // namespace cadre::launch
