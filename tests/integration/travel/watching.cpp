#include "actors/brief/brief_writer.hpp"
#include "actors/findings/look.hpp"
#include "fleet.hpp"
#include "storage/read/finding_queries.hpp"

/// What the watchers' and the leader's detached actors do, by the same functions, whenever the fleet looks around: who
/// looks for a watcher (`looks_for`), what is late (`watch_rules`), what else is found (`look_for`), and the brief.
namespace cadre::travel {

namespace {

command command_of(command_body body, const std::string& from) {
  auto c = make_command(from, std::move(body));
  return c;
}

/// As a Postgres array.
template <class Paths, class PathOf>
std::string array_of(const Paths& items, PathOf path_of) {
  std::string list;
  for (const auto& item : items) list += (list.empty() ? "" : ",") + path_of(item).text;
  return "{" + list + "}";
}

}  // namespace

/// The node that looks for the watcher. Each is asked as its own actor asks itself; all are up. Of those that do not
/// lead exactly one has to look: the watcher's home, or else its stand-in. Beside a stand-in the leader's may, too.
std::string fleet::who_looks(const agent_path& watcher, const actors::watch_places& places) {
  const auto& home = lives_.at(watcher).node;
  std::string apart, beside;
  for (const auto& [name, of] : nodes_) {
    if (!actors::looks_for(watcher, home == name, name, places)) continue;
    if (name == leader_) {
      beside = name;
      continue;
    }
    if (!apart.empty()) complain(fmt::format("{} and {} look for {}", apart, name, watcher.text));
    apart = name;
  }
  if (apart.empty() && nodes_.size() > 1) complain("no node but the leader's looks for " + watcher.text);
  return apart.empty() ? beside : apart;
}

void fleet::watchers_look() {
  if (rules_.watchers().empty()) return;
  const auto all = array_of(rules_.watchers(), [](const agent_path& w) { return w; });
  const auto places =
      actors::read_watch_places(must(reader_->row(storage::queries::watch_places(company_.name, all)), "places"));
  std::map<agent_path, std::string> lookers;
  for (const auto& w : rules_.watchers()) {
    const auto& l = lives_.at(w);
    if (l.incarnation == 0) continue;
    const auto looker = who_looks(w, places);
    if (!l.silent && !looker.empty()) lookers[w] = looker;
  }
  if (lookers.empty()) return;
  const auto living = array_of(lookers, [](const auto& one) { return one.first; });
  const auto rows = must(reader_->rows(storage::queries::watched_schedules(company_.name, living)), "watchers");
  std::vector<command> batch;
  for (const auto& [who, found] : rules_.look(rows)) {
    watch_report report;
    report.watcher = who;
    report.node = lookers.at(who);
    report.at = found.at;
    report.schedules = found.schedules;
    report.late = found.late;
    for (const auto& late : found.late) note("{} sees: {}", who.text, late.what);
    if (broken_ == sabotage::nobody_watches) report.late.clear();
    if (broken_ == sabotage::early_alarm && !found.schedules.empty())
      report.late.push_back({found.schedules.front(), company_.schedules.front().agent, "it may be late", {"{}"}});
    batch.push_back(command_of(std::move(report), "node." + lookers.at(who)));
  }
  commit_all(std::move(batch));
}

/// Each kind as often as its table says. What would be reported again unchanged is not.
void fleet::leader_looks() {
  if (broken_ == sabotage::no_findings) return;
  std::vector<command> batch;
  for (const auto& kind : finding_kinds) {
    if (kind.source != finding_source::leader) continue;
    if (kind.when_settled && now_ - led_since_ < actors::settled_after) continue;
    auto& last = looked_at_[kind.name];
    if (!last.empty() && now_ - last < kind.every) continue;
    last = now_;
    auto report = must(actors::look_for(kind, *reader_, company_, now_), "findings");
    if (!report || (report->seen.empty() && standing_.count(kind.name) == 0)) continue;
    if (report->seen.empty()) {
      standing_.erase(kind.name);
    } else {
      standing_.insert(kind.name);
    }
    for (const auto& f : report->seen) note("found {}: {}", kind.name, f.what);
    batch.push_back(command_of(std::move(*report), "leader"));
  }
  if (!batch.empty()) commit_all(std::move(batch));
}

void fleet::write_brief(const brief_id& id) {
  send(must(actors::write_brief(*reader_, company_.name, id), "brief"), "leader");
}

nlohmann::json fleet::brief_now() {
  const auto made = must(actors::write_brief(*reader_, company_.name, new_id<brief_id>()), "brief");
  auto page = nlohmann::json::parse(made.body.text);
  if (broken_ == sabotage::empty_brief) {
    page["decisions"] = nlohmann::json::array();
    page["totals"]["decisions"] = 0;
  }
  return page;
}

}  // namespace cadre::travel
