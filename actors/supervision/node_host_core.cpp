#include "node_host_core.hpp"

#include "exits.hpp"
#include "schemas/log.hpp"
#include "specs.hpp"
#include "supervisor_actor.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace cadre::actors::supervision {

namespace {

/// Carries a supervisor's orders to the host of its node.
class host_launcher final : public child_launcher {
 public:
  host_launcher(caf::actor host, frozen<supervisor_ref> supervisor)
      : host_(std::move(host)), supervisor_(std::move(supervisor)) {}
  void start(const frozen<child_spec>& child) override { caf::anon_send(host_, start_order{supervisor_, child}); }
  void stop(const frozen<child_spec>& child) override { caf::anon_send(host_, stop_order{supervisor_, child}); }
  void report(const act::report& what) override { caf::anon_send(host_, child_report{supervisor_, what}); }

 private:
  caf::actor host_;
  frozen<supervisor_ref> supervisor_;
};

message refusal(errc code, std::string text) {
  error_reply m;
  m.error = {code, std::move(text)};
  return m;
}

}  // namespace

node_host_core::node_host_core(actor_pointer self, node_host_config cfg)
    : self_(self),
      cfg_(std::move(cfg)),
      nodes_(cfg_.node, cfg_.life, cfg_.company->timing.lease),
      lives_(self, cfg_.node, seams_of_lives()),
      edges_(nodes_, cfg_.node, seams_of_edges()) {
  if (const auto* here = cfg_.company->find_node(cfg_.node))
    max_agents_ = static_cast<std::size_t>(std::max<std::int64_t>(0, here->max_agents));
}

void node_host_core::begin() {
  timer({host_timer::kind::beat, 0});
  set_timer(host_timer::kind::settled, 0, 2 * cfg_.heartbeat_interval);
}

lives::seams node_host_core::seams_of_lives() {
  lives::seams use;
  use.spawn = [this](const child_start& order) { return spawn(order); };
  use.tell_down = [this](const child_down& d) { tell_down(d); };
  use.branch_ended = [this](const agent_path& branch) { edges_.forget_supervisor(branch); };
  use.start_time = [this](const child_start& order) { return start_time(order); };
  use.shutdown_ms = [this](const agent_path& path, bool branch) {
    return shutdown_ms(shutdown_of(*cfg_.company, path, branch));
  };
  use.set_timer = [this](std::uint64_t generation, milliseconds delay) {
    set_timer(host_timer::kind::life_expired, generation, delay);
  };
  return use;
}

edges::seams node_host_core::seams_of_edges() {
  edges::seams use;
  use.send = [this](const std::string& node, const message& order, std::uint64_t request) {
    send(node, order, request);
  };
  use.tell = [this](const agent_path& branch, const on::event& event) { tell(branch, event); };
  use.set_retry = [this](std::uint64_t request) { set_timer(host_timer::kind::retry, request, cfg_.retry_delay); };
  use.deposed = [this](const agent_path& branch) { deposed(branch); };
  use.leader_epoch = [this] { return epoch_; };
  use.next_request = [this] { return next_request(); };
  return use;
}

void node_host_core::deposed(const agent_path& branch) {
  log::warn("node {}: the supervisor of {} was replaced by a newer one and ends", cfg_.node,
            branch.empty() ? "the company" : branch.text);
  if (branch.empty()) return step_down();
  lives_.depose(branch);
}

caf::actor node_host_core::spawn(const child_start& order) {
  if (order.branch) return spawn_supervisor(order);
  agent_birth birth;
  birth.path = order.child;
  birth.token = order.token;
  birth.supervisor = order.supervisor;
  auto agent = cfg_.make_agent(self_, birth);
  if (!agent) throw std::runtime_error("no actor was made for " + order.child.text);
  return agent;
}

