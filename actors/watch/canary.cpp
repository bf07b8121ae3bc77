#include "actors/watch/canary.hpp"

#include "actors/supervision/type_ids.hpp"

#include <caf/actor_cast.hpp>

#include <algorithm>

namespace cadre::actors {
namespace {

using canary_self = caf::stateful_actor<canary_state>;

/// Before a silent agent is asked anew: its first answer after a long silence may have been given up.
constexpr std::chrono::seconds question_time_max{10};

void ask(canary_self* self, const std::shared_ptr<pulse>& signs, const agent_path& path, const caf::actor& agent) {
  if (!self->state.out.insert(path.text).second) return;
  signs->asked(path);
  const auto settle = [self, signs, path] {
    self->state.out.erase(path.text);
    signs->settled(path);
  };
  self->request(agent, question_time_max, supervision::ready_atom_v)
      .then([settle](bool) { settle(); },
            [self, settle, path](const caf::error& e) {
              // Any other error is an answer too, or says that it is gone.
              if (e != caf::sec::request_timeout) return settle();
              self->state.out.erase(path.text);
            });
}

void ask_some(canary_self* self, const std::shared_ptr<pulse>& signs, const std::function<agent_list()>& agents,
              std::size_t& batch) {
  auto& round = self->state.round;
  if (round.empty()) {
    round = agents();
    batch = std::clamp<std::size_t>(round.size() / 20, 8, 1'000);
  }
  for (std::size_t i = 0; i < batch && !round.empty(); ++i) {
    const auto [path, address] = std::move(round.back());
    round.pop_back();
    if (const auto agent = caf::actor_cast<caf::actor>(address)) {
      ask(self, signs, path, agent);
    } else {
      signs->settled(path);
    }
  }
}

}  // namespace

caf::behavior canary(canary_self* self, std::shared_ptr<pulse> signs, std::function<agent_list()> agents) {
  return {[=, batch = std::size_t{8}](std::uint64_t ping) mutable {
    signs->answered(ping);
    ask_some(self, signs, agents, batch);
  }};
}

}  // namespace cadre::actors
