#pragma once

#include "bus/connection.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <sys/types.h>
#include <thread>
#include <vector>

namespace cadre::bus::test {

using namespace std::chrono_literals;

/// The shared server of the test run.
std::string shared_url();

/// A company that no other test uses.
std::string random_company();

/// A connection of `company`, or a failed test.
std::shared_ptr<connection> connect(const std::string& company, const std::string& url = shared_url());

/// Waits until `done`, or fails after a time that only a defect exceeds.
bool eventually(const std::function<bool()>& done, std::chrono::seconds limit = 20s);

/// A port of loopback that nobody listened on a moment ago.
int free_port();

/// A nats-server of the test's own on a free port of loopback, with JetStream in a temporary folder.
class own_server {
 public:
  explicit own_server(const std::string& extra_config = {});
  ~own_server();
  void start();
  void kill();  ///< SIGKILL.
  void lose_files();
  [[nodiscard]] std::string url() const;

 private:
  std::filesystem::path folder_;
  int port_ = 0;
  pid_t pid_ = -1;
};

/// A check for handlers and other threads, where Boost.Test's own are not allowed: says what failed and aborts.
void must(bool ok, const std::string& what = "a check on another thread");

/// Collects what arrives on other threads.
template <class T>
class collector {
 public:
  void add(T value) {
    std::lock_guard lock(mutex_);
    values_.push_back(std::move(value));
  }
  std::vector<T> all() const {
    std::lock_guard lock(mutex_);
    return values_;
  }
  std::size_t size() const {
    std::lock_guard lock(mutex_);
    return values_.size();
  }
  bool reaches(std::size_t n) const {
    return eventually([&] { return size() >= n; });
  }

 private:
  mutable std::mutex mutex_;
  std::vector<T> values_;
};

}  // namespace cadre::bus::test
