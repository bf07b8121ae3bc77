#include "oracle.hpp"

#include <algorithm>

namespace cadre::simulation {

void oracle::reign_begun(epoch reign, const node_life_id& by) {
  judge(reign > last_reign_, fmt::format("epoch {} began after epoch {}", reign, last_reign_));
  last_reign_ = reign;
  reigns_[reign] = by;
}

void oracle::committed(epoch reign, const node_life_id& by) {
  judge(reign == last_reign_, fmt::format("epoch {} committed after epoch {} began", reign, last_reign_));
  judge(reigns_[reign] == by, fmt::format("two leaders committed in epoch {}", reign));
}

void oracle::asked(const command_id& id, const std::string& what, const node_life_id& by) {
  order_.push_back(id);
  questions_[id] = {what, by};
}

void oracle::answered(const command_id& id, outcome_status status) {
  auto& q = questions_.at(id);
  judge(!q.answered, q.what + " was answered twice");
  q.answered = true;
  q.acknowledged = status == outcome_status::committed;
}

void oracle::written(const command_id& id) {
  auto& q = questions_.at(id);
  ++q.effects;
  judge(q.effects <= 1, q.what + " took effect twice");
}

void oracle::granted(const agent_path& agent, epoch incarnation) {
  judge(incarnation > newest_[agent], agent.text + " was granted an epoch twice");
  newest_[agent] = incarnation;
  log_.note("  {} is granted incarnation {}", agent.text, incarnation);
}

void oracle::took_effect(const agent_path& agent, epoch incarnation, const std::string& what) {
  judge(incarnation == newest_[agent], fmt::format("{} of {} at incarnation {} took effect, {} is the newest", what,
                                                   agent.text, incarnation, newest_[agent]));
}

void oracle::born(const agent_path& agent, const node_life_id& where, const incarnation_token& token) {
  twins_ = twins_ || alive(agent) > 0;
  for (const auto& [other, l] : lives_)
    judge(l.agent != agent || l.where != where, "two lives of " + agent.text + " at once on " + where.text);
  lives_[token] = {agent, where, 0};
  log_.note("+ {} on {}", agent.text, where.text);
}

void oracle::works(const incarnation_token& token, epoch incarnation) {
  if (const auto at = lives_.find(token); at != lives_.end()) at->second.incarnation = incarnation;
}

void oracle::died(const agent_path& agent, const node_life_id& where, const incarnation_token& token) {
  if (lives_.erase(token) != 0) log_.note("- {} on {}", agent.text, where.text);
}

void oracle::reported(const node_life_id& by, const agent_report& r) {
  log_.note("  {}: {} is {}{}{}", by.text, r.agent.text, to_text(r.state), r.cause.empty() ? "" : ": ", r.cause);
  // A supervisor that was replaced may still say otherwise of what the other one has quarantined.
  const auto last = last_report_.find(r.agent);
  const bool stays = last != last_report_.end() && last->second.second.state == agent_state::quarantined &&
                     r.state != agent_state::quarantined &&
                     (r.state == agent_state::stopped || last->second.first != by);
  if (!stays) last_report_[r.agent] = {by, r};
  if (r.state == agent_state::quarantined) quarantines_.emplace_back(by, r);
  count_restart(by, r);
}

/// Only leaves are counted: a report does not tell a manager's agent from its branch. Their restarts alone must keep
/// the bound that holds for all children together.
void oracle::count_restart(const node_life_id& by, const agent_report& r) {
  const auto* agent = company_->find_agent(r.agent);
  if (agent == nullptr) return;
  if (agent->branch) {
    // It may be the branch that starts: then another supervisor counts from the beginning.
    if (r.state == agent_state::starting)
      for (auto& [of, w] : windows_)
        if (of.second == r.agent) w.restarts.clear();
    return;
  }
  const auto branch = r.agent.parent();
  auto& w = windows_[{by, branch}];
  if (r.restarts > w.seen[r.agent]) {
    const auto& flags = *company_->find_agent(branch)->branch;
    w.restarts.emplace_back(time_.now(), r.agent);
    while (!w.restarts.empty() && w.restarts.front().first + flags.period < time_.now()) w.restarts.pop_front();
    judge(static_cast<std::int64_t>(w.restarts.size()) <= flags.intensity,
          fmt::format("{} restarts within the period in the branch of {}, {} are allowed", w.restarts.size(),
                      branch.text, flags.intensity));
  }
  w.seen[r.agent] = r.restarts;
}

void oracle::node_ended(const node_life_id& node) {
  ended_.insert(node);
  std::erase_if(windows_, [&](const auto& w) { return w.first.first == node; });
  for (auto at = lives_.begin(); at != lives_.end();) at = at->second.where == node ? lives_.erase(at) : std::next(at);
}

std::size_t oracle::alive(const agent_path& agent) const {
  return static_cast<std::size_t>(
      std::count_if(lives_.begin(), lives_.end(), [&](const auto& l) { return l.second.agent == agent; }));
}

void oracle::judge_rest(const tables& data, bool tight) {
  judge_agents(data, tight);
  judge_commands();
  judge_tasks(data);
  judge_escalations(data);
}

/// Why an agent may be down for good; empty: it must run.
std::string oracle::why_down(const agent_path& agent, bool tight) const {
  if (!tight) return {};
  for (auto at = agent; !at.empty(); at = at.parent()) {
    const auto r = last_report_.find(at);
    if (r == last_report_.end()) continue;
    const auto state = r->second.second.state;
    if (state == agent_state::quarantined) return "quarantined";
    const auto* spec = company_->find_agent(at);
    if (state == agent_state::stopped && spec->restart != restart_type::permanent) return "ended";
  }
  return {};
}

bool oracle::can_work(const agent_path& agent, const tables& data) const {
  const auto newest = data.agent_epochs.find(agent);
  return alive(agent) == 1 && newest != data.agent_epochs.end() &&
         std::any_of(lives_.begin(), lives_.end(),
                     [&](const auto& l) { return l.second.agent == agent && l.second.incarnation == newest->second; });
}

void oracle::judge_agents(const tables& data, bool tight) {
  for (const auto& agent : company_->agents) {
    const auto count = alive(agent.path);
    // Of what may end for good, the supervisor that is kept and its twin may have told different things.
    const bool unsure = twins_ && agent.restart != restart_type::permanent;
    if (!unsure) judge(count > 0 || !why_down(agent.path, tight).empty(), agent.path.text + " should run and does not");
    judge(count <= 1, fmt::format("{} runs {} times", agent.path.text, count));
    judge(count == 0 || can_work(agent.path, data), agent.path.text + " runs with an incarnation that was replaced");
    const auto told = data.agent_states.find(agent.path);
    judge(count == 0 || (told != data.agent_states.end() && told->second == agent_state::running),
          agent.path.text + " runs and is said to be " +
              std::string{told == data.agent_states.end() ? "nothing" : to_text(told->second)});
  }
}

void oracle::judge_commands() {
  for (const auto& id : order_) {
    const auto& q = questions_.at(id);
    judge(!q.acknowledged || q.effects == 1, q.what + " was acknowledged and is not there");
    judge(q.answered || ended_.contains(q.by), q.what + " was never answered");
  }
}

void oracle::judge_tasks(const tables& data) {
  for (const auto& [id, task] : data.tasks) {
    judge(task.completions <= 1, "a task of " + task.agent.text + " was completed twice");
    if (!can_work(task.agent, data)) continue;
    const bool over = task.status == task_status::complete || task.status == task_status::failed;
    judge(over, "a task of " + task.agent.text + " is still " + std::string{to_text(task.status)});
    if (task.status != task_status::failed) continue;
    const bool raised = std::any_of(data.runs.begin(), data.runs.end(), [&](const run_row& run) {
      return run.task == id && data.hops.contains(named_id<escalation_id>("run_failed:" + run.id.text));
    });
    judge(raised, "the failure of a task of " + task.agent.text + " was not escalated");
  }
}

void oracle::judge_escalations(const tables& data) {
  const timestamp late{std::chrono::duration_cast<std::chrono::microseconds>(time_.now().time_since_epoch()).count()};
  std::int64_t raised = 0;
  for (const auto& e : data.escalations) {
    raised += e.count;
    const bool stuck = e.at.status == escalation_status::open && !e.at.in_inbox &&
                       (e.at.due.empty() || e.at.due + std::chrono::seconds{5} < late);
    judge(!stuck, "an escalation is stuck with " + e.at.holder.text);
  }
  judge(raised == static_cast<std::int64_t>(data.hops.size()),
        fmt::format("{} escalations were raised, {} are resolved or open", data.hops.size(), raised));
  for (const auto& [by, report] : quarantines_) {
    if (ended_.contains(by)) continue;
    judge(data.hops.contains(named_id<escalation_id>("quarantined:" + report.id.text)),
          "the quarantine of " + report.agent.text + " was not escalated");
  }
}

}  // namespace cadre::simulation
