#pragma once

#include "config/company.hpp"
#include "schemas/commands.hpp"
#include "schemas/time.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// When a channel sends which message. Pure: what it is owed and the time go in, a message comes out. It remembers
/// nothing, so that a restart or another leader goes on where this one was: all there is to know is in the database.
namespace cadre::notify {

enum class cause : std::uint8_t { escalation, resolved, brief, test };

/// A notification that is owed.
struct owed {
  notification_id id;
  notify::cause cause = notify::cause::escalation;
  severity level = severity::error;
  timestamp made;
  delivery_id delivery;       ///< The message that it is part of; empty: of none yet.
  std::int64_t attempts = 0;  ///< Of that message, so far.
  timestamp next;             ///< Not tried again before.
  timestamp taken;            ///< When it became part of that message.
};

struct channel_view {
  std::vector<owed> rows;  ///< Oldest first.
  /// When the messages about escalations of the last `storm_window` (and `stand_in_after`) were begun, oldest first.
  std::vector<timestamp> recent;
};

/// A message to send now.
struct outgoing {
  delivery_id id;
  std::vector<notification_id> rows;  ///< Of a new one: what is to be taken into it.
  bool taken = false;                 ///< It was decided before; this is another attempt, with the same content.
  bool test = false;
  std::int64_t attempt = 1;

  bool operator==(const outgoing&) const = default;
};

struct channel_step {
  std::optional<outgoing> send;
  timestamp wake;  ///< Otherwise: when to ask again, if nothing new comes; empty: not before something does.
};

/// What follows each other within `settle` is one message, but nothing waits longer for it than `settle_max`.
inline constexpr std::chrono::milliseconds settle{1'000};
inline constexpr std::chrono::milliseconds settle_max{5'000};
/// So many messages about escalations within `storm_window`; what comes then waits, and is one message.
inline constexpr std::size_t storm_messages_max = 3;
inline constexpr std::chrono::milliseconds storm_window{60'000};
/// Notifications in one message.
inline constexpr std::size_t message_rows_max = 5'000;
/// Who stands in sends what should have begun so long ago: longer than an attempt can take (`http::bounds`).
inline constexpr std::chrono::seconds stand_in_after{30};
/// And only once he has seen for so long that nobody does: the one before him looks more often.
inline constexpr std::chrono::seconds stand_in_watch{5};

/// What a notifier has to do with messages.
enum class duty : std::uint8_t { none, sends, stands_in };

/// The first by its name of the nodes with the role egress that are up; empty: there is none.
std::string egress_of(const std::vector<std::string>& egress_up);

/// The notifier on the first node with the role egress that is up (`egress_up`) sends, and the one beside the leader
/// stands in for it: a node that is up may all the same be unable to send. Where there is none, the one beside the
/// leader sends. `leads`: it is that one, also if its node has the role: then another there has it.
duty duty_of(bool leads, const std::string& node, const std::vector<std::string>& egress_up);

/// The next message of a channel. Tests go at once. A message that failed is tried again when its time comes, and
/// nothing new goes out before. In quiet hours what is below `unless` waits. Escalations that may go are one message,
/// after `digest` or when they settle; one that is critical takes along what a digest gathered. A brief is a message
/// of its own.
channel_step next_message(const config::notify_channel& channel, const channel_view& view, timestamp now);

/// For who stands in: the message that should have begun `stand_in_after` ago, and did not. One that was taken or was
/// to be tried again since then may be on its way, and what waits for a digest, a storm's end or quiet hours is not
/// late.
std::optional<outgoing> overdue(const config::notify_channel& channel, channel_view view, timestamp now);

/// What who stands in knows of a channel. A message that waited for another may be overdue the moment that one is over,
/// and on its way the next.
class overdue_watch {
 public:
  /// Whether this message (none: nothing is overdue), asked at each look, has been overdue for `stand_in_watch`.
  bool stays(const std::optional<outgoing>& message, timestamp now);

 private:
  std::string what_;
  timestamp since_;
};

/// How an attempt ended.
struct attempt_end {
  failure error;                             ///< Code none: delivered.
  bool for_good = false;                     ///< The other side will say the same again.
  std::chrono::milliseconds retry_after{0};  ///< It asked to wait.
};

/// What the writer is told: delivered, failed, or when the next attempt is. `random` in [0, 1).
notification_end end_of(const config::notify_channel& channel, const outgoing& message, const attempt_end& end,
                        timestamp now, double random);

}  // namespace cadre::notify

template <>
struct cadre::enum_names<cadre::notify::cause> {
  using cause = cadre::notify::cause;
  static constexpr std::array<std::pair<cause, std::string_view>, 4> value{{{cause::escalation, "escalation"},
                                                                            {cause::resolved, "resolved"},
                                                                            {cause::brief, "brief"},
                                                                            {cause::test, "test"}}};
};
