#include "bus_link.hpp"

#include "schemas/log.hpp"
#include "schemas/subjects.hpp"

#include <algorithm>

namespace cadre::actors {

namespace {

constexpr std::chrono::milliseconds batch_timeout{5'000};

/// What an answer to a batch means.
result<std::vector<outcome>> outcomes_of(result<envelope> answer) {
  if (!answer) return tl::unexpected{answer.error()};
  if (auto* outcomes = std::get_if<command_outcomes>(&answer->body)) return std::move(outcomes->outcomes);
  return fail(errc::bad_message, "the writer answered with something else than outcomes");
}

bool commits_something(const std::vector<outcome>& outcomes) {
  return std::any_of(outcomes.begin(), outcomes.end(),
                     [](const outcome& o) { return o.status == outcome_status::committed; });
}

void to_agent(const agent_directory& agents, const bus::incoming& in) {
  if (const auto* grant = std::get_if<run_grant>(&in.message.body)) {
    if (auto agent = agents.find(grant->agent)) caf::anon_send(agent, *grant);
  } else if (const auto* revoke = std::get_if<run_revoke>(&in.message.body)) {
    if (auto agent = agents.find(revoke->agent)) caf::anon_send(agent, *revoke);
  } else if (const auto* replaced = std::get_if<life_replaced>(&in.message.body)) {
    if (auto agent = agents.find(replaced->agent)) caf::anon_send(agent, *replaced);
  }
}

/// True if it was a question for the node's health, which is answered here.
bool answers_health(const std::shared_ptr<bus::connection>& bus, const std::string& node, const ear_targets& targets,
                    const bus::incoming& in) {
  const auto* order = std::get_if<operator_order>(&in.message.body);
  if (!order || order->order != health_order) return false;
  const auto report = targets.health();
  message answer = ack{};
  if (report.state != health_state::ok)
    answer = error_reply{{errc::refused, to_line(report, std::chrono::steady_clock::now())}};
  (void)bus->reply(in, "node." + node, 0, std::move(answer));  // Who asked waits no longer than for any answer.
  return true;
}

}  // namespace

void bus_link::send_heartbeat(const node_heartbeat& beat) {
  // Best effort: the next one follows soon, and silence is what the others judge by.
  (void)bus_->publish(subjects::heartbeat(node_), bus_->make_envelope("node." + node_, 0, beat));
}

void bus_link::request(const std::string& node, const message& order, std::chrono::milliseconds timeout,
                       std::uint64_t request, const caf::actor& answer_to) {
  bus_->request(subjects::control(node), bus_->make_envelope("node." + node_, 0, order), timeout,
                [request, asker = caf::actor_cast<caf::actor_addr>(answer_to)](result<envelope> answer) {
                  auto target = caf::actor_cast<caf::actor>(asker);
                  if (!target) return;
                  supervision::control_answer out;
                  out.request = request;
                  if (answer) {
                    out.answer = std::move(answer->body);
                  } else {
                    out.answer = tl::unexpected{answer.error()};
                  }
                  caf::anon_send(target, std::move(out));
                });
}

void bus_link::reply(const std::string& reply_to, const message& answer) {
  if (reply_to.empty()) return;
  if (auto sent = bus_->publish(reply_to, bus_->make_envelope("node." + node_, 0, answer)); !sent)
    log::warn("an answer to another node was not sent: {}", sent.error().message);
}

batch_sender writer_road(std::shared_ptr<bus::connection> bus, std::string node, std::shared_ptr<pulse> signs) {
  return [bus = std::move(bus), node = std::move(node), signs = std::move(signs)](
             std::vector<command> commands, std::function<void(result<std::vector<outcome>>)> answer) {
    command_batch batch;
    batch.commands = std::move(commands);
    bus->request(subjects::command(bus->settings().company, command_batch::kind),
                 bus->make_envelope("node." + node, 0, std::move(batch)), batch_timeout,
                 [answer = std::move(answer), signs](result<envelope> reply) {
                   auto outcomes = outcomes_of(std::move(reply));
                   if (outcomes && commits_something(*outcomes)) signs->committed();
                   answer(std::move(outcomes));
                 });
  };
}

result<node_ears> listen(const std::shared_ptr<bus::connection>& bus, const std::string& company,
                         const std::string& node, const ear_targets& targets) {
  node_ears ears;
  const auto add = [&](const std::string& subject, bus::connection::message_handler handler) -> result<void> {
    auto subscribed = bus->subscribe(subject, std::move(handler));
    if (!subscribed) return tl::unexpected{subscribed.error()};
    ears.subscriptions.push_back(std::move(*subscribed));
    return {};
  };
  auto done = add(subjects::control(node), [bus, node, targets](bus::incoming in) {
    if (answers_health(bus, node, targets, in)) return;
    caf::anon_send(targets.node_host, supervision::incoming_control{std::move(in.message), std::move(in.reply_to)});
  });
  if (done) {
    const auto newest = std::make_shared<std::atomic<epoch>>(0);
    done = add(subjects::heartbeat("*"), [host = targets.node_host, reporter = targets.reporter, signs = targets.signs,
                                          newest](bus::incoming in) {
      const auto* beat = std::get_if<node_heartbeat>(&in.message.body);
      if (!beat) return;
      if (beat->leads) signs->heard_leader();
      // A new leader knows nobody's free slots: tell it now, not at the next report.
      if (beat->leads && beat->leader_epoch > newest->exchange(std::max(newest->load(), beat->leader_epoch)))
        caf::anon_send(reporter, leader_seen_atom_v);
      caf::anon_send(host, supervision::incoming_heartbeat{*beat});
    });
  }
  if (done)
    done = add(subjects::agent(company, agent_path{">"}),
               [agents = targets.agents](const bus::incoming& in) { to_agent(*agents, in); });
  if (!done) return tl::unexpected{done.error()};
  return ears;
}

}  // namespace cadre::actors
