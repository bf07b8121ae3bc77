#include "actors/launch/replicated_postgres.hpp"

#include "actors/launch/replicated_files.hpp"
#include "schemas/json.hpp"

#include <charconv>
#include <filesystem>

namespace cadre::launch {

namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr milliseconds end_grace{10'000};

/// $1 data folder, $2 folder of the programs, $3 connection to the primary, then the server's own arguments. A data
/// folder without standby.signal is none of a replica: it is missing, or of a former primary. The copying must not bear
/// the replica's name: commits would be satisfied with a half copied one.
constexpr const char* become_replica = R"(set -eu
data=$1 bin=$2 primary=$3
shift 3
if [ ! -e "$data/standby.signal" ]; then
  rm -rf "$data.new"
  "$bin/pg_receivewal" -d "$primary" -S cadre_replica --create-slot --if-not-exists
  "$bin/pg_basebackup" -d "$primary" -D "$data.new" -S cadre_replica -X stream -c fast
  : >"$data.new/standby.signal"
  sync
  if [ -e "$data" ]; then rm -rf "$data.old"; mv "$data" "$data.old"; fi
  mv "$data.new" "$data"
fi
exec "$bin/postgres" "$@"
)";

std::string record_of(const std::string& state) {
  return state + "/replicated.json";
}

/// In a value of libpq's key=value form, itself within quotes.
std::string libpq_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

/// A value in postgresql.conf.
std::string conf_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += c;
    out += c;
  }
  return out + "'";
}

}  // namespace

std::optional<std::string> recorded_primary(const std::string& state) {
  const auto text = read_file(record_of(state));
  if (!text) return std::nullopt;
  const auto doc = json::parse(*text, nullptr, false);
  if (!doc.is_object()) return std::nullopt;
  return doc.value("primary", std::string(replicated_postgres::names[0]));
}

result<void> record_primary(const std::string& state, const std::string& name) {
  return write_atomically(record_of(state), json{{"primary", name}}.dump(2) + "\n", 0600);
}

result<void> end_postgres(const std::string& data) {
  const auto text = read_file(data + "/postmaster.pid").value_or("");
  pid_t pid = 0;
  std::from_chars(text.data(), text.data() + text.size(), pid);
  std::error_code error;
  // Postgres works in its data folder, which tells it from a process that got its pid later.
  const auto works_in = fs::read_symlink("/proc/" + std::to_string(pid) + "/cwd", error);
  if (pid <= 1 || error || works_in != fs::canonical(data, error)) return {};
  if (end_process(pid, SIGINT, SIGKILL, end_grace)) return {};
  return fail(errc::storage, "the Postgres in " + data + " (pid " + std::to_string(pid) + ") does not end");
}

result<std::shared_ptr<replicated_postgres>> replicated_postgres::prepare(state_dir& state,
                                                                          const std::string& password) {
  const std::shared_ptr<replicated_postgres> self(new replicated_postgres);
  self->state_ = state.path();
  self->password_ = password;
  if (!recorded_primary(state.path())) {
    if (auto recorded = record_primary(state.path(), names[0]); !recorded)
      return tl::unexpected<failure>{recorded.error()};
  }
  // The primary first: the replica is made of its files, by programs of its version.
  const auto primary = self->primary();
  const auto replica = self->replica();
  const auto files_of = [&](const std::string& name) { return state.path() + "/" + name + "/data"; };
  if (std::error_code error; !fs::exists(files_of(primary), error) && fs::exists(files_of(replica), error)) {
    return fail(errc::storage, "the files of the primary are gone (" + files_of(primary) +
                                   "), those of its replica are in " + files_of(replica) +
                                   ". Restore the former; or make the latter the primary: remove " + files_of(replica) +
                                   "/standby.signal and write its name into " + record_of(state.path()));
  }
  std::string version;
  for (const auto& name : {primary, replica}) {
    auto made = private_postgres::prepare(state, password, {name, true, version});
    if (!made) return tl::unexpected<failure>{made.error()};
    self->servers_[name == names[0] ? 0 : 1] = std::move(*made);
    version = self->server(primary).version();
  }
  return self;
}

std::string replicated_postgres::primary() const {
  return recorded_primary(state_).value_or(names[0]);
}

std::string replicated_postgres::replica() const {
  return primary() == names[0] ? names[1] : names[0];
}

private_postgres& replicated_postgres::server(const std::string& name) const {
  return *servers_[name == names[0] ? 0 : 1];
}

bool replicated_postgres::replica_is_new() const {
  std::error_code error;
  return !fs::exists(server(replica()).data() + "/standby.signal", error);
}

child_spec replicated_postgres::spec(const std::shared_ptr<replicated_postgres>& self, const std::string& name) {
  child_spec out;
  out.name = name;
  out.policy = {0, milliseconds{30'000}, SIGINT, SIGQUIT};
  out.make = [self, name] { return self->make_program(name); };
  return out;
}

result<program> replicated_postgres::make_program(const std::string& name) {
  auto& mine = server(name);
  if (name != primary()) return make_replica(mine, server(primary()));
  const std::string conf = "include 'data/postgresql.conf'\ninclude 'cadre.conf'\n";
  if (auto written = mine.write("cadre.conf", std::string(postgres_primary_conf())); !written)
    return tl::unexpected<failure>{written.error()};
  if (auto written = mine.write("postgresql.conf", conf); !written) return tl::unexpected<failure>{written.error()};
  return mine.command({"config_file=" + mine.folder() + "/postgresql.conf"});
}

result<program> replicated_postgres::make_replica(private_postgres& replica, const private_postgres& primary) {
  const auto passfile = replica.folder() + "/replication.pgpass";
  const auto connection = "host=" + libpq_quoted(primary.host()) + " port=" + std::to_string(primary.port()) +
                          " user=" + private_postgres::superuser + " passfile=" + libpq_quoted(passfile);
  const auto conf = "include 'data/postgresql.conf'\ninclude 'cadre.conf'\nprimary_conninfo = " +
                    conf_quoted(connection + " application_name=" + replica_name) + "\n";
  const std::pair<const char*, std::string> files[] = {
      {"cadre.conf", std::string(postgres_replica_conf())},
      {"postgresql.conf", conf},
      {"replication.pgpass", std::string("*:*:*:") + private_postgres::superuser + ":" + password_ + "\n"}};
  for (const auto& [file, text] : files) {
    if (auto written = replica.write(file, text); !written) return tl::unexpected<failure>{written.error()};
  }
  auto server = replica.command({"config_file=" + replica.folder() + "/postgresql.conf"});
  if (!server) return server;
  std::vector<std::string> args{"-c", become_replica, "replica", replica.data(), replica.programs(), connection};
  args.insert(args.end(), server->argv.begin() + 1, server->argv.end());
  return replica.run("/bin/sh", std::move(args));
}

std::string replicated_postgres::url(const std::string& user, const std::string& password,
                                     const std::string& database) const {
  std::string hosts, ports;
  for (const auto& server : servers_) {
    const auto separator = hosts.empty() ? "" : ",";
    hosts += separator + url_encode(server->host());
    ports += separator + std::to_string(server->port());
  }
  return "postgresql://" + url_encode(user) + ":" + url_encode(password) + "@/" + url_encode(database) +
         "?host=" + hosts + "&port=" + ports + "&target_session_attrs=read-write";
}

}  // namespace cadre::launch
