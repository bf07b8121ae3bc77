#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>

namespace cadre {

/// Microseconds since the Unix epoch, UTC: the resolution of Postgres. On the wire it is an integer.
struct timestamp {
  std::int64_t us = 0;

  auto operator<=>(const timestamp&) const = default;
  /// True for the default value, which stands for "not set".
  [[nodiscard]] bool empty() const noexcept { return us == 0; }
  timestamp operator+(std::chrono::microseconds d) const noexcept { return {us + d.count()}; }
  std::chrono::microseconds operator-(timestamp other) const noexcept {
    return std::chrono::microseconds{us - other.us};
  }
};

/// The wall clock. Leases and restart intensity use std::chrono::steady_clock instead.
timestamp now() noexcept;

/// `2026-11-21T03:51:13.123456Z`.
std::string to_iso(timestamp t);

}  // namespace cadre
