#pragma once

#include "actors/http/request.hpp"
#include "actors/local_messages.hpp"
#include "actors/notify/notify_machine.hpp"
#include "config/company.hpp"
#include "storage/read/reader.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <string>

namespace cadre::actors {

/// One channel: what it does now, and the thread that it does it on.
struct channel_lane {
  const config::notify_channel* channel = nullptr;
  caf::actor sender;
  bool busy = false;         ///< From the decision to send until the end is on record.
  notify::outgoing message;  ///< While busy.
  std::chrono::steady_clock::time_point pause_until;
  notify::overdue_watch watch;
};

struct notifier_state {
  ~notifier_state();

  std::unique_ptr<storage::reader> source;
  std::map<std::string, channel_lane> lanes;
  std::shared_ptr<std::atomic<bool>> stop = std::make_shared<std::atomic<bool>>(false);
  bool in_trouble = false;    ///< Whether the log was told that the database does not answer.
  std::string stands_in_for;  ///< The node that should send and did not, once the log was told; else empty.
  std::chrono::steady_clock::time_point stood_in_at;  ///< When it last did.
  std::mt19937_64 random{std::random_device{}()};
  static inline const char* name = "notifier";
};

struct notifier_options {
  std::shared_ptr<const config::company> company;
  std::string reader_url;
  caf::actor commands;
  std::string node;
  bool leads = true;  ///< It is there for the time of a reign; else for the role egress of its node.
};

/// Delivers what the channels of the company are owed: asks the database what that is, has the writer note which
/// message goes out, sends it on the channel's own thread, and has the writer note how that ended. Blocks on the
/// database: spawn it detached, where the company is led and on the nodes with the role egress; which of them sends,
/// and which stands in for it, says `duty_of`. A message is sent again, under the same id, until its end is on record.
caf::behavior notifier_actor(caf::stateful_actor<notifier_state>* self, notifier_options options);

}  // namespace cadre::actors
