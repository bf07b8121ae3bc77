#pragma once

#include "schemas/ids.hpp"

#include <tl/expected.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// What programs that work for an agent over the bus ask and are answered, as values and as JSON. The contract for
/// people is in README.md beside this file. Pure.
namespace cadre::actors {

/// The version of the contract that `attach` names.
inline constexpr std::int64_t program_protocol = 1;
inline constexpr std::size_t report_lines_max = 1'000;
inline constexpr std::size_t heartbeat_runs_max = 1'000;
inline constexpr std::chrono::milliseconds claim_wait_min{100};
inline constexpr std::chrono::milliseconds claim_wait_max{30'000};

struct attach_call {
  static constexpr std::string_view verb = "attach";
  std::string name;  ///< For people; at most 100 bytes.
};

/// Asks for a run. A claim with the number of the one before is the same claim: it gets the same run.
struct claim_call {
  static constexpr std::string_view verb = "claim";
  std::string session;
  std::int64_t seq = 0;  ///< 1 or more.
  std::chrono::milliseconds wait{claim_wait_max};
};

/// Lines of a run. Numbered from 1 in each run, so that a repeat is known as one.
struct report_call {
  static constexpr std::string_view verb = "report";
  std::string session;
  run_id run;
  std::int64_t seq = 0;
  /// JSON Lines, as a command writes them. In the call each is an object, or a text that holds one.
  std::string lines;
};

struct heartbeat_call {
  static constexpr std::string_view verb = "heartbeat";
  std::string session;
  std::vector<run_id> runs;  ///< What the program works on.
};

struct detach_call {
  static constexpr std::string_view verb = "detach";
  std::string session;
};

/// Asks who is attached. For people.
struct show_call {
  static constexpr std::string_view verb = "show";
};

using program_call = std::variant<attach_call, claim_call, report_call, heartbeat_call, detach_call, show_call>;

/// Why a call was refused. The codes are in the README; `message` says what to do.
struct program_error {
  std::string code;
  std::string message;
  std::chrono::milliseconds retry_after{0};  ///< 0: not by waiting.
};

/// Reads the body of a call. Errors: bad_message (no JSON object, a field is missing or of the wrong type or size),
/// unknown_kind (the verb), bad_value (another protocol version), too_large (more lines or runs than allowed).
tl::expected<program_call, program_error> read_call(std::string_view verb, std::string_view body);

/// `{"error":{"code","message","retry_after_ms"}}`.
std::string error_text(const program_error& error);

/// What `attach` tells a program.
struct attachment {
  std::string session;
  std::string company, agent;
  std::chrono::milliseconds heartbeat{0}, gone_after{0};
  std::int64_t line_bytes_max = 0, message_bytes_max = 0, concurrency = 1;
};
std::string attached_text(const attachment& a);

/// A claim for which there is nothing: `{"op":"none"}`.
std::string none_text();
/// A report is durable. `status` is active, or once the run has ended complete or failed.
std::string reported_text(const run_id& run, std::int64_t seq, std::string_view status);

/// A run that its program should drop.
struct stopped_run {
  run_id run;
  std::string code, message;
};
std::string heartbeat_text(const std::vector<stopped_run>& stop);
std::string detached_text();

/// Of one attached program, for people.
struct program_row {
  std::string name;
  std::chrono::milliseconds attached{0}, silent{0};  ///< For how long.
  std::vector<run_id> runs;
};
std::string show_text(const std::vector<program_row>& programs, std::size_t claims);

}  // namespace cadre::actors
