#include "actors/findings/look.hpp"
#include "commands.hpp"
#include "config/load.hpp"
#include "print.hpp"
#include "schemas/finding.hpp"
#include "schemas/json.hpp"
#include "storage/read/finding_queries.hpp"

#include <memory>

namespace cadre::cli {

using json = nlohmann::json;

namespace {

struct findings_options {
  bool all = false;
  bool now = false;
  std::int64_t limit = 200;
};

/// Looks for all kinds at once, as the leader does one after the other, and has the writer keep what was found.
void look_now(session& s) {
  const auto running = launch::load_runtime(find_state(s.options()));
  if (!running) throw command_error{exit_unreachable, "--now needs the config: " + running.error().message};
  const auto loaded = config::load_file(running->config);
  if (!loaded.ok()) throw command_error{exit_usage, running->config + " has problems: see `cadre config check`"};
  const auto known = actors::read_finding_state(s.reader(), s.company());
  if (!known) throw command_error{exit_unreachable, known.error().message};
  std::vector<command_body> reports;
  for (const auto& kind : finding_kinds) {
    if (kind.when_settled && !known->settled()) continue;
    auto report = actors::look_for(kind, s.reader(), loaded.value, known->now);
    if (!report) throw command_error{exit_findings, report.error().message};
    if (*report) reports.push_back(std::move(**report));
  }
  for (const auto& o : s.order_all(std::move(reports)))
    if (o.status != outcome_status::committed) throw command_error{exit_findings, o.error.message};
}

/// What is over no longer counts for the exit code.
int code_of(const json& rows) {
  for (const auto& row : rows)
    if (row["cleared_at"].is_null()) return exit_findings;
  return exit_ok;
}

int print_findings(const fleet_options& fleet, const findings_options& o) {
  session s{fleet};
  if (o.now) look_now(s);
  auto rows = json::parse(s.rows(storage::queries::findings(s.company(), o.all, o.limit)));
  for (auto& row : rows) {
    const auto* kind = find_finding_kind(row["kind"].get<std::string>());
    row["to_do"] = kind == nullptr ? "" : std::string{kind->to_do};
    row["severity"] = kind == nullptr ? "" : std::string{to_text(kind->level)};
  }
  if (fleet.json) {
    print_json(rows);
    return code_of(rows);
  }
  std::vector<column> columns{{"KIND", "kind", 24},
                              {"SUBJECT", "subject", 40},
                              {"OWNER", "owner", 30},
                              {"FIRST SEEN", "first_seen", 19},
                              {"DEADLINE", "deadline", 19}};
  if (o.all) columns.push_back({"CLEARED", "cleared_at", 19});
  columns.push_back({"WHAT", "what", 90});
  columns.push_back({"TO DO", "to_do", 100});
  print_table(rows, columns, "no findings");
  return code_of(rows);
}

}  // namespace

void add_findings_command(const application& a) {
  auto sub = a.app.add_command("findings", "List what is wrong with the company itself; exit code 1 if anything is");
  add_listing_options(sub, a.fleet);
  auto o = std::make_shared<findings_options>();
  sub.add("--all", o->all, "Those that are over, too");
  sub.add("--now", o->now, "Look for all of them first: orphans, audits, tasks, circles, dataflow, documents");
  sub.add("--limit", o->limit, "Rows").range(1, 10'000).default_shown();
  sub.examples(
      "  cadre findings\n  cadre findings --now && echo all is well\n"
      "  cadre findings --json | jq -r '.[] | .kind + \" \" + .subject'");
  sub.does([=, &fleet = a.fleet] { return print_findings(fleet, *o); });
}

}  // namespace cadre::cli
