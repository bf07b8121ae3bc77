#pragma once

#include "schemas/error.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Reading the company's state. Every connection here is cadre_reader in a read-only transaction: it can't write, and
/// sees only the companies that its role was granted. Every call blocks: use it from the command line or from a
/// detached actor, never from a scheduler thread.
namespace cadre::storage {

/// A parameter of a query: text that Postgres casts, or null.
using parameters = std::vector<std::optional<std::string>>;

/// One SELECT with the values of its `$1`...
struct query {
  std::string sql;
  parameters values;
};

class reader {
 public:
  /// Connects. Errors: unreachable (the message names host and port, never the password).
  static result<std::unique_ptr<reader>> open(const std::string& url);
  ~reader();

  /// Runs one query in a read-only transaction and returns its rows as the text of a JSON array of objects.
  /// `$1`... are `values`. A broken connection is opened again once. Errors: unreachable, storage (quotes Postgres).
  result<std::string> rows(std::string_view sql, const parameters& values);

  /// The same for a query of at most one row: the text of a JSON object, or `null`.
  result<std::string> row(std::string_view sql, const parameters& values);

  /// The same for a query that compares staged rows, of which the planner knows nothing yet, with others: without
  /// nested loops, which would look at each with each.
  result<std::string> looked_up(const query& q);

  result<std::string> rows(const query& q) { return rows(q.sql, q.values); }
  result<std::string> row(const query& q) { return row(q.sql, q.values); }

  /// Runs several queries against one snapshot (repeatable read): a JSON object of name -> array of rows.
  result<std::string> snapshot(const std::vector<std::pair<std::string, query>>& queries);

  /// Hands the staged rows of an output to `each` (key, JSON text) in order, in chunks, without holding all of them.
  /// `each` returns false to stop early.
  result<void> staged_rows(std::string_view company, std::string_view output,
                           const std::function<bool(std::string_view key, std::string_view row)>& each);

  /// What a SELECT of an auditor's `sql` check found.
  struct offending {
    std::int64_t count = 0;
    std::vector<std::string> sample_rows;  ///< JSON objects, at most 5.
  };
  /// Runs a declared check; `$1` in `sql` is `output`. Bounded by `time_max`. Errors: unreachable, storage.
  result<offending> offending_rows(const std::string& sql, std::string_view output, std::chrono::milliseconds time_max);

 private:
  struct impl;
  explicit reader(std::unique_ptr<impl> i);
  std::unique_ptr<impl> impl_;
};

}  // namespace cadre::storage
