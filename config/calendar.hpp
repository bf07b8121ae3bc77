#pragma once

#include "config/company.hpp"
#include "config/cron.hpp"
#include "config/zone.hpp"
#include "schemas/error.hpp"
#include "schemas/time.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// When a schedule is due: cron, time zone, days left out, start and end, and jitter together. CRON.md is the page
/// about what it does at the edges and how others differ.
namespace cadre::config {

/// The moments of one schedule. A value: it never changes, and may be copied and used by any thread. Only `make` reads
/// the time zone database; everything else is a pure function that neither blocks nor allocates, `between` and
/// `describe` aside.
///
/// A moment is an instant; on a whole second, but for `@every` with a start that is not. Where clocks are put forward,
/// a local time that does not exist is due once, at the first instant after it; where they are put back, a local time
/// that occurs twice is due once, at the first. But a cron expression that allows every hour of the day, and `@every`,
/// are due at every real interval: at each instant whose local time they name, both times, and never at one that they
/// do not name.
class calendar {
 public:
  /// Errors: bad_value, for a cron expression or a time zone that is not allowed, saying what is; or if `ends` is not
  /// later than `starts`. What `config/load.hpp` loaded has none of these. Blocks on the file system.
  static result<calendar> make(const schedule& s);
  /// Of a cron expression and a zone alone.
  static result<calendar> make(std::string_view cron, std::string_view tz = "UTC");

  /// The first moment later than `after`. Empty if there is none: `ends` came, or the year 9999 did. Nothing is due
  /// before 1970. Costs about a microsecond.
  [[nodiscard]] timestamp next(timestamp after) const;

  /// The moments later than `from` and not later than `upto`, oldest first, at most `moments_max` of them.
  [[nodiscard]] std::vector<timestamp> between(timestamp from, timestamp upto, std::size_t moments_max) const;

  /// When the fire of a moment really comes: `due` and a time from zero to `jitter`, whole milliseconds, made of the
  /// schedule's name and `due`. So it is the same on every node and after every restart.
  [[nodiscard]] timestamp fire_at(timestamp due) const noexcept;

  /// For people: `0 6 * * 1-5 Europe/Rome`, with what else holds: `, jitter 30s, 2 days excluded, from ..., until ...`.
  [[nodiscard]] std::string describe() const;

 private:
  calendar() = default;

  // The first moment later than an instant, of the three kinds of schedules: of hours that clocks show, of every hour,
  // and of `@every`. The first two count seconds, the last microseconds.
  [[nodiscard]] std::optional<std::int64_t> next_named(std::int64_t after) const;
  [[nodiscard]] std::optional<std::int64_t> next_real(std::int64_t after) const;
  [[nodiscard]] std::optional<std::int64_t> next_interval(std::int64_t after_us) const;
  [[nodiscard]] bool excludes(std::int64_t local) const noexcept;

  std::string name_;
  std::string text_;  ///< Of the cron expression.
  cron_expression cron_;
  zone zone_;
  std::chrono::milliseconds jitter_{0};
  std::vector<std::int64_t> excluded_;  ///< Local days since 1970-01-01, ascending.
  timestamp starts_;
  timestamp ends_;
};

}  // namespace cadre::config