caf::actor node_host_core::spawn_supervisor(const child_start& order) {
  auto plan = plan_branch(*cfg_.company, order.child);
  if (!plan) throw std::runtime_error(plan.error().message);
  supervisor_ref ref;
  ref.branch = order.child;
  ref.node = cfg_.node;
  ref.life = cfg_.life;
  ref.reign = order.leader_epoch;
  ref.token = order.token;
  supervisor_config cfg;
  cfg.flags = plan->flags;
  cfg.children = std::move(plan->children);
  cfg.members = std::move(plan->members);
  cfg.launcher = std::make_shared<host_launcher>(caf::actor_cast<caf::actor>(self_), std::move(ref));
  cfg.seed = cfg_.seed + next_request();
  return self_->spawn(supervisor_actor, std::move(cfg));
}

milliseconds node_host_core::start_time(const child_start& order) const {
  // A supervisor is up once each of its children had its turn, one after the other.
  const auto lives = order.branch ? agents_in(*cfg_.company, order.child) + 1 : 1;
  return cfg_.start_time * static_cast<std::int64_t>(lives);
}

bool node_host_core::has_no_room_for(const child_start& order) const {
  if (max_agents_ == 0 || order.branch || order.adopt_only || lives_.agents() < max_agents_) return false;
  return !lives_.find({order.child, false});
}

message node_host_core::no_room(const child_start& order) const {
  child_started m;
  m.child = order.child;
  m.token = order.token;
  m.error = {errc::unreachable, cfg_.node + " runs as many agents as its max_agents: " + std::to_string(max_agents_)};
  return m;
}

void node_host_core::count_agents() {
  const bool full = max_agents_ != 0 && lives_.agents() >= max_agents_;
  if (full == nodes_.full()) return;
  const auto changes = nodes_.fill_self(full);
  beat();
  for (const auto& change : changes) edges_.changed(change);
}

void node_host_core::obey(const message& order, lives::answer reply) {
  if (const auto* start = std::get_if<child_start>(&order)) {
    if (start->leader_epoch < epoch_)
      return reply(refusal(errc::stale_epoch, "leader epoch " + std::to_string(start->leader_epoch) + " is over, " +
                                                  std::to_string(epoch_) + " leads"));
    epoch_ = start->leader_epoch;
    if (has_no_room_for(*start)) return reply(no_room(*start));
    lives_.start(*start, std::move(reply));
    return count_agents();
  }
  if (const auto* stop = std::get_if<child_stop>(&order)) return lives_.stop(*stop, std::move(reply));
  if (const auto* down = std::get_if<child_down>(&order)) {
    edges_.down(*down);
    return reply(ack{});
  }
  if (const auto* operate_on = std::get_if<operator_order>(&order)) {
    return operate(*operate_on, [reply](const failure& problem) {
      problem.code == errc::none ? reply(ack{}) : reply(refusal(problem.code, problem.message));
    });
  }
  reply(refusal(errc::unknown_kind, "a node takes child_start, child_stop, child_down and operator_order here"));
}

void node_host_core::control(const incoming_control& in) {
  // Who orders a start lives, even if no heartbeat of its has come yet.
  if (const auto* start = std::get_if<child_start>(&in.request.body))
    apply(nodes_.heard(start->supervisor.node, start->supervisor.life, self_->clock().now()));
  obey(in.request.body, [link = cfg_.link, to = in.reply_to](const message& m) { link->reply(to, m); });
}

void node_host_core::send(const std::string& node, const message& order, std::uint64_t request) {
  if (node == cfg_.node) return obey(order, [this, request](const message& m) { edges_.answered(request, m); });
  cfg_.link->request(node, order, cfg_.request_timeout, request, caf::actor_cast<caf::actor>(self_));
  set_timer(host_timer::kind::request_expired, request, cfg_.request_timeout);
}

void node_host_core::tell(const agent_path& branch, const on::event& event) {
  if (const auto supervisor = lives_.find({branch, true})) self_->send(supervisor, supervisor_input{event});
}

