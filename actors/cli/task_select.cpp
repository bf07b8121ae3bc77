#include "task_select.hpp"

#include "config/did_you_mean.hpp"
#include "print.hpp"
#include "progress.hpp"
#include "schemas/json.hpp"
#include "stop_request.hpp"

#include <algorithm>
#include <functional>
#include <iostream>
#include <memory>
#include <unistd.h>

namespace cadre::cli {

namespace {

namespace queries = storage::queries;

constexpr std::int64_t page_tasks = 5'000;
constexpr std::size_t batch_tasks = 500;
constexpr std::size_t reasons_printed_max = 10;

struct select_options {
  std::string verb;                  ///< cancel
  std::string past;                  ///< cancelled
  std::vector<std::string> allowed;  ///< Statuses that it makes sense for.
  std::vector<std::string> ids;
  queries::task_filter filter;
  std::string reason = "cancelled from the command line";
  bool yes = false;
  bool dry_run = false;
  bool quiet = false;
  std::function<command_body(const select_options&, const std::string& id, bool by_filter)> make;
};

struct select_tally {
  std::int64_t matched = 0;
  std::int64_t done = 0;
  std::int64_t refused = 0;
  nlohmann::json reasons = nlohmann::json::array();
  std::vector<std::string> refs;
};

bool has_filter(const queries::task_filter& f) {
  return !f.status.empty() || !f.mode.empty() || !f.agent.empty() || !f.title.empty();
}

void order_batch(session& s, const select_options& o, const std::vector<std::string>& ids, bool by_filter,
                 select_tally& tally) {
  std::vector<command_body> bodies;
  for (const auto& id : ids) bodies.push_back(o.make(o, id, by_filter));
  const auto outcomes = s.order_all(std::move(bodies));
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (outcomes[i].status == outcome_status::committed) {
      ++tally.done;
      if (!by_filter) tally.refs.push_back(outcomes[i].ref);
    } else {
      ++tally.refused;
      if (tally.reasons.size() < reasons_printed_max)
        tally.reasons.push_back({{"id", ids[i]}, {"error", outcomes[i].error.message}});
    }
  }
}

int report(const fleet_options& fleet, const select_options& o, const select_tally& tally, bool stopped) {
  if (fleet.json) {
    print_json({{"matched", tally.matched},
                {"done", tally.done},
                {"refused_count", tally.refused},
                {"refused", tally.reasons},
                {"stopped", stopped}});
  } else {
    for (const auto& reason : tally.reasons)
      std::cerr << "cadre: " << cell(reason["id"]) << ": " << cell(reason["error"]) << "\n";
    if (tally.refused > static_cast<std::int64_t>(tally.reasons.size()))
      std::cerr << "and " << with_commas(tally.refused - static_cast<std::int64_t>(tally.reasons.size())) << " more\n";
    std::cout << with_commas(tally.done) << " " << o.past;
    if (tally.refused > 0) std::cout << ", " << with_commas(tally.refused) << " refused";
    std::cout << "\n";
    if (stopped) std::cerr << "cadre: stopped; the same command goes on with the rest\n";
  }
  return stopped || tally.refused > 0 ? exit_findings : exit_ok;
}

int by_id(const fleet_options& fleet, const select_options& o) {
  for (const auto& id : o.ids) (void)checked_task_id(id);
  session s{fleet};
  if (o.dry_run) {
    std::cout << with_commas(static_cast<std::int64_t>(o.ids.size())) << " tasks named\n";
    return exit_ok;
  }
  select_tally tally;
  tally.matched = static_cast<std::int64_t>(o.ids.size());
  order_batch(s, o, o.ids, false, tally);
  if (fleet.json || o.ids.size() > 1) return report(fleet, o, tally, false);
  if (tally.refused > 0) throw command_error{exit_findings, tally.reasons[0]["error"].get<std::string>()};
  std::cout << (o.verb == "cancel" ? o.past : tally.refs.front()) << "\n";
  return exit_ok;
}

/// Asks on the terminal. Throws where there is none.
bool confirmed(const select_options& o, std::int64_t count) {
  const auto what = o.verb + " " + with_commas(count) + (count == 1 ? " task" : " tasks");
  if (isatty(STDIN_FILENO) == 0)
    throw command_error{exit_usage, "this would " + what + ": say --yes to do it, or --dry-run to only count"};
  std::cerr << what << "? [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

/// What the filter means for this verb: only tasks that it can be done to.
queries::task_filter narrowed(const select_options& o) {
  auto filter = o.filter;
  check_filter(filter);
  if (filter.status.empty()) filter.status = o.allowed.front();
  for (const auto status : config::split(filter.status, ','))
    if (std::none_of(o.allowed.begin(), o.allowed.end(), [&](const auto& allowed) {
          const auto parts = config::split(allowed, ',');
          return std::find(parts.begin(), parts.end(), status) != parts.end();
        }))
      throw command_error{exit_usage, "there is nothing to " + o.verb + " in tasks that are " + std::string{status}};
  filter.not_retried = o.verb == "retry";
  filter.limit = page_tasks;
  return filter;
}

std::vector<std::string> ids_of_page(session& s, const queries::task_filter& filter) {
  std::vector<std::string> ids;
  for (const auto& row : nlohmann::json::parse(s.rows(queries::task_ids(s.company(), filter))))
    ids.push_back(row["id"].get<std::string>());
  return ids;
}

int by_filter(const fleet_options& fleet, const select_options& o) {
  auto filter = narrowed(o);
  session s{fleet};
  const auto counted = nlohmann::json::parse(s.row(queries::task_count(s.company(), filter), "tasks"));
  select_tally tally;
  tally.matched = counted["tasks"].get<std::int64_t>();
  filter.created_until = counted["as_of"].get<std::string>();
  if (o.dry_run) {
    if (fleet.json) {
      print_json({{"matched", tally.matched}});
    } else {
      std::cout << with_commas(tally.matched) << (tally.matched == 1 ? " task matches" : " tasks match") << "\n";
    }
    return exit_ok;
  }
  if (tally.matched > 0 && !o.yes && !confirmed(o, tally.matched)) {
    std::cerr << "nothing was done\n";
    return exit_findings;
  }
  const stop_request stop;
  {
    progress_meter meter{"tasks", tally.matched, o.quiet};
    for (auto ids = ids_of_page(s, filter); !ids.empty() && !stop.asked(); ids = ids_of_page(s, filter)) {
      for (std::size_t at = 0; at < ids.size() && !stop.asked(); at += batch_tasks) {
        const auto end = std::min(at + batch_tasks, ids.size());
        order_batch(s, o,
                    {ids.begin() + static_cast<std::ptrdiff_t>(at), ids.begin() + static_cast<std::ptrdiff_t>(end)},
                    true, tally);
        meter.at(tally.done + tally.refused);
      }
      filter.after = ids.back();
    }
  }
  return report(fleet, o, tally, stop.asked());
}

int select_and_do(const fleet_options& fleet, const select_options& o) {
  if (o.ids.empty() && !has_filter(o.filter))
    throw command_error{exit_usage, "say which tasks: their ids, or --status, --mode, --agent, --title"};
  if (!o.ids.empty() && has_filter(o.filter)) throw command_error{exit_usage, "either ids or a filter, not both"};
  return o.ids.empty() ? by_filter(fleet, o) : by_id(fleet, o);
}

void add_select_options(const command& sub, fleet_options& fleet, const std::shared_ptr<select_options>& options,
                        const std::string& status_help) {
  auto& o = *options;
  add_listing_options(sub, fleet);
  sub.add("ID", o.ids, "The tasks");
  add_task_filters(sub, o.filter, status_help);
  sub.add("--yes", o.yes, "Do not ask");
  sub.add("--dry-run", o.dry_run, "Only count");
  sub.add("--quiet", o.quiet, "No progress on stderr");
  sub.does([&fleet, options] { return select_and_do(fleet, *options); });
}

}  // namespace

task_id checked_task_id(const std::string& text) {
  if (!is_uuid(text)) throw command_error{exit_usage, "'" + text + "' is not a task id (see `cadre task list`)"};
  return task_id{text};
}

void add_task_filters(const command& sub, queries::task_filter& filter, const std::string& status_help) {
  sub.add("--status", filter.status, status_help);
  sub.add("--mode", filter.mode, "Only this mode");
  sub.add("--agent", filter.agent, "Only for this agent");
  sub.add("--title", filter.title, "Only with this in the title, in upper or lower case");
}

void check_filter(const queries::task_filter& filter) {
  std::vector<std::string_view> words{"open"};
  for (const auto& [value, name] : enum_names<task_status>::value) words.push_back(name);
  for (const auto status : config::split(filter.status, ','))
    if (std::find(words.begin(), words.end(), status) == words.end())
      throw command_error{exit_usage, "--status: there is no status '" + std::string{status} + "'" +
                                          config::did_you_mean(status, words) + " (there are " + config::join(words) +
                                          ")"};
}

void add_cancel_command(const command& task, fleet_options& fleet) {
  const auto o = std::make_shared<select_options>();
  o->verb = "cancel";
  o->past = "cancelled";
  o->allowed = {"open", "draft,queued,active,review,approved,blocked"};
  o->make = [](const select_options& s, const std::string& id, bool) -> command_body {
    return task_cancel{task_id{id}, s.reason};
  };
  auto sub = task.add_command("cancel", "Cancel tasks, by id or all that match; runs of them are stopped");
  add_select_options(sub, fleet, o, "Only this status, or several with commas between (default: open)");
  sub.add("--reason", o->reason, "Why");
  sub.examples(
      "  cadre task cancel 0192f0c4-5e4b-7c3d-8f55-0a6b0f2b9d11\n"
      "  cadre task cancel --mode data --status queued --dry-run\n"
      "  cadre task cancel --title backfill --yes --reason \"wrong month\"");
}

void add_retry_command(const command& task, fleet_options& fleet) {
  const auto o = std::make_shared<select_options>();
  o->verb = "retry";
  o->past = "run again";
  o->allowed = {"failed,stale"};
  // By a filter a task is run again once, however often an interrupted command is repeated.
  o->make = [](const select_options&, const std::string& id, bool by_filter) -> command_body {
    return task_retry{task_id{id}, by_filter ? named_id<task_id>("retry/" + id) : new_id<task_id>()};
  };
  auto sub = task.add_command("retry", "Run failed or stale tasks again, as new tasks, by id or all that match");
  add_select_options(sub, fleet, o,
                     "failed or stale (default: both); with a filter, only tasks that were not run again before");
  sub.examples(
      "  cadre task retry 0192f0c4-5e4b-7c3d-8f55-0a6b0f2b9d11\n"
      "  cadre task retry --status failed --agent ceo.data.ingest");
}

}  // namespace cadre::cli
