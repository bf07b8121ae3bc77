#pragma once

#include "task.hpp"

#include <array>
#include <chrono>
#include <string_view>

/// The defects of a company that are looked for: what they are called, how soon they are to be mended, and how.
namespace cadre {

enum class finding_source : std::uint8_t {
  leader,   ///< The leader looks for it.
  watcher,  ///< The watchers of schedules do.
  ping      ///< The leader's dead-man ping does.
};

struct finding_kind {
  std::string_view name;
  severity level = severity::error;
  finding_source source = finding_source::leader;
  std::chrono::milliseconds every{0};    ///< How often the leader looks.
  std::chrono::milliseconds mend_in{0};  ///< From first seen to the deadline.
  /// What is looked at takes a while to settle after a leader began: agents start, nodes report.
  bool when_settled = false;
  std::string_view to_do;  ///< For people: one sentence.
};

namespace finding_times {
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
inline constexpr seconds soon{10};   ///< Cheap to look for.
inline constexpr minutes rarely{1};  ///< Not so.
inline constexpr hours daily{24}, weekly{7 * 24};
}  // namespace finding_times

inline constexpr std::array finding_kinds{
    finding_kind{"orphan", severity::critical, finding_source::leader, finding_times::soon, finding_times::hours{1},
                 true, "Nobody would restart it or hear of its failure: restart its manager, or put it into the org."},
    finding_kind{"quarantined", severity::critical, finding_source::leader, finding_times::soon,
                 finding_times::hours{4}, true, "Mend the cause, then `cadre agent start PATH`."},
    finding_kind{"role_without_agent", severity::critical, finding_source::leader, finding_times::soon,
                 finding_times::hours{1}, true, "None of its agents lives: `cadre agent list` says why."},
    finding_kind{"unclaimable_tasks", severity::error, finding_source::leader, finding_times::soon,
                 finding_times::hours{4}, true, "Start an agent that claims them, or cancel them."},
    finding_kind{"blocked_for_good", severity::error, finding_source::leader, finding_times::rarely,
                 finding_times::hours{24}, false,
                 "Whoever could unblock them is gone: retry or cancel what they wait for."},
    finding_kind{"circular_blockers", severity::error, finding_source::leader, finding_times::minutes{5},
                 finding_times::hours{24}, false, "They wait for each other: cancel one of them."},
    finding_kind{"audit_overdue", severity::error, finding_source::leader, finding_times::soon, finding_times::hours{4},
                 false, "See what the auditor does: `cadre agent show PATH`."},
    finding_kind{"auditor_without_verdicts", severity::error, finding_source::leader, finding_times::rarely,
                 finding_times::hours{24}, false, "It never decides anything: mend it, or name another auditor."},
    finding_kind{"worker_unaudited", severity::warning, finding_source::leader, finding_times::rarely,
                 finding_times::hours{24}, true, "Its outputs become canonical never: give it an auditor that runs."},
    finding_kind{"schedule_unwatched", severity::error, finding_source::leader, finding_times::soon,
                 finding_times::hours{4}, true, "Start its watcher again, or name another in the config."},
    finding_kind{"watcher_silent", severity::error, finding_source::leader, finding_times::soon,
                 finding_times::hours{1}, true, "Its watcher runs and does not look: restart it, or its node."},
    finding_kind{"schedule_never_fired", severity::error, finding_source::leader, finding_times::rarely,
                 finding_times::hours{4}, false, "It was due and never fired: `cadre schedule show NAME`."},
    finding_kind{"fire_without_effect", severity::error, finding_source::leader, finding_times::rarely,
                 finding_times::hours{4}, false,
                 "Its last fire came to nothing: see its task, then `cadre task retry ID`."},
    finding_kind{"fire_late",
                 severity::error,
                 finding_source::watcher,
                 {},
                 finding_times::hours{1},
                 false,
                 "A step of a fire is missing: `cadre schedule show NAME`."},
    finding_kind{"dataflow_silent", severity::error, finding_source::leader, finding_times::daily,
                 finding_times::hours{24}, false,
                 "Data stopped flowing against its own rhythm: see why its worker brings nothing."},
    finding_kind{"audit_of_audits", severity::warning, finding_source::leader, finding_times::weekly,
                 finding_times::hours{7 * 24}, false, "Whoever checks did nothing for a week: see why, or remove it."},
    finding_kind{"document_names_nobody", severity::warning, finding_source::leader, finding_times::minutes{5},
                 finding_times::hours{7 * 24}, false, "Correct the document; nothing changes it for you."},
    finding_kind{"dead_man_failing",
                 severity::error,
                 finding_source::ping,
                 {},
                 finding_times::hours{1},
                 false,
                 "The outside service does not get the ping: see its URL and the network."}};

/// The kind of that name; null if there is none.
constexpr const finding_kind* find_finding_kind(std::string_view name) {
  for (const auto& kind : finding_kinds)
    if (kind.name == name) return &kind;
  return nullptr;
}

}  // namespace cadre
