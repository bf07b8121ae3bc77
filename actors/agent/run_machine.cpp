#include "run_machine.hpp"

namespace cadre::actors {

namespace {

constexpr std::size_t pause_bytes = 4u << 20;
constexpr std::size_t resume_bytes = 1u << 20;
/// Of every command, beside its text: short lines must not fill the node's command queue uncounted.
constexpr std::size_t command_overhead_bytes = 300;
constexpr std::size_t rows_per_command_max = 1'000;
constexpr std::size_t row_bytes_per_command_max = 400u << 10;

protocol_options options_for(const run_grant& grant, const config::agent& agent) {
  protocol_options o;
  o.investigation = grant.op == "investigate";
  for (const auto& output : agent.outputs) o.datasets.push_back(output.dataset);
  o.line_bytes_max = agent.run.line_bytes_max;
  o.output_bytes_max = agent.run.output_bytes_max;
  o.attached = agent.run.how == config::run_spec::mode::bus;
  return o;
}

/// Errors that the same program with the same task would only repeat.
bool worth_retrying(errc code) {
  return code != errc::command_not_found && code != errc::refused && code != errc::bad_value && code != errc::too_large;
}

bool means_superseded(const failure& error) {
  return error.code == errc::stale_attempt || error.code == errc::stale_epoch;
}

}  // namespace

run_machine::run_machine(run_grant grant, const config::agent& agent)
    : grant_{std::move(grant)}, reader_{options_for(grant_, agent)} {}

run_machine::actions run_machine::on_stdout(std::string_view bytes) {
  actions out;
  if (over_ || killed_) return out;
  for (const auto& item : reader_.feed(bytes)) take(out, item);
  if (reader_.error()) kill(out);
  if (!paused_ && pending_bytes_ > pause_bytes) {
    paused_ = true;
    out.push_back(pause_process{});
  }
  return out;
}

run_machine::actions run_machine::on_exit(const exit_info& exit) {
  actions out;
  if (exited_ || over_) return out;
  exited_ = true;
  stderr_tail_ = exit.stderr_tail;
  ending_ = reader_.finish(exit);
  settle(out);
  return out;
}

result<run_machine::actions> run_machine::on_report(std::string_view lines) {
  if (over_ || killed_ || exited_) return fail(errc::stale_attempt, "the run has ended");
  auto ahead = reader_;
  const auto items = ahead.feed(lines);
  if (ahead.error()) return tl::unexpected{*ahead.error()};
  reader_ = std::move(ahead);
  actions out;
  for (const auto& item : items) take(out, item);
  if (!reader_.responded() && !reader_.failed()) return out;
  exit_info ended;
  if (reader_.failed()) ended.stderr_tail = reader_.failed()->log;
  for (auto& next : on_exit(ended)) out.push_back(std::move(next));
  return out;
}

run_machine::actions run_machine::on_gone(failure why) {
  actions out;
  if (over_ || exited_) return out;
  exited_ = true;
  if (!first_error_) first_error_ = why;
  ending_ = tl::unexpected{std::move(why)};
  settle(out);
  return out;
}

run_machine::actions run_machine::on_outcome(const outcome& answer) {
  actions out;
  const auto found = pending_.find(answer.command);
  if (found == pending_.end()) return out;
  if (answer.status == outcome_status::busy || answer.status == outcome_status::in_doubt) {
    out.push_back(send_command{found->second.what, true});
    return out;
  }
  const bool was_last = answer.command == last_command_;
  const bool was_failure = std::holds_alternative<run_fail>(found->second.what.body);
  if (std::holds_alternative<task_add>(found->second.what.body)) --pending_tasks_;
  if (std::holds_alternative<run_progress>(found->second.what.body)) progress_pending_ = false;
  pending_bytes_ -= found->second.bytes;
  pending_.erase(found);
  if (paused_ && pending_bytes_ < resume_bytes) {
    paused_ = false;
    out.push_back(resume_process{});
  }
  if (answer.status == outcome_status::rejected) {
    if (means_superseded(answer.error)) superseded_ = true;
    if (!first_error_) first_error_ = answer.error;
    kill(out);
  }
  if (was_last && (answer.status == outcome_status::committed || was_failure)) {
    over(out, first_error_.value_or(failure{}), superseded_);
  } else {
    if (was_last) last_command_ = {};
    settle(out);
  }
  return out;
}

run_machine::actions run_machine::on_revoked(std::string_view reason) {
  actions out;
  if (over_) return out;
  superseded_ = true;
  if (!first_error_) first_error_ = failure{errc::cancelled, std::string{reason}};
  kill(out);
  settle(out);
  return out;
}

run_machine::actions run_machine::on_stop(std::string_view reason) {
  actions out;
  // What has succeeded and only waits to become durable is not done again.
  const bool succeeded = exited_ && *ending_ && !first_error_;
  if (over_ || last_command_ || succeeded) return out;
  if (!first_error_) first_error_ = failure{errc::cancelled, std::string{reason}};
  kill(out);
  settle(out);
  return out;
}

void run_machine::send(actions& out, command_body body, std::size_t bytes) {
  bytes += command_overhead_bytes;
  auto c = make_command(grant_.agent.text, std::move(body));
  c.incarnation = grant_.incarnation;
  pending_.emplace(c.id, pending_command{c, bytes});
  pending_bytes_ += bytes;
  if (std::holds_alternative<task_add>(c.body)) ++pending_tasks_;
  out.push_back(send_command{std::move(c), false});
}

void run_machine::take(actions& out, const protocol_item& item) {
  if (const auto* journal = std::get_if<journal_line>(&item.body)) {
    journal_add add;
    add.run = grant_.run;
    add.line = item.line;
    add.agent = grant_.agent;
    add.level = journal->level;
    add.text = journal->text;
    add.data = journal->data;
    const auto bytes = add.text.size() + add.data.text.size();
    send(out, std::move(add), bytes);
  } else if (const auto* progress = std::get_if<progress_line>(&item.body)) {
    // Only the newest matters: while one is on its way, others are left out.
    if (progress_pending_) return;
    progress_pending_ = true;
    run_progress p;
    p.run = grant_.run;
    p.progress = progress->progress;
    send(out, std::move(p), progress->progress.text.size());
  } else if (const auto* output = std::get_if<output_line>(&item.body)) {
    stage(out, *output);
  } else if (const auto* task = std::get_if<task_line>(&item.body)) {
    auto add = task->add;
    if (add.id.empty()) add.id = named_id<task_id>(grant_.run.text + "/" + std::to_string(item.line));
    add.run = grant_.run;
    const auto bytes = add.payload.text.size();
    send(out, std::move(add), bytes);
  } else if (const auto* decision = std::get_if<decision_line>(&item.body)) {
    send(out, escalation_decide{grant_.run, decision->action, decision->to, decision->for_ms, decision->note},
         decision->note.size());
  }
}

void run_machine::stage(actions& out, const output_line& line) {
  auto& staged = rows_staged_[line.dataset];
  std::size_t next = 0;
  do {
    output_add add;
    add.output = named_id<output_id>(grant_.run.text + "/" + line.dataset);
    add.run = grant_.run;
    add.dataset = line.dataset;
    add.first_row = staged;
    std::size_t bytes = 0;
    while (next < line.rows.size() && add.rows.size() < rows_per_command_max && bytes < row_bytes_per_command_max) {
      bytes += line.rows[next].text.size();
      add.rows.push_back(line.rows[next++]);
    }
    staged += static_cast<std::int64_t>(add.rows.size());
    send(out, std::move(add), bytes);
  } while (next < line.rows.size());
}

void run_machine::kill(actions& out) {
  if (killed_ || exited_) return;
  killed_ = true;
  out.push_back(kill_process{});
}

void run_machine::settle(actions& out) {
  if (!exited_ || over_ || last_command_) return;
  if (superseded_) return over(out, first_error_.value_or(failure{}), true);
  // The first failure is the cause; a process that was killed because of it only shows the consequence.
  if (!first_error_ && !*ending_) first_error_ = ending_->error();
  if (first_error_) {
    if (pending_tasks_ > 0) return;
    run_fail f;
    f.run = grant_.run;
    f.error = *first_error_;
    f.stderr_tail = stderr_tail_;
    f.retryable = first_error_->code == errc::worker_failed && reader_.failed() ? reader_.failed()->retryable
                                                                                : worth_retrying(first_error_->code);
    send(out, std::move(f), stderr_tail_.size());
  } else {
    if (!pending_.empty()) return;
    const auto& r = **ending_;
    run_complete c;
    c.run = grant_.run;
    c.metrics = r.metrics;
    c.alerts = r.alerts_text;
    c.recommendations = r.recommendations;
    send(out, std::move(c), r.metrics.text.size() + r.alerts_text.text.size() + r.recommendations.text.size());
  }
  last_command_ = std::get<send_command>(out.back()).what.id;
}

void run_machine::over(actions& out, failure error, bool superseded) {
  over_ = true;
  out.push_back(run_over{std::move(error), superseded});
}

}  // namespace cadre::actors
