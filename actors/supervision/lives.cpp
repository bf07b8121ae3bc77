#include "lives.hpp"

#include "by_key.hpp"
#include "exits.hpp"
#include "type_ids.hpp"

#include <caf/exit_reason.hpp>
#include <caf/message_priority.hpp>
#include <caf/sec.hpp>

#include <algorithm>
#include <tuple>
#include <utility>

namespace cadre::actors::supervision {

namespace {

message started(const child_start& order, const incarnation_token& token) {
  child_started m;
  m.child = order.child;
  m.token = token;
  m.adopted = token != order.token;
  return m;
}

message not_started(const agent_path& child, const incarnation_token& token, failure why) {
  child_started m;
  m.child = child;
  m.token = token;
  m.error = std::move(why);
  return m;
}

void answer_all(std::vector<lives::answer>& waiters, const message& m) {
  for (auto& reply : std::exchange(waiters, {})) reply(m);
}

/// The generation of the timer of starts; those of stops begin at 1.
constexpr std::uint64_t start_timer = 0;

}  // namespace

bool same_supervisor(const supervisor_ref& a, const supervisor_ref& b) {
  return a.branch == b.branch && a.node == b.node && a.life == b.life;
}

bool outranks(const supervisor_ref& a, const supervisor_ref& b) {
  return a.branch == b.branch && std::tie(a.reign, a.token) > std::tie(b.reign, b.token);
}

lives::dealings& lives::dealings_of(entry& e) {
  if (!e.now) e.now = std::make_unique<dealings>();
  return *e.now;
}

frozen<supervisor_ref> lives::shared(const supervisor_ref& supervisor) {
  auto& last = supervisors_[supervisor.branch];
  const bool same =
      same_supervisor(last, supervisor) && last->reign == supervisor.reign && last->token == supervisor.token;
  if (!same) last = supervisor;
  return last;
}

lives::lives(caf::event_based_actor* self, std::string node, seams use)
    : self_(self), node_(std::move(node)), use_(std::move(use)) {}

void lives::start(const child_start& order, answer reply) {
  const life_key key{order.child, order.branch};
  if (leaving_) return reply(not_started(order.child, order.token, {errc::unreachable, node_ + " is being stopped"}));
  const auto at = table_.find(key);
  if (at == table_.end()) {
    if (!order.adopt_only) return spawn(order, std::move(reply));
    return reply(not_started(order.child, order.token, {errc::not_found, "does not run on " + node_}));
  }
  auto& e = at->second;
  if (outranks(e.supervisor, order.supervisor))
    return reply(
        not_started(order.child, order.token, {errc::deposed, "has a newer supervisor on " + e.supervisor->node}));
  if (e.stopping && order.adopt_only) return void(dealings_of(e).asked.emplace_back(order, std::move(reply)));
  if (e.stopping) return queue_start(e, order, std::move(reply));
  hand_over(key, e, order.supervisor);
  // A late repetition of an earlier life's start must not give this one its name.
  if (order.token > e.token.value()) e.adopted_as = kept_token{order.token};
  if (!e.starting) return reply(started(order, e.token.value()));
  dealings_of(e).start_waiters.push_back([order, token = e.token.value(), reply = std::move(reply)](const message& m) {
    const auto& result = std::get<child_started>(m);
    reply(result.error.code == errc::none ? started(order, token) : m);
  });
}

void lives::hand_over(const life_key& key, entry& e, const supervisor_ref& to) {
  const auto from = std::exchange(e.supervisor, shared(to));
  if (!outranks(to, from)) return;
  child_down lost;
  lost.child = key.path;
  lost.branch = key.branch;
  lost.token = e.token.value();
  lost.reason = exit_reason::noconnection;
  lost.cause = {errc::deposed, "has a newer supervisor on " + to.node};
  lost.supervisor = from;
  use_.tell_down(lost);
}

void lives::spawn(const child_start& order, answer reply) {
  const life_key key{order.child, order.branch};
  if (const auto before = past_.find(key); before != past_.end() && before->second.token == order.token)
    return reply(not_started(order.child, order.token, before->second.cause));
  entry e;
  try {
    e.handle = use_.spawn(order);
  } catch (const std::exception& problem) {
    return reply(not_started(order.child, order.token, {errc::crashed, problem.what()}));
  }
  e.token = kept_token{order.token};
  e.supervisor = shared(order.supervisor);
  dealings_of(e).start_waiters.push_back(std::move(reply));
  self_->monitor(e.handle);
  auto& at = *table_.insert_or_assign(key, std::move(e)).first;
  by_actor_[at.second.handle.id()] = &at.first;
  ask_ready(key, at.second, use_.start_time(order));
  if (!key.branch) ++agents_;
}

void lives::ask_ready(const life_key& key, entry& e, std::chrono::milliseconds time) {
  const auto token = e.token.value();
  dealings_of(e).watch = watches_.emplace(self_->clock().now() + time, key);
  watch_starts();
  self_->request(e.handle, caf::infinite, ready_atom_v)
      .then([this, key, token](bool) { answered(key, token, {}); },
            [this, key, token](const caf::error& problem) { answered(key, token, problem); });
}

void lives::answered(const life_key& key, const incarnation_token& token, const caf::error& problem) {
  const auto at = table_.find(key);
  if (at == table_.end() || !(at->second.token == token) || !at->second.starting) return;
  auto& e = at->second;
  // An agent that knows no ready_atom has run its init all the same if it says so.
  const bool lives_anyway = problem == caf::sec::unexpected_message || problem == caf::sec::unexpected_response;
  if (problem && !lives_anyway) return;  // It is dead; DOWN brings the cause.
  auto& now = dealings_of(e);
  if (!now.watch) return;  // Too late: it is being killed.
  unwatch(now);
  e.starting = false;
  auto waiters = std::move(now.start_waiters);
  if (!e.stopping) e.now.reset();
  child_start as_asked;
  as_asked.child = key.path;
  as_asked.token = token;
  answer_all(waiters, started(as_asked, token));
}

void lives::watch_starts() {
  if (watches_.empty()) return;
  const auto next = watches_.begin()->first;
  if (watch_at_ && *watch_at_ <= next) return;
  watch_at_ = next;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - self_->clock().now());
  use_.set_timer(start_timer, left);
}

