#include "escalation_actions.hpp"

#include "config/units.hpp"
#include "print.hpp"
#include "schemas/json.hpp"

#include <iostream>
#include <memory>
#include <unistd.h>

namespace cadre::cli {

using json = nlohmann::json;

namespace {

struct action_options {
  std::string id, note, to, time, until;
};

/// The whole id of the escalation that a prefix names.
escalation_id whole_id(session& s, const std::string& id) {
  const auto e = json::parse(s.row(storage::queries::escalation(s.company(), id), "one escalation " + id));
  return escalation_id{e["id"].get<std::string>()};
}

std::string who_am_i() {
  const char* login = getlogin();
  return login ? std::string{"cli:"} + login : "cli:uid-" + std::to_string(getuid());
}

std::int64_t milliseconds_of(const action_options& o) {
  if (!o.time.empty() && !o.until.empty()) throw command_error{exit_usage, "--for and --until exclude each other"};
  if (!o.until.empty()) {
    const auto moment = from_iso(o.until);
    if (!moment)
      throw command_error{exit_usage, "--until: '" + o.until +
                                          "' is no moment such as 2026-11-30T08:00:00Z or "
                                          "2026-11-30T09:00:00+01:00"};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*moment - now());
    if (left.count() <= 0) throw command_error{exit_usage, "--until: " + o.until + " is over"};
    return left.count();
  }
  if (o.time.empty()) return 0;
  const auto time = config::parse_duration(o.time);
  if (!time) throw command_error{exit_usage, "--for: " + time.error().message};
  return time->count();
}

agent_path path_of(const std::string& to) {
  if (!is_agent_path(to))
    throw command_error{exit_usage, "--to: '" + to + "' is not an agent's path, such as ceo.data.ingest"};
  return agent_path{to};
}

/// Has it done, and says what became of it.
int act(const fleet_options& fleet, const action_options& o, escalation_action action) {
  escalation_act body;
  body.action = action;
  if (!o.to.empty()) body.to = path_of(o.to);
  body.for_ms = milliseconds_of(o);
  if (action == escalation_action::snooze && body.for_ms == 0)
    throw command_error{exit_usage, "say for how long: --for 2h, or --until 2026-11-30T08:00:00Z"};
  session s{fleet};
  body.id = whole_id(s, o.id);
  body.by = who_am_i();
  body.note = o.note;
  s.order(body);
  const auto e = json::parse(s.row(storage::queries::escalation(s.company(), body.id.text), "escalation " + o.id));
  if (fleet.json) {
    print_json(e);
    return exit_ok;
  }
  switch (action) {
    case escalation_action::retry:
    case escalation_action::reassign:
      std::cout << "resolved: its task runs again as " << repetition_for(body.id).text << "\n";
      break;
    case escalation_action::snooze:
      std::cout << "sleeps with " << cell(e["holder"]) << " until " << cell(e["due_at"]) << "\n";
      break;
    default:
      if (e["status"] == "resolved") {
        std::cout << "resolved\n";
      } else if (e["in_inbox"] == true) {
        std::cout << "lies in the inbox of " << cell(e["holder"]) << "\n";
      } else {
        std::cout << "lies with " << cell(e["holder"]) << " until " << cell(e["due_at"]) << "\n";
      }
  }
  return exit_ok;
}

using shared_options = std::shared_ptr<action_options>;

command add_action(command escalation, const shared_options& o, fleet_options& fleet, const std::string& name,
                   const std::string& help, escalation_action action) {
  auto sub = escalation.add_command(name, help);
  add_listing_options(sub, fleet);
  sub.add("ID", o->id, "The escalation, or the beginning of its id").required();
  sub.add("--note", o->note, "Why, for whoever reads its way");
  sub.does([=, &fleet] { return act(fleet, *o, action); });
  return sub;
}

void add_endings(command escalation, const shared_options& o, fleet_options& fleet) {
  auto sub = escalation.add_command("ack", "Say that you have seen it: it climbs no further");
  add_fleet_options(sub, fleet);
  sub.add("ID", o->id, "The escalation, or the beginning of its id").required();
  sub.add("--note", o->note, "What you mean to do");
  sub.does([=, &fleet] {
    session s{fleet};
    s.order(escalation_ack{whole_id(s, o->id), who_am_i(), o->note});
    std::cout << "acknowledged\n";
    return exit_ok;
  });

  sub = escalation.add_command("resolve", "Close it");
  add_fleet_options(sub, fleet);
  sub.add("ID", o->id, "The escalation, or the beginning of its id").required();
  sub.add("--note", o->note, "What was done").required();
  sub.examples("  cadre escalation resolve 0193c2f1 --note \"disk replaced\"");
  sub.does([=, &fleet] {
    session s{fleet};
    s.order(escalation_resolve{whole_id(s, o->id), who_am_i(), o->note});
    std::cout << "resolved\n";
    return exit_ok;
  });
}

}  // namespace

void add_escalation_actions(command escalation, fleet_options& fleet) {
  const auto o = std::make_shared<action_options>();
  add_endings(escalation, o, fleet);
  auto sub =
      add_action(escalation, o, fleet, "retry", "Close it and run its failed task again", escalation_action::retry);
  sub.examples("  cadre escalation retry 0193c2f1 --note \"the disk is there again\"");

  sub = add_action(escalation, o, fleet, "reassign", "Close it and have another agent of its mode do the failed task",
                   escalation_action::reassign);
  sub.add("--to", o->to, "The agent that shall do it").required();
  sub.examples("  cadre escalation reassign 0193c2f1 --to ceo.data.ingest-b");

  sub = add_action(escalation, o, fleet, "delegate", "Let another agent below or beside its holder hold it for a while",
                   escalation_action::delegate);
  sub.add("--to", o->to, "The agent that shall hold it").required();
  sub.add("--for", o->time,
          "His time, such as 30m; then it climbs on from him. Default: as his or the holder's "
          "policy says, else 1h");
  sub.examples("  cadre escalation delegate 0193c2f1 --to ceo.ops --for 30m --note \"looks like the network\"");

  sub = add_action(escalation, o, fleet, "snooze", "Put it off: it comes back to the same holder by itself",
                   escalation_action::snooze);
  sub.add("--for", o->time, "How long, such as 2h; at most 90d");
  sub.add("--until", o->until, "Until when, such as 2026-11-30T08:00:00Z");
  sub.examples(
      "  cadre escalation snooze 0193c2f1 --for 2h\n"
      "  cadre escalation snooze 0193c2f1 --until 2026-11-30T08:00:00+01:00 --note \"after the holiday\"");

  sub = add_action(escalation, o, fleet, "escalate", "Pass it up now, without waiting for its holder's time to end",
                   escalation_action::escalate);
  sub.examples("  cadre escalation escalate 0193c2f1 --note \"needs a decision today\"");
}

}  // namespace cadre::cli
