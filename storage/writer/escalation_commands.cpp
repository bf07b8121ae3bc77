#include "storage/writer/escalation_rows.hpp"
#include "storage/writer/escalations.hpp"
#include "storage/writer/handlers.hpp"
#include "storage/writer/lookups.hpp"

namespace cadre::storage::writer {

namespace {

constexpr std::size_t problem_bytes_max = 200;
constexpr std::size_t fingerprint_bytes_max = 500;
constexpr std::size_t note_bytes_max = 4'000;

result<escalation_facts> find_for(unit& u, const escalation_id& id) {
  if (!is_uuid(id.text)) return fail(errc::bad_value, "id: not a UUID");
  auto e = find_escalation(u, id);
  if (!e) return fail(errc::not_found, "there is no escalation " + id.text);
  return *e;
}

/// A repeat of a command whose hop is there.
bool is_repeat(unit& u, const command& c) {
  return is_uuid(c.id.text) &&
         !u.db.run("SELECT 1 FROM cadre.escalation_hop WHERE company = $1 AND id = $2::uuid", u.company(), c.id)
              .empty();
}

}  // namespace

result<applied> apply(unit& u, const command& c, const escalation_raise& body) {
  if (!is_uuid(body.id.text)) return fail(errc::bad_value, "id: not a UUID");
  if (body.problem.empty() || body.problem.size() > problem_bytes_max)
    return fail(errc::bad_value, "problem: 1 to 200 bytes");
  if (body.fingerprint.size() > fingerprint_bytes_max) return fail(errc::bad_value, "fingerprint: over 500 bytes");
  if (u.mem.agent(body.origin) == nullptr) return tl::unexpected{unknown_agent(u, body.origin)};
  return raise(u, body, c.from);
}

result<applied> apply(unit& u, const command& c, const escalation_ack& body) {
  const auto e = find_for(u, body.id);
  if (!e) return tl::unexpected{e.error()};
  if (is_repeat(u, c)) return applied{e->count, e->id.text};
  if (e->at.status == escalation_status::resolved)
    return fail(errc::illegal_transition, "escalation " + body.id.text + " is resolved already");
  write_step(u, *e, decide::acknowledge_escalation(e->at, body.by, body.note), c.id.text);
  return applied{e->count, e->id.text};
}

result<applied> apply(unit& u, const command& c, const escalation_resolve& body) {
  const auto e = find_for(u, body.id);
  if (!e) return tl::unexpected{e.error()};
  write_step(u, *e, decide::resolve_escalation(e->at, body.by, body.note), c.id.text);
  return applied{e->count, e->id.text};
}

result<applied> apply(unit& u, const command& c, const escalation_act& body) {
  const auto e = find_for(u, body.id);
  if (!e) return tl::unexpected{e.error()};
  if (is_repeat(u, c)) return applied{e->count, e->id.text};
  if (body.note.size() > note_bytes_max) return fail(errc::bad_value, "note: over 4,000 bytes");
  if (auto own = must_be(u, c.from, e->at.holder, "a decision about an escalation"); !own)
    return tl::unexpected{own.error()};
  decide::wish wanted;
  wanted.action = body.action;
  wanted.to = body.to;
  wanted.time = std::chrono::milliseconds{body.for_ms};
  wanted.by = body.by.empty() ? c.from : body.by;
  wanted.note = body.note;
  wanted.by_agent = u.mem.agent(agent_path{c.from}) != nullptr;
  if (!wanted.to.empty() && u.mem.agent(wanted.to) == nullptr) return tl::unexpected{unknown_agent(u, wanted.to)};
  const auto step = decide::act_on(org_of(u), e->at, e->origin, wanted, task_of(u, e->task), u.now);
  if (!step) return tl::unexpected{step.error()};
  write_step(u, *e, *step, c.id.text);
  return applied{e->count, e->id.text};
}

}  // namespace cadre::storage::writer
