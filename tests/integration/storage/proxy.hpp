#pragma once

#include <atomic>
#include <string>
#include <thread>

namespace storage_test {

/// A TCP proxy before the server that can lose the answer to a COMMIT: the server gets it, the client hears nothing.
class proxy {
 public:
  proxy(const std::string& host, const std::string& port);
  ~proxy();
  proxy(const proxy&) = delete;
  proxy& operator=(const proxy&) = delete;

  [[nodiscard]] int port() const { return port_; }
  void lose_next_commit() { armed_ = true; }

 private:
  void serve();
  void pump(int client, int server);

  std::string host_, server_port_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> armed_{false};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace storage_test
