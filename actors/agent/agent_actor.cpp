#include "agent_actor.hpp"

#include "actors/program/door.hpp"
#include "actors/runner/request.hpp"
#include "actors/supervision/exits.hpp"
#include "actors/supervision/type_ids.hpp"
#include "agent_process.hpp"
#include "incarnation.hpp"
#include "schemas/log.hpp"

namespace cadre::actors {

namespace {

using agent_self = caf::stateful_actor<agent_state_data>;
using std::chrono::milliseconds;

constexpr milliseconds process_retry{200};  ///< Before a process is asked for again when the host has no place.

/// A program that missed this many is gone.
constexpr int heartbeats_missed_max = 3;

void advance(agent_self* self, const run_id& run, run_machine::actions actions);

bool is_for_programs(const agent_state_data& s) {
  return s.spec.run.how == config::run_spec::mode::bus;
}

std::int64_t free_slots(const agent_state_data& s) {
  const bool can_work = s.programs || s.spec.run.how == config::run_spec::mode::command;
  if (!can_work || s.stopping || s.finishing || s.replaced) return 0;
  const auto free = std::max<std::int64_t>(0, s.spec.concurrency - static_cast<std::int64_t>(s.runs.size()));
  return s.programs ? std::min(free, static_cast<std::int64_t>(s.programs->wanted())) : free;
}

void report_capacity(agent_self* self, bool gone = false) {
  const auto& s = self->state;
  if (s.incarnation == 0 || (s.replaced && !gone)) return;
  capacity_note note;
  note.token = s.token;
  note.gone = gone;
  note.capacity.agent = s.spec.path;
  note.capacity.incarnation = s.incarnation;
  note.capacity.mode = s.spec.mode;
  note.capacity.free_slots = self->state.slots_told = free_slots(s);
  for (const auto& [id, run] : s.runs) note.capacity.held.push_back(id);
  self->send(s.services->reporter, std::move(note));
}

std::string request_of(const agent_state_data& s, const run_grant& grant, timestamp deadline, const run_id& named) {
  run_request request;
  request.run = named;
  if (!grant.op.empty()) request.op = grant.op;
  request.company = s.services->company->name;
  request.agent = s.spec.path;
  request.role = s.spec.role;
  request.task = grant.task;
  request.attempt = grant.attempt;
  request.mode = grant.mode;
  request.title = grant.title;
  request.payload = grant.payload;
  if (!grant.brain.is_null()) request.brain = grant.brain;
  request.deadline = deadline;
  return request_line(request);
}

/// Until when a run that begins now has time: one that investigates, no longer than its escalation stays.
timestamp deadline_of(const agent_state_data& s, const run_grant& grant) {
  const auto own = now() + s.spec.timeout;
  return grant.op.empty() ? own : std::min(own, grant.deadline);
}

std::size_t processes_of(const agent_state_data& s) {
  return static_cast<std::size_t>(
      std::count_if(s.runs.begin(), s.runs.end(), [](const auto& entry) { return !entry.second.waits_for_slot; }));
}

void start_process(agent_self* self, const run_id& id, agent_run& run) {
  const auto& s = self->state;
  const auto& grant = run.machine.grant();
  auto started = start_agent_process(*s.services, s.spec, id, request_of(s, grant, deadline_of(s, grant), {}),
                                     caf::actor_cast<caf::actor_addr>(self));
  run.waits_for_slot = false;
  if (started) {
    run.process = *started;
  } else if (started.error().code == errc::busy) {
    run.waits_for_slot = true;
    self->delayed_send(self, process_retry, run_retry{id});
  } else {
    exit_info exit;
    exit.how = exit_info::end::not_started;
    exit.start_error = started.error();
    advance(self, id, run.machine.on_exit(exit));
  }
}

/// The desk looks at the time when something of it is due, and not before.
void watch_time(agent_self* self) {
  auto& s = self->state;
  const auto due = s.programs->next_due();
  if (!due || (s.looks_at && *s.looks_at <= *due)) return;
  s.looks_at = due;
  const auto left = std::chrono::ceil<milliseconds>(*due - self->clock().now());
  self->delayed_send(self, std::max(left, milliseconds{1}), desk_due_atom_v);
}

void perform(agent_self* self, program_desk::actions actions);

void hand_out(agent_self* self, const program_desk::hand_out& what) {
  auto& s = self->state;
  const auto found = s.runs.find(what.run);
  if (found == s.runs.end()) return;
  auto& run = found->second;
  if (run.deadline.empty()) run.deadline = deadline_of(s, run.machine.grant());
  auto request = request_of(s, run.machine.grant(), run.deadline, what.run);
  request.pop_back();  // Its newline.
  const auto sent = s.services->answer_program(what.to, request);
  // Anything else may pass: the program claims again, or the run is given to another in time.
  if (!sent && sent.error().code == errc::too_large) advance(self, what.run, run.machine.on_gone(sent.error()));
}

void take_lines(agent_self* self, const program_desk::take_lines& what) {
  auto& s = self->state;
  const auto found = s.runs.find(what.run);
  if (found == s.runs.end()) return;
  auto taken = found->second.machine.on_report(what.lines);
  if (!taken) return perform(self, s.programs->on_refused(what.run, taken.error(), self->clock().now()));
  advance(self, what.run, std::move(*taken));
}

/// Carries out what the desk decided, then sees to it that the writer knows how many runs are wanted.
void perform(agent_self* self, program_desk::actions actions) {
  auto& s = self->state;
  for (const auto& action : actions) {
    if (const auto* a = std::get_if<program_desk::answer>(&action)) {
      if (const auto sent = s.services->answer_program(a->to, a->text); !sent)
        log::warn("{}: a program was not answered: {}", s.spec.path.text, sent.error().message);
    } else if (const auto* h = std::get_if<program_desk::hand_out>(&action)) {
      hand_out(self, *h);
    } else if (const auto* t = std::get_if<program_desk::take_lines>(&action)) {
      take_lines(self, *t);
    } else if (const auto* g = std::get_if<program_desk::give_up>(&action)) {
      if (const auto found = s.runs.find(g->run); found != s.runs.end())
        advance(self, g->run, found->second.machine.on_gone(g->why));
    }
  }
  watch_time(self);
  if (free_slots(s) != s.slots_told) report_capacity(self);
}

void hear_program(agent_self* self, const program_message& m) {
  auto& s = self->state;
  if (!s.programs || s.replaced) return;
  const auto call = read_call(m.verb, m.body);
  if (call) return perform(self, s.programs->on_call(*call, m.reply_to, self->clock().now()));
  perform(self, {program_desk::answer{m.reply_to, error_text(call.error())}});
}

void open_for_programs(agent_self* self) {
  auto& s = self->state;
  desk_options o;
  o.life = s.incarnation;
  o.programs_max = static_cast<std::size_t>(s.spec.run.programs_max);
  o.timeout = s.spec.timeout;
  o.offer.company = s.services->company->name;
  o.offer.agent = s.spec.path.text;
  o.offer.heartbeat = s.spec.run.heartbeat;
  o.offer.gone_after = heartbeats_missed_max * s.spec.run.heartbeat;
  o.offer.line_bytes_max = s.spec.run.line_bytes_max;
  o.offer.message_bytes_max = limits::message_bytes_max;
  o.offer.concurrency = s.spec.concurrency;
  s.programs.emplace(std::move(o));
  if (!s.services->bus) return;
  auto door = open_door(s.services->bus, s.spec.path, caf::actor_cast<caf::actor_addr>(self));
  if (!door) throw std::runtime_error("no program can attach: " + door.error().message);
  s.door = std::move(*door);
}

/// Starts what waits, as far as there are slots.
void fill_slots(agent_self* self) {
  auto& s = self->state;
  if (s.programs) return;
  std::vector<run_id> waiting;
  for (const auto& [id, run] : s.runs)
    if (run.waits_for_slot) waiting.push_back(id);
  for (const auto& id : waiting) {
    if (s.stopping || processes_of(s) >= static_cast<std::size_t>(s.spec.concurrency)) return;
    if (const auto found = s.runs.find(id); found != s.runs.end()) start_process(self, id, found->second);
  }
}

void submit(agent_self* self, const run_id& run, const command& what) {
  self->request(self->state.services->commands, command_timeout, what)
      .then(
          [self, run](const outcome& answer) {
            if (const auto found = self->state.runs.find(run); found != self->state.runs.end())
              advance(self, run, found->second.machine.on_outcome(answer));
          },
          [self, run, id = what.id](const caf::error&) {
            outcome unknown;
            unknown.command = id;
            unknown.status = outcome_status::in_doubt;
            if (const auto found = self->state.runs.find(run); found != self->state.runs.end())
              advance(self, run, found->second.machine.on_outcome(unknown));
          });
}

void finish_stop(agent_self* self) {
  const auto& s = self->state;
  if ((!s.stopping && !s.finishing) || !s.runs.empty()) return;
  if (s.programs) perform(self, self->state.programs->close());
  report_capacity(self, true);
  report_end(self, *self->state.services, self->state.token, exit_reason::shutdown, "");
  self->quit(self->state.stop_reason);
}

void end_run(agent_self* self, const run_id& id, const run_machine::run_over& over) {
  auto& s = self->state;
  const auto found = s.runs.find(id);
  if (found == s.runs.end()) return;
  const auto& grant = found->second.machine.grant();
  if (over.superseded) {
    log::info("{} run {}: replaced: {}", s.spec.path.text, id.text, over.error.message);
  } else if (over.error.code != errc::none) {
    log::warn("{} run {} of task {} attempt {}: {}: {}", s.spec.path.text, id.text, grant.task.text, grant.attempt,
              to_text(over.error.code), over.error.message);
  }
  s.runs.erase(found);
  fill_slots(self);
  report_capacity(self);
  if (s.programs) perform(self, s.programs->on_over(id, over.error, self->clock().now()));
  finish_stop(self);
}

void advance(agent_self* self, const run_id& id, run_machine::actions actions) {
  for (auto& action : actions) {
    const auto found = self->state.runs.find(id);
    if (found == self->state.runs.end()) return;
    auto& run = found->second;
    auto& host = *self->state.services->processes;
    if (const auto* send = std::get_if<run_machine::send_command>(&action)) {
      if (send->again) {
        self->delayed_send(self, repeat_after, repeat_command{id, send->what});
      } else {
        submit(self, id, send->what);
      }
    } else if (std::holds_alternative<run_machine::kill_process>(action)) {
      if (run.process) {
        host.kill(*run.process, kill_grace);
      } else {
        // It never started: there is nothing to wait for. Nor may a slot that gets free meanwhile start it.
        run.waits_for_slot = false;
        exit_info exit;
        exit.how = exit_info::end::stopped;
        caf::anon_send(caf::actor_cast<caf::actor>(self), run_exited{id, exit});
      }
    } else if (std::holds_alternative<run_machine::pause_process>(action)) {
      if (run.process) host.pause(*run.process);
    } else if (std::holds_alternative<run_machine::resume_process>(action)) {
      if (run.process) host.resume(*run.process);
    } else if (const auto* over = std::get_if<run_machine::run_over>(&action)) {
      end_run(self, id, *over);
    }
  }
  auto& s = self->state;
  if (!s.programs) return;
  if (const auto found = s.runs.find(id); found != s.runs.end() && found->second.machine.waits_for_more())
    perform(self, s.programs->on_durable(id, self->clock().now()));
}

void begin_stop(agent_self* self, const caf::error& reason) {
  auto& s = self->state;
  if (s.stopping) return;
  s.stopping = true;
  s.stop_reason = reason;
  if (s.programs) perform(self, s.programs->close());
  report_capacity(self);
  std::vector<run_id> ids;
  for (const auto& [id, run] : s.runs) ids.push_back(id);
  for (const auto& id : ids)
    if (const auto found = s.runs.find(id); found != s.runs.end())
      advance(self, id, found->second.machine.on_stop("the agent was stopped in mid-run"));
  finish_stop(self);
}

/// Whatever it still did would be refused. It does not end at once: see `replaced_linger`.
void retire(agent_self* self) {
  auto& s = self->state;
  if (s.replaced || s.stopping) return;
  s.replaced = true;
  const auto why = replaced_failure(s.spec.path).message;
  log::warn("{}: {}", s.spec.path.text, why);
  s.door.reset();
  if (s.programs) perform(self, s.programs->close());
  std::vector<run_id> ids;
  for (const auto& [id, run] : s.runs) ids.push_back(id);
  for (const auto& id : ids)
    if (const auto found = s.runs.find(id); found != s.runs.end())
      advance(self, id, found->second.machine.on_revoked(why));
  report_capacity(self, true);
  self->delayed_send(self, replaced_linger, replaced_atom_v);
}

void take_grant(agent_self* self, const run_grant& grant) {
  auto& s = self->state;
  // A grant that was sent again, or was meant for an earlier life: the writer learns from the next report.
  if (s.stopping || s.finishing || s.replaced || s.incarnation == 0 || s.runs.contains(grant.run) ||
      grant.incarnation != s.incarnation)
    return;
  s.runs.emplace(grant.run, agent_run{run_machine{grant, s.spec}});
  fill_slots(self);
  if (s.programs) perform(self, s.programs->on_grant(grant.run, self->clock().now()));
  report_capacity(self);
}

}  // namespace

agent_state_data::~agent_state_data() {
  for (auto& [id, run] : runs)
    if (run.process) services->processes->kill(*run.process, milliseconds{0});
}

caf::behavior agent_actor(agent_self* self, std::shared_ptr<const agent_services> services, config::agent spec,
                          incarnation_token token) {
  self->state.services = std::move(services);
  self->state.spec = std::move(spec);
  self->state.token = std::move(token);
  supervision::keep_exception_text(self);
  self->set_exit_handler([self](const caf::exit_msg& m) { begin_stop(self, m.reason); });
  ask_for_epoch(self, *self->state.services, self->state.spec.path, self->state.token, [self](epoch granted) {
    self->state.incarnation = granted;
    if (is_for_programs(self->state)) open_for_programs(self);
    report_capacity(self);
  });
  return {
      [](supervision::ready_atom) { return true; },
      [self](supervision::finish_atom) {
        auto& s = self->state;
        if (!s.finishing && !s.stopping) {
          s.finishing = true;
          s.stop_reason = caf::exit_reason::user_shutdown;
          report_capacity(self);
          finish_stop(self);
        }
        return true;
      },
      [self](const run_grant& grant) { take_grant(self, grant); },
      [self](const life_replaced& news) {
        if (is_over(news, self->state.incarnation)) retire(self);
      },
      [self](replaced_atom) { begin_stop(self, supervision::to_error(replaced_failure(self->state.spec.path))); },
      [self](const run_revoke& revoke) {
        if (const auto found = self->state.runs.find(revoke.run); found != self->state.runs.end())
          advance(self, revoke.run, found->second.machine.on_revoked(revoke.reason));
      },
      [self](const run_stdout& chunk) {
        if (const auto found = self->state.runs.find(chunk.run); found != self->state.runs.end())
          advance(self, chunk.run, found->second.machine.on_stdout(chunk.bytes));
      },
      [self](const run_exited& ended) {
        if (const auto found = self->state.runs.find(ended.run); found != self->state.runs.end())
          advance(self, ended.run, found->second.machine.on_exit(ended.exit));
      },
      [self](const program_message& m) { hear_program(self, m); },
      [self](desk_due_atom) {
        // One that was overtaken by an earlier one has nothing to do.
        auto& s = self->state;
        if (!s.looks_at || self->clock().now() < *s.looks_at) return;
        s.looks_at.reset();
        perform(self, s.programs->on_time(self->clock().now()));
      },
      [self](const run_retry&) { fill_slots(self); },
      [self](const repeat_command& repeat) {
        if (self->state.runs.contains(repeat.run)) submit(self, repeat.run, repeat.what);
      },
  };
}

}  // namespace cadre::actors