void lives::unwatch(dealings& d) {
  if (d.watch) watches_.erase(*std::exchange(d.watch, std::nullopt));
}

void lives::starts_expired() {
  const auto now = self_->clock().now();
  // A timer that a later one has overtaken.
  if (!watch_at_ || now < *watch_at_) return;
  watch_at_.reset();
  while (!watches_.empty() && watches_.begin()->first <= now) {
    auto& e = table_.at(watches_.begin()->second);
    unwatch(*e.now);
    e.now->cause = {errc::timed_out, "did not answer in time after its start"};
    kill(e);
  }
  watch_starts();
}

void lives::queue_start(entry& e, const child_start& order, answer reply) {
  auto& now = dealings_of(e);
  if (now.next && now.next->token != order.token)
    answer_all(now.next_waiters,
               not_started(order.child, now.next->token, {errc::cancelled, "another start came after"}));
  now.next = order;
  now.next_waiters.push_back(std::move(reply));
}

bool lives::is_meant(const entry& e, const child_stop& order) {
  if (order.token.empty() || e.token == order.token) return true;
  if (order.exact) return false;
  return e.adopted_as == order.token || (has_next(e) && order.token == e.now->next->token);
}

void lives::stop(const child_stop& order, answer reply) {
  const life_key key{order.child, order.branch};
  child_down gone;
  gone.child = order.child;
  gone.branch = order.branch;
  gone.token = order.token;
  gone.supervisor = order.supervisor;
  gone.reason = exit_reason::shutdown;
  const auto at = table_.find(key);
  if (at == table_.end() || !is_meant(at->second, order)) return reply(gone);
  auto& e = at->second;
  // One that means this life alone leaves the start of the next.
  if (!order.exact && has_next(e) && same_supervisor(e.now->next->supervisor, order.supervisor)) {
    answer_all(e.now->next_waiters,
               not_started(order.child, e.now->next->token, {errc::cancelled, "a stop came after"}));
    e.now->next.reset();
    e.supervisor = shared(order.supervisor);
  }
  if (!same_supervisor(e.supervisor, order.supervisor)) {
    gone.reason = exit_reason::noconnection;
    gone.cause = {errc::deposed, order.child.text + " has another supervisor by now"};
    return reply(gone);
  }
  dealings_of(e).stop_waiters.push_back(std::move(reply));
  if (order.exact) e.replaced = true;
  if (!order.finish) return begin_stop(key, e, order.shutdown_ms);
  if (e.stopping) return;
  key.branch ? finish_branch(key, e) : begin_finish(key, e);
}

