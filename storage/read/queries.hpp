#pragma once

#include "reader.hpp"
#include "schemas/agent_path.hpp"

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
query fires(const std::string& company, const std::string& schedule, std::int64_t limit);

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

}  // namespace cadre::storage::queries
