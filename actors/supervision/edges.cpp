#include "edges.hpp"

#include "by_key.hpp"
#include "specs.hpp"

#include <algorithm>
#include <utility>

namespace cadre::actors::supervision {

namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& n : names) text += (text.empty() ? "" : ", ") + n;
  return text;
}

}  // namespace

edges::edges(const node_registry& nodes, std::string self, seams use)
    : nodes_(nodes), self_(std::move(self)), use_(std::move(use)) {}

failure edges::failure_in(const result<message>& what) {
  if (!what) return what.error();
  if (const auto* refusal = std::get_if<error_reply>(&*what)) return refusal->error;
  return {errc::bad_message, "an answer of an unexpected kind"};
}

bool edges::is_placed(const edge& e) {
  return e.now == phase::starting || e.now == phase::running || e.now == phase::stopping;
}

std::string edges::place(const child_spec& child) const {
  return child.nodes->empty() ? self_ : nodes_.first_open(child.nodes);
}

std::vector<edges::edge*> edges::those(const std::function<bool(const edge&)>& wanted) {
  std::vector<edge*> all;
  for (auto* found : by_key(table_, wanted)) all.push_back(&found->second);
  return all;
}

frozen<edges::site> edges::shared(const site& at) {
  auto& last = sites_[at.node];
  if (*last != at) last = at;
  return last;
}

void edges::start(const frozen<supervisor_ref>& supervisor, const frozen<child_spec>& child) {
  auto& e = table_[key_of(child)];
  e.supervisor = supervisor;
  e.spec = child;
  e.order = ++starts_;
  e.early.reset();
  e.moving = false;
  e.unwanted = false;
  e.token = kept_token{new_id<incarnation_token>()};
  if (e.sought || !begin_seek(e)) place_and_start(e);
}

void edges::place_and_start(edge& e) {
  e.sought = true;
  const auto node = place(e.spec);
  if (node.empty()) {
    const failure why{errc::unreachable, "none of its nodes is there: " + joined(e.spec->nodes)};
    wait_for_node(e);
    use_.tell(e.supervisor->branch, on::unavailable{e.spec->id, why});
    return;
  }
  e.at = shared({node, nodes_.life_of(node)});
  e.now = phase::starting;
  send_start(e);
}

child_start edges::start_order_of(const edge& e) const {
  child_start order;
  order.child = e.spec->id;
  order.branch = e.spec->branch;
  order.token = e.token.value();
  order.supervisor = e.supervisor;
  order.leader_epoch = use_.leader_epoch();
  return order;
}

void edges::send_start(edge& e) {
  e.request = use_.next_request();
  requests_[e.request] = key_of(e.spec);
  use_.send(e.at->node, start_order_of(e), e.request);
}

void edges::stop(const supervisor_ref& supervisor, const child_spec& child) {
  const auto at = table_.find(key_of(child));
  if (at != table_.end() && at->second.now == phase::seeking) {
    at->second.unwanted = true;
    return;
  }
  const bool lives = at != table_.end() && (at->second.now == phase::starting || at->second.now == phase::running);
  if (!lives) {
    use_.tell(supervisor.branch, on::down{child.id, {}, exit_reason::shutdown, {}});
    return;
  }
  auto& e = at->second;
  e.now = phase::stopping;
  e.moving = false;
  requests_.erase(e.request);
  send_stop(e);
}

child_stop edges::stop_order_of(const edge& e, const incarnation_token& token) const {
  child_stop order;
  order.child = e.spec->id;
  order.branch = e.spec->branch;
  order.token = token;
  order.shutdown_ms = shutdown_ms(e.spec->shutdown);
  order.supervisor = e.supervisor;
  return order;
}

void edges::send_stop(edge& e) {
  auto order = stop_order_of(e, e.token.value());
  order.finish = e.moving;
  e.request = use_.next_request();
  requests_[e.request] = key_of(e.spec);
  use_.send(e.at->node, order, e.request);
}

edges::edge* edges::of_request(std::uint64_t request) {
  const auto at = requests_.find(request);
  if (at == requests_.end()) return nullptr;
  const auto found = table_.find(at->second);
  return found == table_.end() || found->second.request != request ? nullptr : &found->second;
}

void edges::answered(std::uint64_t request, const result<message>& what) {
  if (seeks_.contains(request)) return seek_answered(request, what);
  if (twins_.contains(request)) return twin_answered(request, what);
  auto* e = of_request(request);
  if (e == nullptr) return;
  // The number stays known until the edge moves on, for the retry.
  if (e->now == phase::starting) return start_answered(*e, what);
  if (e->now == phase::stopping) return stop_answered(*e, what);
  if (e->moving) return move_answered(*e, what);
}

void edges::start_answered(edge& e, const result<message>& what) {
  const auto* answer = what ? std::get_if<child_started>(&*what) : nullptr;
  const auto problem = answer == nullptr ? failure_in(what) : answer->error;
  const bool silence = answer == nullptr && problem.code == errc::unreachable;
  // A node that knows a later leader refuses; this node will have heard of it, too, by the next heartbeat.
  const bool outdated = answer == nullptr && problem.code == errc::stale_epoch;
  if (silence || outdated) return not_answered(e);
  requests_.erase(e.request);
  if (problem.code == errc::deposed) {
    e.now = phase::down;
    return use_.deposed(e.supervisor->branch);
  }
  // No room, or the node is being stopped; or a newer life was on record before this one had begun.
  if (problem.code == errc::unreachable || problem.code == errc::stale_epoch) {
    // Its heartbeat will say that it takes nothing more; then the next of the list is offered.
    requests_[e.request] = key_of(e.spec);
    wait_for_node(e);
    use_.tell(e.supervisor->branch, on::unavailable{e.spec->id, problem});
    return use_.set_retry(e.request);
  }
  if (problem.code != errc::none) {
    e.now = phase::down;
    use_.tell(e.supervisor->branch, on::start_failed{e.spec->id, problem});
    return;
  }
  e.now = phase::running;
  e.token = kept_token{answer->token};
  spare(answer->token);
  use_.tell(e.supervisor->branch, on::started{e.spec->id, answer->token, answer->adopted});
  if (const auto early = std::exchange(e.early, nullptr)) return down(*early);
  move_if_better(e);
}

