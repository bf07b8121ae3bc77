#include "support.hpp"

#include "schemas/ids.hpp"

#include <arpa/inet.h>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace cadre::bus::test {

int free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  BOOST_REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0);
  BOOST_REQUIRE(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  close(fd);
  return ntohs(address.sin_port);
}

std::string shared_url() {
  const char* url = std::getenv("CADRE_TEST_NATS");
  BOOST_REQUIRE_MESSAGE(url != nullptr, "CADRE_TEST_NATS must name a nats-server with JetStream");
  return url;
}

std::string random_company() {
  return "t-" + new_uuid().substr(0, 13) + new_uuid().substr(24);
}

std::shared_ptr<connection> connect(const std::string& company, const std::string& url) {
  options o;
  o.url = url;
  o.company = company;
  o.reconnect_wait = 20ms;
  auto c = connection::open(std::move(o));
  BOOST_REQUIRE_MESSAGE(c, c.error().message);
  return *c;
}

bool eventually(const std::function<bool()>& done, std::chrono::seconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

void must(bool ok, const std::string& what) {
  if (ok) return;
  std::fprintf(stderr, "failed: %s\n", what.c_str());
  std::abort();
}

own_server::own_server(const std::string& extra_config) : port_(free_port()) {
  folder_ = std::filesystem::temp_directory_path() / ("cadre-bus-test-" + new_uuid());
  std::filesystem::create_directories(folder_);
  std::ofstream config(folder_ / "nats.conf");
  config << "listen: 127.0.0.1:" << port_ << "\njetstream { store_dir: \"" << (folder_ / "store").string() << "\" }\n"
         << extra_config << "\n";
  config.close();
  start();
}

own_server::~own_server() {
  kill();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void own_server::start() {
  const auto config = (folder_ / "nats.conf").string();
  const auto log = (folder_ / "log").string();
  std::vector<std::string> words{"nats-server", "-c", config, "-l", log};
  std::vector<char*> argv;
  for (auto& w : words) argv.push_back(w.data());
  argv.push_back(nullptr);
  must(posix_spawnp(&pid_, "nats-server", nullptr, nullptr, argv.data(), environ) == 0, "nats-server starts");
  must(eventually([&] {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    const bool there = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    close(fd);
    return there;
  }));
}

void own_server::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void own_server::lose_files() {
  std::filesystem::remove_all(folder_ / "store");
}

std::string own_server::url() const {
  return "nats://127.0.0.1:" + std::to_string(port_);
}

}  // namespace cadre::bus::test
