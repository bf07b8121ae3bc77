#include "config/check.hpp"
#include "config/read.hpp"

namespace cadre::config {
namespace {

constexpr std::string_view brief_name = "brief";

void check_watcher(const agent_path& watcher, const agent_path& watched, const std::string& key,
                   const agent_index& agents, findings& out) {
  agents.expect(watcher, key, out);
  if (!watcher.empty() && watcher == watched)
    out.add_at(key, "it watches itself, so nobody would notice its silence; name another agent than " + watched.text);
}

}  // namespace

void check_schedules(const company& c, const agent_index& agents, findings& out) {
  for (const auto& s : c.schedules) {
    const auto at = "schedules." + s.name;
    if (s.name == brief_name) out.add_at(at, "the name brief is taken by the ceo's brief; choose another");
    const agent* runs = agents.expect(s.agent, at + ".agent", out);
    if (runs != nullptr && runs->run.how == run_spec::mode::none && !out.given(config_key(runs->path) + ".run"))
      out.add_at(at + ".agent",
                 runs->path.text + " has no run, so there is nothing to start; give it a run, or name another agent");
    if (runs != nullptr && runs->instances > 0)
      out.add_at(at + ".agent", runs->path.text +
                                    " is a pool, and a fire is a task for one agent; name an agent without " +
                                    "instances, which may add tasks of the mode " + runs->mode);
    check_watcher(s.watcher, s.agent, at + ".watcher", agents, out);
  }
  if (c.brief && !c.agents.empty()) {
    const auto& ceo = c.agents.front().path;
    check_watcher(c.brief->watcher, ceo, config_key(ceo) + ".brief.watcher", agents, out);
  }
}

}  // namespace cadre::config
