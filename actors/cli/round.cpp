#include "round.hpp"

#include "schemas/json.hpp"
#include "storage/read/queries.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <thread>
#include <utility>

namespace cadre::cli {

using json = nlohmann::json;
namespace queries = storage::queries;

namespace {

constexpr std::chrono::milliseconds look_every{50};

bool does_tasks(const config::agent& a) {
  return a.role != agent_role::auditor && a.run.how == config::run_spec::mode::command;
}

std::vector<command_body> round_tasks(const config::company& company) {
  std::map<agent_path, task_id> ids;
  for (const auto& a : company.agents)
    if (does_tasks(a)) ids.emplace(a.path, new_id<task_id>());
  std::vector<command_body> bodies;
  std::map<agent_path, bool> added;
  // A task may only depend on tasks that exist: what it needs is added first. `needs` has no circles (config/check).
  const std::function<void(const config::agent&)> add = [&](const config::agent& a) {
    if (!does_tasks(a) || std::exchange(added[a.path], true)) return;
    task_add task;
    task.id = ids[a.path];
    task.agent = a.path;
    task.title = "round";
    for (const auto& need : a.needs) {
      if (const auto* needed = company.find_agent(need)) add(*needed);
      if (const auto found = ids.find(need); found != ids.end()) task.depends_on.push_back(found->second);
    }
    bodies.emplace_back(std::move(task));
  };
  for (const auto& a : company.agents) add(a);
  return bodies;
}

bool at_rest(const std::string& status) {
  return status == "complete" || status == "failed" || status == "stale" || status == "superseded" ||
         status == "blocked";
}

using dependencies = std::map<std::string, std::vector<std::string>>;

/// Tasks that stay queued because something before them, at whatever distance, came to an end without success.
std::set<std::string> held_back(const json& tasks, const dependencies& needs) {
  std::set<std::string> dead;
  for (const auto& t : tasks)
    if (const auto status = t["status"].get<std::string>(); at_rest(status) && status != "complete")
      dead.insert(t["id"]);
  std::set<std::string> held;
  for (bool grew = true; grew;) {
    grew = false;
    for (const auto& [task, before] : needs)
      if (!dead.contains(task) &&
          std::any_of(before.begin(), before.end(), [&](const auto& b) { return dead.contains(b); }))
        grew = dead.insert(task).second && held.insert(task).second;
  }
  return held;
}

round_result count(const json& tasks, const dependencies& needs) {
  round_result r;
  const auto held = held_back(tasks, needs);
  for (const auto& t : tasks) {
    const auto status = t["status"].get<std::string>();
    if (status == "queued" && held.contains(t["id"])) {
      ++r.blocked;
    } else if (status == "complete") {
      ++r.complete;
    } else if (status == "blocked") {
      ++r.blocked;
    } else if (at_rest(status)) {
      ++r.failed;
    } else {
      r.settled = false;
    }
  }
  return r;
}

}  // namespace

round_result run_round(session& s, const config::company& company, std::chrono::milliseconds limit,
                       std::stop_token stop, const std::function<void(const std::string&)>& say) {
  auto bodies = round_tasks(company);
  std::vector<std::string> ids;
  dependencies needs;
  for (const auto& body : bodies) {
    const auto& task = std::get<task_add>(body);
    ids.push_back(task.id.text);
    for (const auto& before : task.depends_on) needs[task.id.text].push_back(before.text);
  }
  for (const auto& outcome : s.order_all(std::move(bodies)))
    if (outcome.status != outcome_status::committed) throw command_error{exit_findings, outcome.error.message};
  const auto until = std::chrono::steady_clock::now() + limit;
  std::map<std::string, std::string> known;
  for (;;) {
    const auto tasks = json::parse(s.rows(queries::tasks_with_ids(s.company(), ids)));
    for (const auto& t : tasks) {
      const auto status = t["status"].get<std::string>();
      if (!at_rest(status) || std::exchange(known[t["id"]], status) == status) continue;
      const auto& why = t["error"].is_string() ? t["error"] : t["blocked_reason"];
      say(t["agent"].get<std::string>() + "  " + status + (why.is_string() ? ": " + why.get<std::string>() : ""));
    }
    const auto result = count(tasks, needs);
    if (result.settled || stop.stop_requested() || std::chrono::steady_clock::now() > until) return result;
    std::this_thread::sleep_for(look_every);
  }
}

bool wait_for_agents(session& s, std::size_t agents, std::chrono::milliseconds limit, std::stop_token stop) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!stop.stop_requested() && std::chrono::steady_clock::now() < until) {
    std::size_t running = 0;
    for (const auto& a : json::parse(s.rows(queries::agents(s.company()))))
      if (a["state"] == "running" && a["epoch"].get<std::int64_t>() > 0) ++running;
    if (running >= agents) return true;
    std::this_thread::sleep_for(look_every);
  }
  return false;
}

}  // namespace cadre::cli
