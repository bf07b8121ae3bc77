#include "storage/decide/limits.hpp"
#include "storage/writer/fires.hpp"
#include "storage/writer/handlers.hpp"
#include "storage/writer/notifications.hpp"

#include <algorithm>

namespace cadre::storage::writer {

namespace {

void write_nodes(unit& u) {
  std::vector<std::string> names;
  for (const auto& node : u.mem.company.nodes) {
    names.push_back(node.name);
    u.db.run(
        "INSERT INTO cadre.node (company, name, roles) VALUES ($1, $2, $3::text[]) "
        "ON CONFLICT (company, name) DO UPDATE SET roles = excluded.roles, retired = false",
        u.company(), node.name, node.roles);
  }
  u.db.run("UPDATE cadre.node SET retired = true WHERE company = $1 AND NOT retired AND name <> ALL ($2::text[])",
           u.company(), names);
}

void write_agents(unit& u) {
  using pg::to_value;
  std::vector<pg::value> paths, roles, abouts, modes, managers, nodes, positions;
  for (const auto& agent : u.mem.company.agents) {
    positions.push_back(to_value(paths.size()));
    paths.push_back(to_value(agent.path));
    roles.push_back(to_value(agent.role));
    abouts.push_back(to_value(agent.title));
    modes.push_back(to_value(agent.mode));
    managers.push_back(to_value(agent.path.parent()));
    nodes.push_back(to_value(agent.nodes));
  }
  u.db.run(
      "INSERT INTO cadre.agent (company, path, role, about, mode, reports_to, nodes, position) "
      "SELECT $1, path, role, about, mode, manager, nodes::text[], position FROM unnest($2::text[], $3::text[], "
      "$4::text[], $5::text[], $6::text[], $7::text[], $8::int[]) "
      "AS a (path, role, about, mode, manager, nodes, position) "
      "ON CONFLICT (company, path) DO UPDATE SET role = excluded.role, about = excluded.about, mode = excluded.mode, "
      "reports_to = excluded.reports_to, nodes = excluded.nodes, position = excluded.position, retired = false, "
      "state = CASE WHEN agent.retired THEN 'planned' ELSE agent.state END",
      u.company(), paths, roles, abouts, modes, managers, nodes, positions);
  u.db.run(
      "UPDATE cadre.agent SET retired = true, state = 'stopped', changed_at = clock_timestamp() "
      "WHERE company = $1 AND NOT retired AND path <> ALL ($2::text[])",
      u.company(), paths);
}

void write_modes(unit& u) {
  std::map<std::string, config::mode_rule> modes;
  for (const auto& agent : u.mem.company.agents)
    if (agent.run.how != config::run_spec::mode::none) modes.emplace(agent.mode, config::mode_rule{});
  for (const auto& rule : u.mem.company.modes) modes[rule.name] = rule;
  std::vector<std::string> names;
  for (const auto& [name, rule] : modes) {
    names.push_back(name);
    u.db.run(
        "INSERT INTO cadre.mode (company, name, concurrency, per_key) VALUES ($1, $2, $3::bigint, $4::bigint) "
        "ON CONFLICT (company, name) DO UPDATE SET concurrency = excluded.concurrency, per_key = excluded.per_key, "
        "retired = false",
        u.company(), name, rule.concurrency, rule.per_key);
  }
  u.db.run("UPDATE cadre.mode SET retired = true WHERE company = $1 AND NOT retired AND name <> ALL ($2::text[])",
           u.company(), names);
}

void recall_pauses(pg::session& db, memory& m) {
  m.paused_modes.clear();
  for (const auto& row :
       db.run("SELECT name FROM cadre.mode WHERE company = $1 AND paused_at IS NOT NULL", m.company.name))
    m.paused_modes.insert(row[0].as<std::string>());
  m.paused_agents.clear();
  for (const auto& row :
       db.run("SELECT path FROM cadre.agent WHERE company = $1 AND paused_at IS NOT NULL", m.company.name))
    m.paused_agents.insert(agent_path{row[0].as<std::string>()});
}

/// Seats are unknown until the nodes report; a node counts as heard of now, and is down a lease later if it is silent.
void recall_nodes(pg::session& db, memory& m, timestamp now) {
  m.nodes.clear();
  const auto rows = db.run(
      "SELECT name, coalesce(life::text, ''), state, coalesce(host, ''), coalesce(pid, 0), coalesce(version, ''), "
      "agents "
      "FROM cadre.node WHERE company = $1 AND NOT retired",
      m.company.name);
  for (const auto& row : rows) {
    auto& node = m.nodes[row[0].as<std::string>()];
    node.life.text = row[1].as<std::string>();
    node.up = row[2].as<std::string>() == "up";
    node.seen_at = now;
    node.row.host = row[3].as<std::string>();
    node.row.pid = row[4].as<std::int64_t>();
    node.row.version = row[5].as<std::string>();
    node.row_agents = row[6].as<std::int64_t>();
  }
}

void recall_runs(pg::session& db, memory& m, timestamp now) {
  m.runs.clear();
  const auto mark = db.run("SELECT all_ended_before::text FROM cadre.run_mark WHERE company = $1", m.company.name);
  m.runs_ended_before.text = mark[0][0].as<std::string>();
  const auto rows = db.run(
      "SELECT r.id::text, r.task::text, r.attempt, r.agent, r.incarnation, r.node, r.node_life::text, "
      "(extract(epoch FROM r.lease_until) * 1000000)::bigint, t.mode, t.title, coalesce(t.concurrency_key, '') FROM "
      "cadre.active_run r CROSS JOIN LATERAL (SELECT mode, title, concurrency_key FROM cadre.task "
      "WHERE company = r.company AND id = r.task OFFSET 0) t WHERE r.company = $1",
      m.company.name);
  for (const auto& row : rows) {
    active_run run;
    run.id.text = row[0].as<std::string>();
    run.task.text = row[1].as<std::string>();
    run.attempt = row[2].as<std::int64_t>();
    run.agent.text = row[3].as<std::string>();
    run.incarnation = row[4].as<epoch>();
    run.node = row[5].as<std::string>();
    run.life.text = row[6].as<std::string>();
    // Nobody extended leases while nobody led: the clock of a run starts anew with a new leader.
    run.lease_until = std::max(timestamp{row[7].as<std::int64_t>()}, now + m.company.timing.run_lease);
    run.granted_at = now;
    run.mode = row[8].as<std::string>();
    run.title = row[9].as<std::string>();
    run.key = decide::key_of(run.mode, row[10].c_str());
    m.runs.emplace(run.id, run);
  }
}

}  // namespace

void write_company(unit& u) {
  u.db.run(
      "INSERT INTO cadre.run_mark (company, all_ended_before, but) "
      "VALUES ($1, '00000000-0000-0000-0000-000000000000', '{}') ON CONFLICT DO NOTHING",
      u.company());
  write_nodes(u);
  write_agents(u);
  write_modes(u);
  write_schedules(u);
  write_channels(u);
}

void recall_agents(pg::session& db, memory& m) {
  m.queue.forget();  // Other agents may take other tasks now.
  m.look_for_work = true;
  const auto last = db.run("SELECT coalesce(max(epoch), 0) FROM cadre.incarnation WHERE company = $1", m.company.name);
  m.last_incarnation = last[0][0].as<epoch>();
  m.agent_epochs.clear();
  m.agent_states.clear();
  for (const auto& row : db.run("SELECT path, epoch, state FROM cadre.agent WHERE company = $1", m.company.name)) {
    const agent_path path{row[0].as<std::string>()};
    m.agent_epochs[path] = row[1].as<epoch>();
    from_text(row[2].as<std::string>(), m.agent_states[path]);
  }
}

void recall(pg::session& db, memory& m, timestamp now) {
  const auto last =
      db.run("SELECT coalesce(max(last_seq), 0) FROM cadre.event_batch WHERE company = $1", m.company.name);
  m.last_seq = last[0][0].as<std::int64_t>();
  recall_agents(db, m);
  recall_pauses(db, m);
  recall_nodes(db, m, now);
  recall_runs(db, m, now);
  recall_fires(db, m);
  recall_problems(db, m, now);
  m.has_dependencies =
      !db.run("SELECT 1 FROM cadre.task_dependency WHERE company = $1 LIMIT 1", m.company.name).empty();
  m.last_created = m.run_after_looked_at = now;
  m.next_due = m.next_run_after = now;
}

}  // namespace cadre::storage::writer
