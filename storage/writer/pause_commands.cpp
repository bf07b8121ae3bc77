#include "schemas/subjects.hpp"
#include "schemas/text.hpp"
#include "storage/writer/escalations.hpp"
#include "storage/writer/handlers.hpp"
#include "storage/writer/lookups.hpp"

namespace cadre::storage::writer {

namespace {

constexpr std::size_t reason_bytes_max = 500;

/// $3: whether it is paused, $4: by whom, $5: why. Since when stays if it was paused already.
#define CADRE_PAUSED                                                                    \
  "paused_at = CASE WHEN $3::boolean THEN coalesce(paused_at, clock_timestamp()) END, " \
  "paused_by = CASE WHEN $3::boolean THEN $4 END, paused_reason = CASE WHEN $3::boolean THEN $5 END"

template <class T>
void hold(unit& u, std::set<T>& held, const T& what, bool paused) {
  auto after = held;
  if (paused) {
    after.insert(what);
  } else {
    after.erase(what);
  }
  u.set(held, std::move(after));
  u.mem.look_for_work = true;
}

struct pause_text {
  std::string by, reason;
};

template <class Body>
result<pause_text> check(const Body& body) {
  if (body.reason.size() > reason_bytes_max) return fail(errc::bad_value, "reason: over 500 bytes");
  return pause_text{clean_text(body.by), clean_text(body.reason)};
}

}  // namespace

result<applied> apply(unit& u, const command& c, const mode_pause& body) {
  const auto text = check(body);
  if (!text) return tl::unexpected{text.error()};
  if (!u.mem.has_mode(body.mode)) return fail(errc::not_found, "mode " + body.mode + ": no agent claims its tasks");
  u.db.run("UPDATE cadre.mode SET " CADRE_PAUSED " WHERE company = $1 AND name = $2", u.company(), body.mode,
           body.paused, text->by.empty() ? c.from : text->by, text->reason);
  if ((u.mem.paused_modes.count(body.mode) > 0) != body.paused)
    u.tell(subjects::task(u.company(), body.mode), body.paused ? "mode_paused" : "mode_resumed",
           {{"mode", body.mode}, {"by", text->by}, {"reason", text->reason}});
  hold(u, u.mem.paused_modes, body.mode, body.paused);
  return applied{0, body.mode};
}

result<applied> apply(unit& u, const command& c, const agent_pause& body) {
  const auto text = check(body);
  if (!text) return tl::unexpected{text.error()};
  const auto* agent = u.mem.agent(body.agent);
  if (agent == nullptr) return tl::unexpected{unknown_agent(u, body.agent)};
  u.db.run("UPDATE cadre.agent SET " CADRE_PAUSED " WHERE company = $1 AND path = $2", u.company(), body.agent,
           body.paused, text->by.empty() ? c.from : text->by, text->reason);
  if ((u.mem.paused_agents.count(body.agent) > 0) != body.paused)
    u.tell(subjects::task(u.company(), agent->mode), body.paused ? "agent_paused" : "agent_resumed",
           {{"agent", body.agent.text}, {"by", text->by}, {"reason", text->reason}});
  hold(u, u.mem.paused_agents, body.agent, body.paused);
  if (body.paused) hasten_escalations_of(u, body.agent);
  return applied{0, body.agent.text};
}

}  // namespace cadre::storage::writer
