#pragma once

#include "actors/local_messages.hpp"
#include "actors/runner/protocol.hpp"
#include "config/company.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// One audit of one output, as a pure state machine: what the checks and the auditor's command find goes in, one
/// verdict comes out - or a reason why there is none. It has ended when `audit_over` was returned.
namespace cadre::actors {

/// The output that an event speaks of.
struct audited_output {
  output_id output;
  agent_path worker;
  std::string dataset;
};

/// Reads `{"output","worker","dataset"}` of an `output_sealed` event. Error: bad_message.
result<audited_output> parse_output_event(const event& e);

class audit_machine {
 public:
  struct start_process {
    std::string row_lines;
    std::int64_t rows_total = 0;
    std::int64_t rows_given = 0;  ///< Lines of `row_lines`: fewer, where the auditor looks at a sample.
  };
  struct kill_process {};
  struct send_verdict {
    verdict_add verdict;
  };
  /// How it ended. `error.code` none: a verdict is on record, or none is wanted any more.
  struct audit_over {
    failure error;
    bool retryable = true;
  };
  using action = std::variant<start_process, kill_process, send_verdict, audit_over>;
  using actions = std::vector<action>;

  audit_machine(audited_output what, const config::agent& auditor);

  actions on_material(audit_material material);
  actions on_stdout(std::string_view bytes);
  actions on_exit(const exit_info& exit);
  /// The writer's answer to the verdict. `busy` and `in_doubt` are repeated by the caller with the same verdict.
  actions on_outcome(const outcome& answer);

  [[nodiscard]] const audited_output& what() const noexcept { return what_; }

 private:
  actions conclude();

  audited_output what_;
  agent_path auditor_;
  bool has_command_;
  protocol_reader reader_;
  audit_material material_;  ///< Without the rows.
  bool killed_ = false;
};

}  // namespace cadre::actors
