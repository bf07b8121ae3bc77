#pragma once

#include "actors/command/command_client.hpp"
#include "actors/supervision/exits.hpp"
#include "agent_services.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/sec.hpp>

#include <chrono>
#include <functional>
#include <limits>

namespace cadre::actors {

/// How long a life that was replaced waits before it ends itself: its supervisor, if a newer one looks after the agent,
/// has stopped it by then. If not, its end makes the supervisor start the next.
constexpr std::chrono::milliseconds replaced_linger{1'500};

/// Whether a life of epoch `own` (0: none was granted yet) is over.
inline bool is_over(const life_replaced& news, epoch own) {
  return own != 0 ? own < news.newest : news.newest == std::numeric_limits<epoch>::max();
}

/// What a life that was replaced ends with: for its supervisor as good as a lost node, nobody's fault.
inline failure replaced_failure(const agent_path& agent) {
  return {errc::stale_epoch, "this life of " + agent.text + " was replaced or given up"};
}

/// Asks the writer for the epoch of this life and hands it to `then` once it is granted. Until then the agent lives and
/// takes no work. Asks again for as long as the writer is away. A life that comes too late, because a newer one has its
/// epoch, is sent `life_replaced`; refused for another reason, or without anybody to ask, the actor quits with the
/// cause.
inline void ask_for_epoch(caf::event_based_actor* self, const agent_services& services, const agent_path& agent,
                          const incarnation_token& token, std::function<void(epoch)> then) {
  incarnation_start start;
  start.token = token;
  start.agent = agent;
  start.node = services.node;
  start.node_life = services.life;
  auto c = make_command("node." + services.node, std::move(start));
  self->request(services.commands, command_timeout, std::move(c))
      .then(
          [self, services, agent, token, then](const outcome& answer) {
            if (answer.status == outcome_status::committed) return then(static_cast<epoch>(answer.value));
            if (answer.status == outcome_status::rejected && answer.error.code == errc::stale_epoch) {
              life_replaced over;
              over.agent = agent;
              over.newest = std::numeric_limits<epoch>::max();
              return self->send(self, std::move(over));
            }
            if (answer.status == outcome_status::rejected)
              throw std::runtime_error("the writer refused this life: " + answer.error.message);
            ask_for_epoch(self, services, agent, token, then);
          },
          [self, services, agent, token, then](const caf::error& problem) {
            // Whoever is gone refuses at once, and would be asked without a pause.
            if (problem == caf::sec::request_receiver_down)
              return self->quit(supervision::to_error({errc::unreachable, "the node's command client is gone"}));
            ask_for_epoch(self, services, agent, token, then);
          });
}

/// Tells the writer that this life is over. Nobody waits for the answer: a next life ends this one all the same.
inline void report_end(caf::event_based_actor* self, const agent_services& services, const incarnation_token& token,
                       exit_reason reason, std::string cause) {
  incarnation_end end;
  end.token = token;
  end.reason = reason;
  end.cause = std::move(cause);
  auto c = make_command("node." + services.node, std::move(end));
  self->request(services.commands, command_timeout, std::move(c)).then([](const outcome&) {}, [](const caf::error&) {});
}

}  // namespace cadre::actors
