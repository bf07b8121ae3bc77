#pragma once

#include "schemas/error.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

/// Time zones of the IANA database, as the system has it (tzdata). The library behind it (cctz) is used in zone.cpp and
/// nowhere else.
namespace cadre::config {

/// A time zone. A value that never changes. Times are whole seconds: instants since 1970-01-01 UTC, and local times,
/// what clocks on the wall show, counted as if they were UTC.
class zone {
 public:
  /// UTC.
  zone() = default;

  /// By name, for example `Europe/Rome`, as it is written in the database: case counts. Errors: bad_value with a
  /// did-you-mean. Blocks on the file system; a zone that was found once stays in memory.
  static result<zone> find(std::string_view name);

  /// An instant at which local time jumps from `from` to `to`: forward over a gap (from < to), or back, so that the
  /// times in [to, from) occur twice.
  struct jump {
    std::int64_t at = 0;
    std::int64_t from = 0;
    std::int64_t to = 0;
  };

  /// Where a local time is found on the line of instants.
  struct meeting {
    std::int64_t instant = 0;         ///< The first of two; of a local time that does not exist, the first after it.
    std::optional<std::int64_t> end;  ///< Local time at which the repeated or missing times around it end.
  };

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// The local time at an instant.
  [[nodiscard]] std::int64_t local(std::int64_t instant) const;
  /// The instant of a local time.
  [[nodiscard]] meeting meet(std::int64_t local) const;
  /// The first jump later than an instant.
  [[nodiscard]] std::optional<jump> next_jump(std::int64_t instant) const;

 private:
  struct rules;

  std::string name_ = "UTC";
  std::shared_ptr<const rules> rules_;  ///< None: UTC.
};

}  // namespace cadre::config
