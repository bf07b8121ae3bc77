#include "storage/writer/claims.hpp"

#include "storage/writer/id_bounds.hpp"
#include "storage/writer/tasks.hpp"

#include <algorithm>
#include <set>
#include <unordered_map>

namespace cadre::storage::writer {

namespace {

/// Of the backlog with one statement, and of one lane and priority at least.
constexpr std::size_t tasks_read_max = 20'000;
constexpr std::size_t tasks_per_gap_min = 1;
/// How often in one turn the backlog is read on for tasks whose key has room.
constexpr int fills_max = 8;

void fill_gaps(unit& u, const std::vector<work_queue::gap>& gaps) {
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
      "SELECT g.number, w.id::text, (extract(epoch FROM w.created_at) * 1000000)::bigint, w.mode, "
      "coalesce(w.concurrency_key, '') "
      "FROM unnest($2::text[], $3::smallint[], $4::timestamptz[], $5::uuid[]) WITH ORDINALITY "
      "AS g (lane, priority, created_at, id, number) CROSS JOIN LATERAL (SELECT t.id, t.created_at, t.mode, "
      "t.concurrency_key "
      "FROM cadre.workable_task t WHERE t.company = $1 AND t.lane = g.lane AND t.priority = g.priority "
      "AND (t.created_at, t.id) > (g.created_at, g.id) ORDER BY t.created_at, t.id LIMIT $6::bigint) w",
      u.company(), names, priorities, times, ids, each_max);
  std::vector<std::vector<queue_place>> found(gaps.size());
  for (const auto& row : rows)
    found[row[0].as<std::size_t>() - 1].push_back(
        {{row[2].as<std::int64_t>()}, {row[1].as<std::string>()}, decide::key_of(row[3].c_str(), row[4].c_str())});
  for (std::size_t n = 0; n < gaps.size(); ++n) u.mem.queue.fill(gaps[n], found[n], found[n].size() >= each_max);
}

json_text brain_of(unit& u, const config::agent& agent) {
  if (agent.brain.empty()) return json_text{"{}"};
  const auto rows = u.db.run(
      "SELECT coalesce(json_object_agg(key, content), '{}')::text FROM cadre.brain "
      "WHERE company = $1 AND key = ANY ($2::text[])",
      u.company(), agent.brain);
  return json_text{rows[0][0].as<std::string>()};
}

run_grant grant_of(unit& u, const active_run& run, const granted_task& task) {
  run_grant grant;
  grant.run = run.id;
  grant.task = run.task;
  grant.attempt = run.attempt;
  grant.agent = run.agent;
  grant.incarnation = run.incarnation;
  grant.mode = task.mode;
  grant.title = task.title;
  grant.payload.text = task.payload;
  if (const auto* agent = u.mem.agent(run.agent)) {
    grant.deadline = u.now + agent->timeout;
    grant.brain = brain_of(u, *agent);
  }
  if (const auto known = u.mem.investigations.find(run.task); known != u.mem.investigations.end()) {
    grant.op = "investigate";
    grant.deadline = std::min(grant.deadline, known->second.due);
  }
  return grant;
}

void insert_runs(unit& u, const std::vector<active_run>& runs) {
  std::vector<run_id> ids;
  std::vector<task_id> tasks;
  std::vector<std::int32_t> attempts;
  std::vector<pg::value> agents, nodes;
  std::vector<std::int64_t> incarnations;
  std::vector<node_life_id> lives;
  for (const auto& run : runs) {
    ids.push_back(run.id);
    tasks.push_back(run.task);
    attempts.push_back(static_cast<std::int32_t>(run.attempt));
    agents.push_back(pg::to_value(run.agent));
    incarnations.push_back(static_cast<std::int64_t>(run.incarnation));
    nodes.push_back(pg::to_value(run.node));
    lives.push_back(run.life);
  }
  u.db.send(
      "INSERT INTO cadre.run (company, status, lease_until, id, task, attempt, agent, incarnation, node, node_life) "
      "SELECT $1, 'active', $2::timestamptz, unnest($3::uuid[]), unnest($4::uuid[]), unnest($5::int[]), "
      "unnest($6::text[]), unnest($7::bigint[]), unnest($8::text[]), unnest($9::uuid[])",
      u.company(), u.now + u.mem.company.timing.run_lease, ids, tasks, attempts, pg::texts{agents}, incarnations,
      pg::texts{nodes}, lives);
}

#define CADRE_GRANTED_TASK "id::text, mode, title, payload::text, attempt, coalesce(concurrency_key, '')"

granted_task granted(const pqxx::row& row, const agent_path& agent) {
  granted_task task;
  task.id.text = row[0].as<std::string>();
  task.agent = agent;
  task.mode = row[1].as<std::string>();
  task.title = row[2].as<std::string>();
  task.payload = row[3].as<std::string>();
  task.attempt = row[4].as<std::int64_t>();
  task.key = decide::key_of(task.mode, row[5].c_str());
  return task;
}

}  // namespace

