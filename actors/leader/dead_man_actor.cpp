#include "dead_man_actor.hpp"

#include "actors/command/command_client.hpp"
#include "actors/http/request.hpp"
#include "actors/local_messages.hpp"
#include "schemas/json.hpp"
#include "schemas/log.hpp"

#include <algorithm>

namespace cadre::actors {

namespace {

using pinger = caf::stateful_actor<dead_man_state>;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds look_every_max{1'000};
constexpr milliseconds look_every_min{50};

bool healthy(const dead_man_options& o) {
  const steady_clock::time_point heard{steady_clock::duration{*o.database_heard}};
  return steady_clock::now() - heard <= 2 * o.company->timing.lease;
}

result<void> ping(const dead_man_options& o) {
  http::request r;
  r.method = "GET";
  r.url = o.company->dead_man->url;
  r.within.connect = r.within.total = o.company->dead_man->timeout;
  r.stop = o.stop;
  const auto answer = http::send(r);
  if (!answer) return tl::unexpected{answer.error()};
  if (!answer->ok()) return fail(errc::refused, "it answered with status " + std::to_string(answer->status));
  return {};
}

void report(pinger* self, const dead_man_options& o, const failure& why) {
  findings_report found;
  found.finding = "dead_man_failing";
  found.at = now();
  if (why.code != errc::none)
    found.seen.push_back({"dead-man ping",
                          o.company->agents.front().path,
                          "the dead-man ping fails: " + why.message,
                          {nlohmann::json{{"code", to_text(why.code)}}.dump()}});
  auto c = make_command("leader", std::move(found));
  self->request(o.commands, command_timeout, std::move(c))
      .then([](const outcome&) {},
            [](const caf::error&) {
              log::warn("what came of the dead-man ping was not kept: the writer did not answer");
            });
}

}  // namespace

caf::behavior dead_man_actor(pinger* self, dead_man_options options) {
  self->state.machine.emplace(*options.company->dead_man);
  self->send(self, dead_man_look_atom_v);
  return {
      [=](dead_man_look_atom) {
        auto& machine = *self->state.machine;
        if (machine.due(healthy(options), steady_clock::now())) {
          const auto answer = ping(options);
          if (!answer) log::warn("the dead-man ping failed: {}", answer.error().message);
          if (const auto why = machine.answered(answer, steady_clock::now())) report(self, options, *why);
        }
        self->delayed_send(self, std::clamp(machine.wait(steady_clock::now()), look_every_min, look_every_max),
                           dead_man_look_atom_v);
      },
  };
}

}  // namespace cadre::actors
