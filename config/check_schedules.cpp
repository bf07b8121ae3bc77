#include "config/calendar.hpp"
#include "config/check.hpp"
#include "config/read.hpp"
#include "config/units.hpp"

#include <algorithm>

namespace cadre::config {
namespace {

void check_watcher(const agent_path& watcher, const agent_path& watched, const std::string& key,
                   const agent_index& agents, findings& out) {
  agents.expect(watcher, key, out);
  if (!watcher.empty() && watcher == watched)
    out.add_at(key, "it watches itself, so nobody would notice its silence; name another agent than " + watched.text);
}

/// The shortest time between two moments of a cron expression, as far as a look at some of them shows.
std::chrono::microseconds shortest_time_between(const schedule& s) {
  constexpr std::size_t looked_at = 64;
  auto shortest = std::chrono::microseconds::max();
  const auto made = calendar::make(s.cron);
  if (!made) return shortest;
  const auto moments = made->between(timestamp{}, timestamp_max, looked_at);
  for (std::size_t i = 1; i < moments.size(); ++i) shortest = std::min(shortest, moments[i] - moments[i - 1]);
  return shortest;
}

/// What the keys of time mean together.
void check_times(const schedule& s, const std::string& at, findings& out) {
  if (!s.ends.empty() && s.ends <= s.starts)
    return out.add_at(at + ".ends", to_iso(s.ends) + " is not later than starts, " + to_iso(s.starts));
  const auto made = calendar::make(s);
  if (!made) return;  // Its cron or its tz was complained about before.
  if (made->next({}).empty())
    return out.add_at(at + ".cron",
                      "nothing is ever due: starts, ends and exclude leave no moment of `" + s.cron + "`");
  if (const auto shortest = shortest_time_between(s); s.jitter >= shortest)
    out.add_at(at + ".jitter", duration_text(s.jitter) + " lets a fire overtake the next; allowed: less than " +
                                   duration_text(std::chrono::duration_cast<milliseconds>(shortest)) +
                                   ", the time between two moments");
}

}  // namespace

void check_schedules(const company& c, const agent_index& agents, findings& out) {
  for (const auto& s : c.schedules) {
    const auto at = "schedules." + s.name;
    if (s.name == brief_schedule) out.add_at(at, "the name brief is taken by the ceo's brief; choose another");
    const agent* runs = agents.expect(s.agent, at + ".agent", out);
    if (runs != nullptr && runs->run.how == run_spec::mode::none && !out.given(config_key(runs->path) + ".run"))
      out.add_at(at + ".agent",
                 runs->path.text + " has no run, so there is nothing to start; give it a run, or name another agent");
    if (runs != nullptr && runs->instances > 0)
      out.add_at(at + ".agent", runs->path.text +
                                    " is a pool, and a fire is a task for one agent; name an agent without " +
                                    "instances, which may add tasks of the mode " + runs->mode);
    check_watcher(s.watcher, s.agent, at + ".watcher", agents, out);
    check_times(s, at, out);
  }
  if (c.brief && !c.agents.empty()) {
    const auto& ceo = c.agents.front().path;
    check_watcher(c.brief->watcher, ceo, config_key(ceo) + ".brief.watcher", agents, out);
  }
}

}  // namespace cadre::config
