#include "actors/brief/brief.hpp"
#include "actors/brief/brief_writer.hpp"
#include "commands.hpp"
#include "escalation_actions.hpp"
#include "print.hpp"
#include "schemas/json.hpp"

#include <iostream>
#include <memory>

namespace cadre::cli {

using json = nlohmann::json;

namespace {

const std::vector<column> escalation_columns{
    {"ID", "id", 36},           {"SEVERITY", "severity", 8}, {"ORIGIN", "origin", 36},
    {"PROBLEM", "problem", 24}, {"COUNT", "count", 6},       {"HOLDER", "holder", 24},
    {"STATUS", "status", 12},   {"RAISED", "raised_at", 19}, {"CAUSE", "cause", 80}};

int print_list(const fleet_options& fleet, const storage::query& q, session& s, const std::string& nothing) {
  const auto rows = json::parse(s.rows(q));
  if (fleet.json) {
    print_json(rows);
  } else {
    print_table(rows, escalation_columns, nothing);
  }
  return exit_ok;
}

int show(const fleet_options& fleet, const std::string& id) {
  session s{fleet};
  auto e = json::parse(s.row(storage::queries::escalation(s.company(), id), "one escalation " + id));
  e["hops"] = json::parse(s.rows(storage::queries::escalation_hops(s.company(), id)));
  if (fleet.json) {
    print_json(e);
    return exit_ok;
  }
  print_fields(e, {{"escalation", "id"},
                   {"problem", "problem"},
                   {"severity", "severity"},
                   {"origin", "origin"},
                   {"status", "status"},
                   {"holder", "holder"},
                   {"in the inbox", "in_inbox"},
                   {"count", "count"},
                   {"cause", "cause"},
                   {"cause code", "cause_code"},
                   {"task", "task"},
                   {"output", "output"},
                   {"raised", "raised_at"},
                   {"last", "last_at"},
                   {"due", "due_at"},
                   {"sleeps until", "snoozed_until"},
                   {"looked into by task", "investigation"},
                   {"which has added", "errands"},
                   {"resolved", "resolved_at"},
                   {"by", "resolved_by"},
                   {"counts its like until", "counts_until"},
                   {"note", "note"}});
  if (!e["evidence"].is_null()) std::cout << "\nevidence\n" << e["evidence"].dump(2) << "\n";
  std::cout << "\n";
  print_table(
      e["hops"],
      {{"HOP", "hop"}, {"ACTION", "action"}, {"HOLDER", "holder"}, {"AT", "at"}, {"BY", "by"}, {"REASON", "reason"}},
      "");
  return exit_ok;
}

enum class brief_form { markdown, html, json };

int print_brief(const fleet_options& fleet, bool now, brief_form form) {
  session s{fleet};
  std::string document;
  if (now) {
    auto add = actors::write_brief(s.reader(), s.company(), new_id<brief_id>());
    if (!add) throw command_error{exit_findings, add.error().message};
    document = add->body.text;
    s.order(std::move(*add));
  } else {
    const auto latest = json::parse(s.row(storage::queries::latest_brief(s.company()), "brief yet (try --now)"));
    document = latest["body"].dump();
  }
  if (form == brief_form::json) {
    print_json(json::parse(document));
  } else {
    std::cout << (form == brief_form::html ? brief::to_html(document) : brief::to_markdown(document));
  }
  return exit_ok;
}

}  // namespace

void add_escalation_commands(const application& a) {
  auto sub = a.app.add_command("inbox", "What waits for a person's decision");
  add_listing_options(sub, a.fleet);
  sub.examples("  cadre inbox\n  cadre inbox --json | jq '.[].cause'");
  sub.does([=] {
    session s{a.fleet};
    return print_list(a.fleet, storage::queries::inbox(s.company()), s, "the inbox is empty");
  });

  auto escalation = a.app.add_command("escalation", "List and show escalations, and do something about them");
  escalation.needs_a_command();
  auto all = std::make_shared<bool>(false);
  auto limit = std::make_shared<std::int64_t>(100);
  sub = escalation.add_command("list", "List escalations, wherever they lie");
  add_listing_options(sub, a.fleet);
  sub.add("--all", *all, "Resolved ones, too");
  sub.add("--limit", *limit, "Rows").range(1, 10'000).default_shown();
  sub.does([=] {
    session s{a.fleet};
    return print_list(a.fleet, storage::queries::escalations(s.company(), *all, *limit), s, "no escalations");
  });

  auto id = std::make_shared<std::string>();
  sub = escalation.add_command("show", "Show an escalation with its evidence and its way up");
  add_listing_options(sub, a.fleet);
  sub.add("ID", *id, "The escalation, or the beginning of its id").required();
  sub.does([=] { return show(a.fleet, *id); });

  add_escalation_actions(escalation, a.fleet);

  auto now = std::make_shared<bool>(false);
  auto html = std::make_shared<bool>(false);
  sub = a.app.add_command("brief", "Print the ceo's brief: the latest, or with --now a new one");
  add_listing_options(sub, a.fleet);
  sub.add("--now", *now, "Write a new brief and print it");
  sub.add("--html", *html, "As an HTML page");
  sub.examples("  cadre brief --now\n  cadre brief --html > brief.html");
  sub.does([=] {
    if (*html && a.fleet.json) throw command_error{exit_usage, "--html and --json exclude each other"};
    return print_brief(a.fleet, *now,
                       *html          ? brief_form::html
                       : a.fleet.json ? brief_form::json
                                      : brief_form::markdown);
  });
}

}  // namespace cadre::cli
