#include "actors/watch/service_manager.hpp"

#include <systemd/sd-daemon.h>

namespace cadre::actors {

service_manager::service_manager() {
  std::uint64_t limit_us = 0;
  if (sd_watchdog_enabled(0, &limit_us) > 0) pet_every_ = std::chrono::microseconds{limit_us / 2};
}

void service_manager::ready() const {
  sd_notify(0, "READY=1");
}

void service_manager::pet() const {
  sd_notify(0, "WATCHDOG=1");
}

void service_manager::stopping() const {
  sd_notify(0, "STOPPING=1");
}

void service_manager::status(const std::string& line) const {
  sd_notify(0, ("STATUS=" + line).c_str());
}

}  // namespace cadre::actors
