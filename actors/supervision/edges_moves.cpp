#include "edges.hpp"
#include "specs.hpp"

#include <algorithm>

/// Where children are, and whether they should be elsewhere: adoption by a new supervisor, drains and failback.
namespace cadre::actors::supervision {

bool edges::begin_seek(edge& e) {
  const life_key key{e.spec.id, e.spec.branch};
  std::vector<seek> questions;
  for (const auto& node : e.spec.nodes)
    if (nodes_.is_there(node)) questions.push_back({key, node, nodes_.life_of(node)});
  // On the only node there is, the order to start adopts just as well.
  if (questions.empty() || (questions.size() == 1 && questions.front().node == place(e.spec))) return false;
  e.now = phase::seeking;
  for (const auto& question : questions) send_seek(question);
  return true;
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
    if (at != table_.end()) adopt(at->second, asked, *answer);
    return;
  }
  // Who says nothing may have it. If the node is gone, its loss ends the question.
  const bool silence = !what && nodes_.is_there(asked.node, asked.life);
  if (silence && at != table_.end() && at->second.now == phase::seeking) return use_.set_retry(request);
  seeks_.erase(request);
  seek_over(asked.key);
}

void edges::adopt(edge& e, const seek& at, const child_started& answer) {
  if (e.now != phase::seeking) {
    // A second life, from before a failover: the first to answer is kept.
    child_stop twin;
    twin.child = at.key.path;
    twin.branch = at.key.branch;
    twin.token = answer.token;
    twin.shutdown_ms = shutdown_ms(e.spec.shutdown);
    twin.supervisor = e.supervisor;
    if (at.node != e.node) use_.send(at.node, twin, use_.next_request());
    return;
  }
  e.node = at.node;
  e.life = at.life;
  e.token = answer.token;
  if (e.unwanted) {
    e.now = phase::stopping;
    return send_stop(e);
  }
  e.now = phase::running;
  use_.tell(e.supervisor.branch, on::started{e.spec.id, e.token, answer.adopted});
  move_if_better(e);
}

void edges::seek_over(const life_key& key) {
  const auto at = table_.find(key);
  if (at == table_.end() || at->second.now != phase::seeking) return;
  const bool open = std::any_of(seeks_.begin(), seeks_.end(), [&](const auto& s) { return s.second.key == key; });
  if (open) return;
  auto& e = at->second;
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
