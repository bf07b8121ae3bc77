#include "actors/brief/brief_writer.hpp"
#include "actors/findings/look.hpp"
#include "fleet.hpp"
#include "storage/read/finding_queries.hpp"

/// What the watchers' and the leader's detached actors do, by the same functions, whenever the fleet looks around.
namespace cadre::travel {

namespace {

command command_of(command_body body, const std::string& from) {
  auto c = make_command(from, std::move(body));
  return c;
}

}  // namespace

void fleet::watchers_look() {
  std::string living;
  for (const auto& w : rules_.watchers())
    if (const auto& l = lives_.at(w); !l.silent && l.incarnation != 0) living += (living.empty() ? "" : ",") + w.text;
  if (living.empty()) return;
  const auto rows =
      must(reader_->rows(storage::queries::watched_schedules(company_.name, "{" + living + "}")), "watchers");
  std::vector<command> batch;
  for (const auto& [who, found] : rules_.look(rows)) {
    watch_report report;
    report.watcher = who;
    report.node = lives_.at(who).node;
    report.at = found.at;
    report.schedules = found.schedules;
    report.late = found.late;
    for (const auto& late : found.late) note("{} sees: {}", who.text, late.what);
    if (broken_ == sabotage::nobody_watches) report.late.clear();
    if (broken_ == sabotage::early_alarm && !found.schedules.empty())
      report.late.push_back({found.schedules.front(), company_.schedules.front().agent, "it may be late", {"{}"}});
    batch.push_back(command_of(std::move(report), "node." + lives_.at(who).node));
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

std::string fleet::brief_now() {
  return must(actors::write_brief(*reader_, company_.name, new_id<brief_id>()), "brief").markdown;
}

}  // namespace cadre::travel
