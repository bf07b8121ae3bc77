#include "schemas/finding.hpp"
#include "schemas/text.hpp"
#include "storage/decide/findings.hpp"
#include "storage/writer/escalations.hpp"
#include "storage/writer/handlers.hpp"
#include "storage/writer/lookups.hpp"

#include <set>

namespace cadre::storage::writer {

namespace {

constexpr std::size_t seen_max = 1'000;
constexpr std::size_t open_max = 2'000;
constexpr std::size_t subject_bytes_max = 300;
constexpr std::size_t what_bytes_max = 2'000;
constexpr std::size_t finding_evidence_bytes_max = 64 * 1'024;
constexpr std::size_t schedules_max = 10'000;
/// Cleared findings are history; once a day those that are this old go.
constexpr std::chrono::hours cleared_kept{24 * 400};
constexpr std::int64_t cleared_pruned_max = 500;

using covering = std::function<bool(std::string_view)>;

result<void> check(const std::vector<finding_seen>& seen) {
  if (seen.size() > seen_max) return fail(errc::too_large, "at most 1,000 findings in one report");
  for (const auto& s : seen) {
    if (s.subject.empty() || s.subject.size() > subject_bytes_max)
      return fail(errc::bad_value, "subject: 1 to 300 bytes");
    if (s.what.size() > what_bytes_max) return fail(errc::bad_value, "what: over 2,000 bytes");
    if (s.evidence.text.size() > finding_evidence_bytes_max) return fail(errc::bad_value, "evidence: over 64 KiB");
    if (s.origin.empty()) return fail(errc::bad_value, "origin: the agent that the finding is about is needed");
  }
  return {};
}

/// Who is to mend it: the nearest manager that the org has; of what is about the ceo, he himself.
agent_path owner_of(const unit& u, const agent_path& origin) {
  const auto& ceo = u.mem.company.agents.front().path;
  for (auto manager = origin.parent(); !manager.empty(); manager = manager.parent())
    if (u.mem.agent(manager) != nullptr) return manager;
  return ceo;
}

struct looked_at {
  const finding_kind& kind;
  timestamp at;
};

std::vector<decide::open_finding> read_open(unit& u, const looked_at& look) {
  const auto rows = u.db.run(
      "SELECT f.id::text, f.subject, (extract(epoch FROM f.deadline) * 1000000)::bigint, "
      "coalesce(f.escalation::text, ''), coalesce(e.status <> 'resolved', false) FROM cadre.finding f "
      "LEFT JOIN cadre.escalation e ON e.company = f.company AND e.id = f.escalation "
      "WHERE f.company = $1 AND f.kind = $2 AND f.cleared_at IS NULL ORDER BY f.subject LIMIT $3::bigint",
      u.company(), std::string{look.kind.name}, open_max);
  std::vector<decide::open_finding> open;
  for (const auto& row : rows)
    open.push_back({row[0].as<std::string>(),
                    row[1].as<std::string>(),
                    {row[2].as<std::int64_t>()},
                    row[3].as<std::string>(),
                    row[4].as<bool>()});
  return open;
}

/// One about the agent itself has the fingerprint that the same problem has when it is raised where it happens.
std::string fingerprint_of(const looked_at& look, const finding_seen& seen) {
  auto text = seen.origin.text + ":" + std::string{look.kind.name};
  return seen.subject == seen.origin.text ? text : text + ":" + seen.subject;
}

/// The escalation that is open about it already: with its fingerprint, or about the task that it names.
std::string open_about(unit& u, const std::string& fingerprint, const finding_seen& seen) {
  const auto evidence = parse_or_null(seen.evidence.text);
  std::string task;
  if (evidence.is_object() && evidence.contains("task") && evidence["task"].is_string()) task = evidence["task"];
  const auto rows = u.db.run(
      "SELECT id::text FROM cadre.escalation WHERE company = $1 AND status <> 'resolved' AND (fingerprint = $2 OR task "
      "= "
      "$3::uuid) ORDER BY fingerprint = $2 DESC, raised_at LIMIT 1",
      u.company(), fingerprint, pg::or_null{is_uuid(task) ? task : ""});
  return rows.empty() ? "" : rows[0][0].as<std::string>();
}

/// Lets the finding climb: as the escalation that is open about it already, or as a new one.
void escalate(unit& u, const looked_at& look, const finding_seen& seen, const std::string& id, std::int64_t nth) {
  const auto fingerprint = clean_text(fingerprint_of(look, seen));
  auto escalation = open_about(u, fingerprint, seen);
  bool own = false;
  if (escalation.empty()) {
    escalation_raise raised;
    raised.id = named_id<escalation_id>(u.company() + ":finding:" + id + ":" + std::to_string(nth));
    raised.origin = seen.origin;
    raised.problem = look.kind.name;
    raised.fingerprint = fingerprint;
    raised.level = look.kind.level;
    raised.cause = {errc::refused, seen.what};
    raised.evidence = seen.evidence;
    escalation = raise(u, raised, "cadre").ref;
    own = escalation == raised.id.text;
  }
  u.db.run(
      "UPDATE cadre.finding SET escalation = $3::uuid, own = $4::boolean, raised = $5::int WHERE company = $1 "
      "AND id = $2::uuid",
      u.company(), id, escalation, own, nth);
}

void open_one(unit& u, const looked_at& look, const finding_seen& seen) {
  const auto id = named_uuid(u.company() + ":finding:" + std::string{look.kind.name} + ":" + seen.subject + ":" +
                             std::to_string(look.at.us));
  u.db.run(
      "INSERT INTO cadre.finding (company, id, kind, subject, origin, owner, what, evidence, first_seen, last_seen, "
      "deadline) VALUES ($1, $2::uuid, $3, $4, $5, $6, $7, $8::jsonb, $9::timestamptz, $9::timestamptz, "
      "$10::timestamptz)",
      u.company(), id, std::string{look.kind.name}, clean_text(seen.subject), seen.origin, owner_of(u, seen.origin),
      clean_text(seen.what), seen.evidence, look.at, look.at + look.kind.mend_in);
  escalate(u, look, seen, id, 1);
}

void clear_one(unit& u, const looked_at& look, const decide::open_finding& gone) {
  const auto rows = u.db.run(
      "UPDATE cadre.finding SET cleared_at = greatest($3::timestamptz, last_seen) WHERE company = $1 AND id = $2::uuid "
      "RETURNING own",
      u.company(), gone.id, look.at);
  if (!gone.escalated || rows.empty() || !rows[0][0].as<bool>()) return;
  command resolve;
  resolve.from = "cadre";
  const escalation_resolve body{escalation_id{gone.escalation}, "cadre", "it is not found any more"};
  if (const auto done = apply(u, resolve, body); !done) throw rejection{done.error()};
}

/// Brings the rows of one kind in line with what was seen. Returns how many stand afterwards.
std::int64_t merge(unit& u, const looked_at& look, const std::vector<finding_seen>& seen, const covering& covers) {
  const auto open = read_open(u, look);
  const auto changes = decide::merge_findings(open, seen, covers, look.at);
  for (const auto i : changes.gone) clear_one(u, look, open[i]);
  for (const auto& [before, now] : changes.still)
    u.db.run(
        "UPDATE cadre.finding SET last_seen = greatest(last_seen, $3::timestamptz), what = $4, evidence = $5::jsonb "
        "WHERE company = $1 AND id = $2::uuid",
        u.company(), open[before].id, look.at, clean_text(seen[now].what), seen[now].evidence);
  for (const auto i : changes.again) {
    const auto& [before, now] = changes.still[i];
    const auto raised =
        u.db.run("SELECT raised FROM cadre.finding WHERE company = $1 AND id = $2::uuid", u.company(), open[before].id);
    escalate(u, look, seen[now], open[before].id, raised[0][0].as<std::int64_t>() + 1);
  }
  for (const auto i : changes.fresh) open_one(u, look, seen[i]);
  return static_cast<std::int64_t>(changes.still.size() + changes.fresh.size());
}

/// Nobody watches it any more, so nobody else would say that it is not late.
bool is_retired(unit& u, std::string_view schedule) {
  const auto rows =
      u.db.run("SELECT 1 FROM cadre.schedule WHERE company = $1 AND name = $2 AND NOT retired", u.company(), schedule);
  return rows.empty();
}

void prune_cleared(unit& u, timestamp at) {
  u.db.run(
      "DELETE FROM cadre.finding WHERE company = $1 AND id IN (SELECT id FROM cadre.finding WHERE company = $1 AND "
      "cleared_at < $2::timestamptz LIMIT $3::bigint)",
      u.company(), at + -std::chrono::duration_cast<std::chrono::microseconds>(cleared_kept), cleared_pruned_max);
}

}  // namespace

result<applied> apply(unit& u, const command&, const findings_report& body) {
  const auto* kind = find_finding_kind(body.finding);
  if (kind == nullptr) return fail(errc::bad_value, "finding: there is no kind " + body.finding);
  if (kind->source == finding_source::watcher)
    return fail(errc::refused, body.finding + " is for the watchers of schedules to report: watch_report");
  if (body.at.empty()) return fail(errc::bad_value, "at is needed");
  if (auto fine = check(body.seen); !fine) return tl::unexpected{fine.error()};
  const auto newest = u.db.run(
      "INSERT INTO cadre.finding_look AS l (company, kind, looked_at) VALUES ($1, $2, $3::timestamptz) "
      "ON CONFLICT (company, kind) DO UPDATE SET looked_at = excluded.looked_at WHERE l.looked_at < excluded.looked_at "
      "RETURNING 1",
      u.company(), body.finding, body.at);
  if (newest.empty()) return applied{0, body.finding};
  const auto stand = merge(u, {*kind, body.at}, body.seen, [&](std::string_view) { return body.whole; });
  u.db.run("UPDATE cadre.finding_look SET open = $3::bigint WHERE company = $1 AND kind = $2", u.company(),
           body.finding, stand);
  if (kind->every == finding_times::daily) prune_cleared(u, body.at);
  return applied{stand, body.finding};
}

result<applied> apply(unit& u, const command&, const watch_report& body) {
  if (u.mem.agent(body.watcher) == nullptr) return tl::unexpected{unknown_agent(u, body.watcher)};
  if (body.at.empty()) return fail(errc::bad_value, "at is needed");
  if (body.schedules.size() > schedules_max) return fail(errc::too_large, "at most 10,000 schedules in one report");
  if (auto fine = check(body.late); !fine) return tl::unexpected{fine.error()};
  // Only schedules that it is to watch, and only what is newer than what is known.
  const auto rows = u.db.run(
      "INSERT INTO cadre.watch AS w (company, schedule, watcher, node, looked_at) SELECT $1, s.name, $2, $3, "
      "$4::timestamptz FROM cadre.schedule s WHERE s.company = $1 AND s.watcher = $2 AND NOT s.retired AND "
      "s.name = ANY ($5::text[]) ORDER BY s.name "
      "ON CONFLICT (company, schedule) DO UPDATE SET watcher = excluded.watcher, node = excluded.node, looked_at = "
      "excluded.looked_at WHERE w.looked_at < excluded.looked_at RETURNING schedule",
      u.company(), body.watcher, clean_text(body.node), body.at, body.schedules);
  std::set<std::string, std::less<>> watched;
  for (const auto& row : rows) watched.insert(row[0].as<std::string>());
  std::vector<finding_seen> late;
  for (const auto& l : body.late)
    if (watched.contains(l.subject)) late.push_back(l);
  const auto* kind = find_finding_kind("fire_late");
  const auto stand = merge(u, {*kind, body.at}, late, [&](std::string_view subject) {
    return watched.contains(subject) || is_retired(u, subject);
  });
  return applied{stand, body.watcher.text};
}

}  // namespace cadre::storage::writer
