#pragma once

#include "schemas/error.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

/// Quantities as people write them. Every function is pure; errors are bad_value with a sentence that says what is
/// allowed.
namespace cadre::config {

/// `250ms`, `5s`, `5m`, `2h`, `1d`, `0s`: a whole number and a unit. A number without a unit is refused.
result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// The shortest such text, for example `90s`, `5m`, `0s`.
std::string duration_text(std::chrono::milliseconds time);

/// `2026-12-25`: a day that the calendar has.
result<std::chrono::year_month_day> parse_date(std::string_view text);

/// Such a text.
std::string date_text(const std::chrono::year_month_day& day);

/// `4096`, `64KiB`, `1MiB`, `2GiB`: bytes. A bare number is a count of bytes.
result<std::int64_t> parse_bytes(std::string_view text);

/// The shortest such text, for example `1MiB`, `1000`.
std::string bytes_text(std::int64_t bytes);

/// `20%` or `0.2`: a share between 0 and 1.
result<double> parse_share(std::string_view text);

/// `0` to `3` or `P0` to `P3`.
result<std::int64_t> parse_priority(std::string_view text);

/// A whole number in decimal, with an optional sign, nothing around it.
result<std::int64_t> parse_integer(std::string_view text);

/// A finite decimal number, nothing around it.
result<double> parse_number(std::string_view text);

/// A number without needless zeros, for example `2` or `0.2`.
std::string number_text(double value);

}  // namespace cadre::config
