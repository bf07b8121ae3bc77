#pragma once

#include "model_database.hpp"
#include "oracle.hpp"
#include "scenario.hpp"

#include <map>
#include <string>
#include <vector>

/// What the writer does with commands: storage/writer in short, over the model's tables instead of SQL. What decides
/// is the product's: storage/decide.
namespace cadre::simulation {

/// What a leader knows of the nodes and loses with its reign.
struct node_seats {
  node_life_id life;
  bool up = false;
  timestamp seen;
  std::map<agent_path, agent_capacity> agents;
};

class model_rules {
 public:
  model_rules(tables& data, oracle& watch, dice& chance, const config::company& company, sabotage broken)
      : data_{data}, watch_{watch}, dice_{chance}, company_{company}, broken_{broken} {}

  outcome apply(const command& c, timestamp now);
  /// Ends leases, moves escalations, notices silent nodes.
  void tick(timestamp now);
  /// Gives queued tasks to free agents.
  void grant(timestamp now);

  /// To be sent once the transaction is durable.
  std::vector<run_grant> grants;
  std::vector<run_revoke> revokes;
  std::vector<life_replaced> replaced;

 private:
  using answer = result<std::pair<std::int64_t, std::string>>;

  answer on(const command& c, const task_add& body);
  answer on(const command& c, const escalation_raise& body);
  answer on(const command& c, const incarnation_start& body);
  answer on(const command& c, const incarnation_end& body);
  answer on(const command& c, const agent_report& body);
  answer on(const command& c, const node_report& body);
  answer on(const command& c, const journal_add& body);
  answer on(const command& c, const run_complete& body);
  answer on(const command& c, const run_fail& body);
  template <class Other>
  answer on(const command&, const Other&) {
    return fail(errc::unknown_kind, "not a part of the model");
  }

  bool raise(const escalation_raise& body);
  void find_trouble(const std::string& cause_of, const agent_path& origin, const std::string& problem,
                    const task_id& task);
  [[nodiscard]] storage::decide::org_view org() const;
  [[nodiscard]] bool can_retry(const task_id& task) const;
  void take(escalation_row& e, const storage::decide::escalation_step& step);
  run_row* active(const run_id& id);
  void end_badly(run_row& run, run_status status, const failure& error, bool lost, bool retryable);
  void end_runs_of(const agent_path& agent, epoch until, const failure& error);
  void look_at_held(const node_report& body);
  void look_for_lost(const node_report& body);
  void compare_with_told(const node_report& body);
  void give(task_row& task, run_row run);

  tables& data_;
  oracle& watch_;
  dice& dice_;
  const config::company& company_;
  sabotage broken_;
  timestamp now_;
  std::map<std::string, node_seats> nodes_;
};

}  // namespace cadre::simulation
