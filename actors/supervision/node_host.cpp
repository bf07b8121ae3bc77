#include "node_host.hpp"

#include "exits.hpp"
#include "node_host_core.hpp"

namespace cadre::actors::supervision {

result<void> node_host_config::validate() const {
  if (node.empty() || life.empty()) return fail(errc::bad_value, "node host: node and life must be given");
  if (!company || !link) return fail(errc::bad_value, "node host: company and link must be given");
  if (!make_agent || !reporter) return fail(errc::bad_value, "node host: make_agent and reporter must be given");
  for (const auto time : {heartbeat_interval, start_time, request_timeout, retry_delay, leave_time})
    if (time <= milliseconds{0}) return fail(errc::bad_value, "node host: every time must be more than 0");
  return {};
}

node_host_state::node_host_state() = default;
node_host_state::~node_host_state() = default;

caf::behavior node_host(caf::stateful_actor<node_host_state>* self, node_host_config cfg) {
  keep_exception_text(self);
  log_unexpected(self);
  if (const auto ok = cfg.validate(); !ok) {
    self->quit(to_error(ok.error()));
    return {};
  }
  self->state.core = std::make_unique<node_host_core>(self, std::move(cfg));
  auto* core = self->state.core.get();
  self->set_down_handler([core](const caf::down_msg& m) { core->ended(m); });
  self->set_exit_handler([self, core](const caf::exit_msg& m) {
    // Links are not used: only an order, or the end of the system, says exit.
    if (m.reason) core->leave();
  });
  core->begin();
  return {
      [core](const incoming_control& in) { core->control(in); },
      [core](const incoming_heartbeat& in) { core->heartbeat(in.beat); },
      [core](const control_answer& in) { core->answered(in); },
      [core](const start_order& in) { core->start(in); },
      [core](const stop_order& in) { core->stop(in); },
      [core](const child_report& in) { core->report(in); },
      [core](const host_timer& t) { core->timer(t); },
      [core](const lead& in) { core->lead(in.leader_epoch); },
      [core](const step_down&) { core->step_down(); },
      [self, core](const stop_company&) -> caf::result<bool> {
        auto promise = self->make_response_promise();
        core->stop_company(promise);
        return promise;
      },
      [self, core](const node_order& in) -> caf::result<order_answer> {
        auto promise = self->make_response_promise();
        core->operate(in.order, [promise](const failure& problem) mutable { promise.deliver(order_answer{problem}); });
        return promise;
      },
  };
}

}  // namespace cadre::actors::supervision
