#include "fleet.hpp"

#include "actors/supervision/protocol.hpp"

#include <algorithm>

namespace cadre::simulation {

using namespace actors::supervision;

fleet::fleet(std::uint64_t seed, sabotage what, bool traced)
    : broken{what},
      chance{seed},
      plan{draw(chance, what)},
      log{time, traced},
      watch{time, log, plan.company},
      bus{time, chance} {}

fleet::~fleet() {
  time.clear();
  for (auto& [name, node] : nodes_) graves_.push_back(node);
  nodes_.clear();
  for (auto& node : graves_) node->bury();
}

std::string fleet::play() {
  bus.drop = plan.drop;
  bus.duplicate = plan.duplicate;
  bus.slow_ms = plan.slow_ms;
  commit_trouble = plan.commit_trouble;
  run_trouble = plan.run_trouble;
  for (const auto& name : plan.nodes) time.after(chance.time(0, 1'500), [this, name] { boot(name); });
  time.after(milliseconds{500}, [this] { client_asks(); });
  plan_faults();
  run_until(timeline::start + plan.faulty);
  heal();
  run_until(time.now() + plan.settling);
  watch.judge_rest(database.data, plan.tight);
  return watch.broken();
}

node_process* fleet::find(const std::string& node) const {
  const auto at = nodes_.find(node);
  return at == nodes_.end() ? nullptr : at->second.get();
}

node_process* fleet::some_node() {
  return find(chance.pick(plan.nodes));
}

void fleet::boot(const std::string& node) {
  if (nodes_.contains(node) || node == stays_dead_) return;
  const node_life_id life{fmt::format("{}/{:03}", node, ++lives_)};
  log.note("{} starts", life.text);
  nodes_[node] = std::make_shared<node_process>(*this, node, life);
  nodes_[node]->boot();
}

void fleet::take_away(const std::string& node, bool restarts) {
  auto gone = nodes_.extract(node);
  if (gone.empty()) return;
  gone.mapped()->die();
  // The kernel closes a dead process's connections; across a cut the server does not hear of it.
  if (!cut_from_database.contains(node))
    for (const auto session : database.sessions_of(node)) database.close(session);
  watch.node_ended(gone.mapped()->life);
  if (broken == sabotage::node_loss_unnoticed) haunt(node, gone.mapped()->life);
  graves_.push_back(std::move(gone.mapped()));
  if (restarts) time.after(chance.time(100, 6'000), [this, node] { boot(node); });
}

/// Heartbeats of the dead.
void fleet::haunt(const std::string& node, const node_life_id& life) {
  if (nodes_.contains(node)) return;
  node_heartbeat beat;
  beat.node = node;
  beat.life = life;
  publish(node, beat);
  time.after(milliseconds{500}, [this, node, life] { haunt(node, life); });
}

void fleet::kill(const std::string& node) {
  log.note("{} is killed", node);
  take_away(node, true);
}

void fleet::ended(const std::string& node) {
  log.note("{} has ended", node);
  take_away(node, true);
}

void fleet::settle_messages() {
  for (bool more = true; more;) {
    more = false;
    for (const auto& name : plan.nodes)
      while (true) {
        auto* node = find(name);
        if (node == nullptr || !node->do_one()) break;
        more = true;
      }
    if (!more) more = time.do_one();
  }
  for (auto& grave : std::exchange(graves_, {})) grave->bury();
}

void fleet::run_until(time_point end) {
  while (watch.broken().empty()) {
    settle_messages();
    auto next = std::min(time.next(), end);
    for (const auto& [name, node] : nodes_) next = std::min(next, node->next());
    if (next > time.now()) time.advance_to(next);
    for (const auto& [name, node] : nodes_) node->advance_to(time.now());
    if (time.now() >= end) return settle_messages();
  }
}

namespace {

std::string child_text(const agent_path& path, bool branch) {
  return (path.empty() ? "the root" : path.text) + (branch ? "/" : "");
}

/// What nodes say to each other about children, for the story of a seed.
std::string in_words(const message& m) {
  if (const auto* start = std::get_if<child_start>(&m))
    return (start->adopt_only ? "is it with you: " : "start ") + child_text(start->child, start->branch);
  if (const auto* stop = std::get_if<child_stop>(&m))
    return fmt::format("stop{}{} {}", stop->exact ? " the twin" : "", stop->finish ? " when idle" : "",
                       child_text(stop->child, stop->branch));
  if (const auto* down = std::get_if<child_down>(&m))
    return fmt::format("{} is down: {} {}", child_text(down->child, down->branch), to_text(down->reason),
                       down->cause.message);
  if (const auto* started = std::get_if<child_started>(&m)) {
    const auto* how = started->error.code != errc::none ? "does not run" : started->adopted ? "ran already" : "runs";
    return fmt::format("{} {} {}", started->child.text, how, started->error.message);
  }
  if (const auto* refused = std::get_if<error_reply>(&m)) return "refused: " + refused->error.message;
  return std::holds_alternative<ack>(m) ? "heard" : "something else";
}

}  // namespace

void fleet::request(node_process& from, const std::string& to, const message& order, std::uint64_t request) {
  if (from.dead()) return;
  if (log.traced()) log.note("      {} to {}: {}", from.name, to, in_words(order));
  incoming_control in;
  in.request.body = order;
  in.reply_to = from.name + "." + std::to_string(++count_);
  asked_[in.reply_to] = {from.weak_from_this(), request};
  bus.send(from.name, to, [this, to, in] {
    if (const auto* node = find(to)) caf::anon_send(node->host, in);
  });
}

void fleet::reply(const std::string& from, const std::string& reply_to, const message& answer) {
  const auto at = asked_.find(reply_to);
  if (at == asked_.end()) return;
  if (log.traced()) log.note("      {} answers {}: {}", from, reply_to, in_words(answer));
  bus.send(from, reply_to.substr(0, reply_to.find('.')), [who = at->second, answer] {
    const auto node = who.who.lock();
    if (node && !node->dead()) caf::anon_send(node->host, control_answer{who.request, answer});
  });
}

void fleet::send_batch(node_process& from, std::vector<command> commands,
                       std::function<void(result<std::vector<outcome>>)> answer, milliseconds timeout) {
  if (from.dead()) return;
  const auto open = std::make_shared<bool>(true);
  const auto once = [open, answer = std::move(answer)](result<std::vector<outcome>> what) {
    if (std::exchange(*open, false)) answer(std::move(what));
  };
  const auto batch = std::make_shared<const std::vector<command>>(std::move(commands));
  for (const auto& to : plan.nodes)
    bus.send(from.name, to, [this, to, asker = from.name, batch, once] {
      auto* node = find(to);
      if (node == nullptr || !node->leader.listens()) return;
      const auto reply = [this, to, asker, once](std::vector<outcome> outcomes) {
        bus.send(to, asker, [once, outcomes = std::move(outcomes)] { once(outcomes); });
      };
      // A frozen leader finds it on its socket when it wakes up.
      node->after(milliseconds{0}, [node, batch, reply] {
        if (node->leader.listens()) node->leader.take(*batch, reply);
      });
    });
  if (broken == sabotage::resend_lost) return;
  from.after(timeout, [once] { once(fail(errc::unreachable, "no answer in time")); });
}

}  // namespace cadre::simulation
