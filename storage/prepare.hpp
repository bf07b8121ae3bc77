#pragma once

#include "schemas/error.hpp"

#include <string>
#include <string_view>
#include <vector>

/// Making a Postgres server ready for Cadre: roles, database, schema, rights, migrations.
namespace cadre::storage {

inline constexpr std::string_view migrator_role = "cadre_migrator";
inline constexpr std::string_view writer_role = "cadre_writer";
inline constexpr std::string_view reader_role = "cadre_reader";

/// Passwords of the three login roles. An empty one leaves the role's password as it is (trust or certificates).
struct role_passwords {
  std::string migrator;
  std::string writer;
  std::string reader;
};

/// The URL of the same server for another database, role and password. An empty argument keeps what `base` says;
/// an empty password removes none that `base` has for the same user. Error: bad_value if `base` can't be read.
result<std::string> connection_url(const std::string& base, const std::string& database, std::string_view role,
                                   const std::string& password);

/// Creates or repairs the roles, the database (owned by the migrator, closed to everyone else), the schema and the
/// reader's grants for `companies`, and applies the migrations. Idempotent; two at once wait for each other.
/// Passwords travel hashed (SCRAM), so that the server's log never shows them. Blocks; errors: unreachable, storage.
result<void> prepare_database(const std::string& superuser_url, const std::string& database,
                              const role_passwords& passwords, const std::vector<std::string>& companies);

}  // namespace cadre::storage
