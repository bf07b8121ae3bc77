#pragma once

#include "schemas/error.hpp"
#include "schemas/time.hpp"

#include <cstdint>
#include <string_view>

/// Cron expressions, as a pure machine: text in, moments out. UTC only.
namespace cadre::config {

/// The moments that an expression names: one bit per allowed value.
struct cron_expression {
  std::uint64_t minutes = 0;  ///< Bits 0 to 59.
  std::uint32_t hours = 0;    ///< Bits 0 to 23.
  std::uint32_t days = 0;     ///< Bits 1 to 31, of the month.
  std::uint16_t months = 0;   ///< Bits 1 to 12.
  std::uint8_t weekdays = 0;  ///< Bits 0 (Sunday) to 6.
  /// The field begins with `*`. If neither day field does, a day matches if either field names it (POSIX); otherwise
  /// both must, as in crond.
  bool any_day = false;
  bool any_weekday = false;

  bool operator==(const cron_expression&) const = default;
};

/// Reads `minute hour day-of-month month day-of-week`. A field is a list of `*`, `n`, `a-b`, each but `n` with an
/// optional `/step`; months and days of the week may be named (`jan`, `mon`, any case), and 7 is Sunday too. Or one of
/// @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually. Errors: bad_value, naming the field and what it
/// allows; an expression that never comes true (30 February) is one.
result<cron_expression> parse_cron(std::string_view text);

/// The first moment later than `after`, on a whole minute. An empty timestamp if there is none before the year 9999.
timestamp next_fire(const cron_expression& cron, timestamp after) noexcept;

}  // namespace cadre::config
