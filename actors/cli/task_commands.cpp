#include "commands.hpp"
#include "print.hpp"
#include "schemas/json.hpp"
#include "task_select.hpp"

#include <iostream>
#include <memory>

namespace cadre::cli {

using json = nlohmann::json;

namespace {

const std::vector<column> task_columns{{"ID", "id", 36},       {"STATUS", "status", 10},      {"P", "priority", 1},
                                       {"MODE", "mode", 24},   {"AGENT", "agent", 36},        {"TRY", "attempt", 3},
                                       {"TITLE", "title", 40}, {"CREATED", "created_at", 19}, {"ERROR", "error", 60}};

struct add_options {
  std::string mode, agent, title, payload = "null", key, together, id;
  std::int64_t priority = 2;
  std::int64_t count = 1;
  std::vector<std::string> after;
  bool draft = false;
};

task_add make_task(const add_options& o, std::int64_t n) {
  task_add add;
  add.id = o.id.empty() ? new_id<task_id>() : checked_task_id(o.id);
  add.mode = o.mode;
  add.agent = agent_path{o.agent};
  add.title = o.title;
  if (!json::accept(o.payload)) throw command_error{exit_usage, "--payload is not JSON: " + o.payload};
  add.payload.text = o.payload;
  add.priority = o.priority;
  add.draft = o.draft;
  add.idempotency_key = o.key;
  add.concurrency_key = o.together;
  if (o.count > 1 && !o.key.empty()) add.idempotency_key += "/" + std::to_string(n);
  for (const auto& dependency : o.after) add.depends_on.push_back(checked_task_id(dependency));
  return add;
}

int add(const fleet_options& fleet, const add_options& o) {
  if (o.mode.empty() && o.agent.empty())
    throw command_error{exit_usage, "say who does it: --agent PATH or --mode MODE"};
  if (!o.agent.empty() && !is_agent_path(o.agent))
    throw command_error{exit_usage, "'" + o.agent + "' is not an agent's path, such as ceo.data.ingest"};
  if (o.count > 1 && !o.id.empty()) throw command_error{exit_usage, "--id names one task, --count makes several"};
  session s{fleet};
  std::vector<command_body> bodies;
  for (std::int64_t n = 0; n < o.count; ++n) bodies.push_back(make_task(o, n));
  const auto outcomes = s.order_all(std::move(bodies));
  json out = json::array();
  int code = exit_ok;
  for (const auto& outcome : outcomes) {
    if (outcome.status == outcome_status::committed) {
      out.push_back({{"id", outcome.ref}, {"status", "committed"}});
      if (!fleet.json && o.count <= 20) std::cout << outcome.ref << "\n";
    } else {
      code = exit_findings;
      out.push_back({{"status", to_text(outcome.status)}, {"error", outcome.error.message}});
      if (!fleet.json) std::cerr << "cadre: " << outcome.error.message << "\n";
    }
  }
  if (fleet.json) print_json(o.count == 1 ? out.front() : out);
  if (!fleet.json && o.count > 20) std::cout << out.size() << " tasks added\n";
  return code;
}

int list(const fleet_options& fleet, const storage::queries::task_filter& filter) {
  check_filter(filter);
  if (!filter.after.empty()) (void)checked_task_id(filter.after);
  session s{fleet};
  const auto rows = json::parse(s.rows(storage::queries::tasks(s.company(), filter)));
  if (fleet.json) {
    print_json(rows);
  } else {
    print_table(rows, task_columns, "no tasks");
    if (static_cast<std::int64_t>(rows.size()) == filter.limit)
      std::cout << "(more: --after " << rows.back()["id"].get<std::string>() << ")\n";
  }
  return exit_ok;
}

int show(const fleet_options& fleet, const std::string& id) {
  session s{fleet};
  checked_task_id(id);
  auto task = json::parse(s.row(storage::queries::task(s.company(), id), "task " + id));
  task["runs"] = json::parse(s.rows(storage::queries::task_runs(s.company(), id)));
  task["outputs"] = json::parse(s.rows(storage::queries::task_outputs(s.company(), id)));
  if (fleet.json) {
    print_json(task);
    return exit_ok;
  }
  print_fields(task, {{"task", "id"},
                      {"title", "title"},
                      {"status", "status"},
                      {"mode", "mode"},
                      {"agent", "agent"},
                      {"priority", "priority"},
                      {"attempt", "attempt"},
                      {"of", "attempts_max"},
                      {"payload", "payload"},
                      {"schedule", "schedule"},
                      {"retry of", "retry_of"},
                      {"run after", "run_after"},
                      {"concurrency key", "concurrency_key"},
                      {"depends on", "depends_on"},
                      {"blocked on", "blocked_on"},
                      {"because", "blocked_reason"},
                      {"error", "error"},
                      {"created", "created_at"},
                      {"by", "created_by"},
                      {"finished", "finished_at"}});
  std::cout << "\n";
  print_table(task["runs"],
              {{"TRY", "attempt"},
               {"RUN", "id", 36},
               {"STATUS", "status"},
               {"AGENT", "agent"},
               {"NODE", "node"},
               {"STARTED", "started_at"},
               {"ENDED", "ended_at"},
               {"ERROR", "error"}},
              "no runs yet");
  if (!task["outputs"].empty()) {
    std::cout << "\n";
    print_table(task["outputs"],
                {{"DATASET", "dataset"},
                 {"ROWS", "row_count"},
                 {"STATUS", "status"},
                 {"AUDITORS", "auditors"},
                 {"OUTPUT", "id", 36}},
                "");
    for (const auto& output : task["outputs"])
      for (const auto& verdict : output["verdicts"]) {
        const auto about = "  " + cell(output["dataset"]) + ": " + cell(verdict["auditor"]) + ": ";
        for (const auto& finding : verdict["findings"])
          std::cout << about << cell(finding["check"]) << ": " << cell(finding["message"]) << "\n";
        for (const auto& note : verdict["notes"]) std::cout << about << cell(note) << "\n";
      }
  }
  return exit_ok;
}

}  // namespace

void add_task_commands(const application& a) {
  auto task = a.app.add_command("task", "Add, import, list, show, cancel and retry tasks");
  task.needs_a_command();

  auto add_with = std::make_shared<add_options>();
  auto sub = task.add_command("add", "Add a task");
  add_listing_options(sub, a.fleet);
  sub.add("--agent", add_with->agent, "The agent that shall do it");
  sub.add("--mode", add_with->mode, "Any agent of this mode may do it");
  sub.add("--title", add_with->title, "A line for people");
  sub.add("--payload", add_with->payload, "JSON for the agent");
  sub.add("--priority", add_with->priority, "0 (most urgent) to 3").range(0, 3);
  sub.add("--key", add_with->key, "Idempotency key: a second task with it is the first");
  sub.add("--concurrency-key", add_with->together,
          "Not more than `per_key` tasks of the mode with the same are worked on at once (1 unless configured)");
  sub.add("--id", add_with->id, "Task id (a UUID): repeating it adds nothing");
  sub.add("--after", add_with->after, "Tasks that must be complete first");
  sub.add("--count", add_with->count, "Add so many of them").range(1, 100'000);
  sub.add("--draft", add_with->draft, "Do not release it yet");
  sub.examples(
      "  cadre task add --agent ceo.data.ingest --title \"by hand\"\n"
      "  cadre task add --mode data --payload '{\"source\":\"a\"}' --priority 0");
  sub.does([=] { return add(a.fleet, *add_with); });

  auto filter = std::make_shared<storage::queries::task_filter>();
  sub = task.add_command("list", "List tasks, newest first");
  add_listing_options(sub, a.fleet);
  add_task_filters(sub, *filter, "Only this status, or several with commas between; `open`: all that have not ended");
  sub.add("--after", filter->after, "The page after this task: the last id of the page before");
  sub.add("--limit", filter->limit, "Rows of a page").range(1, 10'000).default_shown();
  sub.examples(
      "  cadre task list --status failed\n  cadre task list --status open --json\n"
      "  cadre task list --mode data --title backfill --limit 500");
  sub.does([=] { return list(a.fleet, *filter); });

  auto id = std::make_shared<std::string>();
  sub = task.add_command("show", "Show a task with its runs, outputs and verdicts");
  add_listing_options(sub, a.fleet);
  sub.add("ID", *id, "The task").required();
  sub.does([=] { return show(a.fleet, *id); });

  add_import_command(task, a.fleet);
  add_cancel_command(task, a.fleet);
  add_retry_command(task, a.fleet);
}

}  // namespace cadre::cli
