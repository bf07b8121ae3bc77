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

void perform(auditor* self, audit_machine::actions actions);

void next_audit(auditor* self) {
  self->send(self, audit_next_atom_v);
}

milliseconds pause_before(const config::backoff& wait, std::int64_t attempt) {
  const auto factor = std::pow(wait.factor, static_cast<double>(std::max<std::int64_t>(0, attempt - 1)));
  const auto pause = static_cast<double>(wait.initial.count()) * factor;  // Without bound: attempts may be many.
  return milliseconds{static_cast<std::int64_t>(std::min(static_cast<double>(wait.max.count()), pause))};
}

void submit(auditor* self, command_body body, std::function<void(const outcome&)> then) {
  command c;
  c.id = new_id<command_id>();
  c.from = self->state.spec.path.text;
  c.incarnation = self->state.incarnation;
  c.body = std::move(body);
  const auto unknown = [id = c.id] {
    outcome o;
    o.command = id;
    o.status = outcome_status::in_doubt;
    return o;
  };
  self->request(self->state.services->commands, command_timeout, std::move(c))
      .then([then](const outcome& o) { then(o); }, [then, unknown](const caf::error&) { then(unknown()); });
}

void send_verdict(auditor* self, const verdict_add& verdict) {
  submit(self, verdict, [self, verdict](const outcome& o) {
    auto& current = self->state.current;
    if (!current || current->machine.what().output != verdict.output) return;
    if (o.status == outcome_status::busy || o.status == outcome_status::in_doubt) {
      self->delayed_send(self, repeat_after, verdict_again{verdict});
    } else {
      perform(self, current->machine.on_outcome(o));
    }
  });
}

void start_process(auditor* self, const audit_machine::start_process& order) {
  auto& s = self->state;
  const auto& what = s.current->machine.what();
  audit_request request;
  request.company = s.services->company->name;
  request.agent = s.spec.path;
  request.output = what.output;
  request.dataset = what.dataset;
  request.worker = what.worker;
  request.rows_total = order.rows;
  request.deadline = now() + s.spec.timeout;

  const auto me = caf::actor_cast<caf::actor_addr>(self);
  if (auto started =
          start_agent_process(*s.services, s.spec, s.current->run, request_line(request) + order.row_lines, me)) {
    s.current->process = *started;
  } else {
    exit_info exit;
    exit.how = exit_info::end::not_started;
    exit.start_error = started.error();
    self->send(self, run_exited{s.current->run, exit});
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

void finish(auditor* self, const audit_machine::audit_over& over) {
  auto& s = self->state;
  const auto delivery = s.current->delivery;
  const auto what = s.current->machine.what();
  // Nobody's fault, and it ends: an output whose audit were given up for it would stay in review.
  const bool away = over.error.code == errc::unreachable;
  s.current.reset();
  if (over.error.code == errc::stale_epoch) {
    (void)delivery.nak(milliseconds{0});
    retire(self);
  } else if (over.error.code == errc::none) {
    (void)delivery.ack();
  } else if (s.stopping) {
    (void)delivery.nak(milliseconds{0});
  } else if (over.retryable && (away || delivery.count() < s.spec.retry.attempts)) {
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
  if (s.stopping) return self->quit(s.stop_reason);
  next_audit(self);
}

void perform(auditor* self, audit_machine::actions actions) {
  for (const auto& action : actions) {
    if (const auto* start = std::get_if<audit_machine::start_process>(&action)) {
      start_process(self, *start);
    } else if (std::holds_alternative<audit_machine::kill_process>(action)) {
      if (self->state.current->process)
        self->state.services->processes->kill(*self->state.current->process, kill_grace);
    } else if (const auto* verdict = std::get_if<audit_machine::send_verdict>(&action)) {
      send_verdict(self, verdict->verdict);
    } else if (const auto* over = std::get_if<audit_machine::audit_over>(&action)) {
      return finish(self, *over);
    }
  }
}

void begin_audit(auditor* self) {
  auto& s = self->state;
  if (s.current || s.stopping || s.waiting.empty()) return;
  auto delivery = std::move(s.waiting.front());
  s.waiting.pop_front();
  auto what = parse_output_event(delivery.what());
  if (!what) {
    log::error("{}: {}", s.spec.path.text, what.error().message);
    (void)delivery.term();
    return next_audit(self);
  }
  (void)delivery.in_progress();
  audit_order order;
  order.output = what->output;
  order.worker = what->worker;
  order.dataset = what->dataset;
  order.checks = s.spec.checks;
  order.with_rows = s.spec.run.how == config::run_spec::mode::command;
  order.rows_bytes_max = s.spec.run.output_bytes_max;
  s.current.emplace(std::move(delivery), audit_machine{*what, s.spec}, new_id<run_id>());
  const auto run = s.current->run;
  const auto go_on = [self, run](audit_material material) {
    if (self->state.current && self->state.current->run == run)
      perform(self, self->state.current->machine.on_material(std::move(material)));
  };
  self->request(s.services->audit_reader, material_timeout, std::move(order))
      .then([go_on](const audit_material& material) { go_on(material); },
            [go_on](const caf::error&) {
              audit_material none;
              none.error = {errc::unreachable, "the staged rows could not be read in time"};
              go_on(none);
            });
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
  if (!s.current) return self->quit(reason);
  if (s.current->process) {
    s.services->processes->kill(*s.current->process, kill_grace);
  } else {
    finish(self, {{errc::cancelled, "the auditor was stopped"}, true});
  }
}

/// Says that everything in hand is still being looked after: neither the running nor the waiting may come again.
void keep_alive(auditor* self) {
  const auto& s = self->state;
  if (s.current) (void)s.current->delivery.in_progress();
  for (const auto& delivery : s.waiting) (void)delivery.in_progress();
}

}  // namespace

auditor_state::~auditor_state() {
  if (current && current->process) services->processes->kill(*current->process, milliseconds{0});
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
        begin_audit(self);
      },
      [self](const life_replaced& news) {
        if (is_over(news, self->state.incarnation)) retire(self);
      },
      [self](replaced_atom) { begin_stop(self, supervision::to_error(replaced_failure(self->state.spec.path))); },
      [self](audit_next_atom) { begin_audit(self); },
      [self](audit_alive_atom) {
        keep_alive(self);
        self->delayed_send(self, alive_every, audit_alive_atom_v);
      },
      [self](const verdict_again& again) {
        if (self->state.current) send_verdict(self, again.verdict);
      },
      [self](const run_stdout& chunk) {
        if (self->state.current && self->state.current->run == chunk.run)
          perform(self, self->state.current->machine.on_stdout(chunk.bytes));
      },
      [self](const run_exited& ended) {
        if (self->state.current && self->state.current->run == ended.run)
          perform(self, self->state.current->machine.on_exit(ended.exit));
      },
  };
}

}  // namespace cadre::actors
