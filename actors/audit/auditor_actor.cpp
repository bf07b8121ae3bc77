#include "auditor_actor.hpp"

#include "actors/agent/agent_process.hpp"
#include "actors/agent/incarnation.hpp"
#include "actors/runner/request.hpp"
#include "actors/supervision/exits.hpp"
#include "actors/supervision/type_ids.hpp"
#include "schemas/log.hpp"
#include "schemas/subjects.hpp"

#include <algorithm>
#include <cmath>

namespace cadre::actors {

namespace {

using auditor = caf::stateful_actor<auditor_state>;
using std::chrono::milliseconds;

constexpr milliseconds material_timeout{120'000};
/// Short, so that an audit whose auditor died comes back soon; `alive_every` keeps a running one.
constexpr milliseconds ack_wait{5'000};
constexpr milliseconds alive_every{1'500};
constexpr int outputs_waiting_max = 64;
constexpr milliseconds probe_every{500};

void perform(auditor* self, const run_id& run, audit_machine::actions actions);

/// Hands an event to the machine of the audit `run`, unless that has ended meanwhile.
template <class Step>
void go_on(auditor* self, const run_id& run, Step step) {
  if (auto audit = self->state.running.find(run); audit != self->state.running.end())
    perform(self, run, step(audit->second.machine));
}

void next_audit(auditor* self) {
  self->send(self, audit_next_atom_v);
}

milliseconds pause_before(const config::backoff& wait, std::int64_t attempt) {
  const auto factor = std::pow(wait.factor, static_cast<double>(std::max<std::int64_t>(0, attempt - 1)));
  const auto pause = static_cast<double>(wait.initial.count()) * factor;  // Without bound: attempts may be many.
  return milliseconds{static_cast<std::int64_t>(std::min(static_cast<double>(wait.max.count()), pause))};
}

void submit(auditor* self, command_body body, std::function<void(const outcome&)> then) {
  auto c = make_command(self->state.spec.path.text, std::move(body));
  c.incarnation = self->state.incarnation;
  const auto unknown = [id = c.id] {
    outcome o;
    o.command = id;
    o.status = outcome_status::in_doubt;
    return o;
  };
  self->request(self->state.services->commands, command_timeout, std::move(c))
      .then([then](const outcome& o) { then(o); }, [then, unknown](const caf::error&) { then(unknown()); });
}

void send_verdict(auditor* self, const run_id& run, const verdict_add& verdict) {
  submit(self, verdict, [self, run, verdict](const outcome& o) {
    if (o.status == outcome_status::busy || o.status == outcome_status::in_doubt)
      self->delayed_send(self, repeat_after, verdict_again{run, verdict});
    else
      go_on(self, run, [&](audit_machine& machine) { return machine.on_outcome(o); });
  });
}

void start_process(auditor* self, const run_id& run, running_audit& audit, const audit_machine::start_process& order) {
  auto& s = self->state;
  const auto& what = audit.machine.what();
  audit_request request;
  request.company = s.services->company->name;
  request.agent = s.spec.path;
  request.output = what.output;
  request.dataset = what.dataset;
  request.worker = what.worker;
  request.rows_total = order.rows_total;
  request.rows_given = order.rows_given;
  request.deadline = now() + s.spec.timeout;

  const auto me = caf::actor_cast<caf::actor_addr>(self);
  if (auto started = start_agent_process(*s.services, s.spec, run, request_line(request) + order.row_lines, me)) {
    audit.process = *started;
  } else {
    exit_info exit;
    exit.how = exit_info::end::not_started;
    exit.start_error = started.error();
    self->send(self, run_exited{run, exit});
  }
}

/// An audit that could not be carried out and is not tried again: someone has to look.
void escalate(auditor* self, const audited_output& what, const failure& error) {
  escalation_raise raise;
  raise.id = named_id<escalation_id>(what.output.text + "/" + self->state.spec.path.text + "/audit_broken");
  raise.origin = self->state.spec.path;
  raise.problem = "audit_broken";
  raise.fingerprint = raise.origin.text + "/audit_broken/" + what.worker.text;
  raise.cause = error;
  raise.output = what.output;
  submit(self, std::move(raise), [path = self->state.spec.path](const outcome& o) {
    if (o.status != outcome_status::committed) log::error("{}: not escalated: {}", path.text, o.error.message);
  });
}

/// Auditors claim no tasks; their node says of them that they are there.
void announce(auditor* self) {
  const auto& s = self->state;
  capacity_note note;
  note.token = s.token;
  note.gone = s.replaced;
  note.capacity.agent = s.spec.path;
  note.capacity.incarnation = s.incarnation;
  note.capacity.mode = s.spec.mode;
  self->send(s.services->reporter, std::move(note));
}

/// A newer life of this auditor is on record, perhaps on another node, and hears of the same outputs: what this one
/// holds is handed back at once, and it takes nothing more. It does not end at once: see `replaced_linger`.
void retire(auditor* self) {
  auto& s = self->state;
  if (s.replaced || s.stopping) return;
  log::warn("{}: takes no more audits: {}", s.spec.path.text, replaced_failure(s.spec.path).message);
  s.replaced = true;
  s.consumers.clear();
  for (const auto& delivery : s.waiting) (void)delivery.nak(milliseconds{0});
  s.waiting.clear();
  announce(self);
  self->delayed_send(self, replaced_linger, replaced_atom_v);
}

/// Its staged rows could not be read. That is nobody's fault and no attempt: it is held, and tried again.
void put_back(auditor* self, bus::delivery delivery, const failure& why) {
  auto& s = self->state;
  if (!s.database_away)
    log::warn("{}: audits wait for the database ({} in hand): {}", s.spec.path.text,
              s.waiting.size() + s.running.size() + 1, why.message);
  s.database_away = true;
  s.waiting.push_front(std::move(delivery));
  if (!std::exchange(s.probing, true)) self->delayed_send(self, probe_every, audit_probe_atom_v);
}

void finish(auditor* self, const run_id& run, const audit_machine::audit_over& over) {
  auto& s = self->state;
  auto audit = std::move(s.running.extract(run).mapped());
  const auto& delivery = audit.delivery;
  const auto& what = audit.machine.what();
  if (over.error.code == errc::stale_epoch) {
    (void)delivery.nak(milliseconds{0});
    retire(self);
  } else if (over.error.code == errc::none) {
    (void)delivery.ack();
  } else if (s.stopping || s.replaced) {
    (void)delivery.nak(milliseconds{0});
  } else if (over.error.code == errc::unreachable) {
    return put_back(self, std::move(audit.delivery), over.error);
  } else if (over.retryable && delivery.count() < s.spec.retry.attempts) {
    const auto pause = pause_before(s.spec.retry.wait, delivery.count());
    log::warn("{}: audit of {} by {} failed, again in {} ms: {}", s.spec.path.text, what.dataset, what.worker.text,
              pause.count(), over.error.message);
    (void)delivery.nak(pause);
  } else {
    log::error("{}: audit of {} by {} given up: {}", s.spec.path.text, what.dataset, what.worker.text,
               over.error.message);
    escalate(self, what, over.error);
    (void)delivery.ack();
  }
  if (!s.stopping) return next_audit(self);
  if (s.running.empty()) self->quit(s.stop_reason);
}

void perform(auditor* self, const run_id& run, audit_machine::actions actions) {
  for (const auto& action : actions) {
    auto& audit = self->state.running.at(run);
    if (const auto* start = std::get_if<audit_machine::start_process>(&action)) {
      start_process(self, run, audit, *start);
    } else if (std::holds_alternative<audit_machine::kill_process>(action)) {
      if (audit.process) self->state.services->processes->kill(*audit.process, kill_grace);
    } else if (const auto* verdict = std::get_if<audit_machine::send_verdict>(&action)) {
      send_verdict(self, run, verdict->verdict);
    } else if (const auto* over = std::get_if<audit_machine::audit_over>(&action)) {
      return finish(self, run, *over);
    }
  }
}

void on_material(auditor* self, const run_id& run, const audit_material& material) {
  auto& s = self->state;
  if (material.error.code != errc::unreachable && std::exchange(s.database_away, false)) {
    log::info("{}: audits go on: the database answers again", s.spec.path.text);
    next_audit(self);
  }
  go_on(self, run, [&](audit_machine& machine) { return machine.on_material(material); });
}

void begin_audit(auditor* self, bus::delivery delivery, const audited_output& what) {
  auto& s = self->state;
  const auto of_same_output = [&](const auto& audit) { return audit.second.machine.what().output == what.output; };
  // Delivered twice: the audit that is under way answers for both.
  if (std::any_of(s.running.begin(), s.running.end(), of_same_output)) return;
  (void)delivery.in_progress();
  audit_order order;
  order.auditor = s.spec.path;
  order.output = what.output;
  order.worker = what.worker;
  order.dataset = what.dataset;
  order.checks = s.spec.checks;
  order.sample = s.spec.sample;
  order.with_rows = s.spec.run.how == config::run_spec::mode::command;
  order.rows_bytes_max = s.spec.run.output_bytes_max;
  const auto run = new_id<run_id>();
  s.running.try_emplace(run, std::move(delivery), audit_machine{what, s.spec});
  self->request(s.services->audit_desk, material_timeout, std::move(order))
      .then([self, run](const audit_material& material) { on_material(self, run, material); },
            [self, run](const caf::error&) {
              audit_material none;
              none.error = {errc::unreachable, "the staged rows could not be read in time"};
              on_material(self, run, none);
            });
}

void begin_audits(auditor* self) {
  auto& s = self->state;
  const auto at_once = s.database_away ? std::size_t{1} : static_cast<std::size_t>(s.spec.concurrency);
  while (!s.stopping && !s.probing && !s.waiting.empty() && s.running.size() < at_once) {
    auto delivery = std::move(s.waiting.front());
    s.waiting.pop_front();
    if (const auto what = parse_output_event(delivery.what())) {
      begin_audit(self, std::move(delivery), *what);
    } else {
      log::error("{}: {}", s.spec.path.text, what.error().message);
      (void)delivery.term();
    }
  }
}

void listen(auditor* self) {
  auto& s = self->state;
  if (!s.services->bus) return;
  const auto tell = [me = caf::actor_cast<caf::actor_addr>(self)](bus::delivery delivery) {
    if (auto target = caf::actor_cast<caf::actor>(me)) caf::anon_send(target, audit_call{std::move(delivery)});
  };
  for (const auto& worker : s.spec.audits) {
    bus::consumer_options o;
    o.name = bus::durable_name(s.services->company->name, s.spec.path, worker);
    o.filter = subjects::output(s.services->company->name, worker);
    o.ack_wait = ack_wait;
    o.ack_pending_max = outputs_waiting_max;
    o.batch = outputs_waiting_max;
    s.consumers.emplace_back(*s.services->bus, o, tell);
  }
}

void begin_stop(auditor* self, const caf::error& reason) {
  auto& s = self->state;
  if (s.stopping) return;
  s.stopping = true;
  s.stop_reason = reason;
  for (const auto& delivery : s.waiting) (void)delivery.nak(milliseconds{0});
  s.waiting.clear();
  report_end(self, *s.services, s.token, exit_reason::shutdown, "");
  std::vector<run_id> to_end;
  for (const auto& [run, audit] : s.running) {
    if (audit.process)
      s.services->processes->kill(*audit.process, kill_grace);
    else
      to_end.push_back(run);
  }
  if (s.running.empty()) return self->quit(reason);
  for (const auto& run : to_end) finish(self, run, {{errc::cancelled, "the auditor was stopped"}, true});
}

/// Says that everything in hand is still being looked after: neither the running nor the waiting may come again.
void keep_alive(auditor* self) {
  const auto& s = self->state;
  for (const auto& [run, audit] : s.running) (void)audit.delivery.in_progress();
  for (const auto& delivery : s.waiting) (void)delivery.in_progress();
}

}  // namespace

auditor_state::~auditor_state() {
  for (const auto& [run, audit] : running)
    if (audit.process) services->processes->kill(*audit.process, milliseconds{0});
}

caf::behavior auditor_actor(auditor* self, std::shared_ptr<const agent_services> services, config::agent spec,
                            incarnation_token token) {
  self->state.services = std::move(services);
  self->state.spec = std::move(spec);
  self->state.token = std::move(token);
  supervision::keep_exception_text(self);
  self->set_exit_handler([self](const caf::exit_msg& m) { begin_stop(self, m.reason); });
  ask_for_epoch(self, *self->state.services, self->state.spec.path, self->state.token, [self](epoch granted) {
    self->state.incarnation = granted;
    announce(self);
    listen(self);
  });
  self->delayed_send(self, alive_every, audit_alive_atom_v);
  return {
      [](supervision::ready_atom) { return true; },
      [self](supervision::finish_atom) {
        // What it was doing is delivered to its next life, which does it anew.
        begin_stop(self, caf::exit_reason::user_shutdown);
        return true;
      },
      [self](audit_call& call) {
        if (self->state.stopping || self->state.replaced) return void(call.delivery.nak(milliseconds{0}));
        self->state.waiting.push_back(std::move(call.delivery));
        begin_audits(self);
      },
      [self](const life_replaced& news) {
        if (is_over(news, self->state.incarnation)) retire(self);
      },
      [self](replaced_atom) { begin_stop(self, supervision::to_error(replaced_failure(self->state.spec.path))); },
      [self](audit_next_atom) { begin_audits(self); },
      [self](audit_probe_atom) {
        self->state.probing = false;
        begin_audits(self);
      },
      [self](audit_alive_atom) {
        keep_alive(self);
        self->delayed_send(self, alive_every, audit_alive_atom_v);
      },
      [self](const verdict_again& again) {
        if (self->state.running.count(again.run)) send_verdict(self, again.run, again.verdict);
      },
      [self](const run_stdout& chunk) {
        go_on(self, chunk.run, [&](audit_machine& machine) { return machine.on_stdout(chunk.bytes); });
      },
      [self](const run_exited& ended) {
        go_on(self, ended.run, [&](audit_machine& machine) { return machine.on_exit(ended.exit); });
      },
  };
}

}  // namespace cadre::actors
