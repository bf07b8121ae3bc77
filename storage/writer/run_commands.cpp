#include "schemas/subjects.hpp"
#include "schemas/text.hpp"
#include "storage/writer/escalations.hpp"
#include "storage/writer/handlers.hpp"
#include "storage/writer/id_bounds.hpp"
#include "storage/writer/investigations.hpp"
#include "storage/writer/lookups.hpp"
#include "storage/writer/tasks.hpp"

#include <algorithm>
#include <unordered_set>

namespace cadre::storage::writer {

namespace {

constexpr std::size_t alerts_max = 100;
constexpr std::size_t problem_bytes_max = 200;

/// Why a run that is not active can't be worked on: it never was, or it has ended.
failure why_not_active(unit& u, const run_id& id) {
  if (!is_uuid(id.text)) return {errc::bad_value, "run: not a UUID"};
  const auto rows = u.db.run("SELECT status FROM cadre.run WHERE company = $1 AND id = $2::uuid", u.company(), id);
  if (rows.empty()) return {errc::not_found, "there is no run " + id.text};
  return {errc::stale_attempt, "run " + id.text + " has ended: it is " + rows[0][0].as<std::string>()};
}

/// True if the run ended just as a repeated command wants to end it.
bool ended_as(unit& u, const run_id& id, run_status wanted) {
  if (!is_uuid(id.text)) return false;
  const auto rows =
      u.db.run("SELECT 1 FROM cadre.run WHERE company = $1 AND id = $2::uuid AND status = $3", u.company(), id, wanted);
  return !rows.empty();
}

/// Seals what the run staged. True if anybody has to pass it.
bool seal_outputs(unit& u, const active_run& run) {
  std::vector<agent_path> auditors;
  for (const auto* auditor : u.mem.auditors_of(run.agent)) auditors.push_back(auditor->path);
  const auto rows = u.db.run(
      "UPDATE cadre.output SET status = 'sealed', sealed_at = clock_timestamp(), auditors = $3::text[] "
      "WHERE company = $1 AND run = $2::uuid AND status = 'staged' RETURNING id::text, dataset, row_count",
      u.company(), run.id, auditors);
  for (const auto& row : rows) {
    const output_id output{row[0].as<std::string>()};
    for (const auto* auditor : u.mem.auditors_of(run.agent)) {
      const auto due = u.now + auditor->within;
      u.db.run("INSERT INTO cadre.audit_due (company, output, auditor, due_at) VALUES ($1, $2::uuid, $3, $4)",
               u.company(), output, auditor->path, due);
      u.mem.due_at(due);
    }
    u.tell(subjects::output(u.company(), run.agent), "output_sealed",
           {{"output", output.text},
            {"run", run.id.text},
            {"task", run.task.text},
            {"worker", run.agent.text},
            {"dataset", row[1].as<std::string>()},
            {"rows", row[2].as<std::int64_t>()}});
  }
  return !rows.empty() && !auditors.empty();
}

std::string text_of(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return {};
  return found->is_string() ? found->get<std::string>() : dump(*found);
}

void raise_alert(unit& u, const active_run& run, std::size_t number, const nlohmann::json& alert) {
  finding f;
  f.cause_of = "alert:" + run.id.text + ":" + std::to_string(number);
  f.origin = run.agent;
  f.level = severity::warning;
  f.problem = "alert";
  f.task = run.task;
  f.from_program = true;
  f.evidence = {{"run", run.id.text}, {"alert", alert}};
  if (alert.is_object()) {
    from_text(text_of(alert, "level"), f.level);
    if (auto problem = text_of(alert, "problem"); !problem.empty())
      f.problem = clean_text(problem.substr(0, problem_bytes_max));
    f.cause.message = text_of(alert, "message");
  } else {
    f.cause.message = alert.is_string() ? alert.get<std::string>() : dump(alert);
  }
  raise(u, f);
}

void raise_alerts(unit& u, const active_run& run, const json_text& alerts) {
  auto list = parse_or_null(alerts.text);
  if (list.is_null()) return;
  if (!list.is_array()) list = nlohmann::json::array({list});
  for (std::size_t i = 0; i < list.size() && i < alerts_max; ++i) raise_alert(u, run, i, list[i]);
  if (list.size() > alerts_max)
    raise_alert(u, run, alerts_max,
                {{"level", "warning"},
                 {"problem", "too_many_alerts"},
                 {"message", std::to_string(list.size()) + " alerts in one response; the first 100 were raised"}});
}

const active_run* find_run(const unit& u, const run_id& id) {
  const auto found = u.mem.runs.find(id);
  return found == u.mem.runs.end() ? nullptr : &found->second;
}

struct completed_run {
  active_run run;
  const run_complete* body;
};

/// What is no JSON would spoil the document that all results travel in.
result<void> check_json(const run_complete& body) {
  for (const auto& [name, document] : {std::pair{"metrics", &body.metrics}, std::pair{"alerts", &body.alerts},
                                       std::pair{"recommendations", &body.recommendations}})
    if (!document->text.empty() && !nlohmann::json::accept(document->text))
      return fail(errc::bad_value, std::string{name} + ": not JSON");
  return {};
}

bool ended_alike(const run_complete& a, const run_complete& b) {
  return a.metrics == b.metrics && a.alerts == b.alerts && a.recommendations == b.recommendations;
}

/// Many a run has nothing to tell but that it is done: those that say the same as the first are spared the document.
void end_runs(unit& u, const std::vector<completed_run>& all) {
  const auto& first = *all.front().body;
  std::vector<task_id> alike, different;
  std::string results = "{";
  const auto text = [](const json_text& document) { return document.text.empty() ? "null" : document.text; };
  for (const auto& [run, body] : all) {
    if (ended_alike(*body, first)) {
      alike.push_back(run.task);
      continue;
    }
    different.push_back(run.task);
    results += (results.size() > 1 ? ",\"" : "\"") + run.id.text + "\":[" + text(body->metrics) + "," +
               text(body->alerts) + "," + text(body->recommendations) + "]";
  }
  // By their tasks, which have one active run each: that is where a run is found.
  auto among = bounds_of(alike);
  u.db.send(
      "UPDATE cadre.run SET status = 'succeeded', metrics = $5::jsonb, alerts = $6::jsonb, recommendations = "
      "$7::jsonb, ended_at = clock_timestamp() WHERE company = $1 AND task = ANY ($2::uuid[]) AND task >= $3::uuid "
      "AND task <= $4::uuid AND status = 'active'",
      u.company(), alike, among.least, among.greatest, first.metrics, first.alerts, first.recommendations);
  if (different.empty()) return;
  among = bounds_of(different);
  // One document, asked by id: joined with an array of runs, the planner would look for a way to join.
  u.db.send(
      "UPDATE cadre.run SET status = 'succeeded', metrics = $5::jsonb -> id::text -> 0, "
      "alerts = $5::jsonb -> id::text -> 1, recommendations = $5::jsonb -> id::text -> 2, ended_at = clock_timestamp() "
      "WHERE company = $1 AND task = ANY ($2::uuid[]) AND task >= $3::uuid AND task <= $4::uuid AND status = 'active'",
      u.company(), different, among.least, among.greatest, json_text{results + "}"});
}

/// Ends runs that succeeded: their outputs are sealed, and their tasks are complete or wait for verdicts.
void complete(unit& u, const std::vector<completed_run>& all) {
  if (all.empty()) return;
  end_runs(u, all);
  std::vector<task_facts> done, in_review;
  for (const auto& [run, body] : all) {
    const auto* worker = u.mem.agent(run.agent);
    const bool writes = worker == nullptr || !worker->outputs.empty();
    (writes && seal_outputs(u, run) ? in_review : done).push_back(facts_of(run));
  }
  move_tasks(u, done, task_status::complete);
  move_tasks(u, in_review, task_status::review);
  for (const auto& [run, body] : all) {
    // An investigation raises nothing: its alerts stay with its run.
    if (is_investigation(u, run.task)) {
      investigation_ended(u, run.task, {});
    } else {
      raise_alerts(u, run, body->alerts);
    }
  }
  if (!u.mem.errands.empty())
    for (const auto& task : done) end_errand(u, task.id);
  u.mem.look_for_work = true;
}

}  // namespace

result<applied> apply(unit& u, const command& c, const run_progress& body) {
  const auto* run = find_run(u, body.run);
  if (run == nullptr) return tl::unexpected{why_not_active(u, body.run)};
  if (auto own = must_be(u, c.from, run->agent, "a run"); !own) return tl::unexpected{own.error()};
  u.db.run(
      "UPDATE cadre.run SET progress = $3::jsonb WHERE company = $1 AND id = $2::uuid AND task = $4::uuid "
      "AND status = 'active'",
      u.company(), body.run, body.progress, run->task);
  return applied{0, body.run.text};
}

std::vector<result<applied>> apply_all(unit& u, std::span<const command* const> dones, const run_complete*) {
  std::vector<result<applied>> answers;
  std::vector<completed_run> completed;
  for (const auto* c : dones) {
    const auto& body = std::get<run_complete>(c->body);
    const auto* run = find_run(u, body.run);
    if (run == nullptr) {
      const bool again =
          std::any_of(completed.begin(), completed.end(), [&](const auto& d) { return d.run.id == body.run; });
      if (again || ended_as(u, body.run, run_status::succeeded))
        answers.emplace_back(applied{0, body.run.text});
      else
        answers.emplace_back(tl::unexpected{why_not_active(u, body.run)});
      continue;
    }
    if (auto own = must_be(u, c->from, run->agent, "a run"); !own) {
      answers.emplace_back(tl::unexpected{own.error()});
      continue;
    }
    if (auto good = check_json(body); !good) {
      answers.emplace_back(tl::unexpected{good.error()});
      continue;
    }
    completed.push_back({*run, &body});
    u.forget_run(body.run);
    answers.emplace_back(applied{0, body.run.text});
  }
  complete(u, completed);
  return answers;
}

result<applied> apply(unit& u, const command& c, const run_fail& body) {
  const auto* run = find_run(u, body.run);
  if (run == nullptr) {
    if (ended_as(u, body.run, run_status::failed)) return applied{0, body.run.text};
    return tl::unexpected{why_not_active(u, body.run)};
  }
  if (auto own = must_be(u, c.from, run->agent, "a run"); !own) return tl::unexpected{own.error()};
  bad_end end;
  end.error = body.error;
  if (end.error.code == errc::none) end.error.code = errc::internal;
  end.stderr_tail = body.stderr_tail;
  end.retryable = body.retryable;
  end.retry_after = std::chrono::milliseconds{std::max<std::int64_t>(body.retry_after_ms, 0)};
  end_badly(u, body.run, end);
  return applied{0, body.run.text};
}

std::vector<result<applied>> apply_all(unit& u, std::span<const command* const> adds, const journal_add*) {
  static const std::unordered_set<std::string> levels{"debug", "info", "warning", "error"};
  using pg::to_value;
  std::vector<result<applied>> answers;
  std::vector<run_id> runs;
  std::vector<std::int64_t> lines;
  std::vector<pg::value> agents, words, kinds, data;
  for (const auto* c : adds) {
    const auto& body = std::get<journal_add>(c->body);
    if (!is_uuid(body.run.text)) {
      answers.emplace_back(fail(errc::bad_value, "run: not a UUID"));
    } else if (levels.count(body.level) == 0) {
      answers.emplace_back(
          fail(errc::bad_value, "level: " + in_quotes(body.level) + "; allowed are debug, info, warning and error"));
    } else {
      answers.emplace_back(applied{0, body.run.text});
      runs.push_back(body.run);
      lines.push_back(body.line);
      agents.push_back(to_value(body.agent.text));
      kinds.push_back(to_value(body.level));
      words.push_back(to_value(clean_text(body.text)));
      data.push_back(to_value(body.data));
    }
  }
  if (!runs.empty())
    u.db.send(
        "INSERT INTO cadre.journal (company, run, line, agent, level, text, data) SELECT $1, unnest($2::uuid[]), "
        "unnest($3::bigint[]), unnest($4::text[]), unnest($5::text[]), unnest($6::text[]), unnest($7::jsonb[]) "
        "ON CONFLICT DO NOTHING",
        u.company(), runs, lines, pg::texts{agents}, pg::texts{kinds}, pg::texts{words}, pg::documents{data});
  return answers;
}

}  // namespace cadre::storage::writer
