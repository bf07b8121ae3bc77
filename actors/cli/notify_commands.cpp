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

/// Longer than one attempt can take.
constexpr std::chrono::seconds test_patience{60};
constexpr std::chrono::milliseconds test_poll{200};

int list_channels(const fleet_options& fleet) {
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
  if (row["status"] == "owed") row["last_error"] = "not sent within 60 s; is there a leader?";
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
  auto notify = a.app.add_command("notify", "List and try the channels that tell people outside");
  notify.needs_a_command();
  auto sub = notify.add_command("list", "List the channels, what they are owed and what went wrong last");
  add_listing_options(sub, a.fleet);
  sub.does([=] { return list_channels(a.fleet); });

  auto channel = std::make_shared<std::string>();
  sub = notify.add_command("test", "Send a message that says nothing to a channel, and say what became of it");
  add_listing_options(sub, a.fleet);
  sub.add("CHANNEL", *channel, "The channel").required();
  sub.examples("  cadre notify test mail");
  sub.does([=] { return test_channel(a.fleet, *channel); });
}

}  // namespace cadre::cli
