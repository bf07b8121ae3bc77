#include "actors/watch/watchdog.hpp"

#include "schemas/log.hpp"

#include <csignal>

namespace cadre::actors {

namespace {

using clock = std::chrono::steady_clock;

}  // namespace

watchdog::watchdog(watchdog_options options, std::shared_ptr<pulse> signs, std::function<void(std::uint64_t)> ping,
                   std::function<bool()> bus_connected)
    : options_{options},
      signs_{std::move(signs)},
      ping_{std::move(ping)},
      bus_connected_{std::move(bus_connected)},
      machine_{options.limits, clock::now()} {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread{[this] { run(); }};
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

watchdog::~watchdog() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void watchdog::ready() {
  systemd_.ready();
  systemd_.status("ok");
}

void watchdog::draining() {
  {
    const std::lock_guard lock{mutex_};
    draining_ = true;
  }
  systemd_.stopping();
  changed_.notify_one();
}

health_report watchdog::report() const {
  const std::lock_guard lock{mutex_};
  return machine_.report();
}

void watchdog::look(steady_time now) {
  vital_signs signs;
  signs_->read(signs);
  signs.bus_connected = bus_connected_();
  if (signs_->last_answered() != pings_) {
    signs.ping_waits_since = ping_sent_;
  } else {
    ping_sent_ = now;
    ping_(++pings_);
  }
  std::string line;
  bool well = false;
  {
    const std::lock_guard lock{mutex_};
    signs.draining = draining_;
    if (!machine_.look(signs, now)) return;
    line = to_line(machine_.report(), now);
    well = machine_.report().reasons.empty();
  }
  systemd_.status(line);
  if (well)
    log::info("health: {}", line);
  else
    log::warn("health: {}", line);
}

void watchdog::run() {
  auto look_due = clock::now();
  auto pet_due = look_due;
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    const auto now = clock::now();
    if (now >= look_due) {
      lock.unlock();
      look(now);
      lock.lock();
      look_due = now + options_.look_every;
    }
    auto wake = look_due;
    if (const auto every = systemd_.pet_every()) {
      if (now >= pet_due) {
        if (machine_.alive()) systemd_.pet();
        pet_due = now + *every;
      }
      wake = std::min(wake, pet_due);
    }
    changed_.wait_until(lock, wake, [this] { return stopping_; });
  }
}

}  // namespace cadre::actors
