#include "storage/writer/handlers.hpp"
#include "storage/writer/id_bounds.hpp"
#include "storage/writer/tasks.hpp"

#include <algorithm>
#include <set>

namespace cadre::storage::writer {

namespace {

constexpr int rounds_max = 64;
/// Of the backlog with one statement, and of one lane and priority at least.
constexpr std::size_t tasks_read_max = 20'000;
constexpr std::size_t tasks_per_gap_min = 1;

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

/// Reads what the queue lacks of these lanes: all of it with one statement, so that many idle agents cost little.
void fill_gaps(unit& u, const std::set<std::string>& lanes) {
  std::vector<work_queue::gap> gaps;
  for (const auto& lane : lanes)
    for (auto& gap : u.mem.queue.gaps(lane)) gaps.push_back(std::move(gap));
  if (gaps.empty()) return;
  const auto each_max = std::clamp(tasks_read_max / gaps.size(), tasks_per_gap_min, u.mem.queue.kept_max());
  std::vector<pg::value> names, priorities, times, ids;
  for (const auto& gap : gaps) {
    names.push_back(pg::to_value(gap.lane));
    priorities.push_back(pg::to_value(gap.priority));
    times.push_back(gap.after.created_at.empty() ? pg::value{"-infinity"} : pg::to_value(gap.after.created_at));
    ids.push_back(
        pg::to_value(gap.after.task.empty() ? task_id{"00000000-0000-0000-0000-000000000000"} : gap.after.task));
  }
  const auto rows = u.db.run(
      "SELECT g.number, w.id::text, (extract(epoch FROM w.created_at) * 1000000)::bigint "
      "FROM unnest($2::text[], $3::smallint[], $4::timestamptz[], $5::uuid[]) WITH ORDINALITY "
      "AS g (lane, priority, created_at, id, number) CROSS JOIN LATERAL (SELECT t.id, t.created_at "
      "FROM cadre.workable_task t WHERE t.company = $1 AND t.status = 'queued' "
      "AND coalesce(t.agent, '@' || t.mode) = g.lane AND t.priority = g.priority "
      "AND (t.created_at, t.id) > (g.created_at, g.id) ORDER BY t.created_at, t.id LIMIT $6::bigint) w",
      u.company(), names, priorities, times, ids, each_max);
  std::vector<std::vector<queue_place>> found(gaps.size());
  for (const auto& row : rows)
    found[row[0].as<std::size_t>() - 1].push_back({{row[2].as<std::int64_t>()}, {row[1].as<std::string>()}});
  for (std::size_t n = 0; n < gaps.size(); ++n) u.mem.queue.fill(gaps[n], found[n], found[n].size() >= each_max);
}

/// The next tasks of those who are free, one each in turn.
std::vector<pick> next_tasks(unit& u, std::map<agent_path, taker> free, std::int64_t limit) {
  std::set<std::string> lanes;
  for (const auto& [path, t] : free) lanes.insert({lane_of(path, {}), lane_of({}, t.mode)});
  fill_gaps(u, lanes);
  std::vector<pick> picks;
  while (!free.empty() && static_cast<std::int64_t>(picks.size()) < limit) {
    for (auto it = free.begin(); it != free.end() && static_cast<std::int64_t>(picks.size()) < limit;) {
      auto& [path, t] = *it;
      const auto own = lane_of(path, {}), shared = lane_of({}, t.mode);
      fill_gaps(u, {own, shared});
      const auto task = u.mem.queue.take(own, shared);
      if (task) picks.push_back({*task, path});
      it = task && --t.free > 0 ? std::next(it) : free.erase(it);
    }
  }
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

/// Makes the picked tasks active, with a run each, but for those that are not ready any more.
void start(unit& u, const std::vector<pick>& picks, const std::map<agent_path, taker>& free) {
  std::map<task_id, agent_path> by_task;
  std::vector<task_id> ids;
  for (const auto& p : picks) {
    by_task.emplace(p.task, p.agent);
    ids.push_back(p.task);
  }
  const auto among = bounds_of(ids);
  const auto rows = u.db.run(
      "UPDATE cadre.task SET status = 'active', attempt = attempt + 1, changed_at = clock_timestamp() "
      "WHERE company = $1 AND id = ANY ($2::uuid[]) AND id >= $3::uuid AND id <= $4::uuid AND (status = 'queued') IS "
      "TRUE AND (deadline IS NULL OR deadline > clock_timestamp()) RETURNING " CADRE_GRANTED_TASK,
      u.company(), ids, among.least, among.greatest);
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

/// What waited for the tasks that are complete now, and for nothing else, is ready.
void note_dependents(unit& u) {
  if (u.complete.empty() || !u.mem.has_dependencies) return u.complete.clear();
  const auto rows = u.db.run(
      "SELECT DISTINCT task::text FROM cadre.task_dependency WHERE company = $1 AND depends_on = ANY ($2::uuid[])",
      u.company(), u.complete);
  std::vector<task_id> waiting;
  for (const auto& row : rows) waiting.push_back({row[0].as<std::string>()});
  u.complete.clear();
  note_ready(u, waiting);
}

/// Tasks whose moment came since this was last looked at.
void note_due(unit& u) {
  auto& next = u.mem.next_run_after;
  if (!next || *next > u.now) return;
  const auto rows = u.db.run(
      "SELECT id::text FROM cadre.task WHERE company = $1 AND status = 'queued' AND run_after > $2::timestamptz "
      "AND run_after <= $3::timestamptz",
      u.company(), u.mem.run_after_looked_at, u.now);
  std::vector<task_id> due;
  for (const auto& row : rows) due.push_back({row[0].as<std::string>()});
  note_ready(u, due);
  u.set(u.mem.run_after_looked_at, u.now);
  const auto later = u.db.run(
      "SELECT coalesce((extract(epoch FROM min(run_after)) * 1000000)::bigint, 0) FROM cadre.task "
      "WHERE company = $1 AND status = 'queued' AND run_after > $2::timestamptz",
      u.company(), u.now);
  const timestamp first{later[0][0].as<std::int64_t>()};
  u.set(next, first.empty() ? std::optional<timestamp>{} : std::optional{first});
  u.mem.due_at(first);
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

void note_ready(unit& u, const std::vector<task_id>& ids) {
  if (ids.empty()) return;
  const auto among = bounds_of(ids);
  const auto rows = u.db.run(
      "SELECT coalesce(agent, '@' || mode), priority, id::text, (extract(epoch FROM created_at) * 1000000)::bigint "
      "FROM cadre.workable_task WHERE company = $1 AND id = ANY ($2::uuid[]) AND id >= $3::uuid AND id <= $4::uuid",
      u.company(), ids, among.least, among.greatest);
  for (const auto& row : rows)
    u.mem.queue.add(row[0].as<std::string>(), row[1].as<std::int64_t>(),
                    {{row[3].as<std::int64_t>()}, {row[2].as<std::string>()}});
  u.mem.look_for_work = true;
}

void grant_runs(unit& u) {
  grant_again(u);
  note_dependents(u);
  note_due(u);
  if (!u.mem.look_for_work) return;
  for (int round = 0; round < rounds_max; ++round) {
    const auto room = u.options.grants_per_commit_max - static_cast<std::int64_t>(u.grants.size());
    const auto free = takers(u);
    if (free.empty() || room <= 0) return;
    const auto picks = next_tasks(u, free, room);
    const auto started = u.grants.size();
    if (!picks.empty()) start(u, picks, free);
    // Who took a task that was not ready any more asks again.
    if (u.grants.size() - started < picks.size()) continue;
    // Everybody got what there was: nothing to look for until a task or a slot comes up.
    if (static_cast<std::int64_t>(picks.size()) < room) u.mem.look_for_work = false;
    return;
  }
  u.mem.due_at(u.now);  // So many were not ready any more that others shall have their turn.
}

}  // namespace cadre::storage::writer
