#include "storage/decide/retention.hpp"

#include "schemas/ids.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

namespace cadre::storage::decide {

namespace {

constexpr const char* least = "00000000-0000-0000-0000-000000000000";
/// Of what is no time; see the partition `other` in 0002_retention.sql.
constexpr const char* first_other = "02000000-0000-0000-0000-000000000000";
constexpr const char* greatest = "ffffffff-ffff-ffff-ffff-ffffffffffff";

constexpr std::size_t version_at = 14;
constexpr int share_of_time = 5;
constexpr int share_of_time_behind = 2;
constexpr int stages_per_kept = 16;
constexpr std::chrono::minutes stage_max{1};
constexpr int rounds_per_kept = 16;
constexpr std::int64_t rows_per_step_of_much = 50;
constexpr int work_to_rest = 50;
constexpr std::chrono::seconds rest_min{1};
constexpr std::chrono::minutes idle_rest_min{1};
constexpr std::chrono::hours rest_max{1};
constexpr int doublings_max = 6;
constexpr std::int64_t share_of_much = 10;

/// The first 48 bits.
timestamp time_of(std::string_view id) {
  const auto hex = std::string{id.substr(0, 8)} + std::string{id.substr(9, 4)};
  std::int64_t ms = 0;
  std::from_chars(hex.data(), hex.data() + hex.size(), ms, 16);
  return {ms * 1000};
}

}  // namespace

std::optional<timestamp> made_at(std::string_view id) {
  if (!is_uuid(id) || id[version_at] != '7') return std::nullopt;
  return time_of(id);
}

std::string earlier_id(std::string_view id, std::chrono::microseconds by) {
  return first_id(time_of(id) + -by);
}

std::string first_id(timestamp at) {
  const auto ms = static_cast<unsigned long long>(std::max<std::int64_t>(at.us / 1000, 0)) & 0xffffffffffffULL;
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%08llx-%04llx-0000-0000-000000000000", ms >> 16, ms & 0xffff);
  return text.data();
}

timestamp month_of(timestamp at) {
  using namespace std::chrono;
  const auto day = floor<days>(sys_time<microseconds>{microseconds{at.us}});
  const year_month_day date{day};
  const sys_days first{date.year() / date.month() / 1};
  return {duration_cast<microseconds>(first.time_since_epoch()).count()};
}

std::optional<timestamp> over_before(const config::kept_time& kept, timestamp now) {
  if (kept.forever) return std::nullopt;
  return now + -std::chrono::microseconds{kept.time};
}

std::vector<id_range> ranges_by_row(const config::kept_time& kept, timestamp now) {
  const auto before = over_before(kept, now);
  if (!before) return {};
  const auto upto = kept.time < by_month_min ? *before : month_of(*before);
  return {{least, first_id(upto)}, {first_other, greatest}};
}

std::chrono::milliseconds behind_after(const config::kept_time& kept) {
  return std::min<std::chrono::milliseconds>(kept.time / stages_per_kept, stage_max);
}

bool takes_much(std::int64_t pruned, std::int64_t steps, std::int64_t rows_max) {
  return pruned > 0 && pruned * share_of_much >= steps * rows_max;
}

std::chrono::milliseconds rest_after(std::chrono::microseconds took, bool is_behind) {
  const auto share = is_behind ? share_of_time_behind : share_of_time;
  return std::chrono::ceil<std::chrono::milliseconds>(took * (share - 1));
}

std::chrono::milliseconds rest_between_rounds(const config::retention_rule& kept, const round_facts& round) {
  using std::chrono::milliseconds;
  if (round.pruned >= rows_per_step_of_much * std::max<std::int64_t>(round.steps, 1)) return rest_min;
  auto longest = milliseconds{rest_max};
  for (const auto* k : {&kept.tasks, &kept.runs, &kept.journal, &kept.outputs, &kept.events})
    if (!k->forever) longest = std::min(longest, k->time / rounds_per_kept);
  const auto by_work = std::chrono::ceil<milliseconds>(round.took * work_to_rest);
  return std::max<milliseconds>(std::min(std::max<milliseconds>(by_work, idle_rest_min), longest), rest_min);
}

std::chrono::milliseconds wait_after_failures(int n) {
  return std::chrono::seconds{1} * (1 << std::clamp(n - 1, 0, doublings_max));
}

}  // namespace cadre::storage::decide
