#include "proxy.hpp"

#include <arpa/inet.h>
#include <array>
#include <netdb.h>
#include <poll.h>
#include <stdexcept>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>

namespace storage_test {

namespace {

int connect_to(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) return -1;
  const int fd = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
  const bool ok = fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) == 0;
  freeaddrinfo(found);
  return ok ? fd : -1;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

proxy::proxy(const std::string& host, const std::string& port) : host_{host}, server_port_{port} {
  listener_ = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 4) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error{"the proxy can't listen"};
  port_ = ntohs(address.sin_port);
  thread_ = std::thread{[this] { serve(); }};
}

proxy::~proxy() {
  stop_ = true;
  thread_.join();
  close(listener_);
}

void proxy::serve() {
  while (!stop_) {
    pollfd waiting{listener_, POLLIN, 0};
    if (poll(&waiting, 1, 20) <= 0) continue;
    const int client = accept(listener_, nullptr, nullptr);
    const int server = connect_to(host_, server_port_);
    if (client >= 0 && server >= 0) pump(client, server);
    if (client >= 0) close(client);
    if (server >= 0) close(server);
  }
}

/// True if the client's messages execute COMMIT: as text, or by the name under which it was prepared.
bool proxy::commits(std::string_view bytes) {
  const std::string_view text{"\0COMMIT\0", 8};
  if (const auto at = bytes.find(text); at != std::string_view::npos && at > 0) {
    const auto name = bytes.substr(0, at);
    commit_name_ = std::string(1, '\0') + std::string{name.substr(name.rfind('p'))} + std::string(1, '\0');
    return true;
  }
  return bytes.find("COMMIT") != std::string_view::npos ||
         (!commit_name_.empty() && bytes.find(commit_name_) != std::string_view::npos);
}

void proxy::pump(int client, int server) {
  commit_name_.clear();
  std::array<char, 65536> buffer{};
  bool deaf = false;  // The server's answers go nowhere.
  while (!stop_) {
    std::array<pollfd, 2> ends{{{client, POLLIN, 0}, {server, POLLIN, 0}}};
    if (poll(ends.data(), ends.size(), 20) <= 0) continue;
    for (auto& end : ends) {
      if ((end.revents & (POLLIN | POLLHUP)) == 0) continue;
      const auto n = recv(end.fd, buffer.data(), buffer.size(), 0);
      if (n <= 0) return;
      const std::string_view bytes{buffer.data(), static_cast<std::size_t>(n)};
      if (end.fd == client) {
        if (commits(bytes) && armed_) {
          armed_ = false;
          deaf = true;
        }
        if (until_hook_ > 0 && --until_hook_ == 0) hook_();
        if (!write_all(server, bytes)) return;
      } else if (deaf || !write_all(client, bytes)) {
        return;
      }
    }
  }
}

}  // namespace storage_test
