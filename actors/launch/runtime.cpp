#include "actors/launch/runtime.hpp"

#include "actors/launch/files.hpp"
#include "schemas/json.hpp"

#include <unistd.h>

namespace cadre::launch {

namespace {

using nlohmann::json;

std::string file_in(const std::string& state) {
  return state + "/runtime.json";
}

json to_json(const database_access& d) {
  return {{"superuser_url", d.superuser_url},
          {"migrator_url", d.migrator_url},
          {"writer_url", d.writer_url},
          {"reader_url", d.reader_url},
          {"migrator_password", d.migrator_password},
          {"writer_password", d.writer_password},
          {"reader_password", d.reader_password},
          {"name", d.database}};
}

database_access database_from(const json& doc) {
  database_access d;
  d.superuser_url = doc.at("superuser_url");
  d.migrator_url = doc.at("migrator_url");
  d.writer_url = doc.at("writer_url");
  d.reader_url = doc.at("reader_url");
  d.migrator_password = doc.at("migrator_password");
  d.writer_password = doc.at("writer_password");
  d.reader_password = doc.at("reader_password");
  d.database = doc.at("name");
  return d;
}

runtime runtime_from(const json& doc) {
  runtime r;
  r.company = doc.at("company");
  r.config = doc.at("config");
  r.state = doc.at("state");
  r.since = doc.at("since");
  r.pid = doc.at("pid");
  r.nats_url = doc.at("nats_url");
  r.database = database_from(doc.at("database"));
  r.postgres_pid = doc.at("postgres_pid");
  r.nats_pid = doc.at("nats_pid");
  for (const auto& node : doc.at("nodes")) r.nodes.push_back({node.at("name"), node.at("pid")});
  for (const auto& s : doc.value("servers", json::array()))
    r.servers.push_back({s.at("name"), s.at("url"), s.at("pid")});
  return r;
}

}  // namespace

result<void> save_runtime(const runtime& r) {
  auto nodes = json::array();
  for (const auto& node : r.nodes) nodes.push_back({{"name", node.name}, {"pid", node.pid}});
  auto servers = json::array();
  for (const auto& s : r.servers) servers.push_back({{"name", s.name}, {"url", s.url}, {"pid", s.pid}});
  const json doc{{"version", 1},
                 {"company", r.company},
                 {"config", r.config},
                 {"state", r.state},
                 {"since", r.since},
                 {"pid", r.pid},
                 {"nats_url", r.nats_url},
                 {"database", to_json(r.database)},
                 {"postgres_pid", r.postgres_pid},
                 {"nats_pid", r.nats_pid},
                 {"servers", servers},
                 {"nodes", nodes}};
  return write_atomically(file_in(r.state), doc.dump(2, ' ', false, json::error_handler_t::replace) + "\n", 0600);
}

result<runtime> load_runtime(const std::string& state) {
  const auto text = read_file(file_in(state));
  if (!text && ::access(file_in(state).c_str(), F_OK) == 0) return fail(errc::refused, text.error().message);
  if (!text) {
    return fail(errc::unreachable, "nothing is up in " + state +
                                       ". Start it with: cadre up; or name the place with --state DIR or with --nats "
                                       "URL --postgres URL");
  }
  try {
    return runtime_from(json::parse(*text));
  } catch (const json::exception& e) {
    return fail(errc::bad_message, file_in(state) + " is damaged: " + e.what());
  }
}

void remove_runtime(const std::string& state) {
  ::unlink(file_in(state).c_str());
}

result<std::string> with_login(const std::string& url, const std::string& user, const std::string& password,
                               const std::string& database) {
  const auto scheme_end = url.find("://");
  const auto scheme = url.substr(0, scheme_end == std::string::npos ? 0 : scheme_end);
  if (scheme != "postgresql" && scheme != "postgres") {
    return fail(errc::bad_value, "a Postgres address must look like postgresql://user:password@host:port/database");
  }
  const auto query_at = std::min(url.find('?'), url.size());
  auto options = url.substr(query_at);
  constexpr std::string_view writes = "target_session_attrs=read-write";
  if (const auto at = options.find(writes); at != std::string::npos && user == "cadre_reader")
    options.replace(at, writes.size(), "target_session_attrs=primary");
  auto rest = url.substr(scheme_end + 3, query_at - scheme_end - 3);
  rest = rest.substr(0, rest.find('/'));
  if (const auto at = rest.rfind('@'); at != std::string::npos) rest = rest.substr(at + 1);
  return "postgresql://" + url_encode(user) + (password.empty() ? "" : ":" + url_encode(password)) + "@" + rest + "/" +
         url_encode(database) + options;
}

}  // namespace cadre::launch
