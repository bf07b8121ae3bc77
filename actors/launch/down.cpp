#include "actors/launch/state_dir.hpp"
#include "actors/launch/up.hpp"

#include <csignal>
#include <cstdio>
#include <thread>

namespace cadre::launch {

int run_down(const std::string& state, milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  pid_t asked = 0;
  for (;;) {
    const auto holder = find_holder(state);
    if (!holder) {
      std::fprintf(stderr, "cadre down: %s\n", holder.error().message.c_str());
      return 1;
    }
    if (!*holder) {
      std::printf(asked == 0 ? "nothing is up in %s\n" : "down; the state is kept in %s\n", state.c_str());
      return 0;
    }
    const auto pid = (*holder)->pid;
    // Asked once: a second SIGTERM would mean "at once".
    if (asked == 0 && pid != 0) {
      if (::kill(pid, SIGTERM) != 0) {
        std::fprintf(stderr, "cadre down: may not stop pid %d, which another user started\n", pid);
        return 1;
      }
      asked = pid;
      std::printf("stopping pid %d\n", pid);
      std::fflush(stdout);
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      std::fprintf(stderr, "cadre down: %s is still held by %s after %lld s; look into %s/logs/up.log\n", state.c_str(),
                   pid == 0 ? "a process that can't be identified" : ("pid " + std::to_string(pid)).c_str(),
                   static_cast<long long>(limit.count() / 1000), state.c_str());
      return 1;
    }
    std::this_thread::sleep_for(milliseconds{50});
  }
}

}  // namespace cadre::launch
