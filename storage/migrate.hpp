#pragma once

#include "schemas/error.hpp"

#include <cstdint>
#include <string>
#include <vector>

/// Numbered, forward-only SQL files, built into the program from schemas/sql/.
namespace cadre::storage {

struct migration {
  std::int64_t version = 0;
  std::string name;      ///< Of the file, without folder and extension: `0001_spine`.
  std::string checksum;  ///< SHA-256 of the file, hexadecimal.
  std::string sql;
};

/// The migrations of this program, by version.
const std::vector<migration>& built_in_migrations();

struct migration_report {
  std::vector<std::string> applied;  ///< Names, in the order in which they were applied now.
  std::int64_t version = 0;          ///< The database's version afterwards.
};

/// Applies what is missing, each file in a transaction of its own, under an advisory lock. `url` is the migrator's.
/// Refused, with nothing applied: a file that was changed after it had been applied, and a database that is newer than
/// this program. Errors: unreachable, refused, storage (naming the file and the line of Postgres' complaint). Blocks.
result<migration_report> migrate(const std::string& url);

/// The same for other files than the built-in ones.
result<migration_report> migrate(const std::string& url, const std::vector<migration>& files);

/// Names of the migrations that `migrate` would apply; the same refusals. Any role that may read the schema will do.
result<std::vector<std::string>> pending(const std::string& url);
result<std::vector<std::string>> pending(const std::string& url, const std::vector<migration>& files);

}  // namespace cadre::storage
