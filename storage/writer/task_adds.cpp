#include "storage/writer/claims.hpp"
#include "storage/writer/handlers.hpp"
#include "storage/writer/id_bounds.hpp"
#include "storage/writer/investigations.hpp"
#include "storage/writer/lookups.hpp"
#include "storage/writer/task_keys.hpp"
#include "storage/writer/tasks.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace cadre::storage::writer {

namespace {

constexpr std::int64_t attempts_without_agent = 3;
constexpr std::size_t key_bytes_max = 500;
constexpr std::size_t dependencies_max = 1'000;

struct dependency {
  task_status status = task_status::queued;
  agent_path agent;
};
using dependencies = std::unordered_map<task_id, dependency>;

struct new_task {
  const task_add* body = nullptr;
  std::string by;
  std::string mode;
  std::int64_t attempts_max = attempts_without_agent;
  task_status status = task_status::queued;
  agent_path taken_by;  ///< It begins as it is added.
  std::string blocked_reason;
  agent_path blocked_on;
  timestamp created_at;
  errand part_of;  ///< Of no escalation for most.
};

bool ended_without_success(task_status s) {
  return is_terminal(s) && s != task_status::complete;
}

dependencies read_dependencies(unit& u, const std::vector<task_id>& ids) {
  dependencies found;
  if (ids.empty()) return found;
  const auto among = bounds_of(ids);
  const auto rows = u.db.run(
      "SELECT id::text, status, coalesce(agent, '') FROM cadre.task WHERE company = $1 AND id = ANY ($2::uuid[]) "
      "AND id >= $3::uuid AND id <= $4::uuid",
      u.company(), ids, among.least, among.greatest);
  for (const auto& row : rows) {
    dependency d;
    from_text(row[1].as<std::string>(), d.status);
    d.agent.text = row[2].as<std::string>();
    found.emplace(task_id{row[0].as<std::string>()}, d);
  }
  return found;
}

result<new_task> check_target(const unit& u, const task_add& body) {
  new_task task;
  task.body = &body;
  task.mode = body.mode;
  if (!body.agent.empty()) {
    const auto* agent = u.mem.agent(body.agent);
    if (agent == nullptr) return tl::unexpected{unknown_agent(u, body.agent)};
    if (agent->run.how == config::run_spec::mode::none)
      return fail(errc::refused, "agent " + body.agent.text + " runs nothing, so nobody would ever work on the task");
    if (task.mode.empty()) task.mode = agent->mode;
    task.attempts_max = std::max<std::int64_t>(agent->retry.attempts, 1);
  }
  if (!is_token(task.mode)) return fail(errc::bad_value, "mode: one token of [a-z0-9-] is needed, or an agent");
  if (body.agent.empty() && !u.mem.has_mode(task.mode))
    return fail(errc::not_found, "mode " + task.mode + ": no agent claims its tasks, so nobody would ever work on it");
  return task;
}

result<new_task> check(const unit& u, const task_add& body, const dependencies& known) {
  const bool upper_case =
      std::any_of(body.id.text.begin(), body.id.text.end(), [](char c) { return c >= 'A' && c <= 'F'; });
  if (!is_uuid(body.id.text) || upper_case) return fail(errc::bad_value, "id: not a UUID in lower case");
  if (auto fresh = check_age(u, body.id); !fresh) return tl::unexpected{fresh.error()};
  if (body.priority < 0 || body.priority > 3) return fail(errc::bad_value, "priority: 0 (most urgent) to 3");
  if (body.idempotency_key.size() > key_bytes_max) return fail(errc::bad_value, "idempotency_key: over 500 bytes");
  if (body.concurrency_key.size() > key_bytes_max) return fail(errc::bad_value, "concurrency_key: over 500 bytes");
  if (body.depends_on.size() > dependencies_max) return fail(errc::bad_value, "depends_on: over 1,000 tasks");
  auto task = check_target(u, body);
  if (!task) return task;
  if (body.draft) task->status = task_status::draft;
  for (const auto& id : body.depends_on) {
    const auto found = known.find(id);
    if (found == known.end() || id == body.id)
      return fail(errc::not_found, "depends_on: there is no task " + id.text + " to wait for");
    if (!ended_without_success(found->second.status)) continue;
    task->status = task_status::blocked;
    task->blocked_reason = "depends on task " + id.text + ", which is " + std::string{to_text(found->second.status)};
    task->blocked_on =
        found->second.agent.empty() ? u.mem.company.agents.front().path : manager_of(found->second.agent);
  }
  return task;
}

bool all_differ(const std::vector<new_task>& tasks) {
  std::unordered_set<std::string_view> ids;
  return std::all_of(tasks.begin(), tasks.end(),
                     [&](const new_task& task) { return ids.insert(task.body->id.text).second; });
}

#define CADRE_NEW_TASKS                                                                                         \
  "INSERT INTO cadre.task (company, id, mode, agent, title, payload, priority, status, attempt, attempts_max, " \
  "run_after, deadline, idempotency_key, concurrency_key, schedule, retry_of, blocked_reason, blocked_on, "     \
  "created_by, created_at) "                                                                                    \
  "SELECT $1, unnest($2::uuid[]), unnest($3::text[]), unnest($4::text[]), unnest($5::text[]), "                 \
  "unnest($6::jsonb[]), unnest($7::smallint[]), unnest($8::text[]), unnest($9::int[]), unnest($10::int[]), "    \
  "unnest($11::timestamptz[]), unnest($12::timestamptz[]), unnest($13::text[]), unnest($14::text[]), "          \
  "unnest($15::text[]), unnest($16::uuid[]), unnest($17::text[]), unnest($18::text[]), "                        \
  "unnest($19::text[]), unnest($20::timestamptz[]) "

/// The ids that were not there before. Unless it is careful, it sends them all as new, and the server refuses the
/// transaction if one is not.
std::unordered_set<std::string> insert(unit& u, const std::vector<new_task>& tasks) {
  using pg::or_null;
  using pg::to_value;
  std::vector<task_id> ids, retries;
  std::vector<pg::value> modes, agents, titles, payloads, statuses, keys, together, schedules, reasons, blockers,
      senders;
  std::vector<std::int16_t> priorities;
  std::vector<std::int32_t> attempt, attempts;
  std::vector<timestamp> run_after, deadlines, created;
  std::vector<const task_add*> bodies;
  for (const auto& task : tasks) bodies.push_back(task.body);
  const auto taken = claim_keys(u, bodies);
  for (const auto& task : tasks) {
    const auto& body = *task.body;
    if (taken.count(body.id.text) > 0) continue;
    ids.push_back(body.id);
    modes.push_back(to_value(task.mode));
    agents.push_back(to_value(body.agent));
    titles.push_back(to_value(body.title));
    payloads.push_back(to_value(body.payload));
    priorities.push_back(static_cast<std::int16_t>(body.priority));
    statuses.push_back(to_value(task.status));
    attempt.push_back(task.taken_by.empty() ? 0 : 1);
    attempts.push_back(static_cast<std::int32_t>(task.attempts_max));
    run_after.push_back(body.run_after);
    deadlines.push_back(body.deadline);
    keys.push_back(to_value(or_null{body.idempotency_key}));
    together.push_back(to_value(or_null{body.concurrency_key}));
    schedules.push_back(to_value(or_null{body.schedule}));
    retries.push_back(body.retry_of);
    reasons.push_back(to_value(or_null{task.blocked_reason}));
    blockers.push_back(to_value(task.blocked_on));
    senders.push_back(to_value(task.by));
    created.push_back(task.created_at);
  }
  if (ids.empty()) return {};
  // Shorter arrays are filled up with nulls: most tasks have none of these.
  const auto clear_if_unused = [](auto&... rare) {
    (..., (std::all_of(rare.begin(), rare.end(), [](const auto& v) { return !to_value(v); }) ? rare.clear() : void()));
  };
  clear_if_unused(agents, run_after, deadlines, keys, together, schedules, retries, reasons, blockers);
  std::unordered_set<std::string> inserted;
  const auto with = [&](const auto& call) {
    using pg::texts;
    return call(u.company(), ids, texts{modes}, texts{agents}, texts{titles}, pg::documents{payloads}, priorities,
                texts{statuses}, attempt, attempts, run_after, deadlines, texts{keys}, texts{together},
                texts{schedules}, retries, texts{reasons}, texts{blockers}, texts{senders}, created);
  };
  if (u.careful || !all_differ(tasks)) {
    const auto rows = with([&](const auto&... values) {
      return u.db.run(CADRE_NEW_TASKS "ON CONFLICT DO NOTHING RETURNING id::text", values...);
    });
    for (const auto& row : rows) inserted.insert(row[0].template as<std::string>());
  } else {
    with([&](const auto&... values) { u.db.send(CADRE_NEW_TASKS, values...); });
    for (const auto& task : tasks)
      if (taken.count(task.body->id.text) == 0) inserted.insert(task.body->id.text);
  }
  return inserted;
}

void insert_dependencies(unit& u, const std::vector<new_task>& tasks) {
  std::vector<task_id> dependents, wanted;
  for (const auto& task : tasks) {
    for (const auto& id : task.body->depends_on) {
      dependents.push_back(task.body->id);
      wanted.push_back(id);
    }
  }
  if (wanted.empty()) return;
  u.db.run(
      "INSERT INTO cadre.task_dependency (company, task, depends_on) SELECT $1, * FROM unnest($2::uuid[], $3::uuid[]) "
      "ON CONFLICT DO NOTHING",
      u.company(), dependents, wanted);
  u.set(u.mem.has_dependencies, true);
}

/// A task that is there already, by id or by key: the answer to a repeat.
std::optional<applied> find_earlier(unit& u, const task_add& body) {
  if (!is_uuid(body.id.text)) return std::nullopt;
  const auto rows = u.db.run(
      "SELECT id::text FROM (SELECT id, 1 AS choice FROM cadre.task WHERE company = $1 AND id = $2::uuid UNION ALL "
      "SELECT task, 2 FROM cadre.task_key WHERE company = $1 AND idempotency_key = $3) f ORDER BY choice LIMIT 1",
      u.company(), body.id, pg::or_null{body.idempotency_key});
  if (rows.empty()) return std::nullopt;
  return applied{0, rows[0][0].as<std::string>()};
}

void announce(unit& u, const new_task& task) {
  if (!task.taken_by.empty()) return;  // Its first event is that it is active.
  task_facts facts;
  facts.id = task.body->id;
  facts.mode = task.mode;
  facts.agent = task.body->agent;
  facts.title = task.body->title;
  facts.status = task.status;
  facts.attempts_max = task.attempts_max;
  tell_task(u, facts);
  if (task.body->run_after > u.now) u.mem.runs_after(task.body->run_after);
  u.mem.due_at(task.body->deadline);
}

bool is_ready(const unit& u, const new_task& task) {
  const auto& body = *task.body;
  return task.status == task_status::queued && body.depends_on.empty() && body.run_after <= u.now &&
         (body.deadline.empty() || body.deadline > u.now);
}

void enqueue(unit& u, const new_task& task) {
  u.mem.queue.add(lane_of(task.body->agent, task.mode), task.body->priority,
                  {task.created_at, task.body->id, decide::key_of(task.mode, task.body->concurrency_key)});
}

/// Puts what may be worked on at once into the queue.
void line_up(unit& u, const std::vector<new_task>& tasks) {
  std::vector<task_id> to_look_at;
  for (const auto& task : tasks) {
    if (is_ready(u, task)) {
      enqueue(u, task);
      u.mem.look_for_work = true;
    } else if (task.status == task_status::queued && !task.body->depends_on.empty()) {
      to_look_at.push_back(task.body->id);
    }
  }
  note_ready(u, to_look_at);
}

/// What those who are free take next, when these tasks stand in the queue with all others. A new task among it is
/// marked: it will be inserted as active, which saves it a version of its row.
struct early_claims {
  takers free;
  std::vector<pick> queued;  ///< Of the tasks that were there before.
};

early_claims claim_early(unit& u, std::vector<new_task>& tasks) {
  early_claims claims;
  if (!u.may_begin_at_once) return claims;
  claims.free = find_takers(u);
  const auto room = room_for_grants(u);
  if (claims.free.empty() || room <= 0) return claims;
  // Before they are added: the queue takes them for a part of what the database has not been asked for yet.
  fill_queue(u, claims.free);
  std::unordered_map<task_id, new_task*> fresh;
  for (auto& task : tasks) {
    if (!is_ready(u, task) || !fresh.emplace(task.body->id, &task).second) continue;
    enqueue(u, task);
  }
  for (auto& p : next_tasks(u, claims.free, room).all) {
    const auto found = fresh.find(p.task);
    if (found == fresh.end()) {
      claims.queued.push_back(std::move(p));
      continue;
    }
    found->second->status = task_status::active;
    found->second->taken_by = std::move(p.agent);
  }
  return claims;
}

void begin_claimed(unit& u, const early_claims& claims, const std::vector<new_task>& inserted) {
  std::vector<granted_task> begun;
  for (const auto& task : inserted) {
    if (task.taken_by.empty()) continue;
    const auto& payload = task.body->payload.text;
    begun.push_back({task.body->id, task.taken_by, task.mode, task.body->title, payload.empty() ? "null" : payload,
                     decide::key_of(task.mode, task.body->concurrency_key), 1});
  }
  begin_runs(u, begun, claims.free);
  start_queued(u, claims.queued, claims.free);
}

struct add_request {
  const task_add* body;
  std::string by;
};

std::vector<result<applied>> add_tasks(unit& u, const std::vector<add_request>& requests) {
  std::vector<task_id> wanted;
  for (const auto& r : requests) wanted.insert(wanted.end(), r.body->depends_on.begin(), r.body->depends_on.end());
  auto known = read_dependencies(u, wanted);

  std::vector<new_task> valid;
  std::vector<result<applied>> answers;
  std::vector<std::optional<std::size_t>> place;
  for (const auto& r : requests) {
    auto checked = check(u, *r.body, known);
    if (checked) {
      auto of = errand_of(u, r.by, *r.body, [&](const escalation_id& escalation) {
        return static_cast<std::size_t>(std::count_if(
            valid.begin(), valid.end(), [&](const auto& t) { return t.part_of.escalation == escalation; }));
      });
      if (of)
        checked->part_of = std::move(*of);
      else
        checked = tl::unexpected{of.error()};
    }
    place.push_back(std::nullopt);
    if (!checked) {
      // What committed before is committed, even if the org changed since.
      const auto earlier = find_earlier(u, *r.body);
      if (earlier) {
        answers.emplace_back(*earlier);
      } else {
        answers.emplace_back(tl::unexpected{checked.error()});
      }
      continue;
    }
    checked->by = r.by.empty() ? "unknown" : r.by;
    checked->created_at = u.next_created();
    if (!wanted.empty()) known.emplace(r.body->id, dependency{checked->status, r.body->agent});
    place.back() = valid.size();
    valid.push_back(std::move(*checked));
    answers.emplace_back(applied{0, r.body->id.text});
  }
  if (valid.empty()) return answers;

  const auto claims = claim_early(u, valid);
  auto fresh = insert(u, valid);
  std::vector<new_task> inserted;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (!place[i]) continue;
    if (fresh.erase(requests[i].body->id.text) > 0) {
      inserted.push_back(valid[*place[i]]);
    } else if (auto earlier = find_earlier(u, *requests[i].body)) {
      answers[i] = *earlier;
    }
  }
  insert_dependencies(u, inserted);
  for (const auto& task : inserted) {
    if (!task.part_of.escalation.empty()) begin_errand(u, task.body->id, task.part_of);
    announce(u, task);
  }
  line_up(u, inserted);
  begin_claimed(u, claims, inserted);
  return answers;
}

}  // namespace

std::vector<result<applied>> apply_all(unit& u, std::span<const command* const> adds, const task_add*) {
  std::vector<add_request> requests;
  requests.reserve(adds.size());
  for (const auto* c : adds) requests.push_back({&std::get<task_add>(c->body), c->from});
  return add_tasks(u, requests);
}

result<applied> add_task(unit& u, const std::string& by, const task_add& body) {
  return add_tasks(u, {add_request{&body, by}}).front();
}

}  // namespace cadre::storage::writer
