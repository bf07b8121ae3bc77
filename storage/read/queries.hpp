#pragma once

#include "reader.hpp"
#include "schemas/agent_path.hpp"
#include "schemas/time.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// What people ask of the company's state: the SELECTs behind the listings, `status` and the brief. Pure text; every
/// one is limited to a company and bounded in rows.
namespace cadre::storage::queries {

struct task_filter {
  std::string status;  ///< Empty: any. One or more with commas between; `open`: every status that is not terminal.
  std::string mode;
  std::string agent;
  std::string title;          ///< Tasks whose title has this in it, in upper or lower case.
  std::string created_until;  ///< Only tasks that are as old as this moment, as `task_count` gave it.
  bool not_retried = false;   ///< Only tasks that were not run again as another task.
  std::string after;          ///< Keyset paging: the id of the last task of the previous page.
  std::int64_t limit = 50;
};

query tasks(const std::string& company, const task_filter& filter);
/// How many tasks match, whatever the page: `tasks`, and the moment they were counted at as `as_of`.
query task_count(const std::string& company, const task_filter& filter);
/// The ids alone of a page of `tasks`.
query task_ids(const std::string& company, const task_filter& filter);
query task(const std::string& company, const std::string& id);
query task_runs(const std::string& company, const std::string& id);
query task_outputs(const std::string& company, const std::string& id);
/// Status and title of the tasks with these ids.
query tasks_with_ids(const std::string& company, const std::vector<std::string>& ids);
/// Counts by status.
query task_counts(const std::string& company);

query leader(const std::string& company);
/// Reigns before the present one, latest first. end_reason: why it ended, if its leader could still say so.
query earlier_reigns(const std::string& company, std::int64_t limit);
query nodes(const std::string& company);
/// The modes that agents claim, with their limits, whether they are paused, and what waits and runs.
query modes(const std::string& company);
query agents(const std::string& company);
query agent(const std::string& company, const std::string& path);
query agent_events(const std::string& company, const std::string& path, std::int64_t limit);
query agent_runs(const std::string& company, const std::string& path, std::int64_t limit);
query agent_log(const std::string& company, const std::string& path, std::int64_t limit);

/// Escalations in the ceo's inbox that are not resolved.
query inbox(const std::string& company);
/// All that are not resolved, wherever they lie.
query escalations(const std::string& company, bool with_resolved, std::int64_t limit);
/// `id` may be a unique prefix of at least 4 characters.
query escalation(const std::string& company, const std::string& id);
query escalation_hops(const std::string& company, const std::string& id);

query schedules(const std::string& company);
query paused_schedules(const std::string& company);
query fires(const std::string& company, const std::string& schedule, std::int64_t limit);
/// The due moments of fires that fired, or still may: `due_us`.
query fires_between(const std::string& company, const std::string& schedule, timestamp from, timestamp upto);

query datasets(const std::string& company);
query canonical(const std::string& company, const std::string& dataset, const std::string& worker,
                const std::string& after, std::int64_t limit);

query brain(const std::string& company);
query brain_entry(const std::string& company, const std::string& key);

query latest_brief(const std::string& company);
/// The parts of a brief, for `reader::snapshot`. Deterministic: the same database gives the same document.
std::vector<std::pair<std::string, query>> brief_parts(const std::string& company);

/// One output with the number of rows that are canonical now for its worker and dataset (`canonical_rows`).
query output(const std::string& company, const std::string& id);
/// The statistics (`rows`, `columns`) of the last promoted outputs of a worker's dataset, newest first; of each of the
/// last `limit` that has any.
query output_history(const std::string& company, const std::string& worker, const std::string& dataset,
                     std::int64_t limit);
/// One row: how many rows of a staged output have a value in `column` that no canonical row of `dataset`, of whatever
/// worker, has in `key` (`count`), and at most 5 of them (`sample_rows`). Values are compared as JSON: 1 is 1.0 and not
/// "1". Rows without a value are not looked for.
query missing_references(const std::string& company, const std::string& output, const std::string& column,
                         const std::string& dataset, const std::string& key);
/// One row: the rows of a staged output and the sum of the numbers in `column` (`rows`, `sum`), and the same of the
/// canonical rows of `dataset` with `key` (`other_rows`, `other_sum`).
query totals(const std::string& company, const std::string& output, const std::string& column,
             const std::string& dataset, const std::string& key);

}  // namespace cadre::storage::queries
