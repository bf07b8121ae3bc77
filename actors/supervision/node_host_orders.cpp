#include "node_host_core.hpp"
#include "schemas/log.hpp"
#include "specs.hpp"

#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <optional>
#include <utility>

/// What people and the node's own life ask of the host: lead, stop, leave, restart an agent; and what it tells people.
namespace cadre::actors::supervision {

namespace {

/// How long a person waits for the end of an order: a stop may take as long as the agent's shutdown time allows.
constexpr milliseconds order_time{4'000};

std::optional<on::order::kind> kind_of(const std::string& order) {
  if (order == "start") return on::order::kind::start;
  if (order == "terminate") return on::order::kind::terminate;
  if (order == "restart") return on::order::kind::restart;
  if (order == "add") return on::order::kind::add;
  if (order == "delete") return on::order::kind::remove;
  return std::nullopt;
}

/// What a supervisor answered, for people.
failure in_words(const act::answer& a, const agent_path& child) {
  const auto refused = [&](const std::string& why) { return failure{errc::refused, child.text + why}; };
  switch (a.how) {
    case act::outcome::ok:
      return {};
    case act::outcome::not_found:
      return refused(" was deleted from its supervisor, or is over: `cadre agent add` brings it back");
    case act::outcome::already_started:
    case act::outcome::running:
      return refused(" runs");
    case act::outcome::already_present:
      return refused(" is there and does not run: `cadre agent start` starts it");
    case act::outcome::restarting:
      return refused(" waits for its restart or for a node: `cadre agent terminate` ends that");
    case act::outcome::failed:
      return refused(" did not start: " + a.cause.message);
    case act::outcome::refused:
      return refused(": " + a.cause.message);
    case act::outcome::cancelled:
      return refused(": another order came between, or its supervisor stops");
  }
  return {};
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

void node_host_core::operate(const operator_order& in, std::function<void(failure)> reply) {
  if (in.order == "drain" || in.order == "undrain") {
    drain(in.order == "drain");
    return reply({});
  }
  const auto* agent = cfg_.company->find_agent(in.agent);
  if (agent == nullptr) return reply({errc::not_found, in.agent.text + ": no such agent"});
  if (in.order == "kill") {
    if (lives_.kill({in.agent, false})) return reply({});
    return reply({errc::not_found, in.agent.text + " does not run on " + cfg_.node});
  }
  const auto what = kind_of(in.order);
  if (!what)
    return reply({errc::bad_value, "order: `" + in.order +
                                       "` is not one of start, terminate, restart, add, delete, kill, drain, undrain"});
  // A manager's agent belongs to its own branch; if that branch is down, a restart means the branch, like all else.
  const bool own_branch = what == on::order::kind::restart && agent->branch && lives_.find({in.agent, true});
  const auto branch = own_branch ? in.agent : in.agent.parent();
  order_child(branch, *what, in.agent, std::move(reply));
}

void node_host_core::order_child(const agent_path& branch, on::order::kind what, const agent_path& child,
                                 std::function<void(failure)> reply) {
  const auto supervisor = lives_.find({branch, true});
  if (!supervisor) return reply({errc::not_found, "the supervisor of " + child.text + " does not run on " + cfg_.node});
  child_order asked{on::order{what, child}};
  if (what == on::order::kind::add) {
    const auto plan = plan_branch(*cfg_.company, branch);
    if (!plan) return reply(plan.error());
    // A dynamic supervisor has the spec of its members, and takes none.
    for (const auto& spec : plan->children)
      if (spec.id == child && plan->members.empty()) asked.order.spec = spec;
  }
  self_->request(supervisor, order_time, std::move(asked))
      .then([reply, child](const child_answer& a) { reply(in_words(a.what, child)); },
            [reply, child](const caf::error& e) {
              if (e == caf::sec::request_timeout)
                return reply({errc::timed_out, "the order about " + child.text + " is still being carried out"});
              reply({errc::refused,
                     "the supervisor of " + child.text + " ended before it answered: see `cadre agent show`"});
            });
}

void node_host_core::drain(bool on) {
  const auto changes = nodes_.drain_self(on);
  if (changes.empty()) return;
  log::info("node {} {}", cfg_.node, on ? "drains: its agents move away" : "takes agents again");
  beat();
  if (cfg_.drained) cfg_.drained(on);
  for (const auto& change : changes) edges_.changed(change);
  look_aside();
}

void node_host_core::look_aside() {
  const bool aside =
      nodes_.draining() &&
      std::any_of(cfg_.company->nodes.begin(), cfg_.company->nodes.end(), [this](const config::node& other) {
        return other.name != cfg_.node && other.has(node_role::control) && nodes_.is_there(other.name) &&
               !nodes_.is_draining(other.name);
      });
  if (aside == aside_) return;
  aside_ = aside;
  if (cfg_.stands_aside) cfg_.stands_aside(aside);
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
