#include "node_host_core.hpp"
#include "schemas/log.hpp"
#include "specs.hpp"

#include <caf/exit_reason.hpp>
#include <caf/send.hpp>

#include <optional>
#include <utility>

/// What people and the node's own life ask of the host: lead, stop, leave, restart an agent; and what it tells people.
namespace cadre::actors::supervision {

namespace {

std::optional<on::order::kind> kind_of(const std::string& order) {
  if (order == "start") return on::order::kind::start;
  if (order == "terminate") return on::order::kind::terminate;
  if (order == "restart") return on::order::kind::restart;
  return std::nullopt;
}

}  // namespace

supervisor_ref node_host_core::over_root() const {
  supervisor_ref host;
  host.node = cfg_.node;
  host.life = cfg_.life;
  return host;
}

void node_host_core::lead(epoch leader_epoch) {
  if (leader_epoch < epoch_ || leaving_) return;
  epoch_ = reign_ = leader_epoch;
  leads_ = true;
  root_wanted_ = true;
  if (lives_.find({{}, true})) return;
  child_start root;
  root.branch = true;
  root.token = new_id<incarnation_token>();
  root.supervisor = over_root();
  root.leader_epoch = reign_;
  lives_.start(root, [](const message&) {});
  beat();
}

void node_host_core::step_down() {
  leads_ = false;
  root_wanted_ = false;
  lives_.kill({{}, true});
}

void node_host_core::stop_company(caf::response_promise asked) {
  if (!lives_.find({{}, true})) return asked.deliver(true);
  stop_asked_.push_back(asked);
  root_wanted_ = false;
  child_stop root;
  root.branch = true;
  root.shutdown_ms = -1;
  root.supervisor = over_root();
  lives_.stop(root, [this](const message&) { root_ended(); });
}

void node_host_core::root_ended() {
  for (auto& asked : std::exchange(stop_asked_, {})) asked.deliver(true);
}

void node_host_core::ended(const caf::down_msg& m) {
  lives_.ended(m);
  count_agents();
  // The root never gives up: if its actor broke, a new one adopts what it left behind.
  if (root_wanted_ && !lives_.find({{}, true})) lead(reign_);
  quit_if_empty();
}

failure node_host_core::operate(const operator_order& in) {
  if (in.order == "drain" || in.order == "undrain") {
    drain(in.order == "drain");
    return {};
  }
  const auto* agent = cfg_.company->find_agent(in.agent);
  if (agent == nullptr) return {errc::not_found, in.agent.text + ": no such agent"};
  if (in.order == "kill") {
    if (lives_.kill({in.agent, false})) return {};
    return {errc::not_found, in.agent.text + " does not run on " + cfg_.node};
  }
  const auto what = kind_of(in.order);
  if (!what)
    return {errc::bad_value, "order: `" + in.order + "` is not one of start, terminate, restart, kill, drain, undrain"};
  // A manager's agent belongs to its own branch; if that branch is down, a restart means the branch, like all else.
  const bool own_branch = what == on::order::kind::restart && agent->branch && lives_.find({in.agent, true});
  const auto branch = own_branch ? in.agent : in.agent.parent();
  if (!lives_.find({branch, true}))
    return {errc::not_found, "the supervisor of " + in.agent.text + " does not run on " + cfg_.node};
  tell(branch, on::order{*what, in.agent});
  return {};
}

void node_host_core::drain(bool on) {
  const auto changes = nodes_.drain_self(on);
  if (changes.empty()) return;
  log::info("node {} {}", cfg_.node, on ? "drains: its agents move away" : "takes agents again");
  beat();
  if (cfg_.drained) cfg_.drained(on);
  for (const auto& change : changes) edges_.changed(change);
}

void node_host_core::leave() {
  if (leaving_) return;
  leaving_ = true;
  leads_ = false;
  root_wanted_ = false;
  nodes_.drain_self(true);
  beat();
  lives_.leave();
  set_timer(host_timer::kind::leave, 0, cfg_.leave_time);
  quit_if_empty();
}

void node_host_core::quit_if_empty() {
  if (leaving_ && lives_.empty() && notices_.empty()) self_->quit(caf::exit_reason::user_shutdown);
}

void node_host_core::report(const child_report& in) {
  if (lives_.is_replaced(in.supervisor->branch)) return;
  agent_report out;
  out.id = new_id<command_id>();
  out.agent = in.what.id;
  out.node = edges_.node_of({in.what.id, in.what.branch});
  out.state = in.what.state;
  out.reason = in.what.reason;
  out.cause = in.what.cause.message;
  out.restarts = in.what.restarts;
  cfg_.reporter(out);
  if (in.what.branch && in.what.state == agent_state::quarantined) report_quarantine(in);
}

void node_host_core::report_quarantine(const child_report& in) {
  for (const auto& agent : cfg_.company->agents) {
    if (!agent.path.is_below(in.what.id)) continue;
    agent_report out;
    out.id = new_id<command_id>();
    out.agent = agent.path;
    out.node = edges_.node_of({agent.path, agent.branch.has_value()});
    out.state = agent_state::quarantined;
    out.reason = in.what.reason;
    out.cause = in.what.cause.message;
    cfg_.reporter(out);
  }
}

}  // namespace cadre::actors::supervision
