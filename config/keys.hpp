#pragma once

#include "schemas/org.hpp"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

/// The one table of what may stand in `cadre.yaml`. Reading, unknown keys, defaults, the JSON Schema and the test of
/// the reference file all come from it.
namespace cadre::config {

/// How the value of a key is written.
enum class shape : std::uint8_t {
  text,        ///< Any text that is not empty.
  argument,    ///< Any text, also an empty one.
  token,       ///< Lower-case letters, digits and dashes.
  dataset,     ///< Lower-case letters, digits, dashes and underscores.
  boolean,     ///< true or false.
  integer,     ///< A whole number.
  number,      ///< A number.
  duration,    ///< A whole number and a unit; bounds in milliseconds.
  bytes,       ///< A count of bytes, or one with KiB, MiB, GiB; bounds in bytes.
  share,       ///< 20% or 0.2.
  priority,    ///< 0 to 3, or P0 to P3.
  choice,      ///< One of `allowed`.
  shutdown,    ///< A duration, brutal_kill or infinity.
  kept,        ///< A duration or forever.
  path,        ///< The path of an agent.
  cron,        ///< A cron expression.
  zone,        ///< A time zone.
  moment,      ///< A date and a time with its zone, as in ISO 8601.
  date,        ///< A day: year-month-day.
  json,        ///< Anything; kept as JSON.
  text_list,   ///< A list of texts, each once.
  argv,        ///< A list of arguments.
  choices,     ///< A list of `allowed`, each once.
  date_list,   ///< A list of days, each once.
  path_list,   ///< A list of agents' paths.
  node_list,   ///< A node's name, or a list of them.
  text_map,    ///< Names and texts.
  mapping,     ///< The keys of `inner`.
  mapping_of,  ///< Names, each with the keys of `inner`.
  list_of      ///< A list, each item with the keys of `inner`.
};

/// Which roles may have a key, as bits.
using role_set = std::uint8_t;
constexpr role_set only(agent_role r) {
  return static_cast<role_set>(1U << static_cast<unsigned>(r));
}
inline constexpr role_set every_role = 0x0f;
inline constexpr role_set managers = only(agent_role::ceo) | only(agent_role::manager);

struct mapping;

struct key {
  std::string_view name;
  shape type = shape::text;
  bool required = false;
  bool inherited = false;          ///< Absent, it takes the value of `defaults`, which `fallback` repeats.
  bool supported = true;           ///< False: a known key of a later version; using it is an error that says so.
  role_set roles = every_role;     ///< Of an agent's key.
  std::string_view fallback = {};  ///< The default as it is written; empty: there is none.
  std::string_view allowed = {};   ///< Of a choice: `a|b|c`.
  std::string_view later = {};     ///< Of a choice: known values of a later version.
  double min = 0;                  ///< Bounds of numbers, durations and sizes; of lists: the fewest and most items.
  double max = 0;
  const mapping* inner = nullptr;
  std::string_view doc = {};  ///< A sentence for people: meaning, and what a change costs where that matters.
};

struct mapping {
  std::string_view name;
  std::span<const key> keys;

  [[nodiscard]] const key* find(std::string_view name) const noexcept;
  /// The names of the supported keys.
  [[nodiscard]] std::vector<std::string_view> names() const;
};

extern const mapping company_keys;
extern const mapping node_keys;
extern const mapping mode_keys;
extern const mapping fleet_keys;
extern const mapping retention_keys;
extern const mapping defaults_keys;
extern const mapping restart_backoff_keys;
extern const mapping retry_backoff_keys;
extern const mapping supervise_keys;
extern const mapping retry_keys;
extern const mapping escalation_keys;
extern const mapping agent_keys;
extern const mapping run_keys;
extern const mapping bus_keys;
extern const mapping output_keys;
extern const mapping check_keys;
extern const mapping range_keys;
extern const mapping sample_keys;
extern const mapping references_keys;
extern const mapping total_keys;
extern const mapping drift_keys;
extern const mapping brief_keys;
extern const mapping schedule_keys;
extern const mapping dead_man_keys;
extern const mapping catch_up_keys;
extern const mapping notify_keys;
extern const mapping channel_keys;
extern const mapping email_keys;
extern const mapping webhook_keys;
extern const mapping ntfy_keys;
extern const mapping slack_keys;
extern const mapping quiet_keys;
extern const mapping channel_retry_keys;
extern const mapping channel_backoff_keys;

/// Every mapping, the company first.
std::span<const mapping* const> all_mappings() noexcept;

}  // namespace cadre::config
