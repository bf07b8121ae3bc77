#include "storage/writer/escalations.hpp"

#include "schemas/text.hpp"
#include "storage/decide/retention.hpp"
#include "storage/writer/escalation_rows.hpp"
#include "storage/writer/handlers.hpp"
#include "storage/writer/investigations.hpp"

#include <algorithm>
#include <bit>
#include <map>

namespace cadre::storage::writer {

namespace {

/// Of a cause, what a repeated hop and an `and_more` say.
constexpr std::size_t cause_bytes_told = 300;
/// Raises that a row remembers to have counted, for repeats that come after a takeover.
constexpr std::size_t raises_kept_max = 1'000;
/// What was settled as it was raised counts its like for so long; what comes later is a new escalation.
constexpr auto settled_counts_for = std::chrono::hours{1};

struct raise_request {
  const escalation_raise& body;
  std::string by;
  std::function<nlohmann::json()> find_evidence;
  bool may_fold = true;
  bool may_be_repeated = true;   ///< By its sender: the writer's own findings are told once.
  bool may_retry = true;         ///< Its task, if it has one, may have failed.
  agent_path above = {};         ///< Nobody below or beside him gets it as new.
  escalation_id errand_of = {};  ///< Its task is an errand of this one.
};

std::string fingerprint_of(const escalation_raise& body) {
  return body.fingerprint.empty() ? body.origin.text + ":" + body.problem : body.fingerprint;
}

std::string beginning(const std::string& text) {
  return clean_text(text.substr(0, cause_bytes_told));
}

/// The escalation that a raise with this id became or was counted into.
std::optional<applied> find_earlier(unit& u, const escalation_id& raise) {
  const auto rows = u.db.run(
      "SELECT e.id::text, e.count FROM cadre.escalation_hop h JOIN cadre.escalation e "
      "ON e.company = h.company AND e.id = h.escalation WHERE h.company = $1 AND h.id = $2::uuid",
      u.company(), raise);
  if (rows.empty()) return std::nullopt;
  return applied{rows[0][1].as<std::int64_t>(), rows[0][0].as<std::string>()};
}

bool is_settled(const decide::escalation_step& step) {
  return step.after.status == escalation_status::resolved;
}

bool may_run_again(const raise_request& r) {
  return r.may_retry && !r.body.task.empty();
}

/// What would become of it as a new escalation. Whether its task can run again costs a statement: asked only if the
/// answer matters. If it does already, that settles this one as well.
decide::escalation_step first_step(unit& u, const raise_request& r) {
  const auto org = org_of(u);
  auto step = decide::raise_escalation(org, r.body.origin, may_run_again(r), u.now, r.above);
  if (!step.retry) return step;
  const auto task = task_of(u, r.body.task);
  step.retry = !task.again;
  if (can_retry(u, task)) return step;
  return decide::raise_escalation(org, r.body.origin, false, u.now, r.above);
}

/// A problem that is settled counts what would be settled by the same agent.
bool counts(const unit& u, const open_problem& p, const decide::escalation_step& step) {
  return p.is_open() || (u.now < p.counts_until && is_settled(step) && p.settled_by == step.after.holder);
}

/// It is counted into a problem that is open, its own or the `and_more` of its origin, whoever would get it as new.
bool only_counts(const unit& u, const raise_request& r) {
  auto& problems = u.mem.problems;
  if (const auto* known = problems.find(fingerprint_of(r.body))) return known->is_open();
  if (!r.may_fold || may_run_again(r) || problems.has_room(r.body.origin)) return false;
  const auto* more = problems.find(fingerprint_of_more(r.body.origin));
  return more != nullptr && more->is_open();
}

/// The answer to the repeat of a raise that is this problem, or was counted into one that is known.
std::optional<applied> find_counted(const unit& u, const open_problem& p, const raise_request& r) {
  if (p.id != r.body.id && !u.mem.problems.remembers(r.body.id)) return std::nullopt;
  return applied{p.count, p.id.text};
}

/// Counts a raise of a problem that is known. No statement, but for a raise that was made before the problem came up:
/// it may be the repeat of one that is settled.
applied count_again(unit& u, const std::string& fingerprint, open_problem& p, const raise_request& r,
                    nlohmann::json folded = {}) {
  if (auto counted = find_counted(u, p, r)) return *counted;
  if (const auto made = decide::made_at(r.body.id.text); r.may_be_repeated && (!made || *made < p.made_at))
    if (auto earlier = find_earlier(u, r.body.id)) return *earlier;
  u.on_rollback([&mem = u.mem, fingerprint, raise = r.body.id, count = p.count, level = p.level] {
    mem.problems.forget(raise);
    auto* problem = mem.problems.find(fingerprint);
    if (problem == nullptr) return;
    problem->count = count;
    problem->level = level;
  });
  const bool worse = r.body.level > p.level;
  ++p.count;
  p.level = std::max(p.level, r.body.level);
  u.mem.problems.remember(r.body.id);
  u.repeats.push_back({p.id, r.body.id, r.body.level, beginning(r.body.cause.message), r.by, std::move(folded), worse});
  return {p.count, p.id.text};
}

/// Counts a raise that is settled as it comes. Each has its own task, which runs again if the policy says so.
applied count_settled(unit& u, const std::string& fingerprint, open_problem& p, const raise_request& r,
                      const decide::escalation_step& step) {
  const auto before = p.count;
  const auto answer = count_again(u, fingerprint, p, r);
  if (!step.retry || p.count == before) return answer;
  escalation_facts one;
  one.id = p.id;
  one.task = r.body.task;
  one.errand_of = r.errand_of;
  run_its_task_again(u, one, step, step.after.holder);
  return answer;
}

/// One that is known by this fingerprint was settled: it counts nothing any more, for a successor neither.
void forget_replaced(unit& u, const std::string& fingerprint) {
  const auto* known = u.mem.problems.find(fingerprint);
  if (known == nullptr) return;
  u.db.run("UPDATE cadre.escalation SET counts_until = NULL WHERE company = $1 AND id = $2::uuid", u.company(),
           known->id);
  u.on_rollback([&mem = u.mem, fingerprint, old = *known] { mem.problems.add(fingerprint, old); });
  u.mem.problems.remove(escalation_id{known->id});
}

void remember(unit& u, const std::string& fingerprint, const escalation_facts& e, timestamp counts_until,
              std::set<std::string> folded) {
  open_problem p;
  p.id = e.id;
  p.origin = e.origin;
  p.level = e.level;
  p.made_at = decide::made_at(e.id.text).value_or(u.now);
  p.more = !folded.empty();
  p.folded = std::move(folded);
  p.counts_until = counts_until;
  if (!p.is_open()) p.settled_by = e.at.holder;
  forget_replaced(u, fingerprint);
  u.on_rollback([&mem = u.mem, id = e.id] { mem.problems.remove(id); });
  u.mem.problems.add(fingerprint, std::move(p));
  for (auto& [name, early] : u.mem.problems.forget_settled(u.now))
    u.on_rollback([&mem = u.mem, place = name, old = early] { mem.problems.add(place, old); });
}

applied raise_anew(unit& u, const std::string& fingerprint, const raise_request& r, const decide::escalation_step& step,
                   std::set<std::string> folded = {}) {
  const auto& body = r.body;
  escalation_facts e;
  e.id = body.id;
  e.origin = body.origin;
  e.problem = body.problem;
  e.level = body.level;
  e.cause = body.cause;
  e.task = body.task;
  e.output = body.output;
  e.errand_of = r.errand_of;
  e.at = step.after;
  const bool resolved = is_settled(step);
  const auto counts_until = resolved ? u.now + settled_counts_for : timestamp{};
  const auto evidence = r.find_evidence ? json_text{dump(r.find_evidence())} : body.evidence;
  u.db.run(
      "INSERT INTO cadre.escalation (company, id, origin, problem, fingerprint, severity, cause_code, cause, evidence, "
      "task, output, status, holder, in_inbox, due_at, resolved_at, resolved_by, note, counts_until, errand_of) "
      "VALUES ($1, $2::uuid, $3, $4, $5, $6, $7, $8, $9::jsonb, $10::uuid, $11::uuid, $12, $13, $14::boolean, "
      "$15::timestamptz, CASE WHEN $16::boolean THEN clock_timestamp() END, $17, $18, $19::timestamptz, $20::uuid)",
      u.company(), e.id, body.origin, body.problem, fingerprint, e.level, e.cause.code, clean_text(e.cause.message),
      evidence, body.task, body.output, e.at.status, e.at.holder, e.at.in_inbox, e.at.due, resolved,
      pg::or_null{step.resolved_by}, pg::or_null{step.note}, counts_until, e.errand_of);
  remember(u, fingerprint, e, counts_until, std::move(folded));
  follow(u, e, step, body.id.text, e.at.holder);
  return {1, e.id.text};
}

/// Its origin has so many problems that this one gets no place of its own.
applied fold(unit& u, const std::string& fingerprint, const raise_request& r) {
  const auto& body = r.body;
  const auto name = fingerprint_of_more(body.origin);
  const auto cause = beginning(body.cause.message);
  const nlohmann::json line{{"problem", body.problem}, {"fingerprint", fingerprint}, {"cause", cause}};
  escalation_raise all;
  all.id = body.id;
  all.origin = body.origin;
  all.problem = and_more;
  all.level = body.level;
  all.cause.code = body.cause.code;
  raise_request together{all, r.by, {}};
  together.above = r.above;
  const auto step = first_step(u, together);
  all.cause.message = "more than " + std::to_string(open_problems::per_origin_max) + " problems of " +
                      body.origin.text + (is_settled(step) ? " were settled at once" : " are open") +
                      "; further ones are counted here, the first: " + body.problem + ": " + cause;
  if (auto* more = u.mem.problems.find(name); more != nullptr && counts(u, *more, step)) {
    const bool listed = more->folded.size() >= open_problems::folded_max || more->folded.count(fingerprint) > 0;
    const auto counted = more->count;
    const auto answer = count_again(u, name, *more, r, listed ? nlohmann::json{} : line);
    if (listed || more->count == counted) return answer;
    u.on_rollback([&mem = u.mem, name, fingerprint] {
      if (auto* p = mem.problems.find(name)) p->folded.erase(fingerprint);
    });
    more->folded.insert(fingerprint);
    return answer;
  }
  if (auto earlier = find_earlier(u, body.id)) return *earlier;
  all.evidence.text = dump(nlohmann::json{{"folded", nlohmann::json::array({line})}});
  return raise_anew(u, name, together, step, {fingerprint});
}

applied raise(unit& u, const raise_request& r) {
  u.mem.problems.forget_settled(u.now);
  const auto fingerprint = fingerprint_of(r.body);
  auto* known = u.mem.problems.find(fingerprint);
  if (known != nullptr && known->is_open()) return count_again(u, fingerprint, *known, r);
  if (known != nullptr)
    if (auto counted = find_counted(u, *known, r)) return *counted;
  if (only_counts(u, r)) return fold(u, fingerprint, r);
  const auto step = first_step(u, r);
  if (known != nullptr && counts(u, *known, step)) return count_settled(u, fingerprint, *known, r, step);
  // Whose task runs again has a place whatever the room: there it is said that it does.
  const bool has_room = step.retry || u.mem.problems.has_room(r.body.origin, is_settled(step));
  if (r.may_fold && !has_room) return fold(u, fingerprint, r);
  if (auto earlier = find_earlier(u, r.body.id)) return *earlier;
  return raise_anew(u, fingerprint, r, step);
}

/// A failure of an errand, as a step of the escalation that it belongs to: the first of each task passes that up if its
/// holder is still the one whose errand it was, all others are counted. False: that is settled already.
bool tell_errand_failed(unit& u, const errand& of, const finding& f, const raise_request& r) {
  const auto e = find_escalation(u, of.escalation);
  if (!e || e->at.status == escalation_status::resolved) return false;
  const auto why = "task " + f.task.text + ", which its investigation added, came to nothing: " + f.problem + " of " +
                   f.origin.text + ": " + beginning(f.cause.message);
  if (f.task_ended) {
    const auto step = decide::errand_failed(org_of(u), e->at, of.holder, why, can_retry(u, e->task), u.now);
    if (!step.hops.empty()) {
      write_step(u, *e, step, {});
      return true;
    }
  }
  const auto fingerprint = u.mem.problems.fingerprint_of(e->id);
  auto* problem = u.mem.problems.find(fingerprint);
  if (problem == nullptr) return false;
  auto told = r.body;
  told.cause.message = why;
  count_again(u, fingerprint, *problem, {told, r.by, {}, r.may_fold, r.may_be_repeated});
  return true;
}

/// The raises of one problem that wait to be written.
struct repeats_of_one {
  std::int64_t times = 0;
  severity level = severity::info;
  bool worse = false;
  std::vector<escalation_id> raises;  ///< The latest.
  nlohmann::json folded = nlohmann::json::array();
  const counted_raise* last = nullptr;
};

#define CADRE_COUNT_REPEATS                                                                            \
  "UPDATE cadre.escalation e SET count = e.count + $3::bigint, last_at = clock_timestamp(), "          \
  "severity = CASE WHEN array_position(ARRAY['info', 'warning', 'error', 'critical'], $4) > "          \
  "array_position(ARRAY['info', 'warning', 'error', 'critical'], e.severity) THEN $4 ELSE e.severity " \
  "END, counted = ($5::uuid[] || e.counted)[1:$6::int], evidence = CASE WHEN $7::jsonb IS NULL THEN "  \
  "e.evidence ELSE jsonb_set(e.evidence, '{folded}', coalesce(e.evidence -> 'folded', '[]') || "       \
  "$7::jsonb) END WHERE e.company = $1 AND e.id = $2::uuid"

void write_repeats_of(unit& u, const escalation_id& id, const repeats_of_one& r) {
  const auto* problem = u.mem.problems.find(u.mem.problems.fingerprint_of(id));
  const auto folded = r.folded.empty() ? pg::value{} : pg::value{dump(r.folded)};
  const auto doublings = [](std::int64_t n) { return std::bit_width(static_cast<std::uint64_t>(n)); };
  if (!r.worse && problem != nullptr && doublings(problem->count) == doublings(problem->count - r.times)) {
    u.db.send(CADRE_COUNT_REPEATS, u.company(), id, r.times, r.level, r.raises, raises_kept_max, folded);
    return;
  }
  const auto rows = u.db.run(CADRE_COUNT_REPEATS " RETURNING " CADRE_ESCALATION_FACTS, u.company(), id, r.times,
                             r.level, r.raises, raises_kept_max, folded);
  if (rows.empty()) return;
  const auto e = escalation_of(rows[0]);
  if (r.worse || doublings(e.count) > doublings(e.count - r.times))
    write_hop(u, e,
              {decide::hop_action::repeated, e.at.holder,
               "raised " + std::to_string(e.count) + " times; the last: " + r.last->cause, r.last->by},
              {});
}

}  // namespace

applied raise(unit& u, const escalation_raise& body, const std::string& by) {
  return raise(u, raise_request{body, by, {}});
}

void raise(unit& u, const finding& f) {
  escalation_raise body;
  body.id = named_id<escalation_id>(u.company() + ":" + f.cause_of);
  body.origin = f.origin;
  body.problem = f.problem;
  body.level = f.level;
  body.cause = f.cause;
  if (!f.find_evidence) body.evidence.text = dump(f.evidence);
  body.task = f.task;
  body.output = f.output;
  raise_request r{body, f.origin.text, f.find_evidence, f.from_program, false};
  r.may_retry = !f.from_program;  // A program tells of itself while its task goes well.
  if (const auto known = u.mem.errands.find(f.task); known != u.mem.errands.end()) {
    const auto of = known->second;
    const bool told = f.failed() && tell_errand_failed(u, of, f, r);
    if (f.failed()) end_errand(u, f.task);
    if (told) return;
    r.errand_of = of.escalation;
    if (!only_counts(u, r)) r.above = highest_holder(u, of.escalation);
  }
  raise(u, r);
}

void write_repeats(unit& u) {
  if (u.repeats_written == u.repeats.size()) return;
  std::map<escalation_id, repeats_of_one> by_problem;
  for (auto i = u.repeats_written; i < u.repeats.size(); ++i) {
    const auto& one = u.repeats[i];
    auto& all = by_problem[one.problem];
    ++all.times;
    all.level = std::max(all.level, one.level);
    all.worse = all.worse || one.worse;
    all.raises.push_back(one.raise);
    if (!one.folded.is_null()) all.folded.push_back(one.folded);
    all.last = &one;
  }
  for (auto& [id, all] : by_problem) {
    if (all.raises.size() > raises_kept_max)
      all.raises.erase(all.raises.begin(), all.raises.end() - static_cast<std::ptrdiff_t>(raises_kept_max));
    write_repeats_of(u, id, all);
  }
  u.repeats_written = u.repeats.size();
}

void recall_problems(pg::session& db, memory& m, timestamp now) {
  m.problems.clear();
  m.investigations.clear();
  m.errands.clear();
  const auto rows = db.run(
      "SELECT id::text, fingerprint, origin, problem, count, severity, "
      "(extract(epoch FROM raised_at) * 1000000)::bigint, coalesce(investigation::text, ''), "
      "coalesce((extract(epoch FROM due_at) * 1000000)::bigint, 0), "
      "CASE WHEN problem = $2 THEN coalesce(evidence ->> 'folded', '[]') ELSE '[]' END, "
      "CASE WHEN last_at > clock_timestamp() - interval '1 hour' THEN counted::text ELSE '{}' END, "
      "coalesce((extract(epoch FROM counts_until) * 1000000)::bigint, 0), holder FROM cadre.escalation "
      "WHERE company = $1 "
      "AND (status <> 'resolved' OR counts_until > $3::timestamptz) ORDER BY counts_until, id",
      m.company.name, and_more, now);
  for (const auto& row : rows) {
    open_problem p;
    p.id.text = row[0].as<std::string>();
    p.origin.text = row[2].as<std::string>();
    p.more = row[3].as<std::string>() == and_more;
    p.count = row[4].as<std::int64_t>();
    from_text(row[5].as<std::string>(), p.level);
    p.made_at = decide::made_at(p.id.text).value_or(timestamp{row[6].as<std::int64_t>()});
    p.counts_until.us = row[11].as<std::int64_t>();
    if (!p.is_open()) p.settled_by.text = row[12].as<std::string>();
    if (const auto task = row[7].as<std::string>(); !task.empty())
      m.investigations[task_id{task}] = {p.id, {row[8].as<std::int64_t>()}};
    for (const auto& line : parse_or_null(row[9].as<std::string>())) p.folded.insert(line.value("fingerprint", ""));
    const auto counted = row[10].as<std::string>();  // `{uuid,uuid}`, the latest first.
    for (std::size_t at = counted.rfind(','); counted.size() > 2; at = counted.rfind(',', at - 1)) {
      const auto begin = at == std::string::npos ? 1 : at + 1;
      m.problems.remember(escalation_id{counted.substr(begin, 36)});
      if (begin == 1) break;
    }
    m.problems.add(row[1].as<std::string>(), std::move(p));
  }
  m.problems.forget_settled(now);
  const auto errands = db.run(
      "SELECT n.key, e.id::text, n.value FROM cadre.escalation e CROSS JOIN LATERAL jsonb_each_text(e.errands) n "
      "WHERE e.company = $1 AND e.errands <> '{}'",
      m.company.name);
  for (const auto& row : errands)
    m.errands[task_id{row[0].as<std::string>()}] = {escalation_id{row[1].as<std::string>()},
                                                    agent_path{row[2].as<std::string>()}};
}

void watch_unplaced_agents(unit& u, timestamp at) {
  constexpr std::int64_t rows_max = 1'000;
  const auto waits = [](const auto& a) { return a.second == agent_state::waiting; };
  if (std::any_of(u.mem.agent_states.begin(), u.mem.agent_states.end(), waits)) {
    const auto late = u.db.run(
        "SELECT path, coalesce(last_cause, ''), extract(epoch FROM changed_at)::text FROM cadre.agent a "
        "WHERE company = $1 AND state = 'waiting' AND NOT retired AND changed_at <= $2::timestamptz AND NOT EXISTS ("
        "SELECT 1 FROM cadre.escalation e WHERE e.company = a.company AND e.origin = a.path "
        "AND e.problem = 'unplaced' AND e.last_at >= a.changed_at) ORDER BY path LIMIT $3::bigint",
        u.company(), at + -u.mem.company.timing.lease, rows_max);
    for (const auto& row : late) {
      finding f;
      f.origin.text = row[0].as<std::string>();
      f.cause_of = "unplaced:" + f.origin.text + ":" + row[2].as<std::string>();
      f.problem = "unplaced";
      f.cause = {errc::unreachable, "it can run nowhere: " + row[1].as<std::string>()};
      raise(u, f);
    }
  }
  write_repeats(u);
  const auto over = u.db.run("SELECT " CADRE_ESCALATION_FACTS
                             " FROM cadre.escalation e WHERE e.company = $1 AND e.status <> 'resolved' "
                             "AND e.problem = 'unplaced' AND EXISTS (SELECT 1 FROM cadre.agent a WHERE a.company = "
                             "e.company AND a.path = e.origin AND a.state = 'running') LIMIT $2::bigint",
                             u.company(), rows_max);
  for (const auto& row : over) {
    const auto e = escalation_of(row);
    write_step(u, e, decide::resolve_escalation(e.at, "cadre", "it runs again"), {});
  }
}

std::int64_t move_due_escalations(unit& u, timestamp at, std::int64_t limit) {
  write_repeats(u);
  const auto rows = u.db.run("SELECT " CADRE_ESCALATION_FACTS
                             " FROM cadre.escalation e WHERE e.company = $1 AND e.status = 'open' "
                             "AND NOT e.in_inbox AND e.due_at <= $2::timestamptz ORDER BY e.due_at LIMIT $3::bigint",
                             u.company(), at, limit);
  for (const auto& row : rows) {
    const auto e = escalation_of(row);
    write_step(u, e, decide::escalation_due(org_of(u), e.at, can_retry(u, e.task), at), {});
  }
  return static_cast<std::int64_t>(rows.size());
}

void hasten_escalations_of(unit& u, const agent_path& agent) {
  const auto held = u.db.run(
      "UPDATE cadre.escalation SET due_at = $3::timestamptz WHERE company = $1 AND holder = $2 AND status = 'open' "
      "AND NOT in_inbox AND due_at > $3::timestamptz AND snoozed_until IS DISTINCT FROM due_at",
      u.company(), agent, u.now);
  if (held.affected_rows() > 0) u.mem.due_at(u.now);
}

}  // namespace cadre::storage::writer
