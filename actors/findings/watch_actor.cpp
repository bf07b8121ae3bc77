#include "watch_actor.hpp"

#include "actors/command/command_client.hpp"
#include "actors/local_messages.hpp"
#include "schemas/log.hpp"
#include "storage/read/finding_queries.hpp"

#include <utility>

namespace cadre::actors {

namespace {

using watcher = caf::stateful_actor<watch_state>;
using std::chrono::milliseconds;

constexpr milliseconds ledger_look_every{500};
/// A sign of life; one that is missing for 30 s is a finding.
constexpr std::chrono::seconds tell_at_least_every{5};

/// Those of the watchers that live here, as a Postgres array.
std::string living(const watch_options& o, const watch_rules& rules) {
  std::string list;
  for (const auto& path : rules.watchers())
    if (o.lives->find(path)) list += (list.empty() ? "" : ",") + path.text;
  return list;
}

void tell(watcher* self, const watch_options& o, const agent_path& who, const watched& found) {
  auto& told = self->state.watchers[who];
  if (told.on_its_way) return;
  if (found.summary == told.late && found.at - told.at < tell_at_least_every) return;
  told = {found.at, found.summary, true};
  watch_report report;
  report.watcher = who;
  report.node = o.node;
  report.at = found.at;
  report.schedules = found.schedules;
  report.late = found.late;
  command c;
  c.id = new_id<command_id>();
  c.from = "node." + o.node;
  c.body = std::move(report);
  const auto done = [self, who](bool kept) {
    auto& t = self->state.watchers[who];
    t.on_its_way = false;
    if (!kept) t.at = {};  // Said again at the next look.
  };
  self->request(o.commands, command_timeout, std::move(c))
      .then([done](const outcome& answer) { done(answer.status == outcome_status::committed); },
            [done](const caf::error&) { done(false); });
}

void look(watcher* self, const watch_options& o) {
  auto& s = self->state;
  const auto here = living(o, *s.rules);
  if (here.empty()) return;
  const auto note_trouble = [&](const failure& why) {
    if (!std::exchange(s.database_away, true)) log::warn("schedules can't be watched: {}", why.message);
  };
  if (!s.source) {
    auto opened = storage::reader::open(o.reader_url);
    if (!opened) return note_trouble(opened.error());
    s.source = std::move(*opened);
  }
  const auto rows = s.source->rows(storage::queries::watched_schedules(o.company->name, "{" + here + "}"));
  if (!rows) return note_trouble(rows.error());
  if (std::exchange(s.database_away, false)) log::info("schedules are watched again");
  for (const auto& [who, found] : s.rules->look(*rows)) tell(self, o, who, found);
}

}  // namespace

caf::behavior watch_actor(watcher* self, watch_options options) {
  self->state.rules.emplace(*options.company);
  if (self->state.rules->watchers().empty()) return {[](watch_look_atom) {}};
  self->send(self, watch_look_atom_v);
  return {
      [=](watch_look_atom) {
        look(self, options);
        self->delayed_send(self, ledger_look_every, watch_look_atom_v);
      },
  };
}

}  // namespace cadre::actors
