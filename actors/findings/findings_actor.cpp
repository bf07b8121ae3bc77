#include "findings_actor.hpp"

#include "actors/command/command_client.hpp"
#include "actors/local_messages.hpp"
#include "schemas/log.hpp"

#include <algorithm>

namespace cadre::actors {

namespace {

using looker = caf::stateful_actor<findings_state>;
using std::chrono::milliseconds;

constexpr milliseconds between_looks{250};  ///< When more are due: others want the database, too.
constexpr milliseconds pause_max{2'000};
constexpr std::chrono::minutes report_at_least_every{1};

/// The kind that has been due for longest; null if none is.
const finding_kind* most_due(const findings_state& s, const finding_state& known) {
  const finding_kind* found = nullptr;
  std::chrono::microseconds longest{0};
  for (const auto& kind : finding_kinds) {
    if (kind.source != finding_source::leader || (kind.when_settled && !known.settled())) continue;
    timestamp last;
    if (const auto there = known.looks.find(kind.name); there != known.looks.end()) last = there->second.at;
    if (const auto own = s.kinds.find(kind.name); own != s.kinds.end()) last = std::max(last, own->second.looked_at);
    const auto waits = known.now - (last + kind.every);
    if (waits < longest) continue;
    found = &kind;
    longest = waits;
  }
  return found;
}

std::string text_of(const findings_report& report) {
  std::string text = report.whole ? "whole" : "part";
  for (const auto& s : report.seen) text += "\n" + s.subject + "\t" + s.what + "\t" + s.evidence.text;
  return text;
}

void send(looker* self, const caf::actor& commands, findings_report report) {
  const auto kind = report.finding;
  auto c = make_command("leader", std::move(report));
  // What got lost is said again.
  const auto lost = [self, kind](const std::string& why) {
    log::warn("findings of the kind {} were not kept: {}", kind, why);
    self->state.kinds[kind].seen = "-";
  };
  self->request(commands, command_timeout, std::move(c))
      .then(
          [lost](const outcome& o) {
            if (o.status != outcome_status::committed) lost(o.error.message);
          },
          [lost](const caf::error&) { lost("the writer did not answer"); });
}

/// True if more may be due.
bool look(looker* self, const std::string& reader_url, const config::company& company, const caf::actor& commands) {
  auto& s = self->state;
  const auto note_trouble = [&](const failure& why) {
    if (!std::exchange(s.database_away, true)) log::warn("findings can't be looked for: {}", why.message);
    return false;
  };
  if (!s.source) {
    auto opened = storage::reader::open(reader_url);
    if (!opened) return note_trouble(opened.error());
    s.source = std::move(*opened);
  }
  const auto known = read_finding_state(*s.source, company.name);
  if (!known) return note_trouble(known.error());
  const auto* kind = most_due(s, *known);
  if (kind == nullptr) return false;
  auto& told = s.kinds[std::string{kind->name}];
  told.looked_at = known->now;
  auto report = look_for(*kind, *s.source, company, known->now);
  if (!report) return note_trouble(report.error());
  if (std::exchange(s.database_away, false)) log::info("findings are looked for again");
  if (!*report) return true;
  auto text = text_of(**report);
  if (text == told.seen && known->now - told.reported_at < report_at_least_every) return true;
  told.seen = std::move(text);
  told.reported_at = known->now;
  send(self, commands, std::move(**report));
  return true;
}

}  // namespace

caf::behavior findings_actor(looker* self, std::string reader_url, std::shared_ptr<const config::company> company,
                             caf::actor commands) {
  self->delayed_send(self, between_looks, findings_look_atom_v);
  return {
      [=](findings_look_atom) {
        const bool more = look(self, reader_url, *company, commands);
        self->delayed_send(self, more ? between_looks : pause_max, findings_look_atom_v);
      },
  };
}

}  // namespace cadre::actors
