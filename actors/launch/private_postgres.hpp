#pragma once

#include "actors/launch/process.hpp"
#include "actors/launch/process_keeper.hpp"
#include "actors/launch/state_dir.hpp"

#include <memory>
#include <string>

/// A Postgres of our own in the state directory, with its durable settings as they come.
namespace cadre::launch {

/// The folder of the newest Postgres on this machine, or of the given major version ("": newest). Names what to install
/// if there is none.
result<std::string> find_postgres_programs(const std::string& version = "");

/// Where a server keeps itself, for one of several.
struct postgres_place {
  std::string name = "postgres";  ///< Of the process, of its log and of its folder in the state directory.
  bool listed = false;            ///< Its address stands in a list of hosts, so its folder's name may hold no comma.
  /// Empty: make a database cluster if there is none. Else one of this major version will be put in place by others.
  std::string version;
};

class private_postgres {
 public:
  /// Finds the programs, makes the database cluster if there is none, and decides where it listens: on a socket in the
  /// state directory, or on a free port of 127.0.0.1 where the path is too long for a socket. Passwords are required
  /// either way. As root it becomes the user `postgres` if that one can reach the folder, else it uses a user
  /// namespace. Blocks for about a second the first time.
  static result<std::shared_ptr<private_postgres>> prepare(state_dir& state, const std::string& password,
                                                           const postgres_place& place = {});

  /// For the process keeper, in stage 0. Before each start it ends a server that a killed `up` left behind and removes
  /// a stale postmaster.pid. Keeps `self` alive.
  static child_spec spec(const std::shared_ptr<private_postgres>& self);

  /// True once the process with this pid accepts connections. Reads a file; does not block.
  [[nodiscard]] bool ready(pid_t pid) const;

  /// For libpq. The superuser is `cadre`.
  [[nodiscard]] std::string url(const std::string& user, const std::string& password,
                                const std::string& database) const;

  /// What starts the server; `more` settings (`name=value`) go on its command line. Ends what a killed `up` left.
  result<program> command(const std::vector<std::string>& more = {});
  /// One of Postgres' programs, or another by its path, as the identity of the server, in its folder.
  [[nodiscard]] program run(const std::string& name, std::vector<std::string> args) const;
  /// Writes a file into the folder that only the server's identity may read.
  [[nodiscard]] result<void> write(const std::string& name, const std::string& text) const;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const std::string& folder() const noexcept { return folder_; }
  [[nodiscard]] const std::string& programs() const noexcept { return programs_; }
  [[nodiscard]] std::string data() const { return folder_ + "/data"; }
  [[nodiscard]] std::string version() const;
  /// For libpq: a folder of a socket or an address, and a port.
  [[nodiscard]] std::string host() const { return on_socket() ? folder_ : "127.0.0.1"; }
  [[nodiscard]] int port() const noexcept { return on_socket() ? 5432 : port_; }
  [[nodiscard]] const identity& runs_as() const noexcept { return as_; }
  [[nodiscard]] bool on_socket() const noexcept { return port_ == 0; }

  static constexpr const char* superuser = "cadre";

 private:
  private_postgres() = default;
  result<void> choose_identity(state_dir& state);
  result<void> make_cluster(const std::string& password) const;
  result<void> clear_leftovers() const;

  std::string name_, folder_, programs_, log_;
  identity as_;
  int port_ = 0;
  mutable bool was_ready_ = false;
};

}  // namespace cadre::launch
