#include "commands.hpp"
#include "print.hpp"
#include "schemas/json.hpp"
#include "storage/read/notify_queries.hpp"

#include <chrono>
#include <iostream>
#include <memory>
#include <thread>

namespace cadre::cli {

using json = nlohmann::json;

namespace {

/// Longer than one attempt can take, of who stands in.
constexpr std::chrono::seconds test_patience{60};
constexpr std::chrono::milliseconds test_poll{200};

using storage::queries::notification_filter;

const std::vector<column> message_columns{
    {"MADE", "made_at", 19},     {"CHANNEL", "channel", 24},      {"STATUS", "status", 6},
    {"SEVERITY", "severity", 8}, {"CAUSE", "cause", 10},          {"TITLE", "title", 60},
    {"ABOUT", "subject", 36},    {"TRY", "attempts", 3},          {"NEXT TRY", "next_at", 19},
    {"SENT", "sent_at", 19},     {"LAST ERROR", "last_error", 80}};

/// What names one message in a list: its channel, and its id, which the channels share that are told of one cause.
void read_after(const std::string& after, notification_filter& filter) {
  if (after.empty()) return;
  const auto slash = after.find('/');
  if (slash == 0 || slash == std::string::npos || !is_uuid(after.substr(slash + 1)))
    throw command_error{
        exit_usage, "--after: '" + after + "' is not CHANNEL/ID of a message (`cadre notify list --json` says both)"};
  filter.after_channel = after.substr(0, slash);
  filter.after_id = after.substr(slash + 1);
}

/// An empty page is an answer only about what there is, or was.
void check_page(session& s, const notification_filter& filter) {
  if (!filter.after_channel.empty())
    (void)s.row(storage::queries::notification(s.company(), filter.after_channel, filter.after_id),
                "message " + filter.after_channel + "/" + filter.after_id);
  if (filter.channel.empty()) return;
  std::string names;
  for (const auto& row : json::parse(s.rows(storage::queries::known_channels(s.company())))) {
    if (row["name"] == filter.channel) return;
    if (!row["retired"].get<bool>()) names += (names.empty() ? "" : ", ") + row["name"].get<std::string>();
  }
  throw command_error{exit_findings, "there is no channel " + filter.channel + " in company " + s.company() +
                                         "; there are: " + (names.empty() ? "none" : names)};
}

int list_messages(const fleet_options& fleet, notification_filter filter, const std::string& after) {
  read_after(after, filter);
  session s{fleet};
  const auto rows = json::parse(s.rows(storage::queries::notifications(s.company(), filter)));
  if (rows.empty()) check_page(s, filter);
  if (fleet.json) {
    print_json(rows);
  } else {
    print_table(rows, message_columns, "no messages");
    if (static_cast<std::int64_t>(rows.size()) == filter.limit)
      std::cout << "(more: --after " << rows.back()["channel"].get<std::string>() << "/"
                << rows.back()["id"].get<std::string>() << ")\n";
  }
  return exit_ok;
}

int show_channels(const fleet_options& fleet) {
  session s{fleet};
  const auto rows = json::parse(s.rows(storage::queries::notification_channels(s.company())));
  if (fleet.json) {
    print_json(rows);
  } else {
    print_table(rows,
                {{"CHANNEL", "name"},
                 {"KIND", "kind"},
                 {"SEVERITY", "severity"},
                 {"OWED", "owed"},
                 {"SINCE", "owed_since", 19},
                 {"FAILED", "failed"},
                 {"LAST SENT", "last_sent_at", 19},
                 {"ABOUT", "about"},
                 {"LAST ERROR", "last_error", 80}},
                "no channels: see notify.channels in the config");
  }
  return exit_ok;
}

/// Why a message may be owed still.
std::string who_should_send(session& s) {
  const auto egress = json::parse(s.rows(storage::queries::egress_nodes(s.company())));
  if (!egress.empty())
    return "node " + egress[0]["name"].get<std::string>() +
           ", which has the role egress, should have sent it, or the leader in its place: see their logs";
  const auto leader = json::parse(s.rows(storage::queries::leader(s.company())));
  if (leader.empty() || !leader[0]["ended_at"].is_null() || leader[0]["lease_over"].get<bool>())
    return "the leader should have sent it, and there is none now: see `cadre status`";
  return "the leader, node " + leader[0]["node"].get<std::string>() + ", should have sent it: see its log";
}

int test_channel(const fleet_options& fleet, const std::string& channel) {
  session s{fleet};
  notification_test test;
  test.id = new_id<notification_id>();
  test.channel = channel;
  const auto id = test.id.text;
  s.order(std::move(test));
  const auto until = std::chrono::steady_clock::now() + test_patience;
  json row;
  while (std::chrono::steady_clock::now() < until) {
    row = json::parse(s.row(storage::queries::notification(s.company(), channel, id), "such test"));
    if (row["status"] != "owed") break;
    std::this_thread::sleep_for(test_poll);
  }
  const bool sent = row["status"] == "sent";
  if (row["status"] == "owed")
    row["last_error"] = "not sent within " + std::to_string(test_patience.count()) + " s; " + who_should_send(s);
  if (fleet.json) {
    row["channel"] = channel;
    row["id"] = id;
    print_json(row);
  } else if (sent) {
    std::cout << channel << ": sent\n";
  } else {
    std::cerr << "cadre: " << channel << ": " << row["last_error"].get<std::string>() << "\n";
  }
  return sent ? exit_ok : exit_findings;
}

}  // namespace

void add_notify_commands(const application& a) {
  auto notify = a.app.add_command("notify", "What the outside was told: messages and channels");
  notify.needs_a_command();

  auto filter = std::make_shared<notification_filter>();
  auto after = std::make_shared<std::string>();
  auto sub = notify.add_command("list", "List the messages, newest first, and what became of them");
  add_listing_options(sub, a.fleet);
  sub.add("--channel", filter->channel, "Only of this channel");
  sub.add("--status", filter->status, "Only these: owed (not sent yet), sent, or failed (given up)")
      .one_of({"owed", "sent", "failed"});
  sub.add("--after", *after, "The page after this message: CHANNEL/ID, the last of the page before");
  sub.add("--limit", filter->limit, "Rows of a page").range(1, 10'000).default_shown();
  sub.examples("  cadre notify list --status owed\n  cadre notify list --channel mail --status failed --json");
  sub.does([=] { return list_messages(a.fleet, *filter, *after); });

  sub = notify.add_command("status", "Show the channels, what each is owed and what went wrong last");
  add_listing_options(sub, a.fleet);
  sub.does([=] { return show_channels(a.fleet); });

  auto channel = std::make_shared<std::string>();
  sub = notify.add_command("test", "Send a message that says nothing to a channel, and say what became of it");
  add_listing_options(sub, a.fleet);
  sub.add("CHANNEL", *channel, "The channel").required();
  sub.examples("  cadre notify test mail");
  sub.does([=] { return test_channel(a.fleet, *channel); });
}

}  // namespace cadre::cli