void lives::begin_finish(const life_key& key, entry& e) {
  e.stopping = true;
  e.finishing = true;
  self_->request(e.handle, caf::infinite, finish_atom_v)
      .then([](bool) {},
            [this, key, token = e.token.value()](const caf::error& problem) {
              // It knows nothing about finishing: then it has nothing to finish.
              const auto at = table_.find(key);
              const bool same = at != table_.end() && at->second.token == token && at->second.finishing;
              if (same && problem == caf::sec::unexpected_message)
                begin_stop(key, at->second, use_.shutdown_ms(key.path, key.branch));
            });
}

void lives::finish_branch(const life_key& key, entry& e) {
  e.finishing = true;
  e.stopping = true;
  const auto own = table_.find({key.path, false});
  const bool has_own = own != table_.end() && own->second.supervisor->branch == key.path;
  if (!has_own) return kill(e);
  // As a waiter of that stop: the end of the agent is no failure for the supervisor, which ends next.
  dealings_of(own->second).stop_waiters.push_back([this, key, token = e.token.value()](const message&) {
    const auto at = table_.find(key);
    if (at != table_.end() && at->second.token == token && at->second.finishing) kill(at->second);
  });
  if (!own->second.stopping) begin_finish(own->first, own->second);
}

void lives::begin_stop(const life_key& key, entry& e, std::int64_t shutdown_ms) {
  if (shutdown_ms == 0) return kill(e);
  if (e.stopping && !e.finishing) return;
  e.stopping = true;
  e.finishing = false;
  // High priority: a stop must not wait behind a full mailbox.
  self_->send<caf::message_priority::high>(
      e.handle, caf::exit_msg{self_->address(), caf::make_error(caf::exit_reason::user_shutdown)});
  if (shutdown_ms < 0) return;
  auto& now = dealings_of(e);
  now.stop_generation = ++generation_;
  stop_timers_[now.stop_generation] = key;
  use_.set_timer(now.stop_generation, std::chrono::milliseconds{shutdown_ms});
}

void lives::expired(std::uint64_t generation) {
  if (generation == start_timer) return starts_expired();
  const auto timer = stop_timers_.find(generation);
  if (timer == stop_timers_.end()) return;
  const auto at = table_.find(timer->second);
  stop_timers_.erase(timer);
  if (at == table_.end()) return;
  auto& e = at->second;
  if (e.now && e.now->stop_generation == generation) kill(e);
}

void lives::kill(entry& e) {
  e.stopping = true;
  self_->send<caf::message_priority::high>(e.handle,
                                           caf::exit_msg{self_->address(), caf::make_error(caf::exit_reason::kill)});
}

