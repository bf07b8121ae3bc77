#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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

/// The years 0001 to 9999: what ISO 8601 and Postgres both can say.
inline constexpr timestamp timestamp_min{-62'135'596'800'000'000};
inline constexpr timestamp timestamp_max{253'402'300'799'999'999};

/// `2026-11-21T03:51:13.123456Z`. Outside `timestamp_min` to `timestamp_max` it is the nearest of the two.
std::string to_iso(timestamp t);

/// Reads `2026-11-21T03:51:13Z`, with one to nine digits of fraction (cut to microseconds) or none, and with `Z` or an
/// offset such as `+02:00`. Nothing for any other text (a time without a zone is ambiguous) or out of the range above.
std::optional<timestamp> from_iso(std::string_view text);

}  // namespace cadre
