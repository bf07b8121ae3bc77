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

/// Where everybody is: every node asks that, those without a watcher, too.
constexpr std::chrono::seconds places_every{2};

/// The watchers of whom `wanted` is true, as a Postgres array.
template <class Wanted>
std::string watchers_that(const watch_rules& rules, Wanted wanted) {
  std::string list;
  for (const auto& path : rules.watchers())
    if (wanted(path)) list += (list.empty() ? "" : ",") + path.text;
  return "{" + list + "}";
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
  auto c = make_command("node." + o.node, std::move(report));
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
  const auto note_trouble = [&](const failure& why) {
    if (!std::exchange(s.database_away, true)) log::warn("schedules can't be watched: {}", why.message);
  };
  if (!s.source) {
    auto opened = storage::reader::open(o.reader_url);
    if (!opened) return note_trouble(opened.error());
    s.source = std::move(*opened);
  }
  if (std::chrono::steady_clock::now() >= s.places_until) {
    const auto all = watchers_that(*s.rules, [](const agent_path&) { return true; });
    const auto places = s.source->row(storage::queries::watch_places(o.company->name, all));
    if (!places) return note_trouble(places.error());
    s.places = read_watch_places(*places);
    s.places_until = std::chrono::steady_clock::now() + places_every;
  }
  const auto mine = watchers_that(*s.rules, [&](const agent_path& path) {
    return looks_for(path, static_cast<bool>(o.lives->find(path)), o.node, s.places);
  });
  const auto rows = mine == "{}" ? result<std::string>{"[]"}
                                 : s.source->rows(storage::queries::watched_schedules(o.company->name, mine));
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
