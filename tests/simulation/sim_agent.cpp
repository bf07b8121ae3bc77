#include "sim_agent.hpp"

#include "actors/agent/incarnation.hpp"
#include "actors/supervision/exits.hpp"
#include "actors/supervision/type_ids.hpp"

#include <algorithm>

namespace cadre::simulation {

namespace {

using namespace actors;
using agent_self = caf::stateful_actor<sim_agent_state>;

constexpr milliseconds repeat_after{500};

void advance(agent_self* self, const run_id& run, const run_machine::actions& actions);

void report_capacity(agent_self* self, bool gone = false) {
  const auto& s = self->state;
  if (s.incarnation == 0 || (s.replaced && !gone)) return;
  capacity_note note;
  note.token = s.cfg.birth.token;
  note.gone = gone;
  note.capacity.agent = s.cfg.spec.path;
  note.capacity.incarnation = s.incarnation;
  note.capacity.mode = s.cfg.spec.mode;
  const auto free = s.cfg.spec.concurrency - static_cast<std::int64_t>(s.runs.size());
  note.capacity.free_slots = s.stopping || s.replaced ? 0 : std::max<std::int64_t>(0, free);
  for (const auto& [id, run] : s.runs) note.capacity.held.push_back(id);
  self->send(s.cfg.services->reporter, std::move(note));
}

void submit(agent_self* self, const run_id& run, const command& what) {
  const auto answered = [self, run](const outcome& answer) {
    if (const auto found = self->state.runs.find(run); found != self->state.runs.end())
      advance(self, run, found->second.on_outcome(answer));
  };
  self->request(self->state.cfg.services->commands, command_timeout, what)
      .then(answered, [answered, id = what.id](const caf::error&) {
        outcome unknown;
        unknown.command = id;
        unknown.status = outcome_status::in_doubt;
        answered(unknown);
      });
}

void finish_stop(agent_self* self) {
  auto& s = self->state;
  if (!s.stopping || !s.runs.empty()) return;
  report_capacity(self, true);
  report_end(self, *s.cfg.services, s.cfg.birth.token, exit_reason::shutdown, "");
  self->quit(s.stop_reason);
}

void advance(agent_self* self, const run_id& run, const run_machine::actions& actions) {
  for (const auto& action : actions) {
    if (!self->state.runs.contains(run)) return;
    if (const auto* send = std::get_if<run_machine::send_command>(&action)) {
      if (send->again)
        self->delayed_send(self, repeat_after, repeat_command{run, send->what});
      else
        submit(self, run, send->what);
    } else if (std::holds_alternative<run_machine::kill_process>(action)) {
      exit_info exit;
      exit.how = exit_info::end::stopped;
      self->delayed_send(self, self->state.cfg.chance->time(0, 100), run_exited{run, exit});
    } else if (std::holds_alternative<run_machine::run_over>(action)) {
      self->state.runs.erase(run);
      report_capacity(self);
      finish_stop(self);
    }
  }
}

/// What its process will say and how it will end.
void start_process(agent_self* self, const run_id& run) {
  auto& s = self->state;
  auto& d = *s.cfg.chance;
  auto after = d.time(1, 60);
  for (auto lines = d.between(0, 2); lines > 0; --lines) {
    self->delayed_send(self, after, run_stdout{run, "{\"type\":\"journal\",\"text\":\"on it\"}\n"});
    after += d.time(0, 300);
  }
  if (d.chance(s.cfg.trouble)) {
    if (d.chance(0.3)) return self->delayed_send(self, after, std::string{"its code threw"});
    exit_info exit;
    exit.code = 3;
    return self->delayed_send(self, after, run_exited{run, exit});
  }
  after += d.chance(0.1) ? d.time(500, 3'000) : d.time(0, 200);
  self->delayed_send(self, after, run_stdout{run, "{\"type\":\"response\",\"agent\":\"a\",\"metrics\":{}}\n"});
  self->delayed_send(self, after, run_exited{run, exit_info{}});
}

void take_grant(agent_self* self, const run_grant& grant) {
  auto& s = self->state;
  if (s.stopping || s.replaced || s.incarnation == 0 || s.runs.contains(grant.run) ||
      grant.incarnation != s.incarnation)
    return;
  s.runs.emplace(grant.run, run_machine{grant, s.cfg.spec});
  start_process(self, grant.run);
  report_capacity(self);
}

void begin_stop(agent_self* self, const caf::error& reason) {
  auto& s = self->state;
  if (s.stopping || s.cfg.stubborn) return;
  s.stopping = true;
  s.stop_reason = reason;
  report_capacity(self);
  std::vector<run_id> ids;
  for (const auto& [id, run] : s.runs) ids.push_back(id);
  for (const auto& id : ids)
    if (const auto found = s.runs.find(id); found != s.runs.end())
      advance(self, id, found->second.on_stop("the agent was stopped in mid-run"));
  finish_stop(self);
}

void retire(agent_self* self) {
  auto& s = self->state;
  if (s.replaced || s.stopping) return;
  s.replaced = true;
  std::vector<run_id> ids;
  for (const auto& [id, run] : s.runs) ids.push_back(id);
  for (const auto& id : ids)
    if (const auto found = s.runs.find(id); found != s.runs.end())
      advance(self, id, found->second.on_revoked("a newer life is on record"));
  report_capacity(self, true);
  self->delayed_send(self, replaced_linger, replaced_atom_v);
}

}  // namespace

caf::behavior sim_agent(agent_self* self, sim_agent_config cfg) {
  self->state.cfg = std::move(cfg);
  supervision::keep_exception_text(self);
  supervision::log_unexpected(self);
  self->set_exit_handler([self](const caf::exit_msg& m) { begin_stop(self, m.reason); });
  const auto& c = self->state.cfg;
  ask_for_epoch(self, *c.services, c.spec.path, c.birth.token, [self](epoch granted) {
    self->state.incarnation = granted;
    self->state.cfg.watch->works(self->state.cfg.birth.token, granted);
    report_capacity(self);
  });
  const auto with_run = [self](const run_id& run, auto step) {
    if (const auto found = self->state.runs.find(run); found != self->state.runs.end())
      advance(self, run, step(found->second));
  };
  return {
      [](supervision::ready_atom) { return true; },
      [=](const run_grant& grant) { take_grant(self, grant); },
      [=](const life_replaced& news) {
        if (is_over(news, self->state.incarnation)) retire(self);
      },
      [=](replaced_atom) {
        self->state.cfg.stubborn = false;
        begin_stop(self, supervision::to_error(replaced_failure(self->state.cfg.spec.path)));
      },
      [=](const run_revoke& r) { with_run(r.run, [&](run_machine& m) { return m.on_revoked(r.reason); }); },
      [=](const run_stdout& r) { with_run(r.run, [&](run_machine& m) { return m.on_stdout(r.bytes); }); },
      [=](const run_exited& r) { with_run(r.run, [&](run_machine& m) { return m.on_exit(r.exit); }); },
      [=](const repeat_command& again) {
        if (self->state.runs.contains(again.run)) submit(self, again.run, again.what);
      },
      [=](const std::string& text) {
        if (text == "quit") return self->quit();
        throw std::runtime_error(text);
      },
  };
}

}  // namespace cadre::simulation
