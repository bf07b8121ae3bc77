#pragma once

#include "agent_path.hpp"
#include "error.hpp"
#include "ids.hpp"
#include "json_text.hpp"
#include "org.hpp"
#include "task.hpp"
#include "time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

/// Commands: the only way to change the company's state. Each is idempotent by an id its sender chose, so that
/// "I don't know whether it committed" is answered by sending it again.
namespace cadre {

/// Adds a task. Idempotent by `id`, and by `idempotency_key` where given (the outcome then names the existing task).
struct task_add {
  static constexpr std::string_view kind = "task_add";
  task_id id;
  std::string mode;  ///< Empty: the mode of `agent`.
  agent_path agent;  ///< Empty: any worker of the mode.
  std::string title;
  json_text payload;          ///< Handed to the agent as `task.payload`.
  std::int64_t priority = 2;  ///< 0 (most urgent) to 3.
  bool draft = false;         ///< True: waits as `draft` until released.
  timestamp run_after;
  timestamp deadline;  ///< Past it, a task that has not started becomes `stale`.
  std::vector<task_id> depends_on;
  std::string idempotency_key;
  std::string schedule;  ///< Set by the scheduler.
  task_id retry_of;      ///< The terminal task that this one repeats.
  /// Not more than so many tasks of the mode with this key are worked on at once (`modes.MODE.per_key`, 1 by default).
  std::string concurrency_key;
  run_id run;  ///< The run that adds it, of the sender. Empty: none.
  CADRE_FIELDS(id, mode, agent, title, payload, priority, draft, run_after, deadline, depends_on, idempotency_key,
               schedule, retry_of, concurrency_key, run)
};

/// Cancels a task: it becomes `stale`; a run of it is told to stop. Cancelling a terminal task changes nothing.
struct task_cancel {
  static constexpr std::string_view kind = "task_cancel";
  task_id id;
  std::string reason;
  CADRE_FIELDS(id, reason)
};

/// Runs a failed or stale task again as a new task `new_id` with fresh attempts. Idempotent by `new_id`.
struct task_retry {
  static constexpr std::string_view kind = "task_retry";
  task_id id;
  task_id new_id;
  CADRE_FIELDS(id, new_id)
};

/// A line an agent noted, kept the moment it is learned. Idempotent by (run, line).
struct journal_add {
  static constexpr std::string_view kind = "journal_add";
  run_id run;
  std::int64_t line = 0;  ///< Line number on the run's stdout.
  agent_path agent;
  std::string level;  ///< debug, info, warning, error.
  std::string text;
  json_text data;
  CADRE_FIELDS(run, line, agent, level, text, data)
};

/// Says how far a run is. The last one wins.
struct run_progress {
  static constexpr std::string_view kind = "run_progress";
  run_id run;
  json_text progress;
  CADRE_FIELDS(run, progress)
};

/// Stages rows of a dataset. Several may follow each other for one output; idempotent by (output, first_row).
struct output_add {
  static constexpr std::string_view kind = "output_add";
  output_id output;  ///< One per (run, dataset).
  run_id run;
  std::string dataset;
  std::int64_t first_row = 0;
  std::vector<json_text> rows;  ///< JSON objects.
  CADRE_FIELDS(output, run, dataset, first_row, rows)
};

/// Ends a run with its response: outputs are sealed, the task goes to review or is complete. Idempotent by `run`.
struct run_complete {
  static constexpr std::string_view kind = "run_complete";
  run_id run;
  json_text metrics;
  json_text alerts;
  json_text recommendations;
  CADRE_FIELDS(run, metrics, alerts, recommendations)
};

/// Ends a run with an error: the task is queued again with backoff, or fails and escalates. Idempotent by `run`.
struct run_fail {
  static constexpr std::string_view kind = "run_fail";
  run_id run;
  failure error;
  std::string stderr_tail;
  bool retryable = true;
  std::int64_t retry_after_ms = 0;  ///< At least this long until the next attempt; 0: by the backoff alone.
  CADRE_FIELDS(run, error, stderr_tail, retryable, retry_after_ms)
};

/// One finding of an auditor.
struct audit_finding {
  std::string check;  ///< The name of the declared check, or what the auditor's command calls it.
  std::string message;
  std::int64_t count = 0;              ///< Rows concerned.
  std::vector<json_text> sample_rows;  ///< At most 5.
  CADRE_FIELDS(check, message, count, sample_rows)
};

/// An auditor's decision about an output. Idempotent by (output, auditor). The last missing pass promotes.
struct verdict_add {
  static constexpr std::string_view kind = "verdict_add";
  verdict_id id;
  output_id output;
  agent_path auditor;
  bool passed = false;
  std::vector<audit_finding> findings;
  std::int64_t rows_total = 0;     ///< Of the output.
  std::int64_t rows_checked = 0;   ///< The fewest that any check or the auditor's command looked at.
  std::vector<std::string> notes;  ///< What is no finding: what a sample was of, what had no history. At most 50 kept.
  json_text statistics;            ///< Of all rows, an object by column: kept for later outputs. Null: none.
  CADRE_FIELDS(id, output, auditor, passed, findings, rows_total, rows_checked, notes, statistics)
};

/// Raises a problem to the manager of `origin`. Same fingerprint while open: counted, not doubled. Idempotent by `id`.
struct escalation_raise {
  static constexpr std::string_view kind = "escalation_raise";
  escalation_id id;
  agent_path origin;
  std::string problem;      ///< Short name of what went wrong: `audit_failed`, `run_failed`, an alert's name, ...
  std::string fingerprint;  ///< Empty: made of origin and problem.
  severity level = severity::error;
  failure cause;  ///< The first error, never the policy that reacted.
  json_text evidence;
  task_id task;
  output_id output;
  CADRE_FIELDS(id, origin, problem, fingerprint, level, cause, evidence, task, output)
};

/// A person has seen it: it no longer climbs, and stays in the inbox.
struct escalation_ack {
  static constexpr std::string_view kind = "escalation_ack";
  escalation_id id;
  std::string by;
  std::string note;
  CADRE_FIELDS(id, by, note)
};

struct escalation_resolve {
  static constexpr std::string_view kind = "escalation_resolve";
  escalation_id id;
  std::string by;
  std::string note;
  CADRE_FIELDS(id, by, note)
};

/// A person, or the agent that holds it, does something about an escalation. Its hop carries the command's id.
struct escalation_act {
  static constexpr std::string_view kind = "escalation_act";
  escalation_id id;
  escalation_action action = escalation_action::escalate;
  agent_path to;  ///< reassign, delegate: to whom.
  std::int64_t for_ms =
      0;  ///< snooze: until then it sleeps. delegate: his time; 0: as his or the holder's policy says.
  std::string by;
  std::string note;
  CADRE_FIELDS(id, action, to, for_ms, by, note)
};

/// The task that a `retry` or `reassign` of this escalation by a person adds: its sender and the writer agree on the
/// id.
inline task_id repetition_for(const escalation_id& escalation) {
  return named_id<task_id>("retry:" + escalation.text);
}

/// What the run of an investigation wants done about its escalation, once it succeeds. The last one of a run counts.
struct escalation_decide {
  static constexpr std::string_view kind = "escalation_decide";
  run_id run;
  escalation_action action = escalation_action::escalate;
  agent_path to;            ///< As in escalation_act.
  std::int64_t for_ms = 0;  ///< As in escalation_act.
  std::string note;
  CADRE_FIELDS(run, action, to, for_ms, note)
};

/// Asks for the epoch of a new life of an agent; ends the previous one. Idempotent by `token`. The outcome carries
/// the epoch in `value`.
struct incarnation_start {
  static constexpr std::string_view kind = "incarnation_start";
  incarnation_token token;
  agent_path agent;
  std::string node;
  node_life_id node_life;
  CADRE_FIELDS(token, agent, node, node_life)
};

struct incarnation_end {
  static constexpr std::string_view kind = "incarnation_end";
  incarnation_token token;
  exit_reason reason = exit_reason::normal;
  std::string cause;
  CADRE_FIELDS(token, reason, cause)
};

/// What a supervisor did with a child, for people and for the restart history. Idempotent by `id`, which is ordered by
/// time: an older one that arrives after a newer one goes into the history alone.
struct agent_report {
  static constexpr std::string_view kind = "agent_report";
  command_id id;
  agent_path agent;
  std::string node;
  agent_state state = agent_state::planned;
  exit_reason reason = exit_reason::normal;
  std::string cause;
  std::int64_t restarts = 0;  ///< Restarts of this child by its present supervisor.
  CADRE_FIELDS(id, agent, node, state, reason, cause, restarts)
};

/// One agent in a node's report.
struct agent_capacity {
  agent_path agent;
  epoch incarnation = 0;
  std::string mode;
  std::int64_t free_slots = 0;  ///< Grants it can take now.
  std::vector<run_id> held;     ///< Runs it works on; their leases are extended.
  CADRE_FIELDS(agent, incarnation, mode, free_slots, held)
};

/// A node's sign of life to the writer, each second and at once when an agent gets free: registers claims, extends
/// leases, and shows grants that never arrived (granted, and not held a while later: they are sent again).
struct node_report {
  static constexpr std::string_view kind = "node_report";
  std::string node;
  node_life_id life;
  std::string host;
  std::int64_t pid = 0;
  std::string version;
  std::int64_t rss_bytes = 0;
  bool full = true;  ///< True: agents not listed are gone. False: only these changed.
  std::vector<agent_capacity> agents;
  bool draining = false;  ///< It takes no new agents.
  CADRE_FIELDS(node, life, host, pid, version, rss_bytes, full, agents, draining)
};

/// Keeps a brief. Idempotent by `id`.
struct brief_add {
  static constexpr std::string_view kind = "brief_add";
  brief_id id;
  json_text body;
  std::string markdown;
  CADRE_FIELDS(id, body, markdown)
};

struct brain_set {
  static constexpr std::string_view kind = "brain_set";
  command_id id;
  std::string key;
  json_text content;
  std::string by;
  CADRE_FIELDS(id, key, content, by)
};

/// Holds the work of a mode or lets it go on: its agents are granted nothing; what runs goes on. The last one wins.
struct mode_pause {
  static constexpr std::string_view kind = "mode_pause";
  std::string mode;
  bool paused = true;
  std::string by;
  std::string reason;
  CADRE_FIELDS(mode, paused, by, reason)
};

/// The same for one agent.
struct agent_pause {
  static constexpr std::string_view kind = "agent_pause";
  agent_path agent;
  bool paused = true;
  std::string by;
  std::string reason;
  CADRE_FIELDS(agent, paused, by, reason)
};

/// Holds a schedule or lets it go on: what comes due meanwhile is cancelled in the ledger; what runs goes on, and what
/// somebody asks for fires all the same. The last one wins.
struct schedule_pause {
  static constexpr std::string_view kind = "schedule_pause";
  std::string schedule;
  bool paused = true;
  std::string by;
  std::string reason;
  CADRE_FIELDS(schedule, paused, by, reason)
};

/// Fires a schedule now, as a fire of its own beside those of its calendar; its `overlap` holds for it, too. Idempotent
/// by (schedule, due). The outcome's `ref` is the task; empty: it was skipped, or waits for an earlier fire.
struct schedule_trigger {
  static constexpr std::string_view kind = "schedule_trigger";
  command_id id;
  std::string schedule;
  timestamp due;  ///< When it was asked for: a name for the fire.
  std::string by;
  CADRE_FIELDS(id, schedule, due, by)
};

/// Fires the moments of the calendar from `from` to `upto`, both included, that never fired; one after the other unless
/// `overlap` is allow. Refused if they are more than 1,000. Idempotent by `id`. The outcome's `value` says how many.
struct schedule_backfill {
  static constexpr std::string_view kind = "schedule_backfill";
  command_id id;
  std::string schedule;
  timestamp from;
  timestamp upto;
  std::string by;
  CADRE_FIELDS(id, schedule, from, upto, by)
};

/// These notifications of a channel go out as one message: decided before it is sent. Those that are part of another
/// one already, or no longer owed, are left out. Idempotent by `id`. The outcome's value is how many are in it.
struct notification_take {
  static constexpr std::string_view kind = "notification_take";
  delivery_id id;
  std::string channel;
  std::vector<notification_id> notifications;  ///< At most 5,000.
  CADRE_FIELDS(id, channel, notifications)
};

/// How an attempt to deliver a message ended. Idempotent by (delivery, attempt): older attempts change nothing.
struct notification_end {
  static constexpr std::string_view kind = "notification_end";
  delivery_id delivery;
  std::string channel;
  std::int64_t attempt = 1;
  failure error;      ///< Code none: it was delivered.
  bool last = false;  ///< After an error: it is not tried again, and a person hears of it.
  timestamp next_at;  ///< Otherwise: when it is.
  CADRE_FIELDS(delivery, channel, attempt, error, last, next_at)
};

/// Asks for a message that says nothing, to try a channel. Idempotent by `id`.
struct notification_test {
  static constexpr std::string_view kind = "notification_test";
  notification_id id;
  std::string channel;
  CADRE_FIELDS(id, channel)
};

/// One defect as it was seen, see schemas/finding.hpp.
struct finding_seen {
  std::string subject;  ///< What is wrong: unique among those of its kind.
  agent_path origin;    ///< The agent that it is about; its manager is to mend it.
  std::string what;     ///< A sentence for people.
  json_text evidence;
  CADRE_FIELDS(subject, origin, what, evidence)
};

/// What was found when one kind of defect was looked for: new ones are raised, those gone are cleared. Idempotent by
/// (finding, at); one that was looked for earlier than one that is on record changes nothing.
struct findings_report {
  static constexpr std::string_view kind = "findings_report";
  std::string finding;  ///< The kind.
  timestamp at;         ///< When it was looked for.
  bool whole = true;    ///< False: there are more than are listed, so those that are not may still be there.
  std::vector<finding_seen> seen;
  CADRE_FIELDS(finding, at, whole, seen)
};

/// A watcher looked at the ledger of these schedules: its sign of life, and which of them are late.
struct watch_report {
  static constexpr std::string_view kind = "watch_report";
  agent_path watcher;
  std::string node;
  timestamp at;
  std::vector<std::string> schedules;
  std::vector<finding_seen> late;  ///< At most one a schedule, whose name is the subject.
  CADRE_FIELDS(watcher, node, at, schedules, late)
};

/// Time passed: the writer looks for what is due (leases, audits, escalations, deadlines) as of `at`.
/// Sent by the leader to itself; never accepted from the bus.
struct clock_tick {
  static constexpr std::string_view kind = "clock_tick";
  timestamp at;
  CADRE_FIELDS(at)
};

/// The time by the machine's wall clock, which schedules go by: the writer writes down what is to come, and fires what
/// is due. Sent by the leader to itself; never accepted from the bus.
struct schedule_tick {
  static constexpr std::string_view kind = "schedule_tick";
  timestamp at;
  CADRE_FIELDS(at)
};

using command_body =
    std::variant<task_add, task_cancel, task_retry, journal_add, run_progress, output_add, run_complete, run_fail,
                 verdict_add, escalation_raise, escalation_ack, escalation_resolve, incarnation_start, incarnation_end,
                 agent_report, node_report, brief_add, brain_set, mode_pause, agent_pause, schedule_pause,
                 schedule_trigger, schedule_backfill, clock_tick, schedule_tick, escalation_act, escalation_decide,
                 notification_take, notification_end, notification_test, findings_report, watch_report>;

/// A command with who sends it. `from` is an agent path, `node.NAME`, or `cli`; `incarnation` is the sender's epoch,
/// 0 where it has none.
struct command {
  command_id id;
  std::string from;
  epoch incarnation = 0;
  command_body body;
};

/// One with an id of its own, of a sender that has no epoch.
inline command make_command(std::string from, command_body body) {
  return {new_id<command_id>(), std::move(from), 0, std::move(body)};
}

/// How a command ended.
enum class outcome_status : std::uint8_t {
  committed,  ///< Durable. Also the answer to a repeat of a command that had committed before.
  rejected,   ///< Not applied and never will be as it stands; `error` says why.
  in_doubt,   ///< Not known; send the same command again.
  busy        ///< Not looked at; send it again after a pause.
};

template <>
struct enum_names<outcome_status> {
  static constexpr std::array<std::pair<outcome_status, std::string_view>, 4> value{
      {{outcome_status::committed, "committed"},
       {outcome_status::rejected, "rejected"},
       {outcome_status::in_doubt, "in_doubt"},
       {outcome_status::busy, "busy"}}};
};

struct outcome {
  command_id command;
  outcome_status status = outcome_status::committed;
  failure error;
  std::int64_t value = 0;  ///< incarnation_start: the epoch. escalation_raise: the count.
  std::string ref;         ///< The id of the row concerned where it may differ from the one sent (task, escalation).
  CADRE_FIELDS(command, status, error, value, ref)
};

}  // namespace cadre
