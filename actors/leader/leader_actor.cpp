#include "leader_actor.hpp"

#include "actors/brief/brief_writer.hpp"
#include "actors/findings/findings_actor.hpp"
#include "actors/notify/notifier.hpp"
#include "actors/supervision/exits.hpp"
#include "actors/supervision/type_ids.hpp"
#include "dead_man_actor.hpp"
#include "event_relay.hpp"
#include "schemas/log.hpp"
#include "schemas/subjects.hpp"
#include "writer_actor.hpp"

#include <algorithm>

namespace cadre::actors {

namespace {

using leader = caf::stateful_actor<leader_state>;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds look_every{100};
/// What a sender that has to be refused is told to wait.
constexpr milliseconds retry_after_min{20};
constexpr milliseconds retry_after_max{2'000};

writer_outlets outlets_for(const leader_config& config, epoch reign, const caf::actor& relay,
                           const caf::actor& briefs) {
  const auto send = [bus = config.bus, company = config.company->name, reign](const agent_path& agent, message body) {
    const auto sent =
        bus->publish(subjects::agent(company, agent), bus->make_envelope("leader", reign, std::move(body)));
    // Not lost: what a node does not report as held is granted again.
    if (!sent) log::warn("a message to {} was not sent: {}", agent.text, sent.error().message);
  };
  writer_outlets outlets;
  outlets.grant = [send](const run_grant& grant) { send(grant.agent, grant); };
  outlets.revoke = [send](const run_revoke& revoke) { send(revoke.agent, revoke); };
  outlets.replaced = [send](const life_replaced& replaced) { send(replaced.agent, replaced); };
  outlets.write_brief = [briefs = caf::actor_cast<caf::actor_addr>(briefs)](const brief_id& id) {
    if (auto target = caf::actor_cast<caf::actor>(briefs)) caf::anon_send(target, brief_due{id});
  };
  outlets.publish = [relay = caf::actor_cast<caf::actor_addr>(relay)](std::vector<event> events) {
    if (auto target = caf::actor_cast<caf::actor>(relay)) caf::anon_send(target, committed_events{std::move(events)});
  };
  outlets.database_lost = config.database_lost;
  return outlets;
}

void begin_reign(leader* self, const leader_config& config, const elected& won) {
  auto& s = self->state;
  s.reign = won.reign;
  s.ready = s.yielding = false;
  log::info("{} leads {} with epoch {}", config.node, config.company->name, won.reign);
  event_relay_options relay;
  relay.reader_url = config.reader_url;
  relay.publisher.bus = config.bus->settings();
  relay.publisher.bus.name += "-events";
  relay.publisher.from = "leader";
  relay.publisher.stream.replicas = bus::replicas_for(relay.publisher.bus.url);
  // While a cluster elects who keeps the stream it does not answer at all: asked more often, it is found sooner.
  if (relay.publisher.stream.replicas > 1) relay.publisher.bus.request_timeout = std::chrono::seconds{1};
  s.relay = self->spawn<caf::detached>(event_relay, config.bus, std::move(relay));
  s.brief_writer = self->spawn<caf::detached>(brief_writer, config.reader_url, config.company->name, config.commands);
  s.writer = self->spawn<caf::detached>(writer_actor, won.lead, config.company, caf::actor_cast<caf::actor>(self),
                                        outlets_for(config, won.reign, s.relay, s.brief_writer),
                                        writer_options{{}, s.room_after_us});
  self->monitor(s.writer);
}

/// Commands from the bus, past the gate, into the writer's mailbox.
void take_commands(leader* self, const leader_config& config) {
  auto& s = self->state;
  const auto handler = [gate = *s.gate, bus = config.bus, reign = s.reign, new_tasks = *s.new_task_gate,
                        room_after_us = s.room_after_us,
                        writer = caf::actor_cast<caf::actor_addr>(s.writer)](bus::incoming in) mutable {
    auto* batch = std::get_if<command_batch>(&in.message.body);
    const auto refuse = [&](errc code, const char* why, std::chrono::milliseconds retry_after = {}) {
      error_reply reply;
      reply.error = {code, why, retry_after.count()};
      (void)bus->reply(in, "writer", reign, reply);
    };
    if (!batch) return refuse(errc::unknown_kind, "commands come as a command_batch, or alone with kind and body");
    auto target = caf::actor_cast<caf::actor>(writer);
    if (!target) return refuse(errc::not_leader, "this node leads no longer");
    auto place = (only_adds_tasks(batch->commands) ? new_tasks : gate).try_admit(in.bytes);
    if (!place) {
      const auto room = std::chrono::ceil<milliseconds>(std::chrono::microseconds{*room_after_us});
      return refuse(errc::busy, "the writer's queue is full; try again after a pause",
                    std::clamp(room, retry_after_min, retry_after_max));
    }
    incoming_commands commands;
    commands.commands = std::move(batch->commands);
    commands.place = std::make_shared<bus::gate::ticket>(std::move(*place));
    batch->commands.clear();
    commands.answer = [bus, reign, in = std::move(in)](std::vector<outcome> outcomes) {
      command_outcomes reply;
      reply.outcomes = std::move(outcomes);
      if (auto sent = bus->reply(in, "writer", reign, std::move(reply)); !sent)
        log::warn("an answer of the writer was not sent: {}", sent.error().message);
    };
    caf::anon_send(target, std::move(commands));
  };
  auto subscribed = config.bus->subscribe(subjects::commands(config.company->name), handler);
  if (!subscribed) return self->send_exit(s.writer, supervision::to_error(subscribed.error()));
  s.commands = std::move(*subscribed);
}

void reign_begun(leader* self, const leader_config& config) {
  auto& s = self->state;
  if (!s.writer || s.stopping) return;
  s.ready = true;
  take_commands(self, config);
  if (!config.company->channels.empty())
    s.notifier = self->spawn<caf::detached>(
        notifier_actor, notifier_options{config.company, config.reader_url, config.commands, config.node, true});
  s.findings = self->spawn<caf::detached>(findings_actor, config.reader_url, config.company, config.commands);
  if (config.company->dead_man) {
    s.dead_man_stop = std::make_shared<std::atomic<bool>>(false);
    s.dead_man = self->spawn<caf::detached>(
        dead_man_actor, dead_man_options{config.company, config.commands, s.database_heard, s.dead_man_stop});
  }
  self->send(config.node_host, supervision::lead{s.reign});
}

/// Keeps the node's part in leading to what it can do with the connections that it has.
void look(leader* self, const leader_config& config) {
  auto& s = self->state;
  if (s.stopping) return;
  self->delayed_send(self, look_every, caf::tick_atom_v);
  const steady_clock::time_point heard{steady_clock::duration{*s.database_heard}};
  const auto may = s.reachable.look(config.bus->connected(), heard, *config.stands_aside, steady_clock::now());
  s.candidacy->allow(may.may_run);
  if (!s.writer || s.yielding) return;
  if (!may.may_reign) {
    s.yielding = true;
    s.commands.reset();
    const auto* why = *config.stands_aside && config.bus->connected() ? "it drains" : "no connection to the bus";
    log::warn("{} hands over: {}", config.node, why);
    self->send_exit(s.writer, supervision::to_error({errc::unreachable, why}));
  } else if (s.ready && may.may_listen != static_cast<bool>(s.commands)) {
    if (may.may_listen) return take_commands(self, config);
    log::warn("{} takes no commands: the database is silent for a lease", config.node);
    s.commands.reset();
  }
}

void end_reign(leader* self, const leader_config& config) {
  auto& s = self->state;
  s.ready = false;
  s.commands.reset();
  if (s.dead_man_stop) *s.dead_man_stop = true;
  for (auto* helper : {&s.brief_writer, &s.notifier, &s.relay, &s.findings, &s.dead_man}) {
    if (*helper) self->send_exit(*helper, caf::exit_reason::user_shutdown);
    *helper = nullptr;
  }
  s.writer = nullptr;
  s.reign = 0;
  if (s.stopping) return self->quit(s.stop_reason);
  self->send(config.node_host, supervision::step_down{});
  s.candidacy->run_again();
}

}  // namespace

caf::behavior leader_actor(leader* self, leader_config config) {
  auto& s = self->state;
  supervision::keep_exception_text(self);
  s.gate.emplace(config.command_gate);
  s.new_task_gate.emplace(config.new_task_gate);
  storage::candidate who;
  who.writer_url = config.writer_url;
  who.company = config.company->name;
  who.node = config.node;
  who.life = config.life;
  who.lease = config.company->timing.lease;
  s.reachable = reach{who.lease};
  s.database_heard = std::make_shared<std::atomic<steady_clock::rep>>(0);
  who.heard = [last = s.database_heard, tell = config.database_heard] {
    *last = steady_clock::now().time_since_epoch().count();
    tell();
  };
  s.candidacy = std::make_unique<campaign>(
      std::move(who),
      [me = caf::actor_cast<caf::actor_addr>(self)](std::shared_ptr<storage::leadership> lead, epoch reign) {
        if (auto target = caf::actor_cast<caf::actor>(me)) caf::anon_send(target, elected{std::move(lead), reign});
      },
      config.database_lost);
  self->set_down_handler([=](const caf::down_msg& down) {
    if (self->state.writer && down.source == self->state.writer.address()) end_reign(self, config);
  });
  self->set_exit_handler([=](const caf::exit_msg& m) {
    auto& state = self->state;
    state.stopping = true;
    state.stop_reason = m.reason;
    state.candidacy.reset();
    if (!state.writer) return self->quit(m.reason);
    state.commands.reset();
    self->send_exit(state.writer, caf::exit_reason::user_shutdown);
  });
  look(self, config);
  return {
      [=](const elected& won) {
        if (!self->state.stopping) begin_reign(self, config, won);
      },
      [=](writer_ready_atom) { reign_begun(self, config); },
      [=](caf::tick_atom) { look(self, config); },
  };
}

}  // namespace cadre::actors
