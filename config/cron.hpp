#pragma once

#include "schemas/error.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

/// Cron expressions, as a pure machine: text in, local times out. `config/calendar.hpp` makes instants of them.
namespace cadre::config {

/// What an expression names: one bit per allowed value of each field; or, with `every`, one moment per interval.
struct cron_expression {
  std::uint64_t seconds = 1;          ///< Bits 0 to 59; 0 alone if the expression has 5 fields.
  std::uint64_t minutes = 0;          ///< Bits 0 to 59.
  std::uint32_t hours = 0;            ///< Bits 0 to 23.
  std::uint32_t days = 0;             ///< Bits 1 to 31, of the month.
  bool last_day = false;              ///< `L`: the last of the month.
  std::uint16_t months = 0;           ///< Bits 1 to 12.
  std::uint8_t weekdays = 0;          ///< Bits 0 (Sunday) to 6.
  std::array<std::uint8_t, 7> nth{};  ///< Per weekday, bits 1 to 5: `fri#2`, the second of the month; bit 0: `friL`.
  /// The field begins with `*`, or is `?`. If neither day field does, a day matches if either field names it (POSIX);
  /// otherwise both must, as in crond.
  bool any_day = false;
  bool any_weekday = false;
  std::chrono::milliseconds every{0};  ///< Of `@every`; the fields above are then empty. 0: they count.

  /// Every hour is allowed, however it is written: the time between moments is what counts, not what clocks show.
  [[nodiscard]] bool any_hour() const noexcept { return hours == 0xff'ffffU; }

  bool operator==(const cron_expression&) const = default;
};

/// Reads `[second] minute hour day-of-month month day-of-week`. A field is a list of `*`, `n`, `a-b`, each but `n` with
/// an optional `/step`; months and days of the week may be named (`jan`, `mon`, any case), and 7 is Sunday too. The day
/// of the month may be `L` (the last), a day of the week `5#2` (the second Friday of the month) or `5L` (the last one);
/// either day field may be `?`, which is `*`. Or one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly,
/// @annually, or `@every` and a duration of whole seconds, 1s to 3650d. Errors: bad_value, naming the field and what it
/// allows; `W` is refused, and so is an expression that never comes true (30 February).
result<cron_expression> parse_cron(std::string_view text);

/// The first local time at or after `from` that the fields name, on none of the `excluded` days, before the year 10000.
/// `from` and the answer are seconds since 1970-01-01 of the local calendar, `excluded` days since then, ascending.
std::optional<std::int64_t> next_local(const cron_expression& cron, std::int64_t from,
                                       std::span<const std::int64_t> excluded = {}) noexcept;

}  // namespace cadre::config
