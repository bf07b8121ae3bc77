#pragma once

#include "config/company.hpp"
#include "model_database.hpp"
#include "schemas/commands.hpp"
#include "timeline.hpp"

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

/// Watches everything from outside and judges. It keeps books of its own: what it checks is never what it is told by
/// the thing that is checked.
namespace cadre::simulation {

class oracle {
 public:
  oracle(const timeline& time, chronicle& log, std::shared_ptr<const config::company> company)
      : time_{time}, log_{log}, company_{std::move(company)} {}

  /// The first broken promise; empty if none is.
  [[nodiscard]] const std::string& broken() const { return broken_; }
  void judge(bool holds, const std::string& what) {
    if (holds || !broken_.empty()) return;
    broken_ = what + " (at " + std::to_string(time_.ms()) + " ms)";
    log_.note("BROKEN: {}", what);
  }

  // Leadership: one life commits per epoch, and nothing of an epoch after a later one began.
  void reign_begun(epoch reign, const node_life_id& by);
  void committed(epoch reign, const node_life_id& by);

  // Commands of clients: acknowledged ones took effect exactly once, others at most once, and each gets its answer.
  void asked(const command_id& id, const std::string& what, const node_life_id& by);
  void answered(const command_id& id, outcome_status status);
  void written(const command_id& id);

  // Incarnations: an effect is of the newest life of its agent.
  void granted(const agent_path& agent, epoch incarnation);
  void took_effect(const agent_path& agent, epoch incarnation, const std::string& what);

  // Lives of agents, and what supervisors say about them.
  void born(const agent_path& agent, const node_life_id& where, const incarnation_token& token);
  void works(const incarnation_token& token, epoch incarnation);
  void died(const agent_path& agent, const node_life_id& where, const incarnation_token& token);
  void reported(const node_life_id& by, const agent_report& report);
  void node_ended(const node_life_id& node);
  [[nodiscard]] std::size_t alive(const agent_path& agent) const;
  /// An agent was started while another life of it still ran elsewhere.
  [[nodiscard]] bool saw_twins() const { return twins_; }

  /// Nothing is broken any more and time was given: all must be well. `tight`: agents may rightly be down for good.
  void judge_rest(const tables& data, bool tight);

 private:
  struct life {
    agent_path agent;
    node_life_id where;
    epoch incarnation = 0;
  };
  struct question {
    std::string what;
    node_life_id by;
    bool acknowledged = false;
    bool answered = false;
    int effects = 0;
  };
  struct window {
    std::map<agent_path, std::int64_t> seen;
    std::deque<std::pair<time_point, agent_path>> restarts;
  };

  void count_restart(const node_life_id& by, const agent_report& report);
  void judge_agents(const tables& data, bool tight);
  /// It runs once, and the writer listens to it.
  [[nodiscard]] bool can_work(const agent_path& agent, const tables& data) const;
  [[nodiscard]] std::string why_down(const agent_path& agent, bool tight) const;
  void judge_commands();
  void judge_tasks(const tables& data);
  void judge_escalations(const tables& data);

  const timeline& time_;
  chronicle& log_;
  std::shared_ptr<const config::company> company_;
  std::string broken_;
  bool twins_ = false;
  epoch last_reign_ = 0;
  std::map<epoch, node_life_id> reigns_;
  std::vector<command_id> order_;  ///< Of the questions.
  std::unordered_map<command_id, question> questions_;
  std::map<agent_path, epoch> newest_;
  std::unordered_map<incarnation_token, life> lives_;
  std::set<node_life_id> ended_;
  std::map<std::pair<node_life_id, agent_path>, window> windows_;  ///< By the branch and the node it lives on.
  std::map<agent_path, std::pair<node_life_id, agent_report>> last_report_;
  std::vector<std::pair<node_life_id, agent_report>> quarantines_;
};

}  // namespace cadre::simulation
