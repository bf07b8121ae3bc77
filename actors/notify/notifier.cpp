#include "notifier.hpp"

#include "actors/command/command_client.hpp"
#include "actors/notify/channel_wire.hpp"
#include "actors/notify/notice.hpp"
#include "schemas/json.hpp"
#include "schemas/log.hpp"
#include "storage/read/notify_queries.hpp"

#include <algorithm>

namespace cadre::actors {

namespace {

using notifier = caf::stateful_actor<notifier_state>;
using json = nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds notify_look_every{500};
/// After something that should not happen, and would at once happen again.
constexpr std::chrono::seconds lane_pause{30};
/// Nothing was overdue for so long: the node sends again, or there is nothing to send.
constexpr std::chrono::minutes stand_in_rest{5};

caf::behavior channel_sender(caf::event_based_actor* self) {
  return {
      [=](const delivery_order& order) {
        self->send(caf::actor_cast<caf::actor>(self->current_sender()),
                   delivery_done{order.channel, order.hand_over()});
      },
  };
}

command notify_command(const notifier_options& o, command_body body) {
  return make_command(o.leads ? "leader" : "node." + o.node, std::move(body));
}

std::optional<std::string> ask(notifier* self, const notifier_options& o,
                               const std::function<result<std::string>(storage::reader&)>& question) {
  auto& s = self->state;
  result<std::string> answer = fail(errc::unreachable, "");
  if (!s.source) {
    auto opened = storage::reader::open(o.reader_url);
    if (opened)
      s.source = std::move(*opened);
    else
      answer = tl::unexpected{opened.error()};
  }
  if (s.source) answer = question(*s.source);
  if (answer.has_value() == s.in_trouble) {
    s.in_trouble = !answer;
    if (!answer) log::warn("notifications wait for the database: {}", answer.error().message);
  }
  if (!answer) return std::nullopt;
  return std::move(*answer);
}

timestamp time_of(const json& row, const char* key) {
  const auto& us = row.at(key);
  return us.is_number_integer() ? timestamp{us.get<std::int64_t>()} : timestamp{};
}

notify::owed owed_of(const json& row) {
  notify::owed o;
  o.id.text = row.at("id").get<std::string>();
  from_text(row.at("cause").get<std::string>(), o.cause);
  from_text(row.at("severity").get<std::string>(), o.level);
  if (row.at("delivery").is_string()) o.delivery.text = row.at("delivery").get<std::string>();
  o.attempts = row.at("attempts").get<std::int64_t>();
  o.made = time_of(row, "made_us");
  o.next = time_of(row, "next_us");
  o.taken = time_of(row, "taken_us");
  return o;
}

void free_lane(channel_lane& lane, std::chrono::seconds pause = std::chrono::seconds{0}) {
  lane.busy = false;
  lane.pause_until = steady_clock::now() + pause;
}

/// Hands the message to the channel's thread, with what it says as of now.
void deliver(notifier* self, const notifier_options& o, const std::string& channel) {
  auto& lane = self->state.lanes.at(channel);
  const auto parts = ask(self, o, [&](storage::reader& source) {
    return source.snapshot(storage::queries::delivery_parts(o.company->name, channel, lane.message.id.text));
  });
  if (!parts) return free_lane(lane);
  auto notice = notify::compose_notice({lane.message.id.text, o.company->name, channel}, *parts);
  if (!notice) {
    if (notice.error().code == errc::not_found) return free_lane(lane);
    log::error("channel {}: {}", channel, notice.error().message);
    return free_lane(lane, lane_pause);
  }
  delivery_order order;
  order.channel = channel;
  order.hand_over = [company = o.company, what = lane.channel, stop = self->state.stop, say = std::move(*notice)] {
    return notify::hand_over(*what, say, stop);
  };
  self->send(lane.sender, std::move(order));
}

/// The writer is told first which notifications are in the message, so that it is the same one after a restart.
void begin(notifier* self, const notifier_options& o, const std::string& channel, notify::outgoing message) {
  auto& lane = self->state.lanes.at(channel);
  lane.busy = true;
  lane.message = std::move(message);
  if (lane.message.taken) return deliver(self, o, channel);
  notification_take take;
  take.id = lane.message.id;
  take.channel = channel;
  take.notifications = lane.message.rows;
  self->request(o.commands, command_timeout, notify_command(o, std::move(take)))
      .then(
          [=](const outcome& done) {
            auto& mine = self->state.lanes.at(channel);
            if (done.status == outcome_status::committed && done.value > 0) return deliver(self, o, channel);
            if (done.status == outcome_status::rejected) log::error("channel {}: {}", channel, done.error.message);
            free_lane(mine, done.status == outcome_status::rejected ? lane_pause : std::chrono::seconds{0});
          },
          [=](const caf::error&) { free_lane(self->state.lanes.at(channel)); });
}

void end(notifier* self, const notifier_options& o, const delivery_done& done) {
  auto& s = self->state;
  auto& lane = s.lanes.at(done.channel);
  const auto chance = std::uniform_real_distribution<double>{0.0, 1.0}(s.random);
  auto body = notify::end_of(*lane.channel, lane.message, done.end, now(), chance);
  if (done.end.error.code == errc::cancelled) return;  // The reign is over: the next leader sends it.
  if (body.error.code != errc::none)
    log::warn("channel {}: attempt {} of message {} failed{}: {}", done.channel, body.attempt, body.delivery.text,
              body.last ? " for good" : "", body.error.message);
  self->request(o.commands, command_timeout, notify_command(o, std::move(body)))
      .then(
          [=, channel = done.channel](const outcome& noted) {
            const bool rejected = noted.status == outcome_status::rejected;
            if (rejected) log::error("channel {}: {}", channel, noted.error.message);
            free_lane(self->state.lanes.at(channel), rejected ? lane_pause : std::chrono::seconds{0});
          },
          [=, channel = done.channel](const caf::error&) { free_lane(self->state.lanes.at(channel), lane_pause); });
}

/// The nodes with the role egress that are up, as far as is known; nothing if the database does not answer.
std::optional<std::vector<std::string>> egress_up(notifier* self, const notifier_options& o) {
  std::vector<std::string> up;
  const auto& nodes = o.company->nodes;
  if (std::none_of(nodes.begin(), nodes.end(), [](const auto& n) { return n.has(node_role::egress); })) return up;
  const auto rows = ask(
      self, o, [&](storage::reader& source) { return source.rows(storage::queries::egress_nodes(o.company->name)); });
  if (!rows) return std::nullopt;
  for (const auto& row : json::parse(*rows)) up.push_back(row.at("name").get<std::string>());
  return up;
}

void stood_in(notifier_state& s, const std::string& node) {
  s.stood_in_at = steady_clock::now();
  if (s.stands_in_for == node) return;
  s.stands_in_for = node;
  log::warn("node {} has the role egress and does not send to the channels: the leader stands in for it, {} s late",
            node, notify::stand_in_after.count());
}

/// `node`: the one that should send now; empty: none has the role and is up.
void end_stand_in(notifier_state& s, const std::string& node) {
  if (s.stands_in_for.empty()) return;
  const bool other = node != s.stands_in_for;
  if (!other && steady_clock::now() - s.stood_in_at < stand_in_rest) return;
  log::info("the leader no longer stands in for node {}: {}", s.stands_in_for,
            other ? "it is not for that one to send any more"
                  : "nothing was overdue for " + std::to_string(stand_in_rest.count()) + " min");
  s.stands_in_for.clear();
}

struct owed_now {
  std::map<std::string, notify::channel_view> views;
  timestamp at;
};

std::optional<owed_now> what_is_owed(notifier* self, const notifier_options& o) {
  const auto rows = ask(self, o, [&](storage::reader& source) {
    return source.rows(storage::queries::owed_notifications(o.company->name, notify::message_rows_max));
  });
  if (!rows || *rows == "[]") return std::nullopt;
  const auto recent = ask(self, o, [&](storage::reader& source) {
    return source.rows(storage::queries::recent_deliveries(o.company->name));
  });
  if (!recent) return std::nullopt;
  owed_now all;
  for (const auto& row : json::parse(*rows)) {
    all.views[row.at("channel").get<std::string>()].rows.push_back(owed_of(row));
    all.at = std::max(all.at, time_of(row, "now_us"));
  }
  for (const auto& row : json::parse(*recent))
    all.views[row.at("channel").get<std::string>()].recent.push_back(time_of(row, "taken_us"));
  return all;
}

/// What each channel that does nothing should do.
void look(notifier* self, const notifier_options& o) {
  auto& s = self->state;
  const auto up = egress_up(self, o);
  if (!up) return;
  const auto duty = notify::duty_of(o.leads, o.node, *up);
  if (duty == notify::duty::none) return;
  const auto other = duty == notify::duty::stands_in ? notify::egress_of(*up) : std::string{};
  end_stand_in(s, other);
  auto all = what_is_owed(self, o);
  if (!all) return;
  for (auto& [channel, lane] : s.lanes) {
    if (lane.busy || steady_clock::now() < lane.pause_until) continue;
    const auto& view = all->views[channel];
    auto send = other.empty() ? notify::next_message(*lane.channel, view, all->at).send
                              : notify::overdue(*lane.channel, view, all->at);
    if (!other.empty()) {
      if (!lane.watch.stays(send, all->at)) continue;
      stood_in(s, other);
    }
    if (send) begin(self, o, channel, std::move(*send));
  }
}

}  // namespace

notifier_state::~notifier_state() {
  *stop = true;
  for (auto& [channel, lane] : lanes)
    if (lane.sender) caf::anon_send_exit(lane.sender, caf::exit_reason::user_shutdown);
}

caf::behavior notifier_actor(notifier* self, notifier_options options) {
  for (const auto& channel : options.company->channels)
    self->state.lanes[channel.name] = {&channel, self->spawn<caf::detached>(channel_sender), false, {}, {}, {}};
  self->send(self, notify_look_atom_v);
  return {
      [=](notify_look_atom) {
        try {
          look(self, options);
        } catch (const json::exception& e) {
          log::error("notifications: the database answered with something else: {}", e.what());
        }
        self->delayed_send(self, notify_look_every, notify_look_atom_v);
      },
      [=](const delivery_done& done) { end(self, options, done); },
  };
}

}  // namespace cadre::actors
