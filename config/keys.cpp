#include "config/keys.hpp"

#include "config/key_bounds.hpp"

#include <algorithm>
#include <array>

namespace cadre::config {
namespace {

constexpr std::array company_table{
    key{.name = "company",
        .type = shape::token,
        .required = true,
        .doc = "Name of the company: it keys every row and every subject."},
    key{.name = "about", .doc = "A sentence for people."},
    key{.name = "production",
        .type = shape::boolean,
        .fallback = "false",
        .doc = "True refuses what is only meant for trying things out."},
    key{.name = "nodes",
        .type = shape::mapping_of,
        .required = true,
        .inner = &node_keys,
        .doc = "The nodes of the fleet by name; at least one has the role control."},
    key{.name = "fleet", .type = shape::mapping, .inner = &fleet_keys, .doc = "How fast a silent node counts as lost."},
    key{.name = "retention",
        .type = shape::mapping,
        .inner = &retention_keys,
        .doc = "How long the database keeps what is over: at least that long. From 28d on whole months go at once."},
    key{.name = "defaults",
        .type = shape::mapping,
        .inner = &defaults_keys,
        .doc = "What agents get that do not say otherwise."},
    key{.name = "org",
        .type = shape::mapping_of,
        .required = true,
        .min = 1,
        .max = 1,
        .inner = &agent_keys,
        .doc = "The org chart: one root agent of the role ceo, by convention named ceo, with its reports."},
    key{.name = "modes",
        .type = shape::mapping_of,
        .inner = &mode_keys,
        .doc = "How much of a mode's work is done at once, by the name of the mode."},
    key{.name = "schedules", .type = shape::mapping_of, .inner = &schedule_keys, .doc = "Runs at set times, by name."},
    key{.name = "notify",
        .type = shape::mapping,
        .inner = &notify_keys,
        .doc = "Who outside is told of what reaches the ceo's inbox, and of briefs."},
    key{.name = "documents",
        .type = shape::text_list,
        .max = 50,
        .doc =
            "Texts about the company, relative to the folder of this file: names in them of agents and schedules that "
            "do not exist are findings. Nothing changes them."},
    key{.name = "dead_man",
        .type = shape::mapping,
        .inner = &dead_man_keys,
        .doc = "A ping to a service outside while all is well; the service raises the alarm when it stays away."}};

constexpr std::array dead_man_table{
    key{.name = "url",
        .type = shape::text,
        .required = true,
        .doc = "What is asked for with GET: http:// or https://. Any answer of 2xx is well."},
    key{.name = "every",
        .type = shape::duration,
        .fallback = "5m",
        .min = 1 * second,
        .max = day,
        .doc = "The time between two pings; the service should wait for at least twice as long."},
    key{.name = "timeout",
        .type = shape::duration,
        .fallback = "10s",
        .min = 100,
        .max = minute,
        .doc = "Of one attempt."},
    key{.name = "attempts",
        .type = shape::integer,
        .fallback = "3",
        .min = 1,
        .max = 20,
        .doc = "So many attempts in a row fail before it is a finding of the ceo."}};

constexpr std::array node_table{
    key{.name = "roles",
        .type = shape::choices,
        .required = true,
        .allowed = "control|work|gateway|egress",
        .min = 1,
        .max = 4,
        .doc = "control may lead, work runs agents that name no node, gateway serves the console, egress may call the "
               "outside world: notifications leave there."},
    key{.name = "max_agents",
        .type = shape::integer,
        .fallback = "0",
        .max = 1e6,
        .doc = "Most agents it runs at a time; 0: no limit."}};

constexpr std::array mode_table{
    key{.name = "concurrency",
        .type = shape::integer,
        .fallback = "0",
        .max = 1e6,
        .doc = "Most runs at a time, of all agents of the mode together; 0: as many as they have slots."},
    key{.name = "per_key",
        .type = shape::integer,
        .fallback = "1",
        .min = 1,
        .max = 1e6,
        .doc = "Most runs at a time of tasks that have the same concurrency_key."}};

constexpr std::array fleet_table{
    key{.name = "lease",
        .type = shape::duration,
        .fallback = "5s",
        .min = 200,
        .max = 5 * minute,
        .doc = "A silent node or leader counts as lost after this. Shorter: faster takeover, more false alarms."},
    key{.name = "run_lease",
        .type = shape::duration,
        .fallback = "15s",
        .min = 200,
        .max = hour,
        .doc = "A run that no node reports as held for this long is queued again; at least fleet.lease."}};

constexpr std::array retention_table{
    key{.name = "tasks",
        .type = shape::kept,
        .fallback = "90d",
        .min = day,
        .max = 3650 * day,
        .doc = "Tasks that are over. An id of version 7 that is older than this is refused as too old."},
    key{.name = "runs",
        .type = shape::kept,
        .fallback = "90d",
        .min = day,
        .max = 3650 * day,
        .doc = "Runs of tasks that are over; at most as long as tasks."},
    key{.name = "journal",
        .type = shape::kept,
        .fallback = "30d",
        .min = day,
        .max = 3650 * day,
        .doc = "Lines that agents noted while they ran."},
    key{.name = "outputs",
        .type = shape::kept,
        .fallback = "90d",
        .min = day,
        .max = 3650 * day,
        .doc = "Outputs that nothing canonical comes from, with their rows and verdicts."},
    key{.name = "events",
        .type = shape::kept,
        .fallback = "30d",
        .min = 8 * day,
        .max = 3650 * day,
        .doc = "Events in the outbox, from which a stream that was lost is filled again; longer than the stream's 7 "
               "days."}};

constexpr key cron_key{
    .name = "cron",
    .type = shape::cron,
    .required = true,
    .doc =
        "[second] minute hour day-of-month month day-of-week; or @hourly, @daily, @weekly, @monthly, @yearly; or "
        "@every and a duration."};
constexpr key zone_key{
    .name = "tz",
    .type = shape::zone,
    .fallback = "UTC",
    .doc = "The time zone of cron and exclude: UTC, or a name of the IANA database such as Europe/Rome."};
constexpr key watcher_key{
    .name = "watcher",
    .type = shape::path,
    .required = true,
    .doc = "The agent that raises the alarm when a moment is missed; another than the watched one."};

constexpr std::array brief_table{cron_key, zone_key, watcher_key};

constexpr std::array catch_up_table{
    key{.name = "window",
        .type = shape::duration,
        .fallback = "1d",
        .min = 1 * second,
        .max = 31 * day,
        .doc = "A moment that is longer ago is not caught up with: it stays missed."},
    key{.name = "policy",
        .type = shape::choice,
        .fallback = "once",
        .allowed = "skip|once|all",
        .doc = "Of the missed moments within the window fire: none (skip), the latest (once), all."}};

constexpr std::array schedule_table{
    key{.name = "agent", .type = shape::path, .required = true, .doc = "The agent that runs."},
    cron_key,
    zone_key,
    watcher_key,
    key{.name = "grace",
        .type = shape::duration,
        .fallback = "2m",
        .min = 1 * second,
        .max = 7 * day,
        .doc = "Later than this after its moment, a fire is missed."},
    key{.name = "priority",
        .type = shape::priority,
        .fallback = "2",
        .doc = "Of its tasks: 0 or P0 (most urgent) to 3 or P3."},
    key{.name = "payload", .type = shape::json, .doc = "Handed to the agent as the task's payload."},
    key{.name = "overlap",
        .type = shape::choice,
        .fallback = "skip",
        .allowed = "skip|buffer_one|buffer_all|cancel_other|allow",
        .doc = "A fire while the one before still runs: is left out, waits as the only one or with others, cancels it, "
               "or runs beside it."},
    key{.name = "catch_up",
        .type = shape::mapping,
        .inner = &catch_up_keys,
        .doc = "What happens to moments that passed while nobody could fire them."},
    key{.name = "jitter",
        .type = shape::duration,
        .fallback = "0s",
        .max = hour,
        .doc =
            "A fire comes up to this much after its moment, always as much for the same moment; shorter than the time "
            "between two moments."},
    key{.name = "exclude",
        .type = shape::date_list,
        .max = 1'000,
        .doc = "Days, in the time zone tz, on which nothing is due: holidays."},
    key{.name = "starts", .type = shape::moment, .doc = "Nothing is due before it; @every counts from it."},
    key{.name = "ends", .type = shape::moment, .doc = "Nothing is due at it or later."}};

}  // namespace

constinit const mapping company_keys{"company", company_table};
constinit const mapping node_keys{"node", node_table};
constinit const mapping mode_keys{"mode", mode_table};
constinit const mapping fleet_keys{"fleet", fleet_table};
constinit const mapping retention_keys{"retention", retention_table};
constinit const mapping brief_keys{"brief", brief_table};
constinit const mapping schedule_keys{"schedule", schedule_table};
constinit const mapping dead_man_keys{"dead_man", dead_man_table};
constinit const mapping catch_up_keys{"catch_up", catch_up_table};

std::span<const mapping* const> all_mappings() noexcept {
  static constexpr std::array<const mapping*, 34> all{
      &company_keys,         &node_keys,          &fleet_keys,         &defaults_keys,
      &restart_backoff_keys, &retry_backoff_keys, &supervise_keys,     &retry_keys,
      &escalation_keys,      &agent_keys,         &run_keys,           &bus_keys,
      &output_keys,          &check_keys,         &range_keys,         &brief_keys,
      &schedule_keys,        &mode_keys,          &retention_keys,     &notify_keys,
      &channel_keys,         &email_keys,         &webhook_keys,       &ntfy_keys,
      &slack_keys,           &quiet_keys,         &channel_retry_keys, &channel_backoff_keys,
      &catch_up_keys,        &sample_keys,        &references_keys,    &total_keys,
      &drift_keys,           &dead_man_keys};
  return all;
}

const key* mapping::find(std::string_view wanted) const noexcept {
  const auto found = std::find_if(keys.begin(), keys.end(), [&](const key& k) { return k.name == wanted; });
  return found == keys.end() ? nullptr : &*found;
}

std::vector<std::string_view> mapping::names() const {
  std::vector<std::string_view> all;
  for (const auto& k : keys)
    if (k.supported) all.push_back(k.name);
  return all;
}

}  // namespace cadre::config