takers find_takers(const unit& u) {
  takers found;
  auto& by_path = found.by_path;
  for (const auto& [name, node] : u.mem.nodes) {
    if (!node.up) continue;
    for (const auto& [path, seat] : node.seats) {
      const auto* agent = u.mem.agent(path);
      const auto latest = u.mem.agent_epochs.find(path);
      const bool replaced = latest != u.mem.agent_epochs.end() && seat.incarnation < latest->second;
      if (agent == nullptr || replaced || seat.free_slots <= 0) continue;
      if (agent->run.how == config::run_spec::mode::none || u.mem.paused_agents.count(path) > 0) continue;
      auto& t = by_path[path];
      if (t.agent != nullptr && t.incarnation >= seat.incarnation) continue;
      const auto& mode = seat.mode.empty() ? agent->mode : seat.mode;
      t = {agent, name, node.life, seat.incarnation, mode, lane_of(path, {}), lane_of({}, mode), seat.free_slots};
    }
  }
  for (const auto& rule : u.mem.company.modes) found.limits.set(rule.name, {rule.concurrency, rule.per_key, false});
  for (const auto& mode : u.mem.paused_modes) found.limits.pause(mode);
  for (const auto& [id, run] : u.mem.runs) {
    const auto* agent = u.mem.agent(run.agent);
    found.limits.count(agent == nullptr ? run.mode : agent->mode, run.key);
    const auto t = by_path.find(run.agent);
    if (t != by_path.end() && !run.held && run.node == t->second.node) --t->second.free;
  }
  std::erase_if(by_path,
                [&](const auto& entry) { return entry.second.free <= 0 || !found.limits.has_room(entry.second.mode); });
  return found;
}

void fill_queue(unit& u, const takers& free) {
  std::set<std::string> lanes;
  for (const auto& [path, t] : free.by_path) lanes.insert({t.own_lane, t.mode_lane});
  std::vector<work_queue::gap> gaps;
  for (const auto& lane : lanes) u.mem.queue.add_gaps(lane, gaps);
  fill_gaps(u, gaps);
}

picks next_tasks(unit& u, takers free, std::int64_t limit) {
  auto& queue = u.mem.queue;
  auto& limits = free.limits;
  for (const auto& key : queue.keys_aside())
    if (const auto room = limits.room_of(key); room > 0) queue.release(key, room);
  fill_queue(u, free);
  const work_queue::has_room has_room = [&](const std::string& key) { return limits.room_of(key) > 0; };

  picks found;
  int fills = 0;
  std::vector<work_queue::gap> gaps;
  const auto take = [&](const taker& t) -> std::optional<queue_place> {
    for (;;) {
      gaps.clear();
      queue.add_gaps(t.own_lane, gaps);
      queue.add_gaps(t.mode_lane, gaps);
      fill_gaps(u, gaps);
      if (auto place = queue.take(t.own_lane, t.mode_lane, has_room)) return place;
      gaps.clear();
      queue.add_gaps(t.own_lane, gaps);
      queue.add_gaps(t.mode_lane, gaps);
      if (gaps.empty()) return std::nullopt;
      if (++fills > fills_max) {
        found.more = true;
        return std::nullopt;
      }
    }
  };
  auto& by_path = free.by_path;
  auto it = by_path.upper_bound(u.mem.last_served);
  while (!by_path.empty() && static_cast<std::int64_t>(found.all.size()) < limit) {
    if (it == by_path.end()) it = by_path.begin();
    auto& [path, t] = *it;
    std::optional<queue_place> place;
    if (limits.has_room(t.mode)) place = take(t);
    if (!place) {
      it = by_path.erase(it);
      continue;
    }
    limits.count(t.mode, place->key);
    u.mem.last_served = path;
    found.all.push_back({std::move(place->task), path});
    it = --t.free > 0 ? std::next(it) : by_path.erase(it);
  }
  return found;
}

void begin_runs(unit& u, const std::vector<granted_task>& tasks, const takers& free) {
  if (tasks.empty()) return;
  std::vector<active_run> runs;
  for (const auto& task : tasks) {
    const auto& t = free.by_path.at(task.agent);
    active_run run;
    run.id = new_id<run_id>();
    run.task = task.id;
    run.attempt = task.attempt;
    run.agent = task.agent;
    run.mode = task.mode;
    run.title = task.title;
    run.key = task.key;
    run.incarnation = t.incarnation;
    run.node = t.node;
    run.life = t.life;
    run.lease_until = u.now + u.mem.company.timing.run_lease;
    run.granted_at = u.now;
    runs.push_back(std::move(run));
  }
  insert_runs(u, runs);
  for (std::size_t n = 0; n < runs.size(); ++n) {
    u.grants.push_back(grant_of(u, runs[n], tasks[n]));
    u.begin_run(runs[n]);
    tell_task(u, facts_of(runs[n]));
  }
}

void start_queued(unit& u, const std::vector<pick>& picks, const takers& free) {
  if (picks.empty()) return;
  std::unordered_map<task_id, agent_path> by_task;
  std::vector<task_id> ids;
  for (const auto& p : picks) {
    by_task.emplace(p.task, p.agent);
    ids.push_back(p.task);
  }
  const auto among = bounds_of(ids);
  const auto rows = u.db.run(
      "UPDATE cadre.task SET status = 'active', attempt = attempt + 1, changed_at = clock_timestamp() "
      "WHERE company = $1 AND id = ANY ($2::uuid[]) AND id >= $3::uuid AND id <= $4::uuid AND status = 'queued' "
      "AND (deadline IS NULL OR deadline > clock_timestamp()) RETURNING " CADRE_GRANTED_TASK,
      u.company(), ids, among.least, among.greatest);
  std::vector<granted_task> tasks;
  for (const auto& row : rows) tasks.push_back(granted(row, by_task.at(task_id{row[0].as<std::string>()})));
  begin_runs(u, tasks, free);
}

void grant_again(unit& u, active_run run) {
  const auto task = u.db.run("SELECT " CADRE_GRANTED_TASK " FROM cadre.task WHERE company = $1 AND id = $2::uuid",
                             u.company(), run.task);
  run.granted_at = u.now;
  run.resend = false;
  u.remember_run(run);
  u.grants.push_back(grant_of(u, run, granted(task[0], run.agent)));
}

std::int64_t room_for_grants(const unit& u) {
  return u.options.grants_per_commit_max - static_cast<std::int64_t>(u.grants.size());
}

}  // namespace cadre::storage::writer