void edges::stop_answered(edge& e, const result<message>& what) {
  const auto* answer = what ? std::get_if<child_down>(&*what) : nullptr;
  if (answer == nullptr && !what) return not_answered(e);
  requests_.erase(e.request);
  e.now = phase::down;
  on::down event{e.spec->id, {}, exit_reason::noconnection, {}};
  if (answer != nullptr) {
    event.reason = answer->reason;
    event.cause = answer->cause;
  } else {
    event.cause = failure_in(what);
  }
  use_.tell(e.supervisor->branch, event);
}

void edges::not_answered(edge& e) {
  // If the node is gone, its loss has ended this order already or will do so.
  use_.set_retry(e.request);
}

void edges::retry(std::uint64_t request) {
  // Each time with a new number: the time limit of the old one may still run out.
  if (auto again = seeks_.extract(request)) return ask({again.mapped()});
  if (auto owed = twins_.extract(request)) return send_twin(owed.mapped());
  auto* e = of_request(request);
  if (e == nullptr) return;
  requests_.erase(request);
  if (e->now == phase::waiting) return offer({e});
  if (e->now == phase::starting) send_start(*e);
  if (e->now == phase::stopping || e->moving) send_stop(*e);
}

void edges::down(const child_down& notice) {
  const auto at = table_.find({notice.child, notice.branch});
  if (at == table_.end() || at->second.supervisor->branch != notice.supervisor.branch) return;
  auto& e = at->second;
  if (notice.cause.code == errc::deposed) {
    if (notice.supervisor.token == e.supervisor->token) use_.deposed(e.supervisor->branch);
    return;
  }
  if (e.now == phase::starting) {
    e.early = std::make_unique<child_down>(notice);
    return;
  }
  if ((e.now != phase::running && e.now != phase::stopping) || !(e.token == notice.token)) return;
  if (notice.cause.code == errc::stale_epoch) e.sought = false;
  requests_.erase(e.request);
  // noconnection here means that its node is being stopped, or that it was replaced by a newer life: as good as lost.
  if (notice.reason == exit_reason::noconnection && e.now == phase::running)
    wait_for_node(e);
  else
    e.now = phase::down;
  use_.tell(e.supervisor->branch, on::down{e.spec->id, notice.token, notice.reason, notice.cause});
  if (e.now == phase::waiting) offer({&e});
}

void edges::changed(const node_change& change) {
  switch (change.what) {
    case node_change::kind::lost:
      return lost(change);
    case node_change::kind::found:
      found();
      ask_newcomer(change);
      return move_all();
    case node_change::kind::drains:
      return move_all();
  }
}

void edges::wait_for_node(edge& e) {
  e.now = phase::waiting;
  e.offered = false;
}

void edges::lost(const node_change& change) {
  const failure why{errc::node_lost, change.node + " is not heard any more"};
  std::vector<life_key> sought;
  const site at{change.node, change.life};
  std::erase_if(seeks_, [&](const auto& s) {
    const bool its = s.second.at == at;
    if (its) sought.push_back(s.second.key);
    return its;
  });
  std::vector<edge*> waiting;
  for (auto* there : those([&](const edge& e) { return is_placed(e) && *e.at == at; })) {
    auto& e = *there;
    requests_.erase(e.request);
    if (e.now == phase::stopping) {
      e.now = phase::down;
      use_.tell(e.supervisor->branch, on::down{e.spec->id, {}, exit_reason::noconnection, why});
      continue;
    }
    const bool ran = e.now == phase::running;
    wait_for_node(e);
    waiting.push_back(&e);
    if (ran)
      use_.tell(e.supervisor->branch, on::down{e.spec->id, e.token.value(), exit_reason::noconnection, why});
    else
      use_.tell(e.supervisor->branch, on::unavailable{e.spec->id, why});
  }
  offer(waiting);
  for (const auto& key : sought) seek_over(key);
}

void edges::found() {
  offer(those([](const edge& e) { return e.now == phase::waiting; }));
}

void edges::offer(const std::vector<edge*>& waiting) {
  auto in_order = waiting;
  std::sort(in_order.begin(), in_order.end(), [](const edge* a, const edge* b) { return a->order < b->order; });
  for (auto* e : in_order) {
    if (e->offered || place(e->spec).empty()) continue;
    e->offered = true;
    use_.tell(e->supervisor->branch, on::available{e->spec->id});
  }
}

void edges::forget_supervisor(const agent_path& branch) {
  std::erase_if(table_, [&](const auto& known) {
    const auto& [key, e] = known;
    if (e.supervisor->branch != branch) return false;
    requests_.erase(e.request);
    std::erase_if(seeks_, [&key](const auto& s) { return s.second.key == key; });
    return true;
  });
  std::erase_if(twins_, [&](const auto& t) { return t.second.order.supervisor.branch == branch; });
}

std::string edges::node_of(const life_key& key) const {
  const auto at = table_.find(key);
  return at == table_.end() ? std::string{} : at->second.at->node;
}

}  // namespace cadre::actors::supervision
