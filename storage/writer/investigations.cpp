#include "storage/writer/investigations.hpp"

#include "schemas/log.hpp"
#include "schemas/text.hpp"
#include "storage/writer/handlers.hpp"
#include "storage/writer/lookups.hpp"
#include "storage/writer/tasks.hpp"

#include <algorithm>

namespace cadre::storage::writer {

namespace {

/// Larger evidence is left to whoever reads the escalation: the task has to fit into a message.
constexpr std::int64_t evidence_told_bytes_max = 256 << 10;
constexpr std::int64_t hops_in_payload_max = 20;
constexpr std::size_t decided_note_bytes_max = 1'000;
/// Of one escalation, going on at once.
constexpr std::size_t errands_max = 100;

nlohmann::json payload_of(unit& u, const escalation_facts& e) {
  const auto row = u.db.run(
      "SELECT CASE WHEN octet_length(evidence::text) <= $3::bigint THEN evidence::text ELSE 'null' END, "
      "octet_length(evidence::text) FROM cadre.escalation WHERE company = $1 AND id = $2::uuid",
      u.company(), e.id, evidence_told_bytes_max);
  auto hops = nlohmann::json::array();
  const auto rows = u.db.run(
      "SELECT hop, action, holder, reason, by FROM cadre.escalation_hop WHERE company = $1 AND escalation = $2::uuid "
      "ORDER BY hop DESC LIMIT $3::bigint",
      u.company(), e.id, hops_in_payload_max);
  for (auto hop = rows.rbegin(); hop != rows.rend(); ++hop)
    hops.push_back({{"hop", (*hop)[0].as<std::int64_t>()},
                    {"action", (*hop)[1].as<std::string>()},
                    {"holder", (*hop)[2].as<std::string>()},
                    {"reason", (*hop)[3].as<std::string>()},
                    {"by", (*hop)[4].as<std::string>()}});
  const auto or_nothing = [](const std::string& id) { return id.empty() ? nlohmann::json{} : nlohmann::json(id); };
  return {{"escalation", e.id.text},
          {"problem", e.problem},
          {"severity", to_text(e.level)},
          {"origin", e.origin.text},
          {"holder", e.at.holder.text},
          {"count", e.count},
          {"cause", {{"code", to_text(e.cause.code)}, {"message", e.cause.message}}},
          {"task", or_nothing(e.task.text)},
          {"output", or_nothing(e.output.text)},
          {"evidence", parse_or_null(row[0][0].as<std::string>())},
          {"evidence_bytes", row[0][1].as<std::int64_t>()},
          {"hops", std::move(hops)}};
}

void begin_to_know(unit& u, const task_id& task, const investigation& what) {
  u.on_rollback([&mem = u.mem, task] { mem.investigations.erase(task); });
  u.mem.investigations[task] = what;
}

std::optional<investigation> drop_known(unit& u, const task_id& task) {
  const auto found = u.mem.investigations.find(task);
  if (found == u.mem.investigations.end()) return std::nullopt;
  const auto known = found->second;
  u.on_rollback([&mem = u.mem, task, known] { mem.investigations[task] = known; });
  u.mem.investigations.erase(found);
  return known;
}

std::optional<decide::wish> decision_of(unit& u, const escalation_facts& e) {
  const auto rows = u.db.run(
      "SELECT decision ->> 'action', coalesce(decision ->> 'to', ''), coalesce((decision ->> 'for_ms')::bigint, 0), "
      "coalesce(decision ->> 'note', '') FROM cadre.escalation WHERE company = $1 AND id = $2::uuid "
      "AND decision IS NOT NULL",
      u.company(), e.id);
  decide::wish wanted;
  if (rows.empty() || !from_text(rows[0][0].as<std::string>(), wanted.action)) return std::nullopt;
  wanted.to.text = rows[0][1].as<std::string>();
  wanted.time = std::chrono::milliseconds{rows[0][2].as<std::int64_t>()};
  wanted.note = rows[0][3].as<std::string>();
  wanted.by = e.at.holder.text;
  wanted.by_agent = true;
  return wanted;
}

void pass_on(unit& u, const escalation_facts& e, const std::string& why) {
  write_step(u, e, decide::investigation_over(org_of(u), e.at, why, can_retry(u, e.task), u.now), {});
}

}  // namespace

void begin_investigation(unit& u, const escalation_facts& e) {
  task_add add;
  add.id = new_id<task_id>();
  add.agent = e.at.holder;
  add.title = "investigate " + e.problem + " of " + e.origin.text;
  add.payload.text = dump(payload_of(u, e));
  add.priority = 0;
  add.deadline = e.at.due;
  // Before the task is there: it may be granted as it is added.
  begin_to_know(u, add.id, {e.id, e.at.due});
  if (const auto added = add_task(u, e.at.holder.text, add); !added) {
    log::warn("company {}: {} can't look into escalation {}: {}", u.company(), e.at.holder.text, e.id.text,
              added.error().message);
    drop_known(u, add.id);
    return;
  }
  u.db.run("UPDATE cadre.escalation SET investigation = $3::uuid WHERE company = $1 AND id = $2::uuid", u.company(),
           e.id, add.id);
}

void end_investigation(unit& u, const task_id& task, const std::string& why) {
  if (!drop_known(u, task)) return;
  const auto found = find_task(u, task);
  if (found && !is_terminal(found->status)) cancel_task(u, *found, why);
}

bool is_investigation(const unit& u, const task_id& task) {
  return !u.mem.investigations.empty() && u.mem.investigations.count(task) > 0;
}

result<errand> errand_of(const unit& u, const std::string& from, const task_add& body,
                         const std::function<std::size_t(const escalation_id&)>& more) {
  if (body.run.empty() || (u.mem.investigations.empty() && u.mem.errands.empty())) return errand{};
  const auto run = u.mem.runs.find(body.run);
  if (run == u.mem.runs.end() || run->second.agent.text != from) return errand{};
  errand of;
  if (const auto looks = u.mem.investigations.find(run->second.task); looks != u.mem.investigations.end())
    of = {looks->second.escalation, run->second.agent};
  else if (const auto known = u.mem.errands.find(run->second.task); known != u.mem.errands.end())
    of = known->second;
  if (of.escalation.empty()) return of;
  const auto going_on = std::count_if(u.mem.errands.begin(), u.mem.errands.end(),
                                      [&](const auto& e) { return e.second.escalation == of.escalation; });
  if (static_cast<std::size_t>(going_on) + more(of.escalation) >= errands_max)
    return fail(errc::refused, "escalation " + of.escalation.text + " has " + std::to_string(errands_max) +
                                   " tasks going on that its investigations added; no more before one is over");
  return of;
}

void begin_errand(unit& u, const task_id& task, const errand& of) {
  u.on_rollback([&mem = u.mem, task] { mem.errands.erase(task); });
  u.mem.errands[task] = of;
  u.db.run(
      "UPDATE cadre.escalation SET errands = errands || jsonb_build_object($3::text, $4::text) WHERE company = $1 AND "
      "id = $2::uuid",
      u.company(), of.escalation, task, of.holder);
}

void end_errand(unit& u, const task_id& task) {
  const auto found = u.mem.errands.find(task);
  if (found == u.mem.errands.end()) return;
  const auto due = u.db.run(
      "SELECT 1 FROM cadre.output o JOIN cadre.audit_due d ON d.company = o.company AND d.output = o.id "
      "WHERE o.company = $1 AND o.task = $2::uuid LIMIT 1",
      u.company(), task);
  if (!due.empty()) return;
  const auto of = found->second;
  u.on_rollback([&mem = u.mem, task, of] { mem.errands[task] = of; });
  u.mem.errands.erase(found);
  u.db.run("UPDATE cadre.escalation SET errands = errands - $3::text WHERE company = $1 AND id = $2::uuid", u.company(),
           of.escalation, task);
}

agent_path highest_holder(unit& u, const escalation_id& escalation) {
  const auto rows = u.db.run(
      "SELECT holder FROM cadre.escalation_hop WHERE company = $1 AND escalation = $2::uuid "
      "ORDER BY array_length(string_to_array(holder, '.'), 1), hop LIMIT 1",
      u.company(), escalation);
  return rows.empty() ? agent_path{} : agent_path{rows[0][0].as<std::string>()};
}

void investigation_ended(unit& u, const task_id& task, const failure& why) {
  const auto known = drop_known(u, task);
  if (!known) return;
  auto e = find_escalation(u, known->escalation);
  if (!e || e->investigation != task) return;
  e->investigation = {};  // It is over by itself.
  if (why.code != errc::none)
    return pass_on(u, *e, "its investigation failed: " + std::string{to_text(why.code)} + ": " + why.message);
  const auto wanted = decision_of(u, *e);
  if (!wanted) return pass_on(u, *e, "its investigation ended without a decision");
  if (wanted->action == escalation_action::retry && !can_retry(u, e->task))
    return pass_on(u, *e, "its decision to retry can't be followed: there is no failed task to run again");
  const auto step = decide::act_on(org_of(u), e->at, e->origin, *wanted, task_of(u, e->task), u.now);
  if (step) return write_step(u, *e, *step, {});
  pass_on(u, *e,
          "its decision to " + std::string{to_text(wanted->action)} + " can't be followed: " + step.error().message);
}

result<applied> apply(unit& u, const command& c, const escalation_decide& body) {
  const auto run = u.mem.runs.find(body.run);
  if (run == u.mem.runs.end()) return fail(errc::stale_attempt, "run " + body.run.text + " is not active");
  if (auto own = must_be(u, c.from, run->second.agent, "a decision"); !own) return tl::unexpected{own.error()};
  const auto found = u.mem.investigations.find(run->second.task);
  if (found == u.mem.investigations.end())
    return fail(errc::refused, "run " + body.run.text + " investigates nothing, so there is nothing to decide");
  if (body.note.size() > decided_note_bytes_max) return fail(errc::bad_value, "note: over 1,000 bytes");
  const nlohmann::json decision{
      {"action", to_text(body.action)}, {"to", body.to.text}, {"for_ms", body.for_ms}, {"note", clean_text(body.note)}};
  u.db.run("UPDATE cadre.escalation SET decision = $3::jsonb WHERE company = $1 AND id = $2::uuid", u.company(),
           found->second.escalation, dump(decision));
  return applied{0, found->second.escalation.text};
}

}  // namespace cadre::storage::writer
