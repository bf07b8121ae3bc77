#pragma once

#include "actors/launch/process.hpp"
#include "actors/launch/process_keeper.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <fstream>
#include <sys/stat.h>
#include <thread>

/// What the launcher's tests share: small shell programs as children, and bounded waiting.
namespace cadre::testing {

using namespace std::chrono_literals;

constexpr auto patience = 60s;

/// Steps the keeper until `condition` holds; a failed test if it never does.
template <class Condition>
void step_until(launch::process_keeper& keeper, const char* what, Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    BOOST_REQUIRE_MESSAGE(std::chrono::steady_clock::now() < deadline, "never happened: " << what);
    keeper.step(10ms);
  }
}

/// Sleeps until `condition` holds; a failed test if it never does.
template <class Condition>
void wait_until(const char* what, Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    BOOST_REQUIRE_MESSAGE(std::chrono::steady_clock::now() < deadline, "never happened: " << what);
    std::this_thread::sleep_for(10ms);
  }
}

/// True while the process exists and is not a zombie.
inline bool lives(pid_t pid) {
  launch::process_facts facts;
  return pid > 0 && launch::read_process(pid, facts) && facts.state != 'Z';
}

inline std::string slurp(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline launch::program shell(const std::string& script, const std::string& log = "") {
  launch::program what;
  what.path = "/bin/sh";
  what.argv = {"sh", "-c", script};
  what.env = launch::environment_without("");
  what.log_file = log;
  return what;
}

inline launch::child_spec shell_child(const std::string& name, int stage, const std::string& script,
                                      const std::string& log = "") {
  launch::child_spec spec;
  spec.name = name;
  spec.policy = {stage, 5s, SIGTERM, SIGKILL};
  spec.make = [script, log]() -> result<launch::program> { return shell(script, log); };
  return spec;
}

/// Ends everything and waits for it.
inline void finish(launch::process_keeper& keeper) {
  keeper.stop();
  step_until(keeper, "the end of every child", [&] { return keeper.stopped(); });
}

}  // namespace cadre::testing
