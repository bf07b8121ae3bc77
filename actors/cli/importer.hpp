#pragma once

#include "import_task.hpp"

#include <functional>
#include <string>
#include <unordered_set>
#include <vector>

namespace cadre::cli {

/// Commands of one batch at most; also how many errors may wait to be reported in the order of their lines.
inline constexpr std::size_t import_batch_tasks_max = 500;

struct import_error {
  std::int64_t line = 0;
  std::string message;
};

/// What became of an import so far.
struct import_tally {
  std::int64_t added = 0;
  std::int64_t there_already = 0;
  std::int64_t refused = 0;
  std::int64_t lines_done = 0;  ///< Up to this line everything is in, was there already or was refused.
};

/// Fills batches with tasks and keeps count of what became of them. Does no I/O of its own.
class importer {
 public:
  struct desk {
    /// Which of these ids are tasks already.
    std::function<std::unordered_set<std::string>(const std::vector<std::string>& ids)> known;
    /// Sends the batch and waits until all of it is committed or rejected; an outcome per command, in order.
    std::function<std::vector<outcome>(std::vector<command_body> batch)> send;
    /// Hears of every line that was refused, in the order of the lines.
    std::function<void(const import_error& error)> refused;
  };

  explicit importer(desk d) : desk_{std::move(d)} {}

  /// Takes what the record at `line` was read as. Sends what waits if that is a batch, or would be over its bytes.
  void take(std::int64_t line, result<task_add> task);
  /// Sends what waits.
  void flush();
  [[nodiscard]] const import_tally& tally() const noexcept { return tally_; }

 private:
  void send(std::vector<import_error>& errors);

  desk desk_;
  import_tally tally_;
  std::vector<task_add> tasks_;
  std::vector<std::int64_t> lines_;  ///< Of `tasks_`.
  std::vector<import_error> errors_;
  std::int64_t last_line_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace cadre::cli
