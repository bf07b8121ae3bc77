#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace cadre::actors {

/// What systemd is told (sd_notify(3)), if it started us: $NOTIFY_SOCKET names where, $WATCHDOG_USEC and
/// $WATCHDOG_PID how often it wants to hear from us. Without them every function does nothing. Each is one datagram;
/// a failure to send is ignored: systemd judges by silence.
class service_manager {
 public:
  /// Reads the environment, once.
  service_manager();

  /// Half of the time after which systemd ends a silent service; none if it does not watch us.
  [[nodiscard]] std::optional<std::chrono::microseconds> pet_every() const noexcept { return pet_every_; }

  void ready() const;     ///< READY=1
  void pet() const;       ///< WATCHDOG=1
  void stopping() const;  ///< STOPPING=1
  /// STATUS=..., the line that `systemctl status` shows. One line.
  void status(const std::string& line) const;

 private:
  std::optional<std::chrono::microseconds> pet_every_;
};

}  // namespace cadre::actors
