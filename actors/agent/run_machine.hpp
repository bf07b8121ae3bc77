#pragma once

#include "actors/runner/protocol.hpp"
#include "config/company.hpp"
#include "schemas/commands.hpp"
#include "schemas/messages.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

/// One run of a task by an agent's command, as a pure state machine: what the process says and how it ends go in,
/// commands to the writer and orders to the process come out. The run has ended when `run_over` was returned.
namespace cadre::actors {

class run_machine {
 public:
  struct send_command {
    command what;
    bool again = false;  ///< It was sent before: pause first.
  };
  struct kill_process {};
  struct pause_process {};  ///< Too much of its output is not durable yet: let it wait.
  struct resume_process {};
  /// Nothing more will happen: the slot is free. `error.code` is none if the run succeeded or was replaced.
  struct run_over {
    failure error;
    bool superseded = false;  ///< Another attempt has taken over; nothing of this one counts.
  };
  using action = std::variant<send_command, kill_process, pause_process, resume_process, run_over>;
  using actions = std::vector<action>;

  run_machine(run_grant grant, const config::agent& agent);

  actions on_stdout(std::string_view bytes);
  actions on_exit(const exit_info& exit);
  /// Whole lines of a program that is attached over the bus and hears what was wrong with them: all are taken, or none.
  /// The run ends with a response or failure among them, as a process does by exiting. Errors: bad_output and too_large
  /// as of the protocol reader, after which the run goes on as if nothing had been said; stale_attempt: the run has
  /// ended, or is being ended.
  result<actions> on_report(std::string_view lines);
  /// Nothing more will come of an attached program: the run fails with `why`. Nothing if it had ended before.
  actions on_gone(failure why);
  /// The writer's answer to a command of this run. Commands answered `busy` or `in_doubt` are sent again.
  actions on_outcome(const outcome& answer);
  /// The writer says that the run is not wanted any more.
  actions on_revoked(std::string_view reason);
  /// The agent is being stopped: the task goes back to the queue.
  actions on_stop(std::string_view reason);

  [[nodiscard]] const run_grant& grant() const noexcept { return grant_; }
  /// The run goes on, and everything that it said is durable.
  [[nodiscard]] bool waits_for_more() const noexcept { return !exited_ && !killed_ && !over_ && pending_.empty(); }

 private:
  void send(actions& out, command_body body, std::size_t bytes);
  void take(actions& out, const protocol_item& item);
  void stage(actions& out, const output_line& line);
  void kill(actions& out);
  /// Sends the last command of the run: of one that succeeded once everything before it is durable; of one that failed
  /// once the tasks that it added are, since whose they are is a matter of a run that goes on.
  void settle(actions& out);
  void over(actions& out, failure error, bool superseded);

  struct pending_command {
    command what;
    std::size_t bytes = 0;
  };

  run_grant grant_;
  std::string stderr_tail_;
  protocol_reader reader_;
  std::unordered_map<std::string, std::int64_t> rows_staged_;  ///< By dataset.
  std::unordered_map<command_id, pending_command> pending_;
  std::size_t pending_bytes_ = 0;
  std::size_t pending_tasks_ = 0;  ///< How many of them add a task.
  bool paused_ = false;
  bool progress_pending_ = false;
  bool exited_ = false;
  bool killed_ = false;
  bool superseded_ = false;
  bool over_ = false;
  std::optional<failure> first_error_;      ///< What ended the run, where it was not the process itself.
  std::optional<result<response>> ending_;  ///< How the process ended, once it has.
  command_id last_command_;                 ///< run_complete or run_fail, once sent.
};

}  // namespace cadre::actors
