#pragma once

#include "actors/launch/runtime.hpp"
#include "bus/connection.hpp"
#include "schemas/commands.hpp"
#include "storage/read/queries.hpp"
#include "storage/read/reader.hpp"

#include <memory>
#include <string>

/// What every command of the command line shares: where the company is, and how to ask and order.
namespace cadre::cli {

/// Exit codes of the whole command line.
inline constexpr int exit_ok = 0;
inline constexpr int exit_findings = 1;     ///< Findings, or what was asked for failed.
inline constexpr int exit_usage = 2;        ///< The command line or the config is wrong.
inline constexpr int exit_unreachable = 3;  ///< The fleet does not answer.

/// A failure that ends the command: printed as `cadre: MESSAGE` on stderr.
struct command_error {
  int code = exit_findings;
  std::string message;
};

/// Options of every command that talks to a company.
struct fleet_options {
  std::string state;     ///< --state; empty: $CADRE_STATE, else the nearest `.cadre` from here upwards.
  std::string nats;      ///< --nats
  std::string postgres;  ///< --postgres, as a role that may read.
  std::string company;   ///< --company, needed only with --nats and --postgres.
  bool json = false;
};

/// The running company. Connects on first use. Every call blocks and throws `command_error`.
class session {
 public:
  explicit session(fleet_options options);
  ~session();

  [[nodiscard]] const fleet_options& options() const noexcept { return options_; }
  [[nodiscard]] const std::string& company() const noexcept { return options_.company; }
  /// The servers of `up --ha`; empty where there is one of each kind, or no state directory.
  [[nodiscard]] const std::vector<launch::server_process>& servers() const noexcept { return servers_; }
  /// Rows of a query as the text of a JSON array.
  std::string rows(const storage::query& q);
  /// One row as the text of a JSON object; `not_found` names what is missing and ends the command if there is none.
  std::string row(const storage::query& q, const std::string& what);
  /// Sends a command to the writer and waits until it has committed. Repeats while the writer is away, for
  /// `patience`. Throws if it is rejected.
  outcome order(command_body body, std::chrono::milliseconds patience = std::chrono::seconds{15});
  /// Sends several commands in one batch after another, in order; returns the outcomes.
  std::vector<outcome> order_all(std::vector<command_body> bodies,
                                 std::chrono::milliseconds patience = std::chrono::seconds{60});
  storage::reader& reader();
  bus::connection& bus();

 private:
  fleet_options options_;
  std::vector<launch::server_process> servers_;
  std::unique_ptr<storage::reader> reader_;
  std::shared_ptr<bus::connection> bus_;
};

/// The state directory that `options` means, as an absolute path; empty if there is none.
std::string find_state(const fleet_options& options);

}  // namespace cadre::cli
