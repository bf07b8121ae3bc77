#pragma once

#include "config/company.hpp"
#include "schemas/time.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What is past its time, by the ids that say when they were made, and how fast it may go. Pure.
namespace cadre::storage::decide {

/// When an id of version 7 was made, in ms. Nothing for ids of other versions and for what is no id in lower case.
std::optional<timestamp> made_at(std::string_view id);

/// The least id of version 7 of this moment: `019ab2c4-7e00-0000-0000-000000000000`.
std::string first_id(timestamp at);

/// The least id of a moment so much before that of `id`, which is of version 7 or the least of its moment.
std::string earlier_id(std::string_view id, std::chrono::microseconds by);

/// The first moment of the month that `at` is in, UTC.
timestamp month_of(timestamp at);

/// Ids from `from` up to `upto`, not itself.
struct id_range {
  std::string from, upto;
  bool operator==(const id_range&) const = default;
};

/// Kept at least this long, a partition goes as a whole when all of its month is past its time, and its rows are not
/// looked at before. What is kept shorter goes row by row, since a month more would be much of its time.
inline constexpr std::chrono::days by_month_min{28};

/// What of a partitioned table is looked at row by row: ids that are past their time (but for partitions that will go
/// as a whole), and those that don't say when they were made. Nothing if it is kept for ever.
std::vector<id_range> ranges_by_row(const config::kept_time& kept, timestamp now);

/// The moment before which something must have ended to be past its time; nothing if it is kept for ever.
std::optional<timestamp> over_before(const config::kept_time& kept, timestamp now);

/// A stage, which takes what was over when it began, is behind once it goes on for longer than this and much goes: a
/// sixteenth of the time that its rows are kept, at most a minute. No longer, when it is done within half of that, or
/// walked over what stays.
std::chrono::milliseconds behind_after(const config::kept_time& kept);

/// Whether much goes: a tenth of what so many steps of at most `rows_max` rows could take.
bool takes_much(std::int64_t pruned, std::int64_t steps, std::int64_t rows_max);

/// How long to leave the database alone after a step that took `took`: pruning gets a fifth of the writer's time, and
/// half of it while it is behind, since what is not pruned makes all that follows slower.
std::chrono::milliseconds rest_after(std::chrono::microseconds took, bool is_behind);

/// What a round of pruning came to.
struct round_facts {
  std::int64_t steps = 0;
  std::int64_t pruned = 0;            ///< Rows.
  std::chrono::microseconds took{0};  ///< Its steps alone.
};

/// How long to rest after a round. If much went (50 rows a step), 1 s: there will be more. Else 50 times as long as it
/// took, since what is looked at row by row may be many rows that all stay: from a minute to an hour, but never longer
/// than a sixteenth of what is kept shortest, nor less than 1 s.
std::chrono::milliseconds rest_between_rounds(const config::retention_rule& kept, const round_facts& round);

/// How long to wait after the n-th failure in a row, n from 1: 1 s, doubled up to 64 s.
std::chrono::milliseconds wait_after_failures(int n);

}  // namespace cadre::storage::decide