void node_host_core::tell_down(const child_down& d) {
  if (d.branch && d.child.empty()) return root_ended();
  if (d.supervisor.node == cfg_.node) return edges_.down(d);
  send_notice(d);
}

void node_host_core::send_notice(const child_down& d) {
  if (!is_owed(d)) return;
  const auto request = next_request();
  notices_[request] = {d, request};
  if (nodes_.is_there(d.supervisor.node))
    send(d.supervisor.node, d, request);
  else
    set_timer(host_timer::kind::retry, request, cfg_.retry_delay);
}

bool node_host_core::is_owed(const child_down& d) const {
  // When the whole fleet stops, no node must wait for the acknowledgement of one that is already gone.
  const bool there = nodes_.is_there(d.supervisor.node, d.supervisor.life);
  if (leaving_) return there && !nodes_.is_draining(d.supervisor.node);
  // A silent node may still hear this one and believe that the child runs: the notice waits for its return.
  return there || !nodes_.is_there(d.supervisor.node);
}

void node_host_core::answered(const control_answer& in) {
  const auto at = notices_.find(in.request);
  if (at == notices_.end()) return edges_.answered(in.request, in.answer);
  // Whatever the answer says, the notice has arrived; only silence asks for a repetition.
  if (in.answer || !is_owed(at->second.what)) {
    notices_.erase(at);
    quit_if_empty();
  } else {
    set_timer(host_timer::kind::retry, in.request, cfg_.retry_delay);
  }
}

void node_host_core::timer(const host_timer& t) {
  switch (t.what) {
    case host_timer::kind::beat:
      beat();
      apply(nodes_.tick(self_->clock().now()));
      return set_timer(host_timer::kind::beat, 0, cfg_.heartbeat_interval);
    case host_timer::kind::request_expired:
      return answered({t.generation, fail(errc::unreachable, "no answer in time")});
    case host_timer::kind::retry:
      if (const auto at = notices_.find(t.generation); at != notices_.end()) {
        const auto again = at->second.what;
        notices_.erase(at);
        return send_notice(again);
      }
      return edges_.retry(t.generation);
    case host_timer::kind::settled:
      return edges_.settle();
    case host_timer::kind::life_expired:
      return lives_.expired(t.generation);
    case host_timer::kind::leave:
      log::warn("node {}: {} lives and {} DOWN notices are left behind", cfg_.node, lives_.size(), notices_.size());
      lives_.kill_all();
      return self_->quit(caf::exit_reason::user_shutdown);
  }
}

void node_host_core::set_timer(host_timer::kind what, std::uint64_t generation, milliseconds delay) {
  self_->delayed_send(self_, delay, host_timer{what, generation});
}

void node_host_core::heartbeat(const node_heartbeat& beat_in) {
  if (beat_in.leader_epoch > epoch_) epoch_ = beat_in.leader_epoch;
  const auto changes = nodes_.heard(beat_in, self_->clock().now());
  // A newcomer need not wait for the next round to learn who is there.
  if (!changes.empty()) beat();
  apply(changes);
  if (!leaving_) return;
  std::erase_if(notices_, [this](const auto& n) { return !is_owed(n.second.what); });
  quit_if_empty();
}

void node_host_core::apply(const std::vector<node_change>& changes) {
  for (const auto& change : changes) {
    const auto* what = change.what == node_change::kind::lost     ? "is lost"
                       : change.what == node_change::kind::drains ? "drains"
                                                                  : "is there";
    log::info("node {}: {} {} (life {})", cfg_.node, change.node, what, change.life.text);
    edges_.changed(change);
  }
  if (!changes.empty()) look_aside();
}

void node_host_core::beat() {
  node_heartbeat beat_out;
  beat_out.node = cfg_.node;
  beat_out.life = cfg_.life;
  beat_out.leads = leads_;
  beat_out.leader_epoch = epoch_;
  beat_out.draining = nodes_.draining();
  beat_out.full = nodes_.full();
  cfg_.link->send_heartbeat(beat_out);
}

}  // namespace cadre::actors::supervision
