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
/// `channel`, `id`, `cause`, `severity`, `delivery`, `attempts`, `made_us`, `next_us`, and `now_us` of the database.
query owed_notifications(const std::string& company, std::int64_t limit);

/// The messages about escalations that were begun within the last minute: `channel` and `taken_us`, oldest first.
query recent_deliveries(const std::string& company);

/// What a message of a channel says, for `reader::snapshot`: `sums` (`cause`, `severity`, `notifications`), `items`
/// (the 20 worst with their escalations as they are now), and `brief`.
std::vector<std::pair<std::string, query>> delivery_parts(const std::string& company, const std::string& channel,
                                                          const std::string& delivery);

/// A row for each channel of the config: `name`, `kind`, `severity`, `about`, what it is owed (`owed`) and since when
/// (`owed_since`), `failed` of the last 7 days, `last_sent_at`, and `last_error` where the latest attempt failed.
query notification_channels(const std::string& company);

/// What became of one notification: `status`, `attempts`, `last_error`.
query notification(const std::string& company, const std::string& channel, const std::string& id);

}  // namespace cadre::storage::queries
