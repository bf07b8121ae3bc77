#pragma once

#include "actors/supervision/machine.hpp"

#include <algorithm>
#include <initializer_list>
#include <string>
#include <vector>

/// Scripts for the supervisor machine: event in, actions out as short text.
namespace cadre::actors::supervision::script {

inline child_spec kid(const std::string& id, restart_type restart = restart_type::permanent, bool branch = false) {
  child_spec spec;
  spec.id = agent_path{id};
  spec.restart = restart;
  spec.branch = branch;
  return spec;
}

inline child_spec branch(const std::string& id) {
  return kid(id, restart_type::permanent, true);
}

/// Without jitter, so that delays are exact.
inline supervisor_flags flags(restart_strategy strategy = restart_strategy::one_for_one, std::int64_t intensity = 3) {
  supervisor_flags f;
  f.strategy = strategy;
  f.intensity = intensity;
  f.period = milliseconds{10'000};
  f.wait.initial = milliseconds{100};
  f.wait.max = milliseconds{1'000};
  f.wait.factor = 2.0;
  f.wait.jitter = 0.0;
  return f;
}

/// `start a`, `stop a`, `timer a 100`, `timer * 100` (a group's), `up`, `give_up: text`, `finished shutdown`.
struct as_text {
  std::string operator()(const act::start& a) const { return "start " + a.id.text; }
  std::string operator()(const act::stop& a) const { return "stop " + a.id.text; }
  std::string operator()(const act::timer& a) const {
    return "timer " + (a.id.empty() ? "*" : a.id.text) + " " + std::to_string(a.delay.count());
  }
  std::string operator()(const act::answer& a) const {
    return std::to_string(a.request) + " " + std::string{to_text(a.how)};
  }
  std::string operator()(const act::report&) const { return {}; }
  std::string operator()(const act::up&) const { return "up"; }
  std::string operator()(const act::give_up& a) const { return "give_up: " + a.cause.message; }
  std::string operator()(const act::finished& a) const { return "finished " + std::string{to_text(a.reason)}; }
};

/// A machine with its clock, the timers it set and the reports it made.
class stage {
 public:
  stage(
      supervisor_flags f, std::vector<child_spec> children, machine::random jitter = [] { return 0.5; },
      std::vector<child_spec> members = {})
      : sut{f, std::move(children), std::move(jitter), std::move(members)} {}

  std::string feed(const on::event& e) {
    std::string line;
    for (const auto& a : sut.handle(e, now)) {
      if (const auto* r = std::get_if<act::report>(&a)) reports.push_back(*r);
      if (const auto* t = std::get_if<act::timer>(&a)) timers.push_back(*t);
      if (const auto* g = std::get_if<act::give_up>(&a)) gave_up = g->cause;
      const auto text = std::visit(as_text{}, a);
      if (!text.empty()) line += (line.empty() ? "" : ", ") + text;
    }
    return line;
  }

  std::string start() { return feed(on::start{}); }
  std::string started(const std::string& id) { return feed(on::started{{id}, {"life"}, false}); }
  std::string start_failed(const std::string& id, const std::string& why) {
    return feed(on::start_failed{{id}, {errc::crashed, why}});
  }
  std::string unavailable(const std::string& id) { return feed(on::unavailable{{id}, {errc::unreachable, "no node"}}); }
  std::string available(const std::string& id) { return feed(on::available{{id}}); }
  std::string down(const std::string& id, exit_reason why = exit_reason::error, const std::string& cause = "boom") {
    return feed(on::down{{id}, {}, why, {why == exit_reason::error ? errc::crashed : errc::none, cause}});
  }
  std::string order(on::order::kind what, const std::string& id) { return feed(on::order{what, {id}}); }
  /// An order that wants an answer.
  std::string ask(std::uint64_t request, on::order::kind what, const std::string& id) {
    return feed(on::order{what, {id}, {}, request});
  }
  std::string ask_add(std::uint64_t request, const child_spec& spec) {
    return feed(on::order{on::order::kind::add, spec.id, spec, request});
  }
  std::string stop() { return feed(on::stop{exit_reason::shutdown}); }
  /// The last timer set runs out.
  std::string ring() {
    now += timers.back().delay;
    return feed(on::timer{timers.back().id, timers.back().generation});
  }
  void wait(milliseconds time) { now += time; }
  /// Starts everything, in order.
  void run_up(std::initializer_list<std::string> ids) {
    start();
    for (const auto& id : ids) started(id);
  }
  agent_state state(const std::string& id) const { return *sut.state_of({id}); }

  machine sut;
  steady_time now{std::chrono::hours{1}};
  std::vector<act::report> reports;
  std::vector<act::timer> timers;
  failure gave_up;
};

}  // namespace cadre::actors::supervision::script
