#include "importer.hpp"

#include <algorithm>

namespace cadre::cli {

void importer::take(std::int64_t line, result<task_add> task) {
  const auto bytes = task ? wire_bytes_max(*task) : 0;
  if (bytes_ + bytes > import_record_bytes_max) flush();
  last_line_ = line;
  if (task) {
    bytes_ += bytes;
    tasks_.push_back(*std::move(task));
    lines_.push_back(line);
  } else {
    errors_.push_back({line, task.error().message});
  }
  if (tasks_.size() >= import_batch_tasks_max || errors_.size() >= import_batch_tasks_max) flush();
}

void importer::flush() {
  auto errors = std::move(errors_);
  errors_.clear();
  if (!tasks_.empty()) send(errors);
  tasks_.clear();
  lines_.clear();
  bytes_ = 0;
  std::stable_sort(errors.begin(), errors.end(), [](const auto& a, const auto& b) { return a.line < b.line; });
  tally_.refused += static_cast<std::int64_t>(errors.size());
  for (const auto& error : errors) desk_.refused(error);
  tally_.lines_done = last_line_;
}

void importer::send(std::vector<import_error>& errors) {
  std::vector<std::string> ids;
  for (const auto& task : tasks_) ids.push_back(task.id.text);
  auto known = desk_.known(ids);
  std::vector<command_body> batch;
  std::vector<std::int64_t> lines;
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    // What is there, or stands in the batch twice, need not be sent.
    if (!known.insert(ids[i]).second) {
      ++tally_.there_already;
      continue;
    }
    batch.emplace_back(std::move(tasks_[i]));
    lines.push_back(lines_[i]);
  }
  if (batch.empty()) return;
  std::vector<std::string> sent;
  for (const auto& body : batch) sent.push_back(std::get<task_add>(body).id.text);
  const auto outcomes = desk_.send(std::move(batch));
  for (std::size_t i = 0; i < outcomes.size() && i < lines.size(); ++i) {
    const auto& o = outcomes[i];
    if (o.status != outcome_status::committed) {
      errors.push_back({lines[i], o.error.message});
    } else if (!o.ref.empty() && o.ref != sent[i]) {
      ++tally_.there_already;  // By its idempotency key.
    } else {
      ++tally_.added;
    }
  }
}

}  // namespace cadre::cli
