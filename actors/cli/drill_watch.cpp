#include "drill_watch.hpp"

#include <utility>

namespace cadre::cli {

std::string word_of(fault_kind kind) {
  switch (kind) {
    case fault_kind::agent:
      return "agent";
    case fault_kind::node:
      return "node";
    case fault_kind::leader:
      return "leader";
    case fault_kind::freeze:
      return "freeze";
    case fault_kind::bus:
      return "bus";
    case fault_kind::database:
      return "database";
  }
  return "?";
}

std::set<std::string> drill_watch::victims() const {
  std::set<std::string> dead;
  for (const auto& [path, agent] : before_.agents) {
    if (agent.state != "running") continue;
    if (what_.kind == fault_kind::agent ? path == what_.target : kills_node() && agent.node == what_.target)
      dead.insert(path);
  }
  return dead;
}

bool drill_watch::is_noticed(const fleet_look& now) const {
  if (what_.kind == fault_kind::bus || what_.kind == fault_kind::database) {
    if (now.pid != what_.pid) return true;
    return now.database && now.leader_epoch > before_.leader_epoch;
  }
  if (!now.database) return false;
  const auto changed = [&](const std::string& path, const agent_look& was) {
    const auto found = now.agents.find(path);
    return found == now.agents.end() || found->second.state != was.state || found->second.epoch > was.epoch;
  };
  for (const auto& [path, was] : before_.agents) {
    const bool struck = what_.kind == fault_kind::agent ? path == what_.target : was.node == what_.target;
    if (struck && changed(path, was)) return true;
  }
  if (what_.kind == fault_kind::agent) return false;
  if (what_.of_leader && now.leader_epoch > before_.leader_epoch) return true;
  const auto was = before_.nodes_up.find(what_.target);
  const auto is = now.nodes_up.find(what_.target);
  return was != before_.nodes_up.end() && (is == now.nodes_up.end() || is->second != was->second);
}

void drill_watch::miss_for_recovery(const fleet_look& now) {
  if (!noticed_) missing_.emplace_back("nobody noticed it yet");
  if (!now.database) {
    missing_.emplace_back("the database does not answer");
    return;
  }
  const bool new_reign = what_.kind == fault_kind::database || (kills_node() && what_.of_leader);
  if (!now.leads || (new_reign && now.leader_epoch <= before_.leader_epoch)) missing_.emplace_back("nobody leads");
  const auto dead = victims();
  for (const auto& [path, was] : before_.agents) {
    if (was.state != "running") continue;
    const auto found = now.agents.find(path);
    if (found == now.agents.end()) {
      missing_.push_back(path + " is gone");
    } else if (found->second.state != "running") {
      missing_.push_back(path + " is " + found->second.state);
    } else if (dead.contains(path) && found->second.epoch <= was.epoch) {
      missing_.push_back(path + " has no new life yet");
    }
  }
  if (now.stranded_runs > 0) missing_.push_back(std::to_string(now.stranded_runs) + " runs wait to be taken back");
}

void drill_watch::miss_for_whole(const fleet_look& now) {
  if (now.stopped) missing_.push_back(what_.target + " is still stopped");
  if (what_.pid != 0 && what_.kind != fault_kind::freeze && (now.pid == 0 || now.pid == what_.pid))
    missing_.emplace_back("the killed process was not started again");
  for (const auto& [node, life] : before_.nodes_up) {
    const auto heard = now.speaking.find(node);
    if (heard == now.speaking.end()) {
      missing_.push_back("node " + node + " is silent");
    } else if (kills_node() && node == what_.target && heard->second == life) {
      missing_.push_back("node " + node + " has no new life yet");
    }
  }
}

void drill_watch::look(ms since, const fleet_look& now) {
  missing_.clear();
  waits_for_commit_ = false;
  if (!noticed_ && is_noticed(now)) noticed_ = since;
  if (!recovered_) {
    miss_for_recovery(now);
    waits_for_commit_ = missing_.empty();
    if (waits_for_commit_) missing_.emplace_back("no command committed yet");
  }
  const auto before = missing_.size();
  miss_for_whole(now);
  if (recovered_ && !whole_ && missing_.size() == before) whole_ = since;
}

void drill_watch::committed(ms since) {
  if (std::exchange(waits_for_commit_, false)) recovered_ = since;
}

}  // namespace cadre::cli
