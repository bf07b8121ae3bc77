#pragma once

#include "reader.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// The SELECTs behind notifications: what is owed, what a message says, and what people ask about channels. Times that
/// end in `_us` are microseconds since the epoch.
namespace cadre::storage::queries {

/// What each channel is owed, what is part of a message already first, then the oldest; at most `limit` a channel:
/// `channel`, `id`, `cause`, `severity`, `delivery`, `attempts`, `made_us`, `next_us`, `taken_us`, and `now_us` of the
/// database.
query owed_notifications(const std::string& company, std::int64_t limit);

/// The nodes with the role egress that are up, by `name`: the first is the one that sends.
query egress_nodes(const std::string& company);

/// The messages about escalations that were begun within the last 90 s, which is the minute of a storm and what a
/// message may be late: `channel` and `taken_us`, oldest first.
query recent_deliveries(const std::string& company);

/// What a message of a channel says, for `reader::snapshot`: `sums` (`cause`, `severity`, `notifications`), `items`
/// (the 20 worst with their escalations as they are now), and `brief`.
std::vector<std::pair<std::string, query>> delivery_parts(const std::string& company, const std::string& channel,
                                                          const std::string& delivery);

/// A row for each channel of the config: `name`, `kind`, `severity`, `about`, what it is owed (`owed`) and since when
/// (`owed_since`), `failed` of the last 7 days, `last_sent_at`, and `last_error` where the latest attempt failed.
query notification_channels(const std::string& company);

/// Every channel that there is or was: `name`, and `retired` where it is no longer in the config.
query known_channels(const std::string& company);

struct notification_filter {
  std::string channel;        ///< Empty: any, those that are no longer in the config among them.
  std::string status;         ///< Empty: any; or owed, sent, failed.
  std::string after_channel;  ///< Keyset paging: the last row of the page before; both or none.
  std::string after_id;
  std::int64_t limit = 50;
};

/// The notifications themselves, newest first: `channel`, `id` (together they name one), `cause` (escalation, resolved,
/// brief, test), `subject` (the id of the escalation or brief) and its `title`, `severity`, `status`, `delivery` (the
/// message that it is part of), `attempts`, `last_error`, `made_at`, `taken_at`, `next_at` (of an attempt that failed),
/// `sent_at`.
query notifications(const std::string& company, const notification_filter& filter);

/// What became of one notification: `status`, `attempts`, `last_error`.
query notification(const std::string& company, const std::string& channel, const std::string& id);

}  // namespace cadre::storage::queries
