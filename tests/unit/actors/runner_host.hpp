#pragma once

#include "actors/runner/process.hpp"
#include "actors/runner/protocol.hpp"
#include "actors/runner/request.hpp"
#include "actors/runner/spawn.hpp"
#include "schemas/json.hpp"

#include <boost/test/unit_test.hpp>

#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>
#include <set>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

/// What the tests of process_host share: a host with a scratch folder of its own, and the programs it runs.
namespace runner_tests {

using namespace cadre;
using namespace cadre::actors;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

inline const std::string agents = std::string{CADRE_SOURCE_DIR} + "/tests/support/agents";

struct ended {
  std::string out;
  exit_info exit;
};

/// A host with a scratch base of its own. `run` waits for the end of a process.
struct fixture {
  std::string base = make_base();
  std::unique_ptr<process_host> host = std::make_unique<process_host>(process_host_options{base, 64});

  ~fixture() {
    host.reset();
    fs::remove_all(base);
  }

  static std::string make_base() {
    std::string name = (fs::temp_directory_path() / "cadre-runner-XXXXXX").string();
    BOOST_REQUIRE(mkdtemp(name.data()) != nullptr);
    return name;
  }

  static process_spec spec(std::vector<std::string> argv) {
    process_spec s;
    s.argv = std::move(argv);
    s.cwd = agents;
    s.company = "acme";
    s.agent = "ceo.a";
    s.node = "n1";
    s.run = "r1";
    s.timeout = 60s;
    return s;
  }

  std::future<ended> start(process_spec s) {
    auto promise = std::make_shared<std::promise<ended>>();
    auto result = std::make_shared<ended>();
    process_callbacks callbacks;
    callbacks.on_stdout = [result](std::string_view bytes) { result->out += bytes; };
    callbacks.on_exit = [result, promise](const exit_info& e) {
      result->exit = e;
      promise->set_value(*result);
    };
    const auto id = host->start(std::move(s), std::move(callbacks));
    BOOST_REQUIRE(id.has_value());
    last = *id;
    return promise->get_future();
  }

  ended run(process_spec s) {
    auto future = start(std::move(s));
    BOOST_REQUIRE((future.wait_for(60s) == std::future_status::ready));
    return future.get();
  }

  process_id last{};
};

inline bool is_alive(const std::string& pid) {
  std::ifstream file{"/proc/" + pid + "/stat"};
  std::string text;
  std::getline(file, text);
  const auto end = text.rfind(')');
  return end != std::string::npos && text.substr(end + 2, 1) != "Z";
}

inline std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

}  // namespace runner_tests
