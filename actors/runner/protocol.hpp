#pragma once

#include "actors/runner/exit_info.hpp"
#include "schemas/commands.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// What a command says on stdout, as values. The contract for people is in README.md beside this file.
namespace cadre::actors {

/// `{"type":"journal"}`.
struct journal_line {
  std::string level;  ///< debug, info, warning or error.
  std::string text;
  json_text data;
};

/// `{"type":"progress"}`: the line without its type.
struct progress_line {
  json_text progress;
};

/// `{"type":"output"}`.
struct output_line {
  std::string dataset;
  std::vector<json_text> rows;  ///< JSON objects.
};

/// `{"type":"metric"}`.
struct metric_line {
  std::string name;
  json_text value;  ///< A number.
};

/// `{"type":"task"}`. `add.id` is empty unless the agent chose one: make it from run and line, so that a repeat is
/// the same task.
struct task_line {
  task_add add;
};

/// `{"type":"decision"}`: what is to be done about an escalation. The last one of a run counts.
struct decision_line {
  escalation_action action = escalation_action::escalate;
  agent_path to;
  std::int64_t for_ms = 0;
  std::string note;
};

/// One line of stdout that asks for something. An audit_finding is a `{"type":"finding"}`.
struct protocol_item {
  std::int64_t line = 0;  ///< 1-based.
  std::variant<journal_line, progress_line, output_line, metric_line, task_line, audit_finding, decision_line> body;
};

/// A problem that the agent wants its manager to see.
struct alert {
  severity level = severity::warning;
  std::string problem;  ///< Short name; `alert` if the agent gave none.
  std::string message;
  json_text evidence;  ///< The alert as the agent wrote it.
};

/// `{"type":"response"}`: what a successful run ends with.
struct response {
  std::string agent;        ///< As the agent wrote it; may be empty.
  std::string timestamp;    ///< As the agent wrote it; may be empty.
  json_text metrics{"{}"};  ///< An object: the response's own metrics, over those of metric lines.
  std::vector<alert> alerts;
  json_text alerts_text{"[]"};
  json_text recommendations{"[]"};
};

/// `{"type":"failure"}`: what a run ends with that has no exit code to fail by.
struct said_failure {
  std::string code;  ///< As the program names it; `failed` if it does not.
  std::string message;
  std::string log;        ///< At most 8 KiB of its log.
  bool retryable = true;  ///< False: the same task would only fail again.
};

/// What a reader is told about the run whose output it reads.
struct protocol_options {
  bool audit = false;                 ///< True: findings are allowed, and outputs are not.
  bool investigation = false;         ///< True: decisions are allowed, and outputs are not.
  bool attached = false;              ///< True: a program without an exit code, so a failure line may end the run.
  std::vector<std::string> datasets;  ///< Outputs may name these only. Empty: any.
  std::int64_t line_bytes_max = 512 * 1024;
  std::int64_t output_bytes_max = 16 * 1024 * 1024;
  std::int64_t tasks_max = 100;
  std::int64_t findings_max = 50;
  std::int64_t metrics_max = 1000;  ///< Names of metric lines.
  std::int64_t alerts_max = 100;
};

/// Reads the stdout of one run: bytes in, items out. No I/O; not thread safe. The items that come out do not depend on
/// how the bytes were cut into pieces. After the first error it ignores all further bytes.
class protocol_reader {
 public:
  explicit protocol_reader(protocol_options options);

  /// The items of the lines that these bytes complete. Items before a bad line are still returned. Memory is bounded
  /// by line_bytes_max and the size of `bytes`.
  std::vector<protocol_item> feed(std::string_view bytes);

  /// The first error, as soon as it is known: the process can be killed then.
  /// bad_output: names the line and quotes at most 200 bytes of it. too_large: a line or the whole is over its bound.
  [[nodiscard]] const std::optional<failure>& error() const noexcept { return error_; }

  /// True once the response was read.
  [[nodiscard]] bool responded() const noexcept { return response_.has_value(); }

  /// The failure line, once it was read; only of an attached program.
  [[nodiscard]] const std::optional<said_failure>& failed() const noexcept { return failed_; }

  /// Lines completed so far.
  [[nodiscard]] std::int64_t lines() const noexcept { return lines_; }

  /// The end of the run: its response, or the one error that names what went wrong first. In this order: error(), then
  /// how the process ended (command_not_found, timed_out, cancelled, signalled, exit_code), then worker_failed if it
  /// said so, then bad_output for an unfinished last line, then no_response. An audit has passed if this succeeds and
  /// no finding was emitted.
  [[nodiscard]] result<response> finish(const exit_info& exit) const;

 private:
  void read_line(std::string_view line, std::vector<protocol_item>& items);
  void refuse(errc code, std::string_view line, const std::string& why);

  protocol_options options_;
  std::string partial_;
  std::int64_t bytes_ = 0;
  std::int64_t lines_ = 0;
  std::int64_t tasks_ = 0;
  std::int64_t findings_ = 0;
  std::map<std::string, std::string> metrics_;
  std::optional<response> response_;
  std::optional<said_failure> failed_;
  std::optional<failure> error_;
};

}  // namespace cadre::actors
