#include "actors/launch/private_nats.hpp"

#include "actors/launch/replicated_files.hpp"
#include "schemas/json.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <netinet/in.h>
#include <poll.h>
#include <set>
#include <sstream>
#include <sys/socket.h>
#include <unistd.h>

namespace cadre::launch {

namespace {

constexpr int greeting_wait_ms = 200;
constexpr milliseconds nats_leftover_grace{10'000};
constexpr int payload_bytes_max = 2 << 20;  // Room for our largest message, 1 MiB, in its envelope.

std::string find_program() {
  std::string places = "/usr/sbin:/usr/local/bin:/usr/bin";
  if (const char* path = ::getenv("PATH")) places = std::string(path) + ":" + places;
  std::istringstream in(places);
  for (std::string place; std::getline(in, place, ':');) {
    const auto file = place + "/nats-server";
    if (!place.empty() && ::access(file.c_str(), X_OK) == 0) return file;
  }
  return {};
}

bool wait_for(int fd, short events) {
  pollfd watched{fd, events, 0};
  return ::poll(&watched, 1, greeting_wait_ms) == 1 && (watched.revents & events) != 0;
}

}  // namespace

result<std::shared_ptr<private_nats>> private_nats::find(const state_dir& state, const std::string& password,
                                                         const std::string& name) {
  const std::shared_ptr<private_nats> self(new private_nats);
  self->name_ = name;
  self->folder_ = state.path() + "/" + name;
  self->log_ = state.log(name);
  self->password_ = password;
  self->program_ = find_program();
  if (self->program_.empty()) {
    return fail(errc::command_not_found, "there is no nats-server on this machine; install it with: deploy/install");
  }
  if (auto made = make_folder(self->folder_, 0700); !made) return tl::unexpected<failure>{made.error()};
  if (auto clear = self->clear_leftovers(); !clear) return tl::unexpected<failure>{clear.error()};
  return self;
}

result<std::shared_ptr<private_nats>> private_nats::prepare(const state_dir& state, const std::string& password,
                                                            int port) {
  auto self = find(state, password, "nats");
  if (!self || port == 0) return self;
  if (auto usable = check_loopback_port(port); !usable) return tl::unexpected<failure>{usable.error()};
  (*self)->port_given_ = true;
  (*self)->port_ = port;
  return self;
}

result<std::vector<std::shared_ptr<private_nats>>> private_nats::prepare_cluster(const state_dir& state,
                                                                                 const std::string& password,
                                                                                 int port) {
  std::vector<std::shared_ptr<private_nats>> members;
  for (int i = 1; i <= cluster_size; ++i) {
    auto self = find(state, password, "nats-" + std::to_string(i));
    if (!self) return tl::unexpected<failure>{self.error()};
    (*self)->port_given_ = true;
    members.push_back(std::move(*self));
  }
  if (port != 0) {
    if (auto usable = check_loopback_port(port); !usable) return tl::unexpected<failure>{usable.error()};
  }
  std::set<int> ports;
  if (port != 0) ports.insert(port);
  const auto other_port = [&]() -> result<int> {
    for (;;) {
      const auto free = free_loopback_port();
      if (!free || ports.insert(*free).second) return free;
    }
  };
  for (const auto& member : members) {
    const auto client = port != 0 && member == members.front() ? result<int>{port} : other_port();
    const auto route = other_port();
    if (!client || !route) return tl::unexpected<failure>{client ? route.error() : client.error()};
    member->port_ = *client;
    member->route_port_ = *route;
  }
  for (const auto& member : members) {
    for (const auto& other : members) member->route_ports_.push_back(other->route_port_);
  }
  return members;
}

result<void> private_nats::clear_leftovers() const {
  const auto text = read_file(folder_ + "/nats.pid").value_or("");
  pid_t pid = 0;
  std::from_chars(text.data(), text.data() + text.size(), pid);
  const auto command = pid > 1 ? read_file("/proc/" + std::to_string(pid) + "/cmdline").value_or("") : std::string{};
  if (command.find(folder_ + "/nats.conf") == std::string::npos) return {};
  if (!end_process(pid, SIGTERM, SIGKILL, nats_leftover_grace)) {
    return fail(errc::unreachable, "a nats-server that was left behind (pid " + std::to_string(pid) + ") does not end");
  }
  return {};
}

result<program> private_nats::make_program() {
  if (auto clear = clear_leftovers(); !clear) return tl::unexpected<failure>{clear.error()};
  // Once clients know the port it stays; before that a port lost to somebody else is simply replaced.
  if (!port_given_ && !was_ready_) {
    const auto port = free_loopback_port();
    if (!port) return tl::unexpected<failure>{port.error()};
    port_ = *port;
  }
  if (auto usable = check_loopback_port(port_); !usable) return tl::unexpected<failure>{usable.error()};
  rotate_log(log_);
  const auto file = folder_ + "/nats.conf";
  if (auto written = write_atomically(file, config_text(), 0600); !written) {
    return tl::unexpected<failure>{written.error()};
  }
  program out;
  out.path = program_;
  out.argv = {"nats-server", "-c", file};
  out.env = environment_without("NATS");
  if (!route_ports_.empty()) add_member_settings(out.env);
  out.folder = folder_;
  out.log_file = log_;
  out.death_signal = SIGTERM;
  return out;
}

std::string private_nats::config_text() const {
  if (!route_ports_.empty()) return std::string(replicated_nats_conf());
  // The server's config language takes JSON, which settles every question of quoting.
  const nlohmann::json config{{"host", "127.0.0.1"},
                              {"port", port_},
                              {"server_name", "cadre"},
                              {"max_payload", payload_bytes_max},
                              {"pid_file", folder_ + "/nats.pid"},
                              {"jetstream", {{"store_dir", folder_}}},
                              {"authorization", {{"user", "cadre"}, {"password", password_}}}};
  return config.dump(2) + "\n";
}

void private_nats::add_member_settings(std::vector<std::string>& environment) const {
  const auto set = [&](const std::string& key, const std::string& setting) {
    environment.push_back("CADRE_NATS_" + key + "=" + nlohmann::json(setting).dump());
  };
  const auto loopback = [](int port) { return "127.0.0.1:" + std::to_string(port); };
  set("NAME", "cadre-" + name_);
  set("LISTEN", loopback(port_));
  set("PID", folder_ + "/nats.pid");
  set("STORE", folder_);
  set("PASSWORD", password_);
  set("ROUTE_LISTEN", loopback(route_port_));
  for (std::size_t i = 0; i < route_ports_.size(); ++i)
    set("ROUTE_" + std::to_string(i + 1), "nats://route:" + password_ + "@" + loopback(route_ports_[i]));
}

child_spec private_nats::spec(const std::shared_ptr<private_nats>& self) {
  child_spec out;
  out.name = self->name_;
  out.policy = {1, milliseconds{10'000}, SIGTERM, SIGKILL};
  out.make = [self] { return self->make_program(); };
  return out;
}

bool private_nats::ready() const {
  const descriptor fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port_));
  if (!fd || port_ == 0) return false;
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    int error = 0;
    socklen_t size = sizeof error;
    if (errno != EINPROGRESS || !wait_for(fd.get(), POLLOUT) ||
        ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
      return false;
    }
  }
  std::array<char, 5> greeting{};
  const bool yes = wait_for(fd.get(), POLLIN) && ::recv(fd.get(), greeting.data(), greeting.size(), 0) == 5 &&
                   std::string_view(greeting.data(), 5) == "INFO ";
  was_ready_ = was_ready_ || yes;
  return yes;
}

std::string private_nats::url() const {
  return "nats://cadre:" + password_ + "@127.0.0.1:" + std::to_string(port_);
}

}  // namespace cadre::launch
