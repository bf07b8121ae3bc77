#include "actors/notify/notify_machine.hpp"

#include "config/quiet.hpp"
#include "storage/decide/retry.hpp"

#include <algorithm>

namespace cadre::notify {

namespace {

using config::notify_channel;

/// The id of a message is made of what is first in it: whoever decides the same makes the same id.
outgoing new_message(const notify_channel& channel, const std::vector<const owed*>& rows) {
  outgoing message;
  message.id = named_id<delivery_id>("delivery:" + channel.name + ":" + rows.front()->id.text);
  for (const auto* row : rows) message.rows.push_back(row->id);
  message.test = rows.front()->cause == cause::test;
  return message;
}

void wake_at(channel_step& step, timestamp when) {
  if (step.wake.empty() || when < step.wake) step.wake = when;
}

/// Messages that were decided, and were not delivered. True if the channel waits for one of them.
bool try_again(const channel_view& view, timestamp now, channel_step& step) {
  bool waits = false;
  for (const auto& row : view.rows) {
    if (row.delivery.empty()) continue;
    if (row.next > now) {
      waits = waits || row.cause != cause::test;
      wake_at(step, row.next);
      continue;
    }
    step.send = outgoing{row.delivery, {}, true, row.cause == cause::test, row.attempts + 1};
    return true;
  }
  return waits;
}

/// When the quiet hours that it is now end; nothing in none.
std::optional<timestamp> quiet_end(const notify_channel& channel, timestamp now) {
  return channel.quiet ? config::quiet_until(*channel.quiet, now) : std::nullopt;
}

bool keeps_quiet(const notify_channel& channel, const owed& row) {
  return row.cause != cause::test && row.level < channel.quiet->unless;
}

struct waiting {
  std::vector<const owed*> escalations, briefs;
};

/// What may go, now that the quiet hours were asked.
waiting awake(const notify_channel& channel, const channel_view& view, timestamp now, channel_step& step) {
  const auto quiet = quiet_end(channel, now);
  waiting may_go;
  for (const auto& row : view.rows) {
    if (!row.delivery.empty() || row.cause == cause::test) continue;
    if (quiet && keeps_quiet(channel, row)) {
      wake_at(step, *quiet);
    } else {
      (row.cause == cause::brief ? may_go.briefs : may_go.escalations).push_back(&row);
    }
  }
  return may_go;
}

/// When these are to be one message.
timestamp due(const notify_channel& channel, const std::vector<const owed*>& rows,
              const std::vector<timestamp>& recent) {
  const auto by_time = [](const owed* a, const owed* b) { return a->made < b->made; };
  const auto [oldest, newest] = std::minmax_element(rows.begin(), rows.end(), by_time);
  const bool critical =
      std::any_of(rows.begin(), rows.end(), [](const owed* row) { return row->level == severity::critical; });
  auto when = std::min((*newest)->made + settle, (*oldest)->made + settle_max);
  if (channel.digest.count() > 0 && !critical) when = (*oldest)->made + channel.digest;
  if (recent.size() >= storm_messages_max)
    when = std::max(when, recent[recent.size() - storm_messages_max] + storm_window);
  return when;
}

}  // namespace

std::string egress_of(const std::vector<std::string>& egress_up) {
  const auto first = std::min_element(egress_up.begin(), egress_up.end());
  return first == egress_up.end() ? std::string{} : *first;
}

duty duty_of(bool leads, const std::string& node, const std::vector<std::string>& egress_up) {
  const auto first = egress_of(egress_up);
  if (leads) return first.empty() ? duty::sends : duty::stands_in;
  return !first.empty() && first == node ? duty::sends : duty::none;
}

channel_step next_message(const notify_channel& channel, const channel_view& view, timestamp now) {
  channel_step step;
  for (const auto& row : view.rows) {
    if (row.cause != cause::test || !row.delivery.empty()) continue;
    step.send = new_message(channel, {&row});
    return step;
  }
  if (try_again(view, now, step)) return step;
  auto may_go = awake(channel, view, now, step);
  if (!may_go.escalations.empty()) {
    const auto when = due(channel, may_go.escalations, view.recent);
    if (when <= now) {
      if (may_go.escalations.size() > message_rows_max) may_go.escalations.resize(message_rows_max);
      step.send = new_message(channel, may_go.escalations);
      return step;
    }
    wake_at(step, when);
  }
  if (!may_go.briefs.empty()) step.send = new_message(channel, {may_go.briefs.front()});
  return step;
}

std::optional<outgoing> overdue(const notify_channel& channel, channel_view view, timestamp now) {
  const auto then = now + -stand_in_after;
  const auto quiet = quiet_end(channel, now);
  std::erase_if(view.rows, [&](const owed& row) {
    return row.delivery.empty() && (row.made > then || (quiet && keeps_quiet(channel, row)));
  });
  for (auto& row : view.rows) row.next = std::max(row.next, row.taken);
  return next_message(channel, view, then).send;
}

bool overdue_watch::stays(const std::optional<outgoing>& message, timestamp now) {
  auto what = message ? message->id.text + " " + std::to_string(message->attempt) : std::string{};
  if (what != what_) {
    what_ = std::move(what);
    since_ = now;
  }
  return message && now - since_ >= stand_in_watch;
}

notification_end end_of(const notify_channel& channel, const outgoing& message, const attempt_end& end, timestamp now,
                        double random) {
  notification_end body;
  body.delivery = message.id;
  body.channel = channel.name;
  body.attempt = message.attempt;
  body.error = end.error;
  if (end.error.code == errc::none) return body;
  body.last = message.test || end.for_good || message.attempt >= channel.retry.attempts;
  const auto wait = storage::decide::backoff_delay(channel.retry.wait, message.attempt - 1, random);
  if (!body.last) body.next_at = now + std::max(wait, end.retry_after);
  return body;
}

}  // namespace cadre::notify
