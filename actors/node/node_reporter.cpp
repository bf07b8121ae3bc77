#include "node_reporter.hpp"

#include "actors/command/command_client.hpp"

#include <fstream>
#include <unistd.h>

namespace cadre::actors {

namespace {

constexpr std::chrono::milliseconds report_retry{1'000};

using reporter = caf::stateful_actor<node_reporter_state>;

/// Resident memory of this process.
std::int64_t resident_bytes() {
  std::ifstream statm{"/proc/self/statm"};
  std::int64_t total = 0;
  std::int64_t resident = 0;
  statm >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

node_report make_report(node_reporter_state& s, const node_identity& who) {
  node_report r;
  r.node = who.name;
  r.life = who.life;
  r.host = who.host;
  r.pid = who.pid;
  r.version = who.version;
  r.rss_bytes = resident_bytes();
  r.draining = s.draining;
  r.full = s.full_due;
  if (r.full) {
    for (const auto& [path, entry] : s.agents) r.agents.push_back(entry.capacity);
  } else {
    for (const auto& path : s.changed)
      if (const auto found = s.agents.find(path); found != s.agents.end()) r.agents.push_back(found->second.capacity);
  }
  s.changed.clear();
  s.full_due = false;
  return r;
}

void report(reporter* self, const caf::actor& commands, const node_identity& who) {
  auto& s = self->state;
  if (s.in_flight || (!s.full_due && s.changed.empty())) return;
  s.in_flight = true;
  auto c = make_command("node." + who.name, make_report(s, who));
  const auto answered = [self, commands, who](bool heard) {
    self->state.in_flight = false;
    if (heard) return report(self, commands, who);
    // Not again at once: an answer like "busy" comes without delay. The next full report is at most a second away.
    self->state.full_due = true;
  };
  self->request(commands, command_timeout, std::move(c))
      .then([answered](const outcome& o) { answered(o.status == outcome_status::committed); },
            [answered](const caf::error&) { answered(false); });
}

void note(reporter* self, const capacity_note& n) {
  auto& s = self->state;
  const auto found = s.agents.find(n.capacity.agent);
  if (n.gone) {
    if (found == s.agents.end() || found->second.token != n.token) return;
    self->demonitor(found->second.life);
    s.agents.erase(found);
    s.full_due = true;
    return;
  }
  const auto life = caf::actor_cast<caf::actor_addr>(self->current_sender());
  if (found == s.agents.end() || found->second.life != life) {
    if (found != s.agents.end()) self->demonitor(found->second.life);
    self->monitor(life);
  }
  s.agents[n.capacity.agent] = {n.capacity, n.token, life};
  s.changed.insert(n.capacity.agent);
}

/// Keeps at it: a quarantine that nobody hears of would be silence.
void send_agent_report(reporter* self, const caf::actor& commands, const std::string& node, const agent_report& what) {
  auto c = make_command("node." + node, what);
  const auto again = [self, what] { self->delayed_send(self, report_retry, what); };
  self->request(commands, command_timeout, std::move(c))
      .then(
          [again](const outcome& o) {
            if (o.status == outcome_status::busy || o.status == outcome_status::in_doubt) again();
          },
          [again](const caf::error&) { again(); });
}

}  // namespace

caf::behavior node_reporter(reporter* self, caf::actor commands, node_identity who,
                            std::chrono::milliseconds full_every) {
  self->set_down_handler([=](const caf::down_msg& down) {
    std::erase_if(self->state.agents, [&](const auto& a) { return a.second.life == down.source; });
    self->state.full_due = true;
    report(self, commands, who);
  });
  self->delayed_send(self, full_every, report_due_atom_v);
  caf::anon_send(caf::actor_cast<caf::actor>(self), leader_seen_atom_v);
  return {
      [=](const capacity_note& n) {
        note(self, n);
        report(self, commands, who);
      },
      [=](const agent_report& what) { send_agent_report(self, commands, who.name, what); },
      [=](draining_atom, bool draining) {
        self->state.draining = draining;
        self->state.full_due = true;
        report(self, commands, who);
      },
      [=](leader_seen_atom) {
        self->state.full_due = true;
        report(self, commands, who);
      },
      [=](report_due_atom) {
        self->delayed_send(self, full_every, report_due_atom_v);
        self->state.full_due = true;
        report(self, commands, who);
      },
  };
}

}  // namespace cadre::actors
