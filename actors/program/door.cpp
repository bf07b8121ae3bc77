#include "door.hpp"

#include "bus/gate.hpp"
#include "schemas/subjects.hpp"
#include "wire.hpp"

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

namespace cadre::actors {

namespace {

/// Of one agent, between the bus and its mailbox.
constexpr bus::gate_limits door_limits{1'024, 8u << 20};
constexpr std::chrono::milliseconds full_pause{200};

}  // namespace

result<bus::subscription> open_door(const std::shared_ptr<bus::connection>& bus, const agent_path& agent,
                                    const caf::actor_addr& owner) {
  const auto bytes_max = bus->settings().message_bytes_max;
  const auto gate = std::make_shared<bus::gate>(door_limits);
  const auto refuse = [weak = std::weak_ptr{bus}](std::string_view to, const program_error& why) {
    // Who can't be told waits no longer than for any answer.
    if (const auto open = weak.lock()) (void)open->publish_plain(std::string{to}, error_text(why));
  };
  return bus->subscribe_plain(subjects::worker(bus->settings().company, agent, "*"), [=](const bus::plain_message& in) {
    if (in.reply_to.empty()) return;
    if (in.body.size() > bytes_max) {
      refuse(in.reply_to, {"too_large",
                           "a call of " + std::to_string(in.body.size()) + " bytes; at most " +
                               std::to_string(bytes_max) + " are allowed: send fewer lines at a time",
                           {}});
      return;
    }
    auto place = gate->try_admit(in.body.size());
    if (!place) {
      refuse(in.reply_to, {"busy", "too many calls wait for this agent; try again", full_pause});
      return;
    }
    const auto target = caf::actor_cast<caf::actor>(owner);
    if (!target) return;
    program_message m;
    m.verb = std::string{in.subject.substr(in.subject.rfind('.') + 1)};
    m.body = std::string{in.body};
    m.reply_to = std::string{in.reply_to};
    m.place = std::make_shared<bus::gate::ticket>(std::move(*place));
    caf::anon_send(target, std::move(m));
  });
}

}  // namespace cadre::actors
