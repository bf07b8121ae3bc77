#include "actors/launch/state_dir.hpp"

#include "actors/launch/process.hpp"
#include "schemas/json.hpp"
#include "schemas/time.hpp"

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace cadre::launch {

namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::size_t secret_bytes = 24;

std::string own_command_line() {
  auto text = read_file("/proc/self/cmdline").value_or("");
  while (!text.empty() && text.back() == '\0') text.pop_back();
  std::replace(text.begin(), text.end(), '\0', ' ');
  return text.substr(0, 1000);
}

lock_holder parse_holder(const std::string& text) {
  lock_holder holder;
  const auto doc = json::parse(text, nullptr, false);
  if (!doc.is_object()) return holder;
  holder.pid = doc.value("pid", 0);
  holder.since = doc.value("since", "");
  holder.command = doc.value("command", "");
  holder.start_ticks = doc.value("start_ticks", "");
  return holder;
}

result<void> write_holder(int fd) {
  process_facts me;
  if (!read_process(::getpid(), me)) return fail(errc::internal, "/proc does not show this process");
  const json doc{
      {"pid", ::getpid()}, {"since", to_iso(now())}, {"command", own_command_line()}, {"start_ticks", me.start_ticks}};
  const auto text = doc.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return fail_errno(errc::internal, "can't write the lock file");
  }
  return {};
}

std::string refusal(const std::string& path, const lock_holder& holder) {
  std::string text = "a company is already up in " + path;
  if (holder.pid != 0) {
    text += ": pid " + std::to_string(holder.pid) + ", since " + holder.since + " (" + holder.command + ")";
  }
  return text + ". Stop it with: cadre down --state " + path;
}

result<void> make_parts(const std::string& path) {
  std::error_code error;
  if (const auto parent = fs::path(path).parent_path(); !parent.empty()) fs::create_directories(parent, error);
  if (error) return fail(errc::refused, "can't make the folder of " + path + ": " + error.message());
  struct stat info {};
  const bool lets_pass = ::stat(path.c_str(), &info) == 0 && (info.st_mode & 07777) == 0711;
  if (auto made = make_folder(path, lets_pass ? 0711 : 0700); !made) return made;
  for (const auto* part : {"/logs", "/nats"}) {
    if (auto made = make_folder(path + part, 0700); !made) return made;
  }
  // Nobody should commit passwords by accident.
  if (!fs::exists(path + "/.gitignore", error)) return write_atomically(path + "/.gitignore", "*\n", 0600);
  return {};
}

}  // namespace

result<state_dir> state_dir::open(const std::string& path) {
  const auto whole = fs::absolute(path).lexically_normal().string();
  const auto clean = whole.size() > 1 && whole.back() == '/' ? whole.substr(0, whole.size() - 1) : whole;
  if (auto made = make_parts(clean); !made) return tl::unexpected<failure>{made.error()};
  descriptor lock(::open((clean + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return fail_errno(errc::refused, "can't open the lock of " + clean);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail(errc::refused, refusal(clean, parse_holder(read_file(clean + "/lock").value_or(""))));
  }
  if (auto written = write_holder(lock.get()); !written) return tl::unexpected<failure>{written.error()};
  return state_dir(clean, std::move(lock));
}

std::string state_dir::beside(const std::string& config_file) {
  return (fs::absolute(config_file).parent_path() / ".cadre").lexically_normal().string();
}

result<void> state_dir::let_pass() {
  return make_folder(path_, 0711);
}

result<secrets> state_dir::load_secrets() const {
  const auto file = path_ + "/secrets.json";
  std::error_code error;
  auto doc = json::object();
  if (fs::exists(file, error)) {
    const auto text = read_file(file);
    if (!text) return tl::unexpected<failure>{text.error()};
    doc = json::parse(*text, nullptr, false);
    if (!doc.is_object())
      return fail(errc::refused, file + " is damaged; restore it, or remove the whole state folder");
  }
  secrets out;
  const std::pair<const char*, std::string*> parts[] = {{"postgres_superuser", &out.postgres_superuser},
                                                        {"cadre_migrator", &out.cadre_migrator},
                                                        {"cadre_writer", &out.cadre_writer},
                                                        {"cadre_reader", &out.cadre_reader},
                                                        {"nats", &out.nats}};
  bool changed = false;
  for (const auto& [key, value] : parts) {
    if (doc.contains(key) && doc[key].is_string()) {
      *value = doc[key].get<std::string>();
      continue;
    }
    auto made = random_hex(secret_bytes);
    if (!made) return tl::unexpected<failure>{made.error()};
    doc[key] = *value = *made;
    changed = true;
  }
  if (changed) {
    if (auto written = write_atomically(file, doc.dump(2) + "\n", 0600); !written) {
      return tl::unexpected<failure>{written.error()};
    }
  }
  return out;
}

result<std::optional<lock_holder>> find_holder(const std::string& path) {
  const auto file = fs::absolute(path).lexically_normal() / "lock";
  const descriptor lock(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!lock) {
    if (errno == ENOENT) return std::nullopt;
    return fail_errno(errc::refused, "can't open " + file.string());
  }
  if (::flock(lock.get(), LOCK_SH | LOCK_NB) == 0) return std::nullopt;
  auto holder = parse_holder(read_file(file.string()).value_or(""));
  process_facts facts;
  if (!read_process(holder.pid, facts) || facts.start_ticks != holder.start_ticks) holder.pid = 0;
  return holder;
}

}  // namespace cadre::launch
