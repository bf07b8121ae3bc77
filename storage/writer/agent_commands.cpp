#include "schemas/text.hpp"
#include "storage/writer/escalations.hpp"
#include "storage/writer/handlers.hpp"
#include "storage/writer/lookups.hpp"
#include "storage/writer/tasks.hpp"

namespace cadre::storage::writer {

namespace {

/// The runs of an older life can't be finished by anyone: its commands are refused from now on.
void end_runs_of(unit& u, const agent_path& agent, epoch until, const failure& error) {
  std::vector<run_id> runs;
  for (const auto& [id, run] : u.mem.runs)
    if (run.agent == agent && run.incarnation <= until) runs.push_back(id);
  for (const auto& id : runs) {
    u.revoke(id, agent, error.message);
    bad_end end;
    end.status = run_status::expired;
    end.error = error;
    end.lost = true;
    end_badly(u, id, end);
  }
}

/// Nobody who has ended takes more work, until his node reports of a newer life.
void close_seats(unit& u, const agent_path& agent, epoch until) {
  for (auto& [name, node] : u.mem.nodes) {
    const auto found = node.seats.find(agent);
    if (found == node.seats.end() || found->second.incarnation > until) continue;
    u.on_rollback([&node = node, agent, old = found->second] { node.seats[agent] = old; });
    found->second.free_slots = 0;
  }
}

errc code_of(exit_reason reason) {
  return reason == exit_reason::error || reason == exit_reason::killed ? errc::crashed : errc::node_lost;
}

/// True if the sender is an agent with a life on record and does not speak for that life: naming none is no way past
/// the fence.
bool is_stale(const unit& u, const command& c) {
  const auto known = u.mem.agent_epochs.find(agent_path{c.from});
  return known != u.mem.agent_epochs.end() && known->second != c.incarnation;
}

/// True if a life that began after this one has an epoch. Tokens are time-ordered: a request that waited on a node
/// which could not reach the writer must not fence off the life that replaced it meanwhile.
bool came_too_late(unit& u, const incarnation_start& body) {
  const auto known = u.mem.agent_epochs.find(body.agent);
  if (known == u.mem.agent_epochs.end()) return false;
  const auto later = u.db.run("SELECT 1 FROM cadre.incarnation WHERE company = $1 AND epoch = $2 AND token > $3::uuid",
                              u.company(), known->second, body.token);
  return !later.empty();
}

}  // namespace

result<void> check_incarnation(unit& u, const command& c) {
  if (!is_stale(u, c)) return {};
  if (is_uuid(c.id.text)) {
    const auto kind = std::visit([](const auto& body) { return std::string{body.kind}; }, c.body);
    u.db.run(
        "INSERT INTO cadre.stale_command (company, id, sender, incarnation, kind) VALUES ($1, $2::uuid, $3, $4, $5) "
        "ON CONFLICT DO NOTHING",
        u.company(), c.id, c.from, c.incarnation, kind);
  }
  return fail(errc::stale_epoch, c.from + " is at incarnation " +
                                     std::to_string(u.mem.agent_epochs.at(agent_path{c.from})) +
                                     "; this command is from " + std::to_string(c.incarnation));
}

result<applied> apply(unit& u, const command&, const incarnation_start& body) {
  if (!is_uuid(body.token.text) || !is_uuid(body.node_life.text))
    return fail(errc::bad_value, "token, node_life: not a UUID");
  const auto earlier = u.db.run("SELECT epoch, agent FROM cadre.incarnation WHERE company = $1 AND token = $2::uuid",
                                u.company(), body.token);
  if (!earlier.empty()) {
    if (earlier[0][1].as<std::string>() != body.agent.text)
      return fail(errc::duplicate_key,
                  "token " + body.token.text + " is that of a life of " + earlier[0][1].as<std::string>());
    return applied{earlier[0][0].as<std::int64_t>(), body.token.text};
  }
  if (u.mem.agent(body.agent) == nullptr) return tl::unexpected{unknown_agent(u, body.agent)};
  if (came_too_late(u, body))
    return fail(errc::stale_epoch, "a later life of " + body.agent.text + " was granted its epoch already");

  const auto granted = u.mem.last_incarnation + 1;
  const bool first = !u.mem.agent_epochs.contains(body.agent);
  u.db.run(
      "UPDATE cadre.incarnation SET ended_at = clock_timestamp(), end_reason = 'replaced' "
      "WHERE company = $1 AND agent = $2 AND ended_at IS NULL",
      u.company(), body.agent);
  u.db.run(
      "INSERT INTO cadre.incarnation (company, epoch, agent, token, node, node_life) "
      "VALUES ($1, $2, $3, $4::uuid, $5, $6::uuid)",
      u.company(), granted, body.agent, body.token, body.node, body.node_life);
  // Who asks for an epoch answers, so it runs; a report of its supervisor may be here already or still come.
  u.db.run(
      "UPDATE cadre.agent SET epoch = $3, node = $4, state = 'running', changed_at = clock_timestamp() "
      "WHERE company = $1 AND path = $2",
      u.company(), body.agent, granted, body.node);
  u.set(u.mem.last_incarnation, granted);
  u.set(u.mem.agent_epochs[body.agent], granted);
  u.set(u.mem.agent_states[body.agent], agent_state::running);
  if (!first) u.end_lives_before(body.agent, granted);
  end_runs_of(u, body.agent, granted - 1,
              {errc::crashed, body.agent.text + " was started anew while its run was under way"});
  return applied{static_cast<std::int64_t>(granted), body.token.text};
}

result<applied> apply(unit& u, const command&, const incarnation_end& body) {
  if (!is_uuid(body.token.text)) return fail(errc::bad_value, "token: not a UUID");
  const auto rows = u.db.run(
      "SELECT epoch, agent, ended_at IS NOT NULL FROM cadre.incarnation WHERE company = $1 AND token = $2::uuid",
      u.company(), body.token);
  if (rows.empty()) return fail(errc::not_found, "there is no life with the token " + body.token.text);
  const auto ended = rows[0][0].as<epoch>();
  const agent_path agent{rows[0][1].as<std::string>()};
  if (rows[0][2].as<bool>()) return applied{static_cast<std::int64_t>(ended), body.token.text};
  u.db.run(
      "UPDATE cadre.incarnation SET ended_at = clock_timestamp(), end_reason = $3, end_cause = $4 "
      "WHERE company = $1 AND token = $2::uuid",
      u.company(), body.token, body.reason, pg::or_null{clean_text(body.cause)});
  auto why = agent.text + " ended (" + std::string{to_text(body.reason)} + ") while its run was under way";
  if (!body.cause.empty()) why += ": " + body.cause;
  close_seats(u, agent, ended);
  end_runs_of(u, agent, ended, {code_of(body.reason), why});
  return applied{static_cast<std::int64_t>(ended), body.token.text};
}

result<applied> apply(unit& u, const command&, const agent_report& body) {
  if (!is_uuid(body.id.text)) return fail(errc::bad_value, "id: not a UUID");
  if (u.mem.agent(body.agent) == nullptr) return tl::unexpected{unknown_agent(u, body.agent)};
  const auto added = u.db.run(
      "INSERT INTO cadre.agent_event (company, id, agent, node, state, reason, cause, restarts) "
      "VALUES ($1, $2::uuid, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
      u.company(), body.id, body.agent, body.node, body.state, body.reason, clean_text(body.cause), body.restarts);
  if (added.affected_rows() == 0) return applied{0, body.id.text};
  // A report that came late says nothing about the present: one that had to be repeated is no news after its
  // successors, and a node that was cut off ends lives that were replaced elsewhere meanwhile.
  const auto changed = u.db.run(
      "UPDATE cadre.agent SET state = $3, node = coalesce($4, node), restarts = $5, last_report = $8::uuid, "
      "last_reason = CASE WHEN $3 IN ('planned', 'starting', 'running') THEN last_reason ELSE $6 END, "
      "last_cause = coalesce($7, last_cause), changed_at = clock_timestamp() WHERE company = $1 AND path = $2 "
      "AND last_report < $8::uuid AND NOT ($3 = 'stopped' AND EXISTS (SELECT 1 FROM cadre.incarnation live JOIN "
      "cadre.incarnation old "
      "ON old.company = live.company AND old.agent = live.agent AND old.epoch < live.epoch WHERE live.company = $1 "
      "AND live.agent = $2 AND live.ended_at IS NULL AND live.node <> $4 AND old.node = $4))",
      u.company(), body.agent, body.state, pg::or_null{body.node}, body.restarts, body.reason,
      pg::or_null{clean_text(body.cause)}, body.id);
  if (changed.affected_rows() > 0) u.set(u.mem.agent_states[body.agent], body.state);
  if (body.state == agent_state::quarantined) {
    hasten_escalations_of(u, body.agent);
    finding f;
    f.cause_of = "quarantined:" + body.id.text;
    f.origin = body.agent;
    f.problem = "quarantined";
    f.level = severity::critical;
    f.cause = {errc::crashed, body.cause.empty() ? "its branch gave up" : body.cause};
    f.evidence = {{"node", body.node}, {"restarts", body.restarts}, {"reason", to_text(body.reason)}};
    raise(u, f);
  }
  return applied{0, body.id.text};
}

}  // namespace cadre::storage::writer
