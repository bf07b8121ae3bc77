#pragma once

/// Units of the bounds in the table of keys: milliseconds and bytes.
namespace cadre::config {

inline constexpr double second = 1'000;
inline constexpr double minute = 60 * second;
inline constexpr double hour = 60 * minute;
inline constexpr double day = 24 * hour;
inline constexpr double kib = 1'024;
inline constexpr double mib = 1'024 * kib;
inline constexpr double gib = 1'024 * mib;

}  // namespace cadre::config
