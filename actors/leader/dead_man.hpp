#pragma once

#include "config/company.hpp"
#include "schemas/error.hpp"

#include <chrono>
#include <optional>

namespace cadre::actors {

/// When the outside service is pinged, decided: no clock, no I/O. It is pinged only while the company is healthy, since
/// it is the missing ping that raises the alarm where nothing here can.
class dead_man {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  explicit dead_man(const config::dead_man_rule& rule) : rule_{rule} {}

  /// Whether to ping now.
  [[nodiscard]] bool due(bool healthy, time_point now) const { return healthy && now >= next_; }

  /// What came of it. Gives why pinging fails, once all attempts in a row did; or a failure of code none: it works.
  /// Nothing: it is tried again first.
  std::optional<failure> answered(const result<void>& answer, time_point now);

  /// How long until `due` may be true.
  [[nodiscard]] std::chrono::milliseconds wait(time_point now) const;

 private:
  config::dead_man_rule rule_;
  time_point next_{};
  std::int64_t failures_ = 0;  ///< In a row.
};

}  // namespace cadre::actors