bool lives::kill(const life_key& key) {
  const auto at = table_.find(key);
  if (at == table_.end()) return false;
  self_->send<caf::message_priority::high>(at->second.handle,
                                           caf::exit_msg{self_->address(), caf::make_error(caf::exit_reason::kill)});
  return true;
}

void lives::depose(const agent_path& branch) {
  const auto at = table_.find({branch, true});
  if (at == table_.end()) return;
  // Also one that is stopping already: it may wait for the end of children that are not its own any more.
  at->second.replaced = true;
  kill(at->second);
}

void lives::ended(const caf::down_msg& m) {
  const auto known = by_actor_.find(m.source.id());
  if (known == by_actor_.end()) return;
  const auto key = *known->second;
  by_actor_.erase(known);
  auto node = table_.extract(key);
  if (!key.branch) --agents_;
  auto& e = node.mapped();
  auto now = std::move(dealings_of(e));
  unwatch(now);
  stop_timers_.erase(now.stop_generation);
  const auto token = e.token.value();

  child_down d;
  d.child = key.path;
  d.branch = key.branch;
  d.token = token;
  d.reason = reason_of(m.reason);
  d.cause = now.cause.code == errc::none ? cause_of(m.reason, self_->system()) : now.cause;
  d.supervisor = e.supervisor;
  const bool abrupt = d.reason == exit_reason::killed || d.reason == exit_reason::error;
  if (e.replaced) d.cause = {errc::stale_epoch, "another life of " + key.path.text + " is kept"};
  if (d.cause.code == errc::stale_epoch) d.reason = exit_reason::noconnection;
  if (leaving_) {
    d.reason = exit_reason::noconnection;
    d.cause = {errc::node_lost, node_ + " was stopped"};
  }
  past_[key] = {token, d.cause.code == errc::none ? failure{errc::crashed, "ended right after its start"} : d.cause};
  if (key.branch) use_.branch_ended(key.path);
  if (key.branch && abrupt && !e.finishing && !key.path.empty()) stop_orphans(key.path);
  pass_on(key, e, std::move(now), d);
}

void lives::pass_on(const life_key& key, const entry& e, dealings now, const child_down& d) {
  if (e.starting) answer_all(now.start_waiters, not_started(key.path, d.token, past_[key].cause));
  const bool tell = now.stop_waiters.empty() || e.replaced;
  answer_all(now.stop_waiters, d);
  if (tell && !e.starting) use_.tell_down(d);
  if (now.next)
    start(*now.next, [waiters = std::move(now.next_waiters)](const message& m) mutable { answer_all(waiters, m); });
  for (auto& [order, reply] : now.asked) start(order, std::move(reply));
}

void lives::stop_orphans(const agent_path& branch) {
  const auto its = [&](const entry& e) { return e.supervisor->branch == branch && e.supervisor->node == node_; };
  for (auto* life : by_key(table_, its)) {
    auto& [key, e] = *life;
    begin_stop(key, e, leaving_ && key.branch ? 0 : use_.shutdown_ms(key.path, key.branch));
  }
}

void lives::leave() {
  leaving_ = true;
  for (auto* life : by_key(table_, [](const entry&) { return true; })) {
    auto& [key, e] = *life;
    if (has_next(e)) {
      answer_all(e.now->next_waiters,
                 not_started(key.path, e.token.value(), {errc::unreachable, node_ + " is being stopped"}));
      e.now->next.reset();
    }
    begin_stop(key, e, key.branch ? 0 : use_.shutdown_ms(key.path, key.branch));
  }
}

void lives::kill_all() {
  for (auto* life : by_key(table_, [](const entry&) { return true; })) kill(life->second);
}

bool lives::is_replaced(const agent_path& branch) const {
  const auto at = table_.find({branch, true});
  return at != table_.end() && at->second.replaced;
}

caf::actor lives::find(const life_key& key) const {
  const auto at = table_.find(key);
  return at == table_.end() ? caf::actor{} : at->second.handle;
}

}  // namespace cadre::actors::supervision
