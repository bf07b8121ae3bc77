#include "commands.hpp"
#include "config/calendar.hpp"
#include "config/did_you_mean.hpp"
#include "print.hpp"
#include "schemas/json.hpp"
#include "storage/decide/schedule.hpp"

#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <unistd.h>

namespace cadre::cli {

using json = nlohmann::json;
namespace queries = storage::queries;

namespace {

constexpr std::size_t next_shown = 5;
constexpr std::size_t backfill_max = 1'000;
constexpr std::size_t backfill_printed_max = 10;
constexpr std::size_t schedule_reason_bytes_max = 500;

timestamp moment_of(const json& value) {
  return value.is_string() ? from_iso(value.get<std::string>()).value_or(timestamp{}) : timestamp{};
}

/// The calendar of a row of `queries::schedules`; nothing if it can't be read.
std::optional<config::calendar> calendar_of(const json& row) {
  config::schedule s;
  s.name = row["name"].get<std::string>();
  s.cron = row["cron"].get<std::string>();
  s.tz = row["tz"].get<std::string>();
  s.jitter = std::chrono::milliseconds{row["jitter_ms"].get<std::int64_t>()};
  s.starts = moment_of(row["starts"]);
  s.ends = moment_of(row["ends"]);
  for (const auto& day : row["exclude"])
    if (const auto begins = from_iso(day.get<std::string>() + "T00:00:00Z"))
      s.exclude.emplace_back(std::chrono::sys_days{std::chrono::days{begins->us / 86'400'000'000}});
  auto made = config::calendar::make(s);
  if (!made) return std::nullopt;
  return std::move(*made);
}

/// Adds what the listing shows: the fires to come, the last and the next.
void complete_row(json& row) {
  if (row["last"].is_null()) row["last"] = json::array();
  row["next"] = row["planned"].is_null() ? json::array() : row["planned"];
  row.erase("planned");
  if (const auto moments = calendar_of(row); moments && row["next"].size() < next_shown) {
    const auto after = row["next"].empty() ? now() : moment_of(row["next"].back());
    for (const auto due : moments->between(after, timestamp_max, next_shown - row["next"].size()))
      row["next"].push_back(to_iso(due));
  }
  row["next_due"] = row["next"].empty() ? json(nullptr) : row["next"].front();
  row["last_due"] = row["last"].empty() ? json(nullptr) : row["last"].front()["due_at"];
  row["last_outcome"] = row["last"].empty() ? json(nullptr) : row["last"].front()["outcome"];
}

/// One word a fire, newest first.
std::string outcomes_of(const json& fires) {
  std::string text;
  for (const auto& f : fires) {
    auto word = f["outcome"].get<std::string>();
    if (word == "expected") word = "waits";
    if (word == "finished") word = f["ended_at"].is_null() ? "in review" : "NO EFFECT";
    text += (text.empty() ? "" : ", ") + word;
  }
  return text.empty() ? "-" : text;
}

int list_schedules(const fleet_options& fleet) {
  session s{fleet};
  auto rows = json::parse(s.rows(queries::schedules(s.company())));
  for (auto& row : rows) {
    complete_row(row);
    if (fleet.json) continue;
    row["outcomes"] = outcomes_of(row["last"]);
    if (!row["paused_at"].is_null()) row["next_due"] = "paused";
  }
  if (fleet.json) {
    print_json(rows);
  } else {
    print_table(rows,
                {{"SCHEDULE", "name"},
                 {"CRON", "cron"},
                 {"TZ", "tz"},
                 {"AGENT", "agent"},
                 {"WATCHER", "watcher"},
                 {"LAST", "last_due"},
                 {"LAST 5, NEWEST FIRST", "outcomes", 80},
                 {"NEXT", "next_due"}},
                "no schedules");
  }
  return exit_ok;
}

/// The schedule's row. Ends the command if there is none.
json find_schedule(session& s, const std::string& name) {
  auto rows = json::parse(s.rows(queries::schedules(s.company())));
  std::vector<std::string> names;
  for (auto& row : rows) {
    if (row["name"] == name) return std::move(row);
    names.push_back(row["name"].get<std::string>());
  }
  throw command_error{exit_findings, "there is no schedule " + name +
                                         config::did_you_mean(name, {names.begin(), names.end()}) +
                                         (names.empty() ? "" : " (see `cadre schedule list`)")};
}

int show_schedule(const fleet_options& fleet, const std::string& name, std::int64_t limit) {
  session s{fleet};
  auto row = find_schedule(s, name);
  complete_row(row);
  row["fires"] = json::parse(s.rows(queries::fires(s.company(), name, limit)));
  if (fleet.json) {
    print_json(row);
    return exit_ok;
  }
  if (const auto moments = calendar_of(row)) row["when"] = moments->describe();
  print_fields(row, {{"schedule", "name"},
                     {"agent", "agent"},
                     {"watcher", "watcher"},
                     {"when", "when", 200},
                     {"overlap", "overlap"},
                     {"catch up", "catch_up"},
                     {"paused", "paused_at"},
                     {"paused by", "paused_by"},
                     {"because", "paused_reason"},
                     {"next", "next", 200}});
  std::cout << "\n";
  print_table(row["fires"],
              {{"DUE", "due_at"},
               {"KIND", "kind"},
               {"OUTCOME", "outcome"},
               {"FIRED", "fired_at"},
               {"STARTED", "started_at"},
               {"FINISHED", "finished_at"},
               {"EFFECT", "effect_at"},
               {"TASK", "task", 36},
               {"REASON", "reason"}},
              "nothing is planned and nothing fired yet");
  return exit_ok;
}

int trigger_schedule(const fleet_options& fleet, const std::string& name) {
  session s{fleet};
  schedule_trigger t;
  t.id = new_id<command_id>();
  t.schedule = name;
  t.due = now();
  const auto done = s.order(t);
  if (fleet.json) {
    print_json({{"schedule", name},
                {"due", to_iso(t.due)},
                {"fired", done.value > 0},
                {"task", done.ref.empty() ? json(nullptr) : json(done.ref)}});
  } else if (!done.ref.empty()) {
    std::cout << done.ref << "\n";
  } else if (done.value > 0) {
    std::cout << name << ": fired; see `cadre brief`\n";
  } else {
    std::cout << name
              << ": an earlier fire is still under way, so this one was skipped or waits; see `cadre schedule show "
              << name << "`\n";
  }
  return done.value > 0 ? exit_ok : exit_findings;
}

int pause_schedule(const fleet_options& fleet, const std::string& name, const std::string& reason, bool paused) {
  if (reason.size() > schedule_reason_bytes_max) throw command_error{exit_usage, "--reason: longer than 500 bytes"};
  session s{fleet};
  s.order(schedule_pause{name, paused, {}, reason});
  std::cout << name
            << (paused ? ": paused; what comes due is cancelled in its ledger, what runs goes on\n" : ": goes on\n");
  return exit_ok;
}

struct backfill_options {
  std::string name, from, upto;
  bool dry_run = false, yes = false;
};

timestamp read_moment(const std::string& option, const std::string& text) {
  if (const auto t = from_iso(text)) return *t;
  if (const auto t = from_iso(text + "T00:00:00Z")) return *t;
  throw command_error{exit_usage, option + ": '" + text +
                                      "' is no moment; allowed: 2026-11-21T08:00:00Z, with Z or an offset, or a day "
                                      "(2026-11-21: its first moment, UTC)"};
}

/// `already`: moments of that time that fired, or still may. `done`: fires that were added.
void print_backfill(const fleet_options& fleet, const std::string& name, const std::vector<timestamp>& moments,
                    std::size_t already, std::int64_t done) {
  if (fleet.json) {
    auto due = json::array();
    for (const auto t : moments) due.push_back(to_iso(t));
    print_json({{"schedule", name}, {"moments", due}, {"already", already}, {"added", done}});
    return;
  }
  std::cout << name << ": " << moments.size() << (moments.size() == 1 ? " moment" : " moments") << " that did not fire";
  if (already > 0) std::cout << ", " << already << " that did or still may";
  if (done > 0) std::cout << "; " << done << " added, which run one after the other unless overlap is allow";
  std::cout << "\n";
  for (std::size_t i = 0; i < moments.size() && i < backfill_printed_max; ++i)
    std::cout << "  " << to_iso(moments[i]) << "\n";
  if (moments.size() > backfill_printed_max) std::cout << "  ...\n";
}

void confirm_backfill(const backfill_options& o, std::size_t count) {
  if (o.yes) return;
  const auto what = "add " + std::to_string(count) + " fires of " + o.name;
  if (isatty(STDIN_FILENO) == 0)
    throw command_error{exit_usage, "this would " + what + ": say --yes to do it, or --dry-run to only count"};
  std::cerr << what << "? [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  if (answer != "y" && answer != "Y" && answer != "yes") throw command_error{exit_findings, "nothing was added"};
}

int backfill_schedule(const fleet_options& fleet, const backfill_options& o) {
  schedule_backfill b;
  b.id = new_id<command_id>();
  b.schedule = o.name;
  b.from = read_moment("--from", o.from);
  b.upto = read_moment("--upto", o.upto);
  if (b.upto < b.from) throw command_error{exit_usage, "--upto: is before --from"};
  if (b.upto > now()) throw command_error{exit_usage, "--upto: is still to come; a backfill is of moments that passed"};
  session s{fleet};
  const auto moments = calendar_of(find_schedule(s, o.name));
  if (!moments) throw command_error{exit_findings, "the calendar of " + o.name + " can't be read"};
  std::vector<timestamp> fired;
  for (const auto& row : json::parse(s.rows(queries::fires_between(s.company(), o.name, b.from, b.upto))))
    fired.push_back({row["due_us"].get<std::int64_t>()});
  const auto missing = storage::decide::moments_to_backfill(*moments, fired, b.from + -std::chrono::microseconds{1},
                                                            b.upto, backfill_max + 1);
  if (missing.size() > backfill_max)
    throw command_error{exit_findings, "more than 1,000 moments of " + o.name + " did not fire: take a shorter time"};
  // Not what somebody triggered by hand in between.
  const auto already = static_cast<std::size_t>(std::count_if(
      fired.begin(), fired.end(), [&](timestamp t) { return moments->next(t + -std::chrono::microseconds{1}) == t; }));
  if (o.dry_run || missing.empty()) {
    print_backfill(fleet, o.name, missing, already, 0);
    return exit_ok;
  }
  confirm_backfill(o, missing.size());
  print_backfill(fleet, o.name, missing, already, s.order(b).value);
  return exit_ok;
}

}  // namespace

void add_schedule_commands(const application& a) {
  auto schedule =
      a.app.add_command("schedule", "The ledger of schedules: last and next fires; trigger, pause, backfill");
  schedule.needs_a_command();
  auto sub = schedule.add_command("list", "List schedules with the outcome of their last fires and the next one");
  add_listing_options(sub, a.fleet);
  sub.examples("  cadre schedule list\n  cadre schedule list --json    with the last 5 and the next 5 fires of each");
  sub.does([=] { return list_schedules(a.fleet); });

  auto name = std::make_shared<std::string>();
  auto limit = std::make_shared<std::int64_t>(20);
  sub = schedule.add_command("show", "Show a schedule and its fires, newest first, with every step they came to");
  add_listing_options(sub, a.fleet);
  sub.add("NAME", *name, "The schedule").required();
  sub.add("--limit", *limit, "Fires").range(1, 10'000).default_shown();
  sub.examples("  cadre schedule show nightly\n  cadre schedule show nightly --limit 500 --json");
  sub.does([=] { return show_schedule(a.fleet, *name, *limit); });

  sub = schedule.add_command("trigger", "Fire a schedule now; prints the task");
  add_listing_options(sub, a.fleet);
  sub.add("NAME", *name, "The schedule").required();
  sub.examples("  cadre schedule trigger nightly");
  sub.does([=] { return trigger_schedule(a.fleet, *name); });

  auto reason = std::make_shared<std::string>();
  sub = schedule.add_command("pause", "Cancel what comes due until a resume; what runs goes on");
  add_fleet_options(sub, a.fleet);
  sub.add("NAME", *name, "The schedule").required();
  sub.add("--reason", *reason, "Why, for whoever wonders");
  sub.examples("  cadre schedule pause nightly --reason \"the bank is down\"");
  sub.does([=] { return pause_schedule(a.fleet, *name, *reason, true); });

  sub = schedule.add_command("resume", "Fire a schedule again");
  add_fleet_options(sub, a.fleet);
  sub.add("NAME", *name, "The schedule").required();
  sub.does([=] { return pause_schedule(a.fleet, *name, {}, false); });

  auto o = std::make_shared<backfill_options>();
  sub = schedule.add_command("backfill", "Fire the moments of a time that never fired, at most 1,000");
  add_listing_options(sub, a.fleet);
  sub.add("NAME", o->name, "The schedule").required();
  sub.add("--from", o->from, "The first moment, e.g. 2026-11-21T08:00:00Z, or a day").required();
  sub.add("--upto", o->upto, "The last moment").required();
  sub.add("--dry-run", o->dry_run, "Only list them");
  sub.add("--yes", o->yes, "Do not ask");
  sub.examples("  cadre schedule backfill nightly --from 2026-11-01 --upto 2026-11-08 --dry-run");
  sub.does([=] { return backfill_schedule(a.fleet, *o); });
}

}  // namespace cadre::cli
