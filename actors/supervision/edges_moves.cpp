#include "edges.hpp"
#include "specs.hpp"

#include <algorithm>

/// Where children are, and whether they should be elsewhere: adoption by a new supervisor, drains and failback.
namespace cadre::actors::supervision {

bool edges::all_heard(const child_spec& child) const {
  return settled_ ||
         std::all_of(child.nodes->begin(), child.nodes->end(), [&](const auto& node) { return nodes_.is_there(node); });
}

void edges::settle() {
  settled_ = true;
  std::vector<life_key> sought;
  for (const auto* e : those([](const edge& e) { return e.now == phase::seeking; })) sought.push_back(key_of(e->spec));
  for (const auto& key : sought) seek_over(key);
}

bool edges::begin_seek(edge& e) {
  const auto key = key_of(e.spec);
  std::vector<seek> questions;
  for (const auto& node : *e.spec->nodes)
    if (nodes_.is_there(node)) questions.push_back({key, {node, nodes_.life_of(node)}});
  // On the only node there is, the order to start adopts just as well.
  const bool only = questions.empty() || (questions.size() == 1 && questions.front().at.node == place(e.spec));
  if (only && all_heard(e.spec)) return false;
  e.now = phase::seeking;
  std::erase_if(seeks_, [&](const auto& s) { return s.second.key == key; });
  ask(questions);
  return true;
}

void edges::ask_newcomer(const node_change& change) {
  std::vector<seek> questions;
  const auto may_have = [&](const edge& e) {
    const auto& nodes = *e.spec->nodes;
    const bool listed = std::find(nodes.begin(), nodes.end(), change.node) != nodes.end();
    // What waits for a node is offered this one, and then sought.
    const bool known = is_placed(e) && e.at->node == change.node;
    return listed && !known && e.now != phase::waiting;
  };
  for (const auto* e : those(may_have)) questions.push_back({key_of(e->spec), {change.node, change.life}});
  ask(questions);
}

void edges::ask(const std::vector<seek>& questions) {
  // All of them stand before the first is answered: this node answers at once.
  std::vector<std::uint64_t> requests;
  for (const auto& question : questions) {
    requests.push_back(use_.next_request());
    seeks_[requests.back()] = question;
  }
  for (const auto request : requests) send_seek(request);
}

void edges::send_seek(std::uint64_t request) {
  const auto asked = seeks_.find(request);
  if (asked == seeks_.end()) return;
  const auto at = table_.find(asked->second.key);
  if (at == table_.end()) return;
  auto order = start_order_of(at->second);
  order.adopt_only = true;
  use_.send(asked->second.at.node, order, request);
}

void edges::seek_answered(std::uint64_t request, const result<message>& what) {
  const auto asked = seeks_.at(request);
  const auto at = table_.find(asked.key);
  if (at == table_.end()) return void(seeks_.erase(request));
  const auto* answer = what ? std::get_if<child_started>(&*what) : nullptr;
  const auto problem = answer == nullptr ? failure_in(what) : answer->error;
  // Who says nothing may have it, and so may who knows a later leader: this node will hear of that, too. If the node is
  // gone, its loss ends the question.
  const bool unsure = answer == nullptr && (!what || problem.code == errc::stale_epoch);
  if (unsure && nodes_.is_there(asked.at.node, asked.at.life)) return use_.set_retry(request);
  seeks_.erase(request);
  if (problem.code == errc::deposed) return use_.deposed(at->second.supervisor->branch);
  if (problem.code == errc::none) return sighted(at->second, {asked.at, answer->token});
  seek_over(asked.key);
}

void edges::sighted(edge& e, const sighting& s) {
  if (e.now == phase::seeking) return adopt(e, s);
  if (is_placed(e) && s.at.node == e.at->node) return;
  if (e.now != phase::running || e.moving || s.token < e.token.value()) return stop_twin(e, s);
  stop_twin(e, {e.at, e.token.value()});
  adopt(e, s);
}

void edges::adopt(edge& e, const sighting& s) {
  e.at = shared(s.at);
  e.token = kept_token{s.token};
  e.sought = true;
  spare(s.token);
  if (e.unwanted) {
    e.now = phase::stopping;
    return send_stop(e);
  }
  e.now = phase::running;
  use_.tell(e.supervisor->branch, on::started{e.spec->id, s.token, true});
  move_if_better(e);
}

void edges::stop_twin(const edge& e, const sighting& s) {
  auto order = stop_order_of(e, s.token);
  order.exact = true;
  send_twin({s.at, order});
}

void edges::send_twin(const twin& owed) {
  const auto request = use_.next_request();
  twins_[request] = owed;
  use_.send(owed.at.node, owed.order, request);
}

void edges::spare(const incarnation_token& token) {
  std::erase_if(twins_, [&](const auto& t) { return t.second.order.token == token; });
}

void edges::twin_answered(std::uint64_t request, const result<message>& what) {
  const auto& owed = twins_.at(request);
  if (!what && nodes_.is_there(owed.at.node, owed.at.life)) return use_.set_retry(request);
  twins_.erase(request);
}

void edges::seek_over(const life_key& key) {
  const auto at = table_.find(key);
  if (at == table_.end() || at->second.now != phase::seeking || !all_heard(at->second.spec)) return;
  const bool open = std::any_of(seeks_.begin(), seeks_.end(), [&](const auto& s) { return s.second.key == key; });
  if (open) return;
  auto& e = at->second;
  if (!e.unwanted) return place_and_start(e);
  e.now = phase::down;
  use_.tell(e.supervisor->branch, on::down{e.spec->id, {}, exit_reason::shutdown, {}});
}

void edges::move_if_better(edge& e) {
  if (e.now != phase::running || e.moving || e.spec->nodes->empty()) return;
  const auto better = place(e.spec);
  if (better.empty() || better == e.at->node) return;
  if (!nodes_.is_draining(e.at->node) && e.spec->failback == failback_rule::never) return;
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
  use_.tell(e.supervisor->branch, on::order{on::order::kind::move, e.spec->id});
}

void edges::move_all() {
  auto in_order = those([](const edge&) { return true; });
  std::sort(in_order.begin(), in_order.end(), [](const edge* a, const edge* b) { return a->order < b->order; });
  for (auto* e : in_order) move_if_better(*e);
}

}  // namespace cadre::actors::supervision
