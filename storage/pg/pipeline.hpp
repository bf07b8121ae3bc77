#pragma once

#include "storage/pg/parameters.hpp"

#include <libpq-fe.h>

#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

namespace cadre::storage::pg {

/// Statements that are sent one after another without waiting for their answers (libpq's pipeline mode), which libpqxx
/// 6 does not offer: the server works on one while the next is made, and a transaction takes one round trip. While
/// anything is on its way, nothing else may use the connection.
class pipeline {
 public:
  /// `connection` outlives it.
  explicit pipeline(PGconn* connection) : connection_{connection} {}

  /// Sends a prepared statement, preparing it when first used. `sql` is a literal: its address is its name. Blocks only
  /// while the server takes in no more. Throws pqxx::broken_connection.
  void send(const char* sql, std::span<const parameter> values);

  [[nodiscard]] bool empty() const noexcept { return sent_.empty(); }

  /// Waits for all answers. If a statement was refused, the server skipped those behind it: throws pqxx::sql_error with
  /// the statement and its SQLSTATE; nothing is on its way any more then. Throws pqxx::broken_connection.
  void finish();

  /// Waits for what is on its way, if the connection still lives, and forgets what came of it. Never throws.
  void abandon() noexcept;

 private:
  struct awaited {
    const char* sql;
    bool prepares;
  };
  void check_sent(int ok) const;

  PGconn* connection_;
  std::unordered_map<const void*, std::string> prepared_;
  std::size_t names_made_ = 0;
  std::vector<awaited> sent_;
};

}  // namespace cadre::storage::pg
