#pragma once

#include "actors/launch/private_postgres.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>

/// Two private Postgres: a primary, and a streaming replica that every commit waits for.
///
/// Which one is the primary stands in `replicated.json` of the state directory and changes only by the word of a
/// person: two servers can't tell a dead partner from a lost wire, so promotion by themselves would split the brain.
namespace cadre::launch {

/// Name of the server that is the primary; nullopt if the company of this state directory has a single Postgres.
std::optional<std::string> recorded_primary(const std::string& state);
/// From its next start on, `name` is the primary and the other one its replica.
result<void> record_primary(const std::string& state, const std::string& name);

/// Ends the server with the given data folder for good and waits for it: asked, and after 10 s killed with -9. Nothing
/// if it does not run. What it acknowledged is with its replica by then.
result<void> end_postgres(const std::string& data);

class replicated_postgres {
 public:
  static constexpr std::array<const char*, 2> names{"postgres", "postgres-2"};
  /// What a replica calls itself in `synchronous_standby_names`, and the name of its slot.
  static constexpr const char* replica_name = "cadre_replica";

  /// Makes the primary if there is none, and decides where both listen. Blocks for about a second the first time.
  static result<std::shared_ptr<replicated_postgres>> prepare(state_dir& state, const std::string& password);

  /// For the process keeper. The role is looked up before each start: a server that has been replaced as the primary
  /// comes back as a replica, with files copied from the new primary; its own are kept aside in `data.old`.
  static child_spec spec(const std::shared_ptr<replicated_postgres>& self, const std::string& name);

  [[nodiscard]] std::string primary() const;
  [[nodiscard]] std::string replica() const;
  [[nodiscard]] bool ready(const std::string& name, pid_t pid) const { return server(name).ready(pid); }
  /// True while the replica's files are still to be copied.
  [[nodiscard]] bool replica_is_new() const;

  /// For libpq: both hosts, of which the one that takes writes is chosen.
  [[nodiscard]] std::string url(const std::string& user, const std::string& password,
                                const std::string& database) const;
  /// Of one server, whatever its role.
  [[nodiscard]] std::string url_of(const std::string& name, const std::string& user, const std::string& password,
                                   const std::string& database) const {
    return server(name).url(user, password, database);
  }

 private:
  replicated_postgres() = default;
  [[nodiscard]] private_postgres& server(const std::string& name) const;
  result<program> make_program(const std::string& name);
  result<program> make_replica(private_postgres& replica, const private_postgres& primary);

  std::string state_, password_;
  std::array<std::shared_ptr<private_postgres>, 2> servers_;
};

}  // namespace cadre::launch
