#pragma once

#include "schemas/time.hpp"
#include "storage/prepare.hpp"

#include <pqxx/pqxx>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// A database of its own on the real server, whose clock the test sets.
namespace cadre::travel {

/// In it `clock_timestamp()`, and `now()` with it, is a function of the test's own schema, which every session and
/// every function of the schema `cadre` looks into before `pg_catalog`. It reads a sequence: what is set is seen at
/// once by all sessions, also inside transactions, and leaves no dead rows behind. `current_timestamp` and the like are
/// not virtual; no function of ours may use them (`uses_other_clocks`).
class virtual_database {
 public:
  /// Prepared and migrated, for these companies, at `start`. The server is that of CADRE_TEST_POSTGRES.
  virtual_database(const std::vector<std::string>& companies, timestamp start);
  ~virtual_database();
  virtual_database(const virtual_database&) = delete;
  virtual_database& operator=(const virtual_database&) = delete;

  /// It is `moment` now, everywhere in this database.
  void set(timestamp moment);

  [[nodiscard]] std::string url(std::string_view role) const;

  /// As superuser. `$1`... are the values.
  template <class... Values>
  pqxx::result ask(const std::string& sql, const Values&... values) {
    pqxx::nontransaction tx{*direct_};
    return tx.exec_params(sql, values...);
  }

  /// Functions of the schema `cadre` that ask a clock which is not virtual; empty if there is none.
  std::string uses_other_clocks();

 private:
  void prepare(const std::vector<std::string>& companies, timestamp start);
  void open_functions();

  std::string name_;
  std::unique_ptr<pqxx::connection> direct_;
};

}  // namespace cadre::travel
