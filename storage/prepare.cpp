#include "storage/prepare.hpp"

#include "storage/migrate.hpp"
#include "storage/pg/with_session.hpp"

#include <libpq-fe.h>

#include <map>
#include <memory>
#include <stdexcept>

namespace cadre::storage {

namespace {

constexpr const char* server_lock_key = "7163540";

std::string percent(std::string_view text) {
  static constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += hex[u >> 4];
      out += hex[u & 15];
    }
  }
  return out;
}

result<std::map<std::string, std::string>> settings_of(const std::string& url) {
  char* complaint = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options{PQconninfoParse(url.c_str(), &complaint),
                                                                             &PQconninfoFree};
  if (!options) {
    std::string message = complaint != nullptr ? complaint : "not a Postgres URL";
    PQfreemem(complaint);
    return fail(errc::bad_value, "the database URL can't be read: " + message.substr(0, message.find('\n')));
  }
  std::map<std::string, std::string> settings;
  for (const auto* o = options.get(); o->keyword != nullptr; ++o)
    if (o->val != nullptr) settings.emplace(o->keyword, o->val);
  return settings;
}

/// As the server keeps it (SCRAM). libpqxx 6 can only make MD5 ones; libpq wants a connection to hash for.
std::string hashed_password(const std::string& url, const std::string& role, const std::string& password) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection{PQconnectdb(url.c_str()), &PQfinish};
  const std::unique_ptr<char, decltype(&PQfreemem)> hash{
      PQencryptPasswordConn(connection.get(), password.c_str(), role.c_str(), "scram-sha-256"), &PQfreemem};
  if (!hash) throw std::runtime_error{std::string{"can't hash a password: "} + PQerrorMessage(connection.get())};
  return hash.get();
}

void ensure_role(pg::session& db, const std::string& url, std::string_view name, const std::string& password) {
  const std::string role{name};
  const auto quoted = db.quoted_name(role);
  if (db.run("SELECT 1 FROM pg_roles WHERE rolname = $1", role).empty()) db.script("CREATE ROLE " + quoted);
  auto sql = "ALTER ROLE " + quoted + " LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS";
  if (!password.empty()) sql += " PASSWORD " + db.quoted(hashed_password(url, role, password));
  db.script(sql);
}

/// Server-wide things, from the superuser's own database.
void prepare_server(pg::session& db, const std::string& url, const std::string& database,
                    const role_passwords& passwords) {
  db.script(std::string{"SELECT pg_advisory_lock("} + server_lock_key + ")");
  ensure_role(db, url, migrator_role, passwords.migrator);
  ensure_role(db, url, writer_role, passwords.writer);
  ensure_role(db, url, reader_role, passwords.reader);
  db.script("ALTER ROLE cadre_reader SET default_transaction_read_only = on");
  const auto name = db.quoted_name(database);
  if (db.run("SELECT 1 FROM pg_database WHERE datname = $1", database).empty())
    db.script("CREATE DATABASE " + name + " OWNER cadre_migrator TEMPLATE template0 ENCODING 'UTF8'");
  db.script("ALTER DATABASE " + name + " OWNER TO cadre_migrator");
  db.script("REVOKE ALL ON DATABASE " + name + " FROM PUBLIC");
  db.script("GRANT CONNECT ON DATABASE " + name + " TO cadre_writer, cadre_reader");
}

void prepare_schema(pg::session& db) {
  db.script(
      "SET client_min_messages = 'warning';"
      "CREATE SCHEMA IF NOT EXISTS cadre AUTHORIZATION cadre_migrator;"
      "ALTER SCHEMA cadre OWNER TO cadre_migrator;"
      "REVOKE CREATE ON SCHEMA public FROM PUBLIC");
}

}  // namespace

result<std::string> connection_url(const std::string& base, const std::string& database, std::string_view role,
                                   const std::string& password) {
  auto settings = settings_of(base);
  if (!settings) return tl::unexpected{settings.error()};
  auto& s = *settings;
  if (!role.empty() && s["user"] != role) {
    s["user"] = role;
    s.erase("password");
  }
  if (!password.empty()) s["password"] = password;
  if (!database.empty()) s["dbname"] = database;
  // Host and port stand in the query, where a socket folder, an IPv6 address and a list of hosts all fit.
  const auto take = [&s](const char* key) {
    const auto found = s.find(key);
    std::string text = found == s.end() ? "" : found->second;
    if (found != s.end()) s.erase(found);
    return text;
  };
  const auto user = take("user");
  const auto secret = take("password");
  const auto name = take("dbname");
  const auto host = take("host");
  const auto port = take("port");
  const bool plain_host = host.find_first_of("/,:@%") == std::string::npos && port.find(',') == std::string::npos;
  std::string url = "postgresql://" + percent(user);
  if (!secret.empty()) url += ':' + percent(secret);
  if (!user.empty()) url += '@';
  if (plain_host) url += host + (port.empty() ? "" : ':' + port);
  url += '/' + percent(name);
  if (!plain_host) {
    s["host"] = host;
    if (!port.empty()) s["port"] = port;
  }
  char separator = '?';
  for (const auto& [key, setting] : s) {
    url += separator + key + '=' + percent(setting);
    separator = '&';
  }
  return url;
}

result<void> prepare_database(const std::string& superuser_url, const std::string& database,
                              const role_passwords& passwords, const std::vector<std::string>& companies) {
  if (auto done = pg::with_session(superuser_url,
                                   [&](pg::session& db) { prepare_server(db, superuser_url, database, passwords); });
      !done)
    return done;
  const auto owner_url = connection_url(superuser_url, database, "", "");
  if (!owner_url) return tl::unexpected{owner_url.error()};
  if (auto done = pg::with_session(*owner_url, prepare_schema); !done) return done;

  const auto migrator_url = connection_url(superuser_url, database, migrator_role, passwords.migrator);
  if (!migrator_url) return tl::unexpected{migrator_url.error()};
  if (auto done = migrate(*migrator_url); !done) return tl::unexpected{done.error()};
  return pg::with_session(*migrator_url, [&](pg::session& db) {
    db.run("INSERT INTO cadre.reader_grant (role_name, company) SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING",
           reader_role, companies);
  });
}

}  // namespace cadre::storage
