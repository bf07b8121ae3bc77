#include "actors/launch/private_postgres.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <pwd.h>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

namespace cadre::launch {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t socket_path_bytes_max = 100;  // The kernel's bound is 107.
constexpr const char* socket_file = "/.s.PGSQL.5432";
constexpr milliseconds initdb_limit{120'000};
constexpr milliseconds postgres_leftover_grace{15'000};

int number_in(const std::string& text) {
  int n = 0;
  std::from_chars(text.data(), text.data() + text.size(), n);
  return n;
}

bool has_programs(const fs::path& folder) {
  return ::access((folder / "postgres").c_str(), X_OK) == 0 && ::access((folder / "initdb").c_str(), X_OK) == 0;
}

/// Lines of postmaster.pid: 1 pid, 2 data folder, ..., 8 status.
std::vector<std::string> postmaster_lines(const std::string& data) {
  std::vector<std::string> lines;
  std::istringstream in(read_file(data + "/postmaster.pid").value_or(""));
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// Postgres works in its data folder; that tells it from a process that got its pid later.
bool serves(pid_t pid, const std::string& data) {
  std::error_code error;
  const auto works_in = fs::read_symlink("/proc/" + std::to_string(pid) + "/cwd", error);
  return !error && works_in == fs::canonical(data, error);
}

result<void> give_to(const std::string& folder, const identity& to) {
  if (::chown(folder.c_str(), to.uid, to.gid) != 0) return fail_errno(errc::refused, "can't give away " + folder);
  return {};
}

}  // namespace

result<std::string> find_postgres_programs(const std::string& version) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", error)) {
    if (has_programs(entry.path() / "bin")) found.push_back(entry.path() / "bin");
  }
  const auto major = [](const fs::path& bin) { return number_in(bin.parent_path().filename().string()); };
  std::sort(found.begin(), found.end(), [&](const auto& a, const auto& b) { return major(a) > major(b); });
  for (const auto& bin : found) {
    if (version.empty() || major(bin) == number_in(version)) return bin.string();
  }
  if (found.empty()) {
    std::istringstream places(::getenv("PATH") == nullptr ? "" : ::getenv("PATH"));
    for (std::string place; std::getline(places, place, ':');) {
      if (!place.empty() && has_programs(place)) return place;
    }
    return fail(errc::command_not_found, "there is no PostgreSQL on this machine; install it with: deploy/install");
  }
  return fail(errc::command_not_found, "the state was made by PostgreSQL " + version + ", which is not installed; " +
                                           "install it with: apt-get install postgresql-" + version);
}

std::string private_postgres::version() const {
  auto version = read_file(data() + "/PG_VERSION").value_or("");
  version.erase(std::remove(version.begin(), version.end(), '\n'), version.end());
  return version;
}

result<std::shared_ptr<private_postgres>> private_postgres::prepare(state_dir& state, const std::string& password,
                                                                    const postgres_place& place) {
  const std::shared_ptr<private_postgres> self(new private_postgres);
  self->name_ = place.name;
  self->folder_ = state.path() + "/" + place.name;
  self->log_ = state.log(place.name);
  const auto version = self->version();
  auto programs = find_postgres_programs(place.version.empty() ? version : place.version);
  if (!programs) return tl::unexpected<failure>{programs.error()};
  self->programs_ = *programs;
  if (auto chosen = self->choose_identity(state); !chosen) return tl::unexpected<failure>{chosen.error()};
  if (version.empty() && place.version.empty()) {
    if (auto made = self->make_cluster(password); !made) return tl::unexpected<failure>{made.error()};
  }
  const bool socket_fits = self->folder_.size() + std::string_view(socket_file).size() <= socket_path_bytes_max;
  if (!socket_fits || (place.listed && self->folder_.find(',') != std::string::npos)) {
    const auto port = free_loopback_port();
    if (!port) return tl::unexpected<failure>{port.error()};
    self->port_ = *port;
  }
  return self;
}

result<void> private_postgres::write(const std::string& name, const std::string& text) const {
  const auto file = folder_ + "/" + name;
  if (auto written = write_atomically(file, text, 0600); !written) return written;
  return as_.how == identity::mode::user ? give_to(file, as_) : result<void>{};
}

result<void> private_postgres::choose_identity(state_dir& state) {
  struct stat info {};
  const bool exists = ::stat(folder_.c_str(), &info) == 0;
  if (!exists && ::mkdir(folder_.c_str(), 0700) != 0) return fail_errno(errc::refused, "can't make " + folder_);
  if (::geteuid() != 0) return make_folder(folder_, 0700);
  if (exists && info.st_uid != 0) {
    as_ = {identity::mode::user, info.st_uid, info.st_gid};
    return {};
  }
  as_ = {identity::mode::namespaced, 0, 0};
  const bool used = exists && fs::exists(data());
  const passwd* user = used ? nullptr : ::getpwnam("postgres");
  if (user == nullptr || user->pw_uid == 0) return {};

  const identity other{identity::mode::user, user->pw_uid, user->pw_gid};
  if (auto open = state.let_pass(); !open) return open;
  if (auto given = give_to(folder_, other); !given) return given;
  as_ = other;
  const auto reached =
      run_program(program{"/usr/bin/test", {"test", "-w", folder_}, {}, "/", "", as_, SIGKILL}, milliseconds{10'000});
  if (reached && *reached == 0) return {};
  as_ = {identity::mode::namespaced, 0, 0};
  if (auto back = give_to(folder_, as_); !back) return back;
  return make_folder(state.path(), 0700);
}

program private_postgres::run(const std::string& name, std::vector<std::string> args) const {
  program out;
  out.path = name.starts_with('/') ? name : programs_ + "/" + name;
  out.argv = std::move(args);
  out.argv.insert(out.argv.begin(), name);
  // PGPORT and its kind would change what it does; the user's locale must not change its messages, which we quote.
  out.env = environment_without("PG");
  std::erase_if(out.env, [](const std::string& word) { return word.starts_with("LC_") || word.starts_with("LANG"); });
  out.env.emplace_back("LC_ALL=C.UTF-8");
  out.folder = folder_;
  out.log_file = log_;
  out.as = as_;
  // A fast and clean shutdown.
  out.death_signal = SIGINT;
  return out;
}

result<void> private_postgres::make_cluster(const std::string& password) const {
  // Beside its place first: what a killed initdb left must not be taken for a cluster.
  const auto fresh = folder_ + "/data.new";
  const auto password_file = folder_ + "/password";
  std::error_code error;
  fs::remove_all(fresh, error);
  if (auto written = write("password", password + "\n"); !written) return written;
  const auto code = run_program(run("initdb", {"-D", fresh, "-U", superuser, "-A", "scram-sha-256", "--pwfile",
                                               password_file, "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions"}),
                                initdb_limit);
  fs::remove(password_file, error);
  const auto why = code ? (*code == 0 ? "" : "exit code " + std::to_string(*code)) : code.error().message;
  if (!why.empty()) {
    const std::string hint =
        as_.how == identity::mode::namespaced
            ? "Postgres can't run as root: run `cadre up` as an ordinary user, or choose a --state "
              "folder that the user postgres can reach. "
            : "";
    return fail(errc::storage, "Postgres could not make its files (" + why + "). " + hint + "End of " + log_ + ":\n" +
                                   tail_of(log_, 12));
  }
  fs::rename(fresh, data(), error);
  if (error) return fail(errc::storage, "can't rename " + fresh + ": " + error.message());
  return {};
}

result<void> private_postgres::clear_leftovers() const {
  const auto lines = postmaster_lines(data());
  if (lines.empty()) return {};
  const pid_t pid = number_in(lines[0]);
  if (pid > 1 && serves(pid, data()) && !end_process(pid, SIGINT, SIGQUIT, postgres_leftover_grace)) {
    return fail(errc::storage, "a Postgres that was left behind (pid " + std::to_string(pid) + ") does not end");
  }
  std::error_code error;
  fs::remove(data() + "/postmaster.pid", error);
  return {};
}

result<program> private_postgres::command(const std::vector<std::string>& more) {
  if (auto clear = clear_leftovers(); !clear) return tl::unexpected<failure>{clear.error()};
  rotate_log(log_);
  std::vector<std::string> args{"-D", data()};
  const auto set = [&](const std::string& setting) {
    args.emplace_back("-c");
    args.push_back(setting);
  };
  if (on_socket()) {
    set("listen_addresses=");
    set("port=5432");
    // Quoted: the setting is a list, and a folder may hold a comma.
    set("unix_socket_directories=\"" + folder_ + "\"");
    set("unix_socket_permissions=0700");
  } else {
    if (!was_ready_ && !check_loopback_port(port_)) {
      const auto port = free_loopback_port();
      if (!port) return tl::unexpected<failure>{port.error()};
      port_ = *port;
    }
    set("listen_addresses=127.0.0.1");
    set("port=" + std::to_string(port_));
    set("unix_socket_directories=");
  }
  set("max_connections=200");
  set("logging_collector=off");
  set("log_destination=stderr");
  for (const auto& setting : more) set(setting);
  return run("postgres", std::move(args));
}

child_spec private_postgres::spec(const std::shared_ptr<private_postgres>& self) {
  child_spec out;
  out.name = self->name_;
  out.policy = {0, milliseconds{30'000}, SIGINT, SIGQUIT};
  out.make = [self] { return self->command(); };
  return out;
}

bool private_postgres::ready(pid_t pid) const {
  const auto lines = postmaster_lines(data());
  const bool yes = pid > 0 && lines.size() >= 8 && number_in(lines[0]) == pid && lines[7].starts_with("ready");
  was_ready_ = was_ready_ || yes;
  return yes;
}

std::string private_postgres::url(const std::string& user, const std::string& password,
                                  const std::string& database) const {
  const auto login = "postgresql://" + url_encode(user) + ":" + url_encode(password) + "@";
  if (!on_socket()) return login + "127.0.0.1:" + std::to_string(port_) + "/" + url_encode(database);
  return login + "/" + url_encode(database) + "?host=" + url_encode(folder_) + "&port=5432";
}

}  // namespace cadre::launch
