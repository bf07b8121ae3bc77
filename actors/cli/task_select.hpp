#pragma once

#include "commands.hpp"

namespace cadre::cli {

/// `--status`, `--mode`, `--agent` and `--title`, which choose tasks.
void add_task_filters(const command& sub, storage::queries::task_filter& filter, const std::string& status_help);

/// Ends the command with a usage error if `--status` names what is no status.
void check_filter(const storage::queries::task_filter& filter);

/// Throws a usage error if `text` is not a task's id.
task_id checked_task_id(const std::string& text);

/// `cancel` and `retry`: of tasks by id, or of all that match a filter after a count and a question.
void add_cancel_command(const command& task, fleet_options& fleet);
void add_retry_command(const command& task, fleet_options& fleet);

/// `import`.
void add_import_command(const command& task, fleet_options& fleet);

}  // namespace cadre::cli
