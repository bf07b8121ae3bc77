#pragma once

#include "drill_watch.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

/// What a drill says at its end. Pure.
namespace cadre::cli {

/// The counts of storage's `drill_ledger`.
struct drill_ledger {
  std::int64_t tasks_vanished = 0;
  std::int64_t commands_vanished = 0;
  std::int64_t events_missing = 0;
  std::int64_t escalations_astray = 0;
  std::int64_t tasks_ended_twice = 0;
  std::int64_t outputs_doubled = 0;
  std::int64_t rows_without_verdict = 0;
  std::int64_t runs_retried = 0;

  [[nodiscard]] std::int64_t lost() const noexcept {
    return tasks_vanished + commands_vanished + events_missing + escalations_astray;
  }
  [[nodiscard]] std::int64_t doubled() const noexcept {
    return tasks_ended_twice + outputs_doubled + rows_without_verdict;
  }
};

/// From a row of that query. Throws what nlohmann::json throws if a count is missing.
drill_ledger ledger_from(const nlohmann::json& row);

/// One fault from its cause to its end.
struct drill_report {
  strike what;
  std::string died;  ///< What the fault took, for people.
  std::vector<std::string> victims;
  std::optional<std::chrono::milliseconds> noticed, recovered, whole;
  std::vector<std::string> missing;  ///< What was still missing when the time was over.
  drill_ledger ledger;
  bool ledger_known = false;  ///< False: the database did not answer at the end.
  std::string skipped;        ///< Why the fault was not caused; empty: it was.

  /// Nothing lost, nothing done twice, and all is back. A skipped fault passes.
  [[nodiscard]] bool passed() const noexcept;
};

/// For people.
std::string text_of(const drill_report& report);
/// For programs: one object for each.
nlohmann::json json_of(const drill_report& report);

}  // namespace cadre::cli
