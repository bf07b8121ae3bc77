#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

namespace storage_test {

/// A TCP proxy before the server, for one connection at a time. It can lose the answer to a COMMIT: the server gets it,
/// the client hears nothing. And it can have something done between two messages of the client.
class proxy {
 public:
  proxy(const std::string& host, const std::string& port);
  ~proxy();
  proxy(const proxy&) = delete;
  proxy& operator=(const proxy&) = delete;

  [[nodiscard]] int port() const { return port_; }
  void lose_next_commit() { armed_ = true; }
  /// Calls `hook` on the proxy's thread before it passes on the client's `nth` message from now (1 is the next). The
  /// client sends statement by statement, so this is mostly between two of them.
  void before_message(int nth, std::function<void()> hook) {
    hook_ = std::move(hook);
    until_hook_ = nth;
  }

 private:
  void serve();
  void pump(int client, int server);
  bool commits(std::string_view bytes);

  std::string host_, server_port_;
  int listener_ = -1;
  int port_ = 0;
  std::string commit_name_;  ///< As a Bind message has it.
  std::atomic<bool> armed_{false};
  std::function<void()> hook_;
  std::atomic<int> until_hook_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace storage_test
