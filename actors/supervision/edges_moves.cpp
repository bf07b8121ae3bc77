#include "edges.hpp"
#include "specs.hpp"

#include <algorithm>
#include <utility>

/// Where children are, and whether they should be elsewhere: adoption by a new supervisor, drains and failback.
namespace cadre::actors::supervision {

bool edges::all_heard(const child_spec& child) const {
  return std::all_of(child.nodes.begin(), child.nodes.end(), [&](const auto& node) { return nodes_.is_there(node); });
}

void edges::settle() {
  settled_ = true;
  std::vector<life_key> sought;
  for (const auto& [key, e] : table_)
    if (e.now == phase::seeking) sought.push_back(key);
  for (const auto& key : sought) seek_over(key);
}

bool edges::begin_seek(edge& e) {
  const life_key key{e.spec.id, e.spec.branch};
  std::vector<seek> questions;
  for (const auto& node : e.spec.nodes)
    if (nodes_.is_there(node)) questions.push_back({key, node, nodes_.life_of(node)});
  const bool complete = settled_ || all_heard(e.spec);
  // On the only node there is, the order to start adopts just as well.
  const bool plain = questions.empty() || (questions.size() == 1 && questions.front().node == place(e.spec));
  if (complete && plain) return false;
  e.now = phase::seeking;
  e.seen.clear();
  for (const auto& question : questions) send_seek(question);
  return true;
}

void edges::ask_newcomer(const node_change& change) {
  std::vector<seek> questions;
  for (const auto& [key, e] : table_) {
    const bool elsewhere = e.now == phase::seeking || (e.node != change.node && e.now != phase::down);
    const bool may_be_there = std::find(e.spec.nodes.begin(), e.spec.nodes.end(), change.node) != e.spec.nodes.end();
    if (elsewhere && may_be_there && e.now != phase::waiting) questions.push_back({key, change.node, change.life});
  }
  for (const auto& question : questions) send_seek(question);
}

void edges::send_seek(const seek& s) {
  const auto at = table_.find(s.key);
  if (at == table_.end()) return;
  auto order = start_order_of(at->second);
  order.adopt_only = true;
  const auto request = use_.next_request();
  seeks_[request] = s;
  use_.send(s.node, order, request);
}

void edges::seek_answered(std::uint64_t request, const result<message>& what) {
  const auto asked = seeks_.at(request);
  const auto at = table_.find(asked.key);
  const auto* answer = what ? std::get_if<child_started>(&*what) : nullptr;
  if (answer != nullptr && answer->error.code == errc::none) {
    seeks_.erase(request);
    if (at == table_.end()) return;
    const sighting life{asked.node, asked.life, answer->token};
    if (at->second.now != phase::seeking) return stop_twin(at->second, life);
    at->second.seen.push_back(life);
    return seek_over(asked.key);
  }
  // Who says nothing may have it, and so may who knows a later leader: this node will hear of that, too. If the node is
  // gone, its loss ends the question.
  const auto* refused = what ? std::get_if<error_reply>(&*what) : nullptr;
  const bool unsure = !what || (refused != nullptr && refused->error.code == errc::stale_epoch);
  const bool again = unsure && nodes_.is_there(asked.node, asked.life);
  if (again && at != table_.end() && at->second.now == phase::seeking) return use_.set_retry(request);
  seeks_.erase(request);
  seek_over(asked.key);
}

void edges::stop_twin(const edge& e, const sighting& twin) {
  if (twin.node == e.node && twin.token == e.token) return;
  child_stop order;
  order.child = e.spec.id;
  order.branch = e.spec.branch;
  order.token = twin.token;
  order.shutdown_ms = shutdown_ms(e.spec.shutdown);
  order.supervisor = e.supervisor;
  if (twin.node != e.node) use_.send(twin.node, order, use_.next_request());
}

void edges::adopt(edge& e) {
  // Tokens are ordered by time, and only the last life is listened to.
  const auto newest = std::max_element(e.seen.begin(), e.seen.end(),
                                       [](const sighting& a, const sighting& b) { return a.token < b.token; });
  e.node = newest->node;
  e.life = newest->life;
  e.token = newest->token;
  e.sought = true;
  for (const auto& life : std::exchange(e.seen, {})) stop_twin(e, life);
  if (e.unwanted) {
    e.now = phase::stopping;
    return send_stop(e);
  }
  e.now = phase::running;
  use_.tell(e.supervisor.branch, on::started{e.spec.id, e.token, true});
  move_if_better(e);
}

void edges::seek_over(const life_key& key) {
  const auto at = table_.find(key);
  if (at == table_.end() || at->second.now != phase::seeking) return;
  const bool open = std::any_of(seeks_.begin(), seeks_.end(), [&](const auto& s) { return s.second.key == key; });
  if (open) return;
  auto& e = at->second;
  if (!settled_ && !all_heard(e.spec)) return;
  if (!e.seen.empty()) return adopt(e);
  if (!e.unwanted) return place_and_start(e);
  e.now = phase::down;
  use_.tell(e.supervisor.branch, on::down{e.spec.id, {}, exit_reason::shutdown, {}});
}

void edges::move_if_better(edge& e) {
  if (e.now != phase::running || e.moving || e.spec.nodes.empty()) return;
  const auto better = place(e.spec);
  if (better.empty() || better == e.node) return;
  if (!nodes_.is_draining(e.node) && e.spec.failback == failback_rule::never) return;
  e.moving = true;
  send_stop(e);
}

void edges::move_answered(edge& e, const result<message>& what) {
  if (!what) return not_answered(e);
  requests_.erase(e.request);
  e.moving = false;
  const auto* ended = std::get_if<child_down>(&*what);
  if (ended == nullptr) return;
  // Its node is being stopped, too, and was faster.
  if (ended->reason == exit_reason::noconnection) return down(*ended);
  e.now = phase::down;
  // The stop that this makes the supervisor order finds it gone; the start that follows places it anew.
  use_.tell(e.supervisor.branch, on::order{on::order::kind::restart, e.spec.id});
}

void edges::move_all() {
  std::vector<edge*> in_order;
  for (auto& [key, e] : table_) in_order.push_back(&e);
  std::sort(in_order.begin(), in_order.end(), [](const edge* a, const edge* b) { return a->order < b->order; });
  for (auto* e : in_order) move_if_better(*e);
}

}  // namespace cadre::actors::supervision
