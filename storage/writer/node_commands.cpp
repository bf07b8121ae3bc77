#include "storage/writer/handlers.hpp"
#include "storage/writer/id_bounds.hpp"
#include "storage/writer/tasks.hpp"

#include <algorithm>
#include <set>

namespace cadre::storage::writer {

namespace {

constexpr std::size_t ended_lives_kept = 16;

void lose(unit& u, const run_id& run, const std::string& why) {
  bad_end end;
  end.status = run_status::expired;
  end.error = {errc::node_lost, why};
  end.lost = true;
  end_badly(u, run, end);
}

/// The runs that the node had in an earlier life died with it.
void end_earlier_lives(unit& u, const node_report& body) {
  std::vector<run_id> lost;
  for (const auto& [id, run] : u.mem.runs)
    if (run.node == body.node && run.life != body.life) lost.push_back(id);
  for (const auto& id : lost) lose(u, id, "node " + body.node + " was restarted while the run was under way");
}

bool row_changed(const node_view& node, const node_report& body, std::int64_t agents) {
  const auto& row = node.row;
  return !node.up || node.life != body.life || row.host != body.host || row.pid != body.pid ||
         row.version != body.version || row.draining != body.draining || node.row_agents != agents;
}

void write_row(unit& u, const node_report& body, std::int64_t agents, bool new_life) {
  u.db.run(
      "INSERT INTO cadre.node AS n (company, name, life, host, pid, version, state, since, seen_at, rss_bytes, agents) "
      "VALUES ($1, $2, $3::uuid, $4, $5, $6, $10, clock_timestamp(), clock_timestamp(), $7, $8) "
      "ON CONFLICT (company, name) DO UPDATE SET life = excluded.life, host = excluded.host, pid = excluded.pid, "
      "version = excluded.version, state = excluded.state, seen_at = excluded.seen_at, rss_bytes = excluded.rss_bytes, "
      "agents = excluded.agents, since = CASE WHEN $9::boolean OR n.state = 'down' THEN excluded.since ELSE n.since "
      "END",
      u.company(), body.node, body.life, body.host, body.pid, body.version, body.rss_bytes, agents, new_life,
      body.draining ? "draining" : "up");
}

void take_seats(unit& u, node_view& node, const node_report& body, bool new_life) {
  if (body.full || new_life) {
    std::map<agent_path, seat> seats;
    for (const auto& agent : body.agents) seats[agent.agent] = {agent.incarnation, agent.mode, agent.free_slots};
    u.set(node.seats, std::move(seats));
    return;
  }
  for (const auto& agent : body.agents) {
    const auto known = node.seats.find(agent.agent);
    // By name, not by place: a full report in the same transaction replaces the map.
    if (known == node.seats.end()) {
      u.on_rollback([&node, path = agent.agent] { node.seats.erase(path); });
    } else {
      u.on_rollback([&node, path = agent.agent, old = known->second] { node.seats[path] = old; });
    }
    node.seats[agent.agent] = {agent.incarnation, agent.mode, agent.free_slots};
  }
}

/// Brings the node's view up to date, and its row where that is due.
void take_note(unit& u, node_view& node, const node_report& body) {
  const bool new_life = node.life != body.life;
  if (new_life) {
    auto ended = node.ended_lives;
    if (!node.life.empty()) ended.push_back(node.life);
    if (ended.size() > ended_lives_kept) ended.pop_front();
    u.set(node.ended_lives, std::move(ended));
  }
  take_seats(u, node, body, new_life);
  const auto agents = static_cast<std::int64_t>(node.seats.size());
  if (row_changed(node, body, agents) || u.now - node.row_written_at >= u.options.node_row_every) {
    write_row(u, body, agents, new_life);
    auto row = body;
    row.agents.clear();
    u.set(node.row, std::move(row));
    u.set(node.row_written_at, u.now);
    u.set(node.row_agents, agents);
  }
  u.set(node.life, body.life);
  u.set(node.up, true);
  u.set(node.seen_at, u.now);
}

/// Extends the leases of the runs that the node holds, and revokes those that it should not hold.
void look_at_held(unit& u, const node_report& body) {
  const auto lease = u.mem.company.timing.run_lease;
  std::vector<run_id> extended;
  for (const auto& agent : body.agents) {
    for (const auto& id : agent.held) {
      const auto found = u.mem.runs.find(id);
      if (found == u.mem.runs.end() || found->second.node != body.node) {
        u.revoke(id, agent.agent, "the run is not active any more");
        continue;
      }
      auto run = found->second;
      const bool extend = run.lease_until - u.now < lease / 2;
      if (run.held && !extend) continue;
      run.held = true;
      run.resend = false;
      if (extend) {
        run.lease_until = u.now + lease;
        extended.push_back(id);
      }
      u.remember_run(run);
    }
  }
  if (extended.empty()) return;
  std::vector<task_id> tasks;
  for (const auto& id : extended) tasks.push_back(u.mem.runs.at(id).task);
  const auto among = bounds_of(tasks);
  u.db.run(
      "UPDATE cadre.run SET lease_until = $3::timestamptz WHERE company = $1 AND (id = ANY ($2::uuid[])) IS "
      "TRUE AND task = ANY ($4::uuid[]) AND task >= $5::uuid AND task <= $6::uuid",
      u.company(), extended, u.now + lease, tasks, among.least, among.greatest);
}

/// Lives that were replaced elsewhere while their node could not hear of it.
void look_for_replaced(unit& u, const node_report& body) {
  for (const auto& agent : body.agents) {
    const auto newest = u.mem.agent_epochs.find(agent.agent);
    if (newest != u.mem.agent_epochs.end() && agent.incarnation < newest->second)
      u.end_lives_before(agent.agent, newest->second);
  }
}

/// The newest life of an agent, which lists itself here, against what was said of it last: by a supervisor that could
/// not see it, or had been replaced and did not know. It runs. But if it was given up (its branch is quarantined, or it
/// was temporary and its node was lost for a while), nobody supervises it: it is told to end. Should somebody do so
/// after all, he starts the next.
void compare_with_told(unit& u, const node_report& body) {
  for (const auto& agent : body.agents) {
    const auto newest = u.mem.agent_epochs.find(agent.agent);
    const auto told = u.mem.agent_states.find(agent.agent);
    if (newest == u.mem.agent_epochs.end() || newest->second != agent.incarnation) continue;
    if (told == u.mem.agent_states.end() || told->second == agent_state::running) continue;
    const auto lives = u.db.run(
        "SELECT a.changed_at < $5::timestamptz FROM cadre.agent a JOIN cadre.incarnation i ON i.company = a.company "
        "AND "
        "i.agent = a.path WHERE a.company = $1 AND a.path = $2 AND i.epoch = $3 AND i.node = $4 AND i.ended_at IS NULL",
        u.company(), agent.agent, agent.incarnation, body.node, u.now + -2 * u.mem.company.timing.lease);
    if (lives.empty()) continue;
    if (told->second == agent_state::stopped || told->second == agent_state::quarantined) {
      // Not at once: it may be on its way out.
      if (lives[0][0].as<bool>()) u.end_lives_before(agent.agent, agent.incarnation + 1);
      continue;
    }
    u.db.run(
        "UPDATE cadre.agent SET state = 'running', node = $3, changed_at = clock_timestamp() WHERE company = $1 AND "
        "path = $2",
        u.company(), agent.agent, body.node);
    u.set(u.mem.agent_states[agent.agent], agent_state::running);
  }
}

/// Runs that the node was given a while ago and does not hold: their grants got lost, or their agent is gone.
void look_for_lost(unit& u, const node_report& body) {
  std::map<agent_path, std::set<run_id>> listed;
  for (const auto& agent : body.agents) listed[agent.agent].insert(agent.held.begin(), agent.held.end());
  std::vector<run_id> lost;
  std::vector<active_run> unheld;
  for (const auto& [id, run] : u.mem.runs) {
    if (run.node != body.node || u.now - run.granted_at < u.options.regrant_after) continue;
    const auto agent = listed.find(run.agent);
    if (agent == listed.end()) {
      if (body.full) lost.push_back(id);
    } else if (body.full && run.life == body.life && agent->second.count(id) == 0) {
      unheld.push_back(run);
    }
  }
  for (const auto& id : lost) lose(u, id, "its agent is not on node " + body.node + " any more");
  for (auto& run : unheld) {
    run.held = false;
    run.resend = true;
    u.remember_run(run);
  }
}

}  // namespace

result<applied> apply(unit& u, const command&, const node_report& body) {
  if (u.mem.company.find_node(body.node) == nullptr)
    return fail(errc::not_found, "node " + body.node + ": not in the config");
  if (!is_uuid(body.life.text)) return fail(errc::bad_value, "life: not a UUID");
  auto& node = u.mem.nodes[body.node];
  if (std::find(node.ended_lives.begin(), node.ended_lives.end(), body.life) != node.ended_lives.end())
    return fail(errc::stale_epoch, "node " + body.node + " lives another life now");
  end_earlier_lives(u, body);
  look_at_held(u, body);
  take_note(u, node, body);
  look_for_lost(u, body);
  look_for_replaced(u, body);
  compare_with_told(u, body);
  u.mem.look_for_work = true;
  return applied{};
}

}  // namespace cadre::storage::writer
