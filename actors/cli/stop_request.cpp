#include "stop_request.hpp"

#include <atomic>
#include <signal.h>

namespace cadre::cli {

namespace {

std::atomic<bool> stop_was_asked{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");

void set_handler(void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

stop_request::stop_request() {
  stop_was_asked = false;
  set_handler([](int) { stop_was_asked = true; }, SA_RESETHAND);
}

stop_request::~stop_request() {
  set_handler(SIG_DFL, 0);
}

bool stop_request::asked() const noexcept {
  return stop_was_asked;
}

}  // namespace cadre::cli
