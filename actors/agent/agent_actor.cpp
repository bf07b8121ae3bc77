#include "agent_actor.hpp"

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

void advance(agent_self* self, const run_id& run, run_machine::actions actions);

void report_capacity(agent_self* self, bool gone = false) {
  const auto& s = self->state;
  if (s.incarnation == 0 || (s.replaced && !gone)) return;
  capacity_note note;
  note.token = s.token;
  note.gone = gone;
  note.capacity.agent = s.spec.path;
  note.capacity.incarnation = s.incarnation;
  note.capacity.mode = s.spec.mode;
  const bool can_work = !s.stopping && !s.finishing && !s.replaced && s.spec.run.how == config::run_spec::mode::command;
  note.capacity.free_slots =
      !can_work ? 0 : std::max<std::int64_t>(0, s.spec.concurrency - static_cast<std::int64_t>(s.runs.size()));
  for (const auto& [id, run] : s.runs) note.capacity.held.push_back(id);
  self->send(s.services->reporter, std::move(note));
}

std::string request_of(const agent_state_data& s, const run_grant& grant) {
  run_request request;
  request.company = s.services->company->name;
  request.agent = s.spec.path;
  request.role = s.spec.role;
  request.task = grant.task;
  request.attempt = grant.attempt;
  request.mode = grant.mode;
  request.title = grant.title;
  request.payload = grant.payload;
  if (!grant.brain.is_null()) request.brain = grant.brain;
  request.deadline = now() + s.spec.timeout;
  return request_line(request);
}

std::size_t processes_of(const agent_state_data& s) {
  return static_cast<std::size_t>(
      std::count_if(s.runs.begin(), s.runs.end(), [](const auto& entry) { return !entry.second.waits_for_slot; }));
}

void start_process(agent_self* self, const run_id& id, agent_run& run) {
  const auto& s = self->state;
  auto started = start_agent_process(*s.services, s.spec, id, request_of(s, run.machine.grant()),
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

/// Starts what waits, as far as there are slots.
void fill_slots(agent_self* self) {
  auto& s = self->state;
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
}

void begin_stop(agent_self* self, const caf::error& reason) {
  auto& s = self->state;
  if (s.stopping) return;
  s.stopping = true;
  s.stop_reason = reason;
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
      [self](const run_retry&) { fill_slots(self); },
      [self](const repeat_command& repeat) {
        if (self->state.runs.contains(repeat.run)) submit(self, repeat.run, repeat.what);
      },
  };
}

}  // namespace cadre::actors
