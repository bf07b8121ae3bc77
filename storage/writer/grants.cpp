#include "storage/writer/handlers.hpp"
#include "storage/writer/tasks.hpp"

#include <algorithm>
#include <set>

namespace cadre::storage::writer {

namespace {

constexpr int rounds_max = 4;

/// An agent that can take work now.
struct taker {
  const config::agent* agent = nullptr;
  std::string node;
  node_life_id life;
  epoch incarnation = 0;
  std::string mode;
  std::int64_t free = 0;
};

/// Agents with free slots by path. A node that is silent, and a life that was replaced, get nothing.
std::map<agent_path, taker> takers(const unit& u) {
  std::map<agent_path, taker> found;
  for (const auto& [name, node] : u.mem.nodes) {
    if (!node.up) continue;
    for (const auto& [path, seat] : node.seats) {
      const auto* agent = u.mem.agent(path);
      const auto latest = u.mem.agent_epochs.find(path);
      const bool replaced = latest != u.mem.agent_epochs.end() && seat.incarnation < latest->second;
      if (agent == nullptr || replaced || seat.free_slots <= 0) continue;
      if (agent->run.how == config::run_spec::mode::none) continue;
      auto& t = found[path];
      if (t.agent != nullptr && t.incarnation >= seat.incarnation) continue;
      t = {agent, name, node.life, seat.incarnation, seat.mode.empty() ? agent->mode : seat.mode, seat.free_slots};
    }
  }
  for (const auto& [id, run] : u.mem.runs) {
    const auto t = found.find(run.agent);
    if (t != found.end() && !run.held && run.node == t->second.node) --t->second.free;
  }
  std::erase_if(found, [](const auto& entry) { return entry.second.free <= 0; });
  return found;
}

struct pick {
  task_id task;
  agent_path agent;
};

/// The most urgent workable tasks of each taker; two of one mode may be shown the same task.
std::vector<pick> candidates(unit& u, const std::map<agent_path, taker>& free, std::int64_t limit) {
  std::vector<pg::value> paths, modes, slots;
  for (const auto& [path, t] : free) {
    paths.push_back(pg::to_value(path));
    modes.push_back(pg::to_value(t.mode));
    slots.push_back(pg::to_value(t.free));
  }
  const auto rows = u.db.run(
      "SELECT w.id::text, a.path FROM unnest($2::text[], $3::text[], $4::bigint[]) AS a (path, mode, slots) "
      "CROSS JOIN LATERAL (SELECT * FROM "
      "((SELECT t.id, t.priority, t.created_at FROM cadre.workable_task t WHERE t.company = $1 AND t.agent = a.path "
      "  ORDER BY t.priority, t.created_at, t.id LIMIT a.slots) UNION ALL "
      " (SELECT t.id, t.priority, t.created_at FROM cadre.workable_task t WHERE t.company = $1 AND t.agent IS NULL "
      "  AND t.mode = a.mode ORDER BY t.priority, t.created_at, t.id LIMIT a.slots)) both_kinds "
      "ORDER BY priority, created_at, id LIMIT a.slots) w ORDER BY w.priority, w.created_at, w.id LIMIT $5::bigint",
      u.company(), paths, modes, slots, limit);
  std::vector<pick> picks;
  for (const auto& row : rows) picks.push_back({{row[0].as<std::string>()}, {row[1].as<std::string>()}});
  return picks;
}

json_text brain_of(unit& u, const config::agent& agent) {
  if (agent.brain.empty()) return json_text{"{}"};
  const auto rows = u.db.run(
      "SELECT coalesce(json_object_agg(key, content), '{}')::text FROM cadre.brain "
      "WHERE company = $1 AND key = ANY ($2::text[])",
      u.company(), agent.brain);
  return json_text{rows[0][0].as<std::string>()};
}

run_grant grant_of(unit& u, const active_run& run, const pqxx::row& task) {
  run_grant grant;
  grant.run = run.id;
  grant.task = run.task;
  grant.attempt = run.attempt;
  grant.agent = run.agent;
  grant.incarnation = run.incarnation;
  grant.mode = task["mode"].as<std::string>();
  grant.title = task["title"].as<std::string>();
  grant.payload.text = task["payload"].as<std::string>();
  if (const auto* agent = u.mem.agent(run.agent)) {
    grant.deadline = u.now + agent->timeout;
    grant.brain = brain_of(u, *agent);
  }
  return grant;
}

void insert_runs(unit& u, const std::vector<active_run>& runs) {
  std::vector<pg::value> ids, tasks, attempts, agents, incarnations, nodes, lives;
  for (const auto& run : runs) {
    ids.push_back(pg::to_value(run.id));
    tasks.push_back(pg::to_value(run.task));
    attempts.push_back(pg::to_value(run.attempt));
    agents.push_back(pg::to_value(run.agent));
    incarnations.push_back(pg::to_value(run.incarnation));
    nodes.push_back(pg::to_value(run.node));
    lives.push_back(pg::to_value(run.life));
  }
  u.db.run(
      "INSERT INTO cadre.run (company, status, lease_until, id, task, attempt, agent, incarnation, node, node_life) "
      "SELECT $1, 'active', $2::timestamptz, * FROM unnest($3::uuid[], $4::uuid[], $5::int[], $6::text[], "
      "$7::bigint[], $8::text[], $9::uuid[])",
      u.company(), u.now + u.mem.company.timing.run_lease, ids, tasks, attempts, agents, incarnations, nodes, lives);
}

#define CADRE_GRANTED_TASK \
  "id::text AS id, mode, title, payload::text AS payload, coalesce(agent, '') AS agent, attempt, attempts_max"

/// Makes the picked tasks active, with a run each.
void start(unit& u, const std::vector<pick>& picks, const std::map<agent_path, taker>& free) {
  std::map<task_id, agent_path> by_task;
  std::vector<task_id> ids;
  for (const auto& p : picks) {
    by_task.emplace(p.task, p.agent);
    ids.push_back(p.task);
  }
  const auto rows = u.db.run(
      "UPDATE cadre.task SET status = 'active', attempt = attempt + 1, changed_at = clock_timestamp() "
      "WHERE company = $1 AND id = ANY ($2::uuid[]) RETURNING " CADRE_GRANTED_TASK,
      u.company(), ids);
  std::vector<active_run> runs;
  for (const auto& row : rows) {
    active_run run;
    run.id = new_id<run_id>();
    run.task.text = row["id"].as<std::string>();
    run.attempt = row["attempt"].as<std::int64_t>();
    run.agent = by_task.at(run.task);
    const auto& t = free.at(run.agent);
    run.incarnation = t.incarnation;
    run.node = t.node;
    run.life = t.life;
    run.lease_until = u.now + u.mem.company.timing.run_lease;
    run.granted_at = u.now;
    u.grants.push_back(grant_of(u, run, row));
    u.remember_run(run);
    task_facts facts;
    facts.id = run.task;
    facts.mode = row["mode"].as<std::string>();
    facts.agent = run.agent;
    facts.title = row["title"].as<std::string>();
    facts.status = task_status::active;
    facts.attempt = run.attempt;
    tell_task(u, facts);
    runs.push_back(std::move(run));
  }
  insert_runs(u, runs);
}

/// Sends the grants of runs again that their nodes should hold and do not.
void grant_again(unit& u) {
  std::vector<active_run> again;
  for (const auto& [id, run] : u.mem.runs) {
    if (run.resend) again.push_back(run);
  }
  for (auto& run : again) {
    const auto task = u.db.run("SELECT " CADRE_GRANTED_TASK " FROM cadre.task WHERE company = $1 AND id = $2::uuid",
                               u.company(), run.task);
    run.granted_at = u.now;
    run.resend = false;
    u.remember_run(run);
    u.grants.push_back(grant_of(u, run, task[0]));
  }
}

}  // namespace

void grant_runs(unit& u) {
  grant_again(u);
  if (!u.mem.look_for_work) return;
  for (int round = 0; round < rounds_max; ++round) {
    const auto room = u.options.grants_per_commit_max - static_cast<std::int64_t>(u.grants.size());
    auto free = takers(u);
    if (free.empty() || room <= 0) return;
    const auto shown = candidates(u, free, room);
    std::vector<pick> picks;
    std::set<task_id> taken;
    std::map<agent_path, std::int64_t> count;
    for (const auto& p : shown) {
      if (count[p.agent] >= free.at(p.agent).free || !taken.insert(p.task).second) continue;
      ++count[p.agent];
      picks.push_back(p);
    }
    if (!picks.empty()) start(u, picks, free);
    if (picks.size() == shown.size()) {
      // Everybody got what there was: nothing to look for until a task or a slot comes up.
      if (static_cast<std::int64_t>(shown.size()) < room) u.mem.look_for_work = false;
      return;
    }
  }
}

}  // namespace cadre::storage::writer
