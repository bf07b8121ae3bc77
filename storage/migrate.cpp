#include "storage/migrate.hpp"

#include "storage/pg/with_session.hpp"

#include <algorithm>
#include <map>
#include <optional>

namespace cadre::storage {

namespace {

constexpr const char* lock_key = "7163541";  // any number that nobody else locks in this database

/// Versions on record with their checksums; nothing if the table does not exist yet.
std::map<std::int64_t, std::string> on_record(pg::session& db) {
  std::map<std::int64_t, std::string> found;
  if (db.run("SELECT to_regclass('cadre.schema_migration') IS NOT NULL")[0][0].as<bool>())
    for (const auto& row : db.run("SELECT version, checksum FROM cadre.schema_migration"))
      found.emplace(row[0].as<std::int64_t>(), row[1].as<std::string>());
  return found;
}

std::optional<failure> refusal(const std::map<std::int64_t, std::string>& recorded,
                               const std::vector<migration>& files) {
  for (const auto& [version, checksum] : recorded) {
    const auto file = std::find_if(files.begin(), files.end(), [&](const auto& m) { return m.version == version; });
    if (file == files.end())
      return failure{errc::refused, "the database is at migration " + std::to_string(recorded.rbegin()->first) +
                                        ", which this program does not know: it is older than the database"};
    if (file->checksum != checksum)
      return failure{errc::refused, "migration " + file->name +
                                        " was changed after it had been applied to this database: restore the file "
                                        "and put the change into a new migration"};
  }
  return std::nullopt;
}

void apply(pg::session& db, const migration& file) {
  db.script("BEGIN");
  db.script(file.sql);
  db.run("INSERT INTO cadre.schema_migration (version, name, checksum) VALUES ($1, $2, $3)", file.version, file.name,
         file.checksum);
  db.script("COMMIT");
}

result<migration_report> apply_missing(pg::session& db, const std::vector<migration>& files) {
  db.script(std::string{"SELECT pg_advisory_lock("} + lock_key + ")");
  db.script(
      "CREATE TABLE IF NOT EXISTS cadre.schema_migration (version bigint PRIMARY KEY, name text NOT NULL, "
      "checksum text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp())");
  const auto recorded = on_record(db);
  if (auto no = refusal(recorded, files)) return tl::unexpected{std::move(*no)};
  migration_report report;
  if (!recorded.empty()) report.version = recorded.rbegin()->first;
  for (const auto& file : files) {
    if (recorded.count(file.version) > 0) continue;
    try {
      apply(db, file);
    } catch (const std::exception&) {
      auto why = pg::diagnose(db).error;
      why.message = "migration " + file.name + ": " + why.message;
      return tl::unexpected{std::move(why)};
    }
    report.applied.push_back(file.name);
    report.version = file.version;
  }
  return report;
}

}  // namespace

result<migration_report> migrate(const std::string& url) {
  return migrate(url, built_in_migrations());
}

result<migration_report> migrate(const std::string& url, const std::vector<migration>& files) {
  return pg::with_session(url, [&](pg::session& db) { return apply_missing(db, files); });
}

result<std::vector<std::string>> pending(const std::string& url) {
  return pending(url, built_in_migrations());
}

result<std::vector<std::string>> pending(const std::string& url, const std::vector<migration>& files) {
  return pg::with_session(url, [&](pg::session& db) -> result<std::vector<std::string>> {
    const auto recorded = on_record(db);
    if (auto no = refusal(recorded, files)) return tl::unexpected{std::move(*no)};
    std::vector<std::string> names;
    for (const auto& file : files)
      if (recorded.count(file.version) == 0) names.push_back(file.name);
    return names;
  });
}

}  // namespace cadre::storage
